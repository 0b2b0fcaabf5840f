/* Bodies both ways against a real server session: uploads through small windows, downloads with and
 * without credit, window growth, early answers, Expect, length checks (rules 8, 25 to 32, 62, 63,
 * 66). */
#include "h2_server.h"

static uint8_t bytes[1 << 17];

/* Sends all of `n` bytes as the server's windows allow. */
static void upload(struct h2_server *s, struct h2_rig *r, uint32_t id, size_t n, bool is_stream,
                   size_t piece_n)
{
    bool end_was_taken = false;
    for (size_t at = 0, turns = 0; (!end_was_taken || r->ends_n == 0) && !t_is_lame; turns++) {
        size_t left_n = n - at < sizeof bytes ? n - at : sizeof bytes, taken_n;
        T_CHECK(turns < 100000);
        if (!end_was_taken) {
            T_OK(ps_codec_send(r->c, id, ps_bytes_of(bytes, left_n), at + left_n == n, &taken_n,
                               NULL));
            at += taken_n;
            T_CHECK(ps_h2_unsent_n(r->c, id) <= 65536);
            end_was_taken = at == n && (taken_n == left_n || !is_stream);
        }
        (void)h2_server_turn(s, r, piece_n);
    }
}

static void test_uploads(void)
{
    static const size_t sizes[] = {1, 16384, 65535, 65536, 1000000};
    for (size_t i = 0; i < t_times(2 * sizeof sizes / sizeof sizes[0], 4); i++) {
        struct h2_server s;
        struct h2_rig r;
        bool is_stream = i % 2 == 1;
        size_t n = sizes[i / 2];
        nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000};
        h2_server_init(&s, 3, &window, n < 100000 ? 1 : 0);
        T_EQ(h2_rig_init(&r, "POST", is_stream ? PS_BODY_STREAM : PS_BODY_FIXED, is_stream ? 0 : n,
                         NULL),
             PS_OK);
        uint32_t id = h2_rig_open(&r);
        upload(&s, &r, id, n, is_stream, n < 70000 ? 1 + i * 7 : 4096);
        T_EQ(s.body_n, n);
        T_EQ(r.upload_n, n);
        T_STR(h2_text(&r.log), "HEAD 1 200\nBODY 1 bbb\nEND 1\n");
        T_STR(h2_text(&r.sent), "DATA END 1\n");
        h2_rig_fini(&r);
        h2_server_fini(&s);
    }
}

static void test_lengths_are_checked(void)
{
    struct h2_rig r;
    size_t taken_n;
    struct ps_err err;
    T_EQ(h2_rig_init(&r, "POST", PS_BODY_FIXED, 10, NULL), PS_OK);
    uint32_t id = h2_rig_open(&r);
    T_EQ(ps_codec_send(r.c, id, ps_bytes_of(bytes, 11), false, &taken_n, &err), PS_BODY_MISMATCH);
    T_OK(ps_codec_send(r.c, id, ps_bytes_of(bytes, 4), false, &taken_n, &err));
    T_EQ(taken_n, 4);
    T_EQ(ps_codec_send(r.c, id, ps_bytes_of(bytes, 0), true, &taken_n, &err), PS_BODY_MISMATCH);
    T_OK(ps_codec_send(r.c, id, ps_bytes_of(bytes, 6), true, &taken_n, &err));
    T_EQ(ps_codec_send(r.c, id, ps_bytes_of(bytes, 1), true, &taken_n, &err), PS_BODY_MISMATCH);
    h2_rig_settle(&r);
    T_EQ(r.upload_n, 10);
    ps_codec_drop(r.c, id);
    T_OK(ps_codec_send(r.c, id, ps_bytes_of(bytes, 100), true, &taken_n, &err));
    T_EQ(taken_n, 100); /* swallowed */
    h2_rig_fini(&r);
}

static void test_download_with_credit_grows_its_window(void)
{
    struct h2_server s;
    struct h2_rig r;
    size_t body_n = t_times(40u << 20, 40u << 14);
    h2_server_init(&s, body_n, NULL, 0);
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    r.is_quiet = true;
    (void)h2_rig_open(&r);
    for (size_t turns = 0; r.ends_n == 0 && !t_is_lame; turns++) {
        T_CHECK(turns < 1000);
        (void)h2_server_turn(&s, &r, 16384);
    }
    T_EQ(r.body_n, body_n);
    T_CHECK(r.windows_n < 80); /* 4 MiB windows: two updates for each */
    T_CHECK(r.window_sum + (1u << 20) > r.body_n);
    T_CHECK(r.conn_window_sum >= (64u << 20) - 65535);
    h2_rig_fini(&r);
    h2_server_fini(&s);
}

