/* Well-formed answers: each scenario whole, cut at every byte, byte by byte, and with each
 * allocation refused; what a server sees of our request; the preface; liveness (rules 9 to 14, 33
 * to 35, 59, 64, 65). */
#include "h2_server.h"

#define OK_HEAD ":status=200\n"

static void plain(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD "content-type=text/plain\n");
    h2_data(w, 1, 0, "hel");
    h2_data(w, 1, END_STREAM, "lo");
}
static void no_body(struct h2_wire *w)
{
    h2_headers(w, 1, END_STREAM, ":status=204\n");
}
static void empty_end(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD "content-length=2\n");
    h2_data(w, 1, 0, "ab");
    h2_data(w, 1, END_STREAM, "");
}
static void head_with_length(struct h2_wire *w)
{
    h2_headers(w, 1, END_STREAM, OK_HEAD "content-length=500\n");
}
static void not_modified(struct h2_wire *w)
{
    h2_headers(w, 1, END_STREAM, ":status=304\ncontent-length=500\n");
}
static void infos(struct h2_wire *w)
{
    h2_headers(w, 1, 0, ":status=100\n");
    h2_headers(w, 1, 0, ":status=103\nlink=a\n");
    h2_headers(w, 1, END_STREAM, OK_HEAD);
}
static void trailers(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_data(w, 1, 0, "x");
    h2_headers(w, 1, END_STREAM, "x-sum=1\nset-cookie=a\ngrpc-status=0\n");
}
static void forbidden_trailers(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_headers(w, 1, END_STREAM, "set-cookie=a\n");
}
static void trailers_at_once(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_headers(w, 1, END_STREAM, "a=b\n");
}
static void blanks(struct h2_wire *w)
{
    h2_headers(w, 1, END_STREAM, OK_HEAD "a= b \nc=\nd=\t\n");
}
static void duplicates(struct h2_wire *w)
{
    h2_headers(w, 1, END_STREAM, OK_HEAD "set-cookie=a\nb=1\nset-cookie=c\n");
}
static void padded(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_frame(w, F_DATA, PADDED, 1, "\x02ok\0\0", 5);
    h2_frame(w, F_DATA, PADDED | END_STREAM, 1, "\x00!", 2);
}
static void eight_continuations(struct h2_wire *w)
{
    struct h2_wire b = {0};
    h2_block(&b, OK_HEAD "a=12345678901234567890\n");
    h2_frame(w, F_HEADERS, END_STREAM, 1, b.p, 4);
    for (size_t i = 0; i < 8; i++)
        h2_frame(w, F_CONTINUATION, i == 7 ? END_HEADERS : 0, 1, b.p + 4 + i * 4,
                 i == 7 ? b.n - 32 : 4);
    h2_wire_free(&b);
}
/* Padded, so that they are read one by one: h2_run.c joins others. */
static void interleaved(struct h2_wire *w)
{
    h2_headers(w, 3, 0, OK_HEAD);
    h2_headers(w, 1, 0, OK_HEAD);
    h2_frame(w, F_DATA, PADDED, 1, "\0a", 2);
    h2_frame(w, F_DATA, PADDED, 3, "\0b", 2);
    h2_frame(w, F_DATA, PADDED | END_STREAM, 1, "\0c", 2);
    h2_frame(w, F_DATA, PADDED | END_STREAM, 3, "\0d", 2);
}
static void among_others(struct h2_wire *w)
{
    h2_frame(w, F_PING, 0, 0, "12345678", 8);
    h2_frame(w, F_SETTINGS, ACK, 0, NULL, 0);
    h2_frame_u32(w, F_WINDOW, 0, 1000);
    h2_frame(w, F_PRIORITY, 0, 1, "\0\0\0\0\x10", 5);
    h2_frame(w, F_ALTSVC, 0, 0, "\0\1ax", 4);
    h2_frame(w, 0xf0, 0xff, 77, "whatever", 8);
    h2_headers(w, 1, 0, OK_HEAD);
    h2_frame(w, F_DATA, 0, 1, NULL, 0);
    h2_frame_u32(w, F_WINDOW, 1, 1000);
    h2_data(w, 1, END_STREAM, "x");
}
static void late_frames(struct h2_wire *w)
{
    h2_headers(w, 1, END_STREAM, OK_HEAD);
    h2_frame_u32(w, F_WINDOW, 1, 1000);
    h2_frame_u32(w, F_RST, 1, 8);
}

