/* GOAWAY and RST_STREAM of the peer, and the end of input: what fails, what runs on, and what is
 * proved not to have been processed (table B, rules 16 to 19). */
#include "h2_rig.h"

#define OK_HEAD ":status=200\n"

static void ok(struct h2_wire *w, uint32_t id)
{
    h2_headers(w, id, 0, OK_HEAD);
    h2_data(w, id, END_STREAM, "x");
}

static void refused(struct h2_wire *w)
{
    h2_frame_u32(w, F_RST, 1, 7);
}
static void wants_h1(struct h2_wire *w)
{
    h2_frame_u32(w, F_RST, 1, 13);
}
static void calm(struct h2_wire *w)
{
    h2_frame_u32(w, F_RST, 1, 11);
}
static void unknown_code(struct h2_wire *w)
{
    h2_frame_u32(w, F_RST, 1, 4711);
}
static void no_error_early(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_frame_u32(w, F_RST, 1, 0);
}
static void no_error_late(struct h2_wire *w)
{
    ok(w, 1);
    h2_frame_u32(w, F_RST, 1, 0);
}
static void reset_in_body(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_data(w, 1, 0, "abc");
    h2_frame_u32(w, F_RST, 1, 2);
}
static void one_reset_of_two(struct h2_wire *w)
{
    h2_frame_u32(w, F_RST, 1, 7);
    ok(w, 3);
}
static void goaway_splits(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_goaway(w, 1, 0, "");
    h2_data(w, 1, END_STREAM, "rest");
}
static void goaway_first(struct h2_wire *w)
{
    h2_goaway(w, 0, 11, "too_many_pings");
}
static void goaway_first_no_error(struct h2_wire *w)
{
    h2_goaway(w, 0, 0, "");
}
static void goaway_error_two(struct h2_wire *w)
{
    h2_goaway(w, 0, 2, "");
}
static void goaway_twice(struct h2_wire *w)
{
    h2_goaway(w, 0x7fffffff, 0, "soon");
    ok(w, 1);
    h2_goaway(w, 1, 11, "now");
    h2_goaway(w, 1, 2, "later");
}
static void goaway_grows(struct h2_wire *w)
{
    h2_goaway(w, 1, 0, "");
    h2_goaway(w, 3, 0, "");
}
static void goaway_then_eof(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_goaway(w, 1, 11, "bye\n\x01");
}
static void head_only(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
}
static void nothing(struct h2_wire *w)
{
    (void)w;
}
static void whole(struct h2_wire *w)
{
    ok(w, 1);
}

static const struct h2_case table[] = {
    {.name = "REFUSED_STREAM", refused, "RESET 1 DISCONNECTED REFUSED_STREAM not processed\n", ""},
    {.name = "HTTP_1_1_REQUIRED", wants_h1, "RESET 1 DISCONNECTED HTTP_1_1_REQUIRED\n", ""},
    {.name = "ENHANCE_YOUR_CALM", calm, "RESET 1 DISCONNECTED ENHANCE_YOUR_CALM\n", ""},
    {.name = "a code nobody knows", unknown_code, "RESET 1 DISCONNECTED code 4711\n", ""},
    {.name = "NO_ERROR before the end",
     no_error_early,
     "HEAD 1 200\nRESET 1 TRUNCATED NO_ERROR\n",
     ""},
    {.name = "NO_ERROR after the end", no_error_late, "HEAD 1 200\nBODY 1 x\nEND 1\n", ""},
    {.name = "NO_ERROR after the end stops the upload",
     no_error_late,
     "HEAD 1 200\nBODY 1 x\nEND 1\n",
     "RST 1 NO_ERROR\n",
     .or_sent = "", /* not any more once the peer's has come */
     .method = "POST",
     .body = PS_BODY_FIXED},
    {.name = "a reset inside the body",
     reset_in_body,
     "HEAD 1 200\nBODY 1 abc\nRESET 1 TRUNCATED INTERNAL_ERROR\n",
     ""},
    {.name = "one reset of two",
     one_reset_of_two,
     "RESET 1 DISCONNECTED REFUSED_STREAM not processed\nHEAD 3 200\nBODY 3 x\nEND 3\n",
     "",
     .streams_n = 2},
    {.name = "above and below the last id",
     goaway_splits,
     "HEAD 1 200\nGOAWAY 1 CLOSED NO_ERROR\nRESET 3 DISCONNECTED NO_ERROR not processed\n"
     "RESET 5 DISCONNECTED NO_ERROR not processed\nBODY 1 rest\nEND 1\n",
     "",
     .streams_n = 3},
    {.name = "stream 1 of a fresh connection, with an error",
     goaway_first,
     "GOAWAY 0 CLOSED ENHANCE_YOUR_CALM\nRESET 1 DISCONNECTED ENHANCE_YOUR_CALM not processed\n",
     ""},
    {.name = "stream 1 of a fresh connection, without",
     goaway_first_no_error,
     "GOAWAY 0 CLOSED NO_ERROR\nRESET 1 DISCONNECTED NO_ERROR not processed\n",
     ""},
    {.name = "stream 3 with an error",
     goaway_error_two,
     "GOAWAY 0 CLOSED INTERNAL_ERROR\nRESET 1 DISCONNECTED INTERNAL_ERROR not processed\n"
     "RESET 3 DISCONNECTED INTERNAL_ERROR not processed\n",
     "",
     .streams_n = 2},
    {.name = "rules 18, 19: told once; the first error is kept",
     goaway_twice,
     "GOAWAY 2147483647 CLOSED NO_ERROR\nHEAD 1 200\nBODY 1 x\nEND 1\n"
     "RESET 3 DISCONNECTED ENHANCE_YOUR_CALM not processed\n"
     "FAIL DISCONNECTED ENHANCE_YOUR_CALM\n",
     "",
     .streams_n = 2,
     .has_eof = true},
    {.name = "rule 18: a growing id",
     goaway_grows,
     "GOAWAY 1 CLOSED NO_ERROR\nRESET 3 DISCONNECTED NO_ERROR not processed\n"
     "RESET 1 PROTOCOL PROTOCOL_ERROR\nFAIL PROTOCOL PROTOCOL_ERROR\n",
     "GOAWAY PROTOCOL_ERROR\n",
     .streams_n = 2},
    {.name = "rule 19: GOAWAY and EOF is GOAWAY",
     goaway_then_eof,
     "HEAD 1 200\nGOAWAY 1 CLOSED ENHANCE_YOUR_CALM\nRESET 1 TRUNCATED ENHANCE_YOUR_CALM\n"
     "FAIL DISCONNECTED ENHANCE_YOUR_CALM\n",
     "",
     .has_eof = true},
    {.name = "EOF inside a response",
     head_only,
     "HEAD 1 200\nRESET 1 TRUNCATED NO_ERROR\nFAIL DISCONNECTED NO_ERROR\n",
     "",
     .has_eof = true},
    {.name = "EOF before a response",
     nothing,
     "RESET 1 DISCONNECTED NO_ERROR\nFAIL DISCONNECTED NO_ERROR\n",
     "",
     .has_eof = true},
    {.name = "EOF after a response",
     whole,
     "HEAD 1 200\nBODY 1 x\nEND 1\nFAIL DISCONNECTED NO_ERROR\n",
     "",
     .has_eof = true},
};