/* Rules 25, 30: who does not read gets one window, and the connection goes on for others. */
static void test_download_without_credit_stalls_alone(void)
{
    struct h2_server s;
    struct h2_rig r;
    h2_server_init(&s, 1u << 20, NULL, 0);
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    r.is_quiet = r.keeps_credit = true;
    (void)h2_server_turn(&s, &r, 1000); /* our SETTINGS first: the window is the one we ask for */
    (void)h2_rig_open(&r);
    while (h2_server_turn(&s, &r, 16384))
        ;
    T_EQ(r.body_n, 524288);
    T_CHECK(ps_codec_wants_read(r.c));
    T_EQ(r.windows_n, 0);
    s.answer_n = 0;
    (void)h2_rig_open(&r);
    while (h2_server_turn(&s, &r, 16384))
        ;
    T_STR(h2_text(&r.log), "HEAD 1 200\nHEAD 3 200\nEND 3\n");
    ps_codec_credit(r.c, 1, 524288);
    T_CHECK(ps_codec_wants_write(r.c));
    while (h2_server_turn(&s, &r, 16384))
        ;
    T_EQ(r.body_n, 1u << 20);
    T_EQ(r.ends_n, 2);
    h2_rig_fini(&r);
    h2_server_fini(&s);
}

static void say_head(struct h2_rig *r, const char *text, unsigned flags)
{
    struct h2_wire w = {0};
    h2_headers(&w, 1, flags, text);
    h2_rig_say(r, &w);
    h2_wire_free(&w);
}

static void say_settings(struct h2_rig *r)
{
    struct h2_wire w = {0};
    h2_settings(&w, 0, 0);
    h2_rig_say(r, &w);
    h2_wire_free(&w);
}

/* Rules 62, 63: a refusal stops the upload, the end of the answer resets the rest without an error.
 */
static void test_early_answers(void)
{
    struct h2_rig r;
    size_t taken_n;
    T_EQ(h2_rig_init(&r, "POST", PS_BODY_STREAM, 0, NULL), PS_OK);
    uint32_t id = h2_rig_open(&r);
    say_settings(&r);
    T_OK(ps_codec_send(r.c, id, ps_bytes_of(bytes, 1000), false, &taken_n, NULL));
    h2_rig_settle(&r);
    say_head(&r, ":status=413\n", 0);
    T_OK(ps_codec_send(r.c, id, ps_bytes_of(bytes, 100000), false, &taken_n, NULL));
    T_EQ(taken_n, 100000);
    h2_rig_settle(&r);
    T_EQ(r.upload_n, 1000);
    T_STR(h2_text(&r.sent), "");
    say_head(&r, "done=1\n", END_STREAM);
    T_STR(h2_text(&r.log), "HEAD 1 413\nTRAILERS 1 done=1\nEND 1\n");
    T_STR(h2_text(&r.sent), "RST 1 NO_ERROR\n");
    T_CHECK(ps_codec_is_reusable(r.c));
    h2_rig_fini(&r);
}

/* Rule 66. */
static void test_expect(void)
{
    for (int how = 0; how < 3; how++) { /* 100 comes; nobody waits longer; a refusal comes */
        struct h2_rig r = {0};
        struct ps_url url;
        size_t taken_n;
        T_OK(ps_url_split(&url, ps_bytes_str("https://a.example/x"), NULL));
        T_OK(ps_request_new(&r.req, ps_bytes_str("POST"), &url, NULL));
        T_OK(ps_request_add(r.req, ps_bytes_str("Expect"), ps_bytes_str("100-continue"), NULL));
        T_OK(ps_request_seal(r.req, PS_BODY_FIXED, 5, NULL));
        T_OK(ps_h2_new(&r.c, &h2_test_limits, NULL));
        uint32_t id = h2_rig_open(&r);
        say_settings(&r);
        T_CHECK(ps_codec_is_waiting(r.c, id));
        T_OK(ps_codec_send(r.c, id, ps_bytes_of(bytes, 5), true, &taken_n, NULL));
        T_EQ(taken_n, 0);
        if (how == 1)
            ps_codec_stop_waiting(r.c, id);
        else
            say_head(&r, how == 0 ? ":status=100\n" : ":status=417\n", 0);
        T_CHECK(!ps_codec_is_waiting(r.c, id));
        T_OK(ps_codec_send(r.c, id, ps_bytes_of(bytes, 5), true, &taken_n, NULL));
        T_EQ(taken_n, 5);
        h2_rig_settle(&r);
        T_EQ(r.upload_n, how == 2 ? 0 : 5);
        h2_rig_fini(&r);
    }
}