static const struct h2_case good[] = {
    {.name = "plain",
     .build = plain,
     .log = "HEAD 1 200 content-type=text/plain\nBODY 1 hello\nEND 1\n",
     .sent = ""},
    {.name = "no body", .build = no_body, .log = "HEAD 1 204\nEND 1\n", .sent = ""},
    {.name = "END_STREAM alone",
     .build = empty_end,
     .log = "HEAD 1 200 content-length=2\nBODY 1 ab\nEND 1\n",
     .sent = ""},
    {.name = "rule 58: HEAD",
     .build = head_with_length,
     .log = "HEAD 1 200 content-length=500\nEND 1\n",
     .sent = "",
     .method = "HEAD"},
    {.name = "rule 58: 304",
     .build = not_modified,
     .log = "HEAD 1 304 content-length=500\nEND 1\n",
     .sent = ""},
    {.name = "interim heads",
     .build = infos,
     .log = "INFO 1 100\nINFO 1 103 link=a\nHEAD 1 200\nEND 1\n",
     .sent = ""},
    {.name = "rule 59: trailers",
     .build = trailers,
     .log = "HEAD 1 200\nBODY 1 x\nTRAILERS 1 x-sum=1 grpc-status=0\nEND 1\n",
     .sent = ""},
    {.name = "rule 59: forbidden trailers only",
     .build = forbidden_trailers,
     .log = "HEAD 1 200\nEND 1\n",
     .sent = ""},
    {.name = "trailers without a body",
     .build = trailers_at_once,
     .log = "HEAD 1 200\nTRAILERS 1 a=b\nEND 1\n",
     .sent = ""},
    {.name = "rule 14: blanks are trimmed",
     .build = blanks,
     .log = "HEAD 1 200 a=b c= d=\nEND 1\n",
     .sent = ""},
    {.name = "order and duplicates stay",
     .build = duplicates,
     .log = "HEAD 1 200 set-cookie=a b=1 set-cookie=c\nEND 1\n",
     .sent = ""},
    {.name = "padding", .build = padded, .log = "HEAD 1 200\nBODY 1 ok!\nEND 1\n", .sent = ""},
    {.name = "rule 46: eight CONTINUATIONs",
     .build = eight_continuations,
     .log = "HEAD 1 200 a=12345678901234567890\nEND 1\n",
     .sent = ""},
    {.name = "two at once",
     .build = interleaved,
     .log = "HEAD 3 200\nHEAD 1 200\nBODY 1 a\nBODY 3 b\nBODY 1 c\nEND 1\nBODY 3 d\nEND 3\n",
     .sent = "",
     .streams_n = 2},
    {.name = "among frames of all kinds",
     .build = among_others,
     .log = "HEAD 1 200\nBODY 1 x\nEND 1\n",
     .sent = "PING ACK\n"},
    {.name = "frames behind the end",
     .build = late_frames,
     .log = "HEAD 1 200\nEND 1\n",
     .sent = ""},
};

static void test_good_answers(void)
{
    H2_CASES(good);
}

static void test_what_a_server_sees(void)
{
    struct h2_server s;
    struct h2_rig r = {0};
    struct ps_url url;
    static const char *const fields[][2] = {
        {"X-Trace", "1"},          {"Authorization", "Bearer x"},
        {"Connection", "close"},   {"Cookie", "a=b"},
        {"TE", "trailers"},        {"x-api-key", "k"},
        {"Expect", "100-continue"}};
    h2_server_init(&s, 0, NULL, 0);
    T_OK(ps_url_split(&url, ps_bytes_str("https://a.example:8443/v1?q=1"), NULL));
    T_OK(ps_request_new(&r.req, ps_bytes_str("POST"), &url, NULL));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        T_OK(ps_request_add(r.req, ps_bytes_str(fields[i][0]), ps_bytes_str(fields[i][1]), NULL));
    T_OK(ps_request_seal(r.req, PS_BODY_NONE, 0, NULL));
    T_OK(ps_h2_new(&r.c, &h2_test_limits, NULL));
    (void)h2_rig_open(&r);
    while (h2_server_turn(&s, &r, 1))
        ;
    T_STR(h2_text(&s.heads),
          ":method=POST\n:scheme=https\n:path=/v1?q=1\n:authority=a.example:8443\nx-trace=1\n"
          "!authorization=Bearer x\n!cookie=a=b\nte=trailers\n!x-api-key=k\ncontent-length=0\n");
    T_STR(h2_text(&r.log), "HEAD 1 200\nEND 1\n");
    T_EQ(nghttp2_session_get_remote_settings(s.session, NGHTTP2_SETTINGS_ENABLE_PUSH), 0);
    T_EQ(nghttp2_session_get_remote_settings(s.session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE),
         524288);
    T_EQ(nghttp2_session_get_remote_window_size(s.session), 64 << 20);
    T_CHECK(ps_h2_settings_acked(r.c));
    h2_rig_fini(&r);
    h2_server_fini(&s);
}

/* Rule 65. */
static void test_heads_the_peer_does_not_take(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    h2_settings(&w, 6, 100);
    h2_rig_say(&r, &w);
    T_EQ(h2_rig_open(&r), 0);
    T_EQ(r.worst, PS_LIMIT);
    T_EQ(ps_codec_free_slots(r.c), 1000);
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

static void test_pings(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    T_CHECK(!ps_h2_pong_seen(r.c));
    T_OK(ps_h2_ping(r.c, NULL));
    T_OK(ps_h2_ping(r.c, NULL)); /* rule 35: one at a time */
    h2_rig_settle(&r);
    T_STR(h2_text(&r.sent), "PING\n");
    h2_settings(&w, 0, 0);
    h2_frame(&w, F_PING, ACK, 0, "12345678", 8); /* not ours */
    h2_rig_say(&r, &w);
    T_CHECK(!ps_h2_pong_seen(r.c));
    T_EQ(ps_h2_frames_seen_n(r.c), 2);
    h2_frame(&w, F_PING, ACK, 0, "penstoc\1", 8);
    h2_rig_say(&r, &w);
    T_CHECK(ps_h2_pong_seen(r.c));
    T_OK(ps_h2_ping(r.c, NULL));
    T_CHECK(!ps_h2_pong_seen(r.c));
    T_EQ(ps_h2_answers_seen_n(r.c), 0);
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

static const struct t_test tests[] = {
    {"good_answers", test_good_answers},
    {"what_a_server_sees", test_what_a_server_sees},
    {"heads_the_peer_does_not_take", test_heads_the_peer_does_not_take},
    {"pings", test_pings},
};
T_MAIN_LAME(tests)
