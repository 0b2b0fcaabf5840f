/* How many exchanges may be opened when: the peer's limit, ours, cut ones, lowered limits, the run
 * of cancels, the end of ids (rules 1 to 7, 15, 53). */
#include "h2_rig.h"
#include "proto/h2_state.h"

#define OK_HEAD ":status=200\n"

static void start(struct h2_rig *r)
{
    T_EQ(h2_rig_init(r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
}

static void say_settings(struct h2_rig *r, unsigned id, uint32_t value)
{
    struct h2_wire w = {0};
    h2_settings(&w, id, value);
    h2_rig_say(r, &w);
    h2_wire_free(&w);
}

static void answer(struct h2_rig *r, uint32_t id)
{
    struct h2_wire w = {0};
    h2_headers(&w, id, END_STREAM, OK_HEAD);
    h2_rig_say(r, &w);
    h2_wire_free(&w);
}

static void test_limits(void)
{
    struct h2_rig r;
    start(&r);
    T_EQ(ps_codec_free_slots(r.c), 100); /* rule 1 */
    say_settings(&r, 0, 0);
    T_EQ(ps_codec_free_slots(r.c), 1000); /* rule 2 */
    say_settings(&r, 3, 2);
    T_EQ(ps_codec_free_slots(r.c), 2);
    T_EQ(h2_rig_open(&r), 1);
    T_EQ(ps_codec_free_slots(r.c), 1); /* reserved before anything is pulled (rule 6) */
    T_EQ(h2_rig_open(&r), 3);
    T_EQ(ps_codec_free_slots(r.c), 0);
    T_EQ(h2_rig_open(&r), 0);
    T_EQ(r.worst, PS_CLOSED);
    h2_rig_settle(&r);
    answer(&r, 1);
    T_EQ(ps_codec_free_slots(r.c), 1);
    say_settings(&r, 3, 0); /* rule 4: legal, and no reason to give the connection up */
    T_EQ(ps_codec_free_slots(r.c), 0);
    T_CHECK(ps_codec_is_reusable(r.c));
    answer(&r, 3);
    T_EQ(ps_codec_free_slots(r.c), 0);
    say_settings(&r, 3, 5);
    T_EQ(ps_codec_free_slots(r.c), 5);
    T_STR(h2_text(&r.log), "HEAD 1 200\nEND 1\nHEAD 3 200\nEND 3\n");
    h2_rig_fini(&r);
}

/* Rule 3. */
static void test_lowered_limit_spares_running_ones(void)
{
    struct h2_rig r;
    start(&r);
    say_settings(&r, 0, 0);
    for (uint32_t i = 0; i < 3; i++)
        T_EQ(h2_rig_open(&r), i * 2 + 1);
    h2_rig_settle(&r);
    T_EQ(h2_rig_open(&r), 7); /* waits for pull() */
    struct h2_wire w = {0};
    h2_settings(&w, 3, 1);
    ps_codec_feed(r.c, ps_bytes_of(w.p, w.n));
    h2_rig_settle(&r);
    h2_wire_free(&w);
    T_STR(h2_text(&r.log), "RESET 7 CLOSED REFUSED_STREAM not processed\n");
    answer(&r, 1), answer(&r, 3);
    T_EQ(ps_codec_free_slots(r.c), 0);
    answer(&r, 5);
    T_EQ(r.ends_n, 3);
    T_EQ(ps_codec_free_slots(r.c), 1);
    T_STR(h2_text(&r.sent), ""); /* nothing had to be reset */
    h2_rig_fini(&r);
}

/* Rule 7: a peer that has said something since the request was sent lives. */
static void test_cut_ones_that_were_heard_of_count_no_more(void)
{
    struct h2_rig r;
    start(&r);
    say_settings(&r, 3, 1);
    T_EQ(h2_rig_open(&r), 1);
    h2_rig_settle(&r);
    struct h2_wire w = {0};
    h2_headers(&w, 1, 0, OK_HEAD);
    h2_rig_say(&r, &w);
    h2_wire_free(&w);
    ps_codec_drop(r.c, 1);
    T_CHECK(!ps_h2_is_doubtful(r.c));
    T_EQ(ps_codec_free_slots(r.c), 0); /* RST_STREAM is not out */
    h2_rig_settle(&r);
    T_STR(h2_text(&r.sent), "RST 1 CANCEL\n");
    T_EQ(ps_codec_free_slots(r.c), 1);
    h2_rig_fini(&r);
}

static void test_cut_ones_count_until_the_peer_lives(void)
{
    struct h2_rig r;
    start(&r);
    say_settings(&r, 3, 2);
    (void)h2_rig_open(&r), (void)h2_rig_open(&r);
    h2_rig_settle(&r);
    ps_codec_drop(r.c, 1);
    T_EQ(ps_codec_free_slots(r.c), 0);
    h2_rig_settle(&r);
    T_STR(h2_text(&r.sent), "RST 1 CANCEL\n");
    T_EQ(ps_codec_free_slots(r.c), 0);
    T_CHECK(ps_h2_is_doubtful(r.c));
    struct h2_wire w = {0};
    h2_frame(&w, F_PING, 0, 0, "12345678", 8);
    h2_rig_say(&r, &w);
    h2_wire_free(&w);
    T_EQ(ps_codec_free_slots(r.c), 1);
    h2_rig_fini(&r);
}

static void test_drop_before_pull_sends_nothing(void)
{
    struct h2_rig r;
    start(&r);
    say_settings(&r, 3, 1);
    T_EQ(h2_rig_open(&r), 1);
    ps_codec_drop(r.c, 1);
    h2_rig_settle(&r);
    T_STR(h2_text(&r.sent), "");
    T_EQ(ps_codec_free_slots(r.c), 1);
    T_EQ(ps_h2_reset_n(r.c), 0);
    T_EQ(h2_rig_open(&r), 3);
    h2_rig_settle(&r);
    answer(&r, 3);
    T_STR(h2_text(&r.log), "HEAD 3 200\nEND 3\n");
    h2_rig_fini(&r);
}

/* Each way out gives its slot back, a thousand times (httpcore#943, #1022, #1093). */
static void test_slots_do_not_leak(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    start(&r);
    say_settings(&r, 3, 3);
    size_t times_n = t_times(1000, 10);
    for (uint32_t i = 0; i < times_n && !t_is_lame; i++) {
        uint32_t id = h2_rig_open(&r);
        T_EQ(id, i * 2 + 1);
        if (i % 5 != 0)
            h2_rig_settle(&r);
        if (i % 5 < 2)
            ps_codec_drop(r.c, id);
        h2_rig_settle(&r);
        if (i % 5 == 2)
            h2_frame_u32(&w, F_RST, id, 7);
        if (i % 5 == 3)
            h2_headers(&w, id, END_STREAM, "bad=1\n");
        if (i % 5 == 4)
            h2_headers(&w, id, END_STREAM, OK_HEAD);
        if (i % 5 == 1) /* what was under way when we cancelled */
            h2_headers(&w, id, END_STREAM, OK_HEAD);
        h2_rig_say(&r, &w);
        h2_frame(&w, F_PING, ACK, 0, "12345678", 8);
        h2_rig_say(&r, &w);
        T_EQ(ps_codec_free_slots(r.c), 3);
    }
    T_EQ(r.ends_n, times_n / 5);
    T_EQ(r.resets_n, times_n * 2 / 5);
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

/* Rule 53. */
static void test_too_many_cancels_in_a_row(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    start(&r);
    say_settings(&r, 0, 0);
    t_refuses_itself = true; /* opens and drops as above, only more of them */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i <= H2_CANCELS_MAX; i++) {
            T_CHECK(ps_codec_is_reusable(r.c));
            uint32_t id = h2_rig_open(&r);
            h2_rig_settle(&r);
            if (round == 0 && i == H2_CANCELS_MAX)
                answer(&r, id); /* a complete response: the peer is content */
            else
                ps_codec_drop(r.c, id);
            h2_rig_settle(&r);
        }
    }
    T_EQ(ps_h2_reset_n(r.c), H2_CANCELS_MAX + 1);
    T_CHECK(!ps_codec_is_reusable(r.c));
    T_EQ(ps_codec_free_slots(r.c), 0);
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

/* Rule 15. */
static void test_ids_run_out(void)
{
    struct h2_rig r;
    start(&r);
    struct ps_h2 *h = ps_h2_of(r.c);
    T_EQ(nghttp2_session_set_next_stream_id(h->session, H2_LAST_ID - 1), 0);
    T_EQ(h2_rig_open(&r), H2_LAST_ID - 1);
    h2_rig_settle(&r);
    T_CHECK(!ps_codec_is_reusable(r.c));
    T_EQ(ps_codec_free_slots(r.c), 0);
    say_settings(&r, 0, 0);
    answer(&r, H2_LAST_ID - 1);
    T_EQ(r.ends_n, 1);
    h2_rig_fini(&r);
}

static const struct t_test tests[] = {
    {"limits", test_limits},
    {"lowered_limit_spares_running_ones", test_lowered_limit_spares_running_ones},
    {"cut_ones_count_until_the_peer_lives", test_cut_ones_count_until_the_peer_lives},
    {"drop_before_pull_sends_nothing", test_drop_before_pull_sends_nothing},
    {"cut_ones_that_were_heard_of_count_no_more",
     test_cut_ones_that_were_heard_of_count_no_more},
    {"slots_do_not_leak", test_slots_do_not_leak},
    {"too_many_cancels_in_a_row", test_too_many_cancels_in_a_row},
    {"ids_run_out", test_ids_run_out},
};
T_MAIN_LAME(tests)