static void test_table(void)
{
    H2_CASES(table);
}

static void test_unsent_requests_are_not_processed(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    T_EQ(h2_rig_open(&r), 1);
    h2_rig_settle(&r);
    T_EQ(h2_rig_open(&r), 3); /* not pulled */
    h2_settings(&w, 0, 0);
    h2_goaway(&w, 0x7fffffff, 2, "x");
    ps_codec_feed(r.c, ps_bytes_of(w.p, w.n));
    h2_rig_settle(&r);
    T_STR(h2_text(&r.log), "GOAWAY 2147483647 CLOSED INTERNAL_ERROR\n"
                           "RESET 3 DISCONNECTED INTERNAL_ERROR not processed\n");
    T_EQ(ps_codec_free_slots(r.c), 0);
    T_CHECK(!ps_codec_is_reusable(r.c));
    T_EQ(h2_rig_open(&r), 0);
    T_EQ(r.worst, PS_CLOSED);
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

static void test_texts_name_code_and_debug_data(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    (void)h2_rig_open(&r);
    h2_rig_settle(&r);
    h2_settings(&w, 0, 0);
    h2_goaway(&w, 1, 11, "too many\r\n\x1b[2J pings");
    h2_rig_say(&r, &w);
    T_STR(r.err, "the peer sent GOAWAY (ENHANCE_YOUR_CALM: too many???[2J pings)");
    ps_codec_feed_eof(r.c, false);
    h2_rig_settle(&r);
    T_STR(r.err, "the peer sent GOAWAY (ENHANCE_YOUR_CALM: too many???[2J pings) and closed");
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

static void test_protocol_error_retires_the_connection(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    (void)h2_rig_open(&r), (void)h2_rig_open(&r);
    h2_rig_settle(&r);
    h2_settings(&w, 0, 0);
    h2_frame_u32(&w, F_RST, 1, 1);
    h2_rig_say(&r, &w);
    T_CHECK(!ps_codec_is_reusable(r.c));
    ok(&w, 3);
    h2_rig_say(&r, &w);
    T_STR(h2_text(&r.log), "RESET 1 DISCONNECTED PROTOCOL_ERROR\nHEAD 3 200\nBODY 3 x\nEND 3\n");
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

static void test_shutdown_lets_running_ones_finish(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    (void)h2_rig_open(&r);
    h2_rig_settle(&r);
    h2_settings(&w, 0, 0);
    h2_rig_say(&r, &w);
    T_OK(ps_h2_shutdown(r.c, NULL));
    T_OK(ps_h2_shutdown(r.c, NULL));
    h2_rig_settle(&r);
    T_CHECK(!ps_codec_is_reusable(r.c));
    T_EQ(ps_codec_free_slots(r.c), 0);
    ok(&w, 1);
    h2_rig_say(&r, &w);
    T_STR(h2_text(&r.log), "HEAD 1 200\nBODY 1 x\nEND 1\n");
    T_STR(h2_text(&r.sent), "GOAWAY NO_ERROR\n");
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

static const struct t_test tests[] = {
    {"table", test_table},
    {"unsent_requests_are_not_processed", test_unsent_requests_are_not_processed},
    {"texts_name_code_and_debug_data", test_texts_name_code_and_debug_data},
    {"protocol_error_retires_the_connection", test_protocol_error_retires_the_connection},
    {"shutdown_lets_running_ones_finish", test_shutdown_lets_running_ones_finish},
};
T_MAIN_LAME(tests)