/* Sends what each of three uploads has room for, then lets one socket's worth leave. */
static void upload_round(struct h2_rig *r, const uint32_t *ids)
{
    struct ps_buf out;
    for (size_t i = 0; i < 3; i++) {
        size_t taken_n;
        T_OK(ps_codec_send(r->c, ids[i], ps_bytes_of(bytes, sizeof bytes), false, &taken_n, NULL));
    }
    ps_buf_init(&out, 30000);
    T_OK(ps_codec_pull(r->c, &out, NULL));
    h2_raw(&r->out, ps_buf_view(&out).p, ps_buf_n(&out));
    ps_buf_fini(&out);
    h2_read_sent(r);
}

/* A long upload does not hold back those that came after it, nor the other way round. */
static void test_uploads_take_turns(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    uint32_t ids[3];
    T_EQ(h2_rig_init(&r, "POST", PS_BODY_STREAM, 0, NULL), PS_OK);
    for (size_t i = 0; i < 3; i++)
        ids[i] = h2_rig_open(&r);
    h2_settings(&w, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 30);
    h2_frame_u32(&w, F_WINDOW, 0, 1u << 30);
    h2_rig_say(&r, &w);
    size_t each_n = t_times(1000000, 200000);
    while (r.upload_n < 3 * each_n && !t_is_lame)
        upload_round(&r, ids);
    for (size_t i = 0; i < 3; i++)
        T_CHECK(r.upload_of[i] > each_n - 100000 && r.upload_of[i] < each_n + 100000);
    h2_wire_free(&w);
    h2_rig_fini(&r);
}

/* An upload, a download that grows its window, a drop, a ping. */
static enum ps_status both_ways(void)
{
    static const struct ps_codec_limits small = {
        .head = {4096, 50}, .trailer = {1024, 10}, .info_n = 16, .window_bytes = 1024};
    struct h2_server s;
    struct h2_rig r;
    size_t taken_n;
    h2_server_init(&s, 5000, NULL, 0);
    enum ps_status st = h2_rig_init(&r, "POST", PS_BODY_STREAM, 0, &small);
    if (st == PS_OK) {
        uint32_t id = h2_rig_open(&r), other = r.worst == PS_OK ? h2_rig_open(&r) : 0;
        st = r.worst == PS_OK
                 ? ps_codec_send(r.c, id, ps_bytes_of(bytes, 3000), true, &taken_n, NULL)
                 : r.worst;
        if (st == PS_OK)
            st = ps_h2_ping(r.c, NULL);
        for (size_t turns = 0; st == PS_OK && r.worst == PS_OK && r.ends_n == 0; turns++) {
            T_CHECK(turns < 100);
            if (turns == 1)
                ps_codec_drop(r.c, other);
            (void)h2_server_turn(&s, &r, 4096);
        }
        if (st == PS_OK && r.worst == PS_OK)
            st = ps_h2_shutdown(r.c, NULL);
        st = st == PS_OK ? r.worst : st;
    }
    if (st == PS_OK)
        T_EQ(r.body_n, 5000);
    h2_rig_fini(&r);
    h2_server_fini(&s);
    return st;
}

static void test_without_memory(void)
{
    t_each_alloc(both_ways);
}

static const struct t_test tests[] = {
    {"without_memory", test_without_memory},
    {"uploads", test_uploads},
    {"lengths_are_checked", test_lengths_are_checked},
    {"download_with_credit_grows_its_window", test_download_with_credit_grows_its_window},
    {"download_without_credit_stalls_alone", test_download_without_credit_stalls_alone},
    {"uploads_take_turns", test_uploads_take_turns},
    {"early_answers", test_early_answers},
    {"expect", test_expect},
};
T_MAIN_LAME(tests)
