/* The HTTP/1.1 writer: the exact bytes of heads and framed bodies, pulled whole and one byte at a
 * time; lengths that disagree; the bounded queue; 100-continue (rule 66) and early responses (rule
 * 62). */
#include "h1_log.h"

struct written {
    const char *name, *method, *url;
    const char *fields[8]; /* name, value, name, value... */
    enum ps_body_kind kind;
    uint64_t body_bytes;
    const char *pieces[4]; /* of the body, one send() each */
    const char *wire;
};

static const struct written table[] = {
    {.name = "GET",
     .method = "GET",
     .url = "http://a.example/b?c",
     .wire = "GET /b?c HTTP/1.1\r\nHost: a.example\r\n\r\n"},
    {.name = "order, case and duplicates stay",
     .method = "GET",
     .url = "http://a:81",
     .fields = {"X-b", "1", "accept", "*/*", "x-B", "", "Connection", "keep-alive"},
     .wire = "GET / HTTP/1.1\r\nHost: a:81\r\nX-b: 1\r\naccept: */*\r\nx-B: \r\nConnection: "
             "keep-alive\r\n\r\n"},
    {.name = "the caller's Host comes first",
     .method = "GET",
     .url = "http://a",
     .fields = {"X", "1", "Host", "b"},
     .wire = "GET / HTTP/1.1\r\nHost: b\r\nX: 1\r\n\r\n"},
    {.name = "HEAD",
     .method = "HEAD",
     .url = "http://a",
     .wire = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {.name = "DELETE",
     .method = "DELETE",
     .url = "http://a",
     .wire = "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {.name = "DELETE with the caller's length 0",
     .method = "DELETE",
     .url = "http://a",
     .fields = {"content-length", "0"},
     .wire = "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {.name = "POST without a body",
     .method = "POST",
     .url = "http://a",
     .wire = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {.name = "PUT without a body",
     .method = "PUT",
     .url = "http://a",
     .wire = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {.name = "PATCH without a body",
     .method = "PATCH",
     .url = "http://a",
     .wire = "PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {.name = "an expectation without a body is not sent",
     .method = "POST",
     .url = "http://a",
     .fields = {"Expect", "100-continue", "X", "y"},
     .wire = "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 0\r\n\r\n"},
    {.name = "fixed body",
     .method = "POST",
     .url = "http://a",
     .kind = PS_BODY_FIXED,
     .body_bytes = 5,
     .pieces = {"he", "", "llo"},
     .wire = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
    {.name = "fixed body of a GET",
     .method = "GET",
     .url = "http://a",
     .kind = PS_BODY_FIXED,
     .body_bytes = 1,
     .pieces = {"x"},
     .wire = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"},
    {.name = "chunks",
     .method = "POST",
     .url = "http://a",
     .kind = PS_BODY_STREAM,
     .pieces = {"hello", "", "0123456789abcdef", "x"},
     .wire = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n"},
    {.name = "no chunk but the last",
     .method = "GET",
     .url = "http://a",
     .kind = PS_BODY_STREAM,
     .wire = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {.name = "the caller's chunked is not repeated",
     .method = "POST",
     .url = "http://a",
     .fields = {"transfer-encoding", "chunked"},
     .kind = PS_BODY_STREAM,
     .pieces = {"a"},
     .wire = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"},
    {.name = "a stream with a length is not chunked",
     .method = "POST",
     .url = "http://a",
     .fields = {"Content-Length", "3"},
     .kind = PS_BODY_STREAM,
     .pieces = {"a", "bc"},
     .wire = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"},
    {.name = "rule 64: only the path is sent",
     .method = "GET",
     .url = "https://a/b#secret",
     .wire = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"},
};

static enum ps_status build(const struct written *w, struct ps_request **out)
{
    struct ps_url url;
    struct ps_request *r = NULL;
    enum ps_status st = ps_url_split(&url, ps_bytes_str(w->url), NULL);
    if (st == PS_OK)
        st = ps_request_new(&r, ps_bytes_str(w->method), &url, NULL);
    for (size_t i = 0; i < 8 && st == PS_OK && w->fields[i] != NULL; i += 2)
        st = ps_request_add(r, ps_bytes_str(w->fields[i]), ps_bytes_str(w->fields[i + 1]), NULL);
    if (st == PS_OK)
        st = ps_request_seal(r, w->kind, w->body_bytes, NULL);
    if (st == PS_OK)
        *out = r;
    else
        ps_request_free(r);
    return st;
}

/* Moves what is queued to `all`, through a buffer of `step` bytes. */
static enum ps_status pull_all(struct ps_codec *c, size_t step, struct ps_buf *all)
{
    struct ps_buf out;
    enum ps_status st;
    ps_buf_init(&out, step);
    do {
        ps_buf_clear(&out);
        st = ps_codec_pull(c, &out, NULL);
        if (st == PS_OK)
            st = ps_buf_append(all, ps_buf_view(&out));
    } while (st == PS_OK && ps_buf_n(&out) > 0);
    ps_buf_fini(&out);
    return st;
}

static enum ps_status send_pieces(struct ps_codec *c, uint32_t id, const struct written *w)
{
    enum ps_status st = PS_OK;
    size_t taken;
    for (size_t i = 0; i < 4 && st == PS_OK && w->pieces[i] != NULL; i++) {
        st = ps_codec_send(c, id, ps_bytes_str(w->pieces[i]), false, &taken, NULL);
        if (st == PS_OK)
            T_EQ(taken, strlen(w->pieces[i]));
    }
    if (st == PS_OK)
        st = ps_codec_send(c, id, ps_bytes_of(NULL, 0), true, &taken, NULL);
    return st;
}

static enum ps_status write_once(const struct written *w, size_t step)
{
    struct ps_request *r = NULL;
    struct ps_codec *c = NULL;
    struct ps_buf all;
    uint32_t id;
    ps_buf_init(&all, 1u << 20);
    enum ps_status st = build(w, &r);
    if (st == PS_OK)
        st = ps_h1_new(&c, &h1_test_limits, NULL);
    if (st == PS_OK)
        st = ps_codec_open(c, r, &id, NULL);
    if (st == PS_OK)
        st = send_pieces(c, id, w);
    if (st == PS_OK)
        st = pull_all(c, step, &all);
    if (st == PS_OK && !ps_bytes_eq(ps_buf_view(&all), ps_bytes_str(w->wire))) {
        fprintf(stderr, "%s: got\n%.*s\nwanted\n%s\n", w->name, (int)ps_buf_n(&all),
                (const char *)ps_buf_view(&all).p, w->wire);
        abort();
    }
    if (c != NULL)
        ps_codec_fini(c);
    ps_request_free(r);
    ps_buf_fini(&all);
    return st;
}

static void writes(void)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        T_EQ(write_once(&table[i], 1u << 20), PS_OK);
        T_EQ(write_once(&table[i], 1), PS_OK);
        T_EQ(write_once(&table[i], 7), PS_OK);
    }
}

static size_t alloc_case;

static enum ps_status alloc_scenario(void)
{
    return write_once(&table[alloc_case], 64);
}

static void survives_each_allocation_failure(void)
{
    for (alloc_case = 0; alloc_case < sizeof table / sizeof table[0]; alloc_case++)
        t_each_alloc(alloc_scenario);
}

struct fixture {
    struct ps_request *req;
    struct ps_codec *c;
    uint32_t id;
    struct h1_log log;
};

static struct fixture open_post(enum ps_body_kind kind, uint64_t body_bytes, bool expects)
{
    struct written w = {
        .method = "POST", .url = "http://a", .kind = kind, .body_bytes = body_bytes};
    struct fixture f = {0};
    if (expects) {
        w.fields[0] = "Expect";
        w.fields[1] = "100-continue";
    }
    T_EQ(build(&w, &f.req), PS_OK);
    T_EQ(ps_h1_new(&f.c, &h1_test_limits, NULL), PS_OK);
    T_EQ(ps_codec_open(f.c, f.req, &f.id, NULL), PS_OK);
    T_EQ(h1_test_drain(f.c), PS_OK);
    return f;
}

static void close_fixture(struct fixture *f)
{
    ps_codec_fini(f->c);
    ps_request_free(f->req);
    h1_log_free(&f->log);
}

static void feed_str(struct fixture *f, const char *s)
{
    ps_codec_feed(f->c, ps_bytes_str(s));
    h1_log_events(&f->log, f->c);
}

/* Sends a string; checks the status and how much was taken. */
static void send_str(struct fixture *f, const char *s, bool end, enum ps_status wanted,
                     size_t taken)
{
    size_t n = 99;
    struct ps_err err = {0};
    T_EQ(ps_codec_send(f->c, f->id, ps_bytes_str(s), end, &n, &err), wanted);
    T_EQ(n, taken);
    T_EQ(err.status, wanted);
}

static void expect_wire(struct fixture *f, const char *wanted)
{
    struct ps_buf all;
    ps_buf_init(&all, 1u << 20);
    T_EQ(pull_all(f->c, 100, &all), PS_OK);
    T_CHECK(ps_bytes_eq(ps_buf_view(&all), ps_bytes_str(wanted)));
    ps_buf_fini(&all);
}

static void lengths_must_agree(void)
{
    struct fixture f = open_post(PS_BODY_FIXED, 3, false);
    send_str(&f, "abcd", false, PS_BODY_MISMATCH, 0);
    send_str(&f, "ab", true, PS_BODY_MISMATCH, 0);
    send_str(&f, "", true, PS_BODY_MISMATCH, 0);
    send_str(&f, "ab", false, PS_OK, 2);
    send_str(&f, "cd", true, PS_BODY_MISMATCH, 0);
    send_str(&f, "c", true, PS_OK, 1);
    send_str(&f, "", true, PS_OK, 0);
    send_str(&f, "d", true, PS_BODY_MISMATCH, 0);
    expect_wire(&f, "abc");
    close_fixture(&f);

    f = open_post(PS_BODY_NONE, 0, false);
    send_str(&f, "", true, PS_OK, 0);
    send_str(&f, "x", true, PS_BODY_MISMATCH, 0);
    close_fixture(&f);

    f = open_post(PS_BODY_STREAM, 0, false);
    send_str(&f, "x", true, PS_OK, 1);
    send_str(&f, "", true, PS_OK, 0);
    send_str(&f, "y", false, PS_BODY_MISMATCH, 0);
    expect_wire(&f, "1\r\nx\r\n0\r\n\r\n");
    close_fixture(&f);
}

/* Sends `n` bytes with pulls of `step` in between; returns the wire bytes. */
static size_t send_big(struct fixture *f, size_t n, size_t step)
{
    static uint8_t data[300000];
    struct ps_buf all;
    size_t at = 0, wire_n, most_queued_n = 0;
    memset(data, 'd', sizeof data);
    ps_buf_init(&all, 1u << 20);
    while (at < n) {
        size_t taken, had = ps_buf_n(&all);
        T_EQ(ps_codec_send(f->c, f->id, ps_bytes_of(data, n - at), true, &taken, NULL), PS_OK);
        at += taken;
        T_EQ(pull_all(f->c, step, &all), PS_OK);
        if (ps_buf_n(&all) - had > most_queued_n)
            most_queued_n = ps_buf_n(&all) - had;
    }
    T_CHECK(most_queued_n <= 65536);
    wire_n = ps_buf_n(&all);
    ps_buf_fini(&all);
    return wire_n;
}

static void the_queue_is_bounded(void)
{
    struct fixture f = open_post(PS_BODY_FIXED, 300000, false);
    T_EQ(send_big(&f, 300000, 5000), 300000);
    close_fixture(&f);
    f = open_post(PS_BODY_STREAM, 0, false);
    size_t wire_n = send_big(&f, 300000, 5000);
    T_CHECK(wire_n > 300000 && wire_n < 300200);
    close_fixture(&f);
}

/* However full the queue is, the end of a stream fits: send("", end) cannot be refused in silence.
 */
static void the_last_chunk_always_fits(void)
{
    static uint8_t data[70000];
    for (size_t first = 65400; first < 65560; first++) {
        struct fixture f = open_post(PS_BODY_STREAM, 0, false);
        struct ps_buf all;
        size_t taken;
        ps_buf_init(&all, 1u << 20);
        T_EQ(ps_codec_send(f.c, f.id, ps_bytes_of(data, first), false, &taken, NULL), PS_OK);
        T_EQ(ps_codec_send(f.c, f.id, ps_bytes_of(data, 100), false, &taken, NULL), PS_OK);
        T_EQ(ps_codec_send(f.c, f.id, ps_bytes_of(NULL, 0), true, &taken, NULL), PS_OK);
        T_EQ(pull_all(f.c, 1u << 20, &all), PS_OK);
        T_CHECK(ps_buf_n(&all) <= 65536);
        T_CHECK(memcmp(all.data + all.end - 7, "\r\n0\r\n\r\n", 7) == 0);
        ps_buf_fini(&all);
        close_fixture(&f);
    }
}

static void a_100_lets_the_body_go(void)
{
    struct fixture f = open_post(PS_BODY_FIXED, 3, true);
    T_CHECK(ps_codec_is_waiting(f.c, 1));
    send_str(&f, "abc", true, PS_OK, 0);
    feed_str(&f, "HTTP/1.1 103 Early Hints\r\n\r\n");
    T_CHECK(ps_codec_is_waiting(f.c, 1));
    feed_str(&f, "HTTP/1.1 100 Continue\r\n\r\n");
    T_CHECK(!ps_codec_is_waiting(f.c, 1));
    send_str(&f, "abc", true, PS_OK, 3);
    expect_wire(&f, "abc");
    feed_str(&f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    T_CHECK(f.log.ended && ps_codec_is_reusable(f.c));
    close_fixture(&f);
}

static void the_wait_can_be_ended(void)
{
    struct fixture f = open_post(PS_BODY_STREAM, 0, true);
    send_str(&f, "abc", true, PS_OK, 0);
    ps_codec_stop_waiting(f.c, 1);
    send_str(&f, "abc", true, PS_OK, 3);
    expect_wire(&f, "3\r\nabc\r\n0\r\n\r\n");
    close_fixture(&f);
    /* An end without bytes is remembered: nothing else tells the sender to come again. */
    f = open_post(PS_BODY_STREAM, 0, true);
    send_str(&f, "", true, PS_OK, 0);
    expect_wire(&f, "");
    ps_codec_stop_waiting(f.c, 1);
    expect_wire(&f, "0\r\n\r\n");
    expect_wire(&f, "");
    close_fixture(&f);
}

static void a_final_status_before_100_means_no_body(void)
{
    static const char *const finals[] = {
        "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct fixture f = open_post(PS_BODY_FIXED, 3, true);
        feed_str(&f, finals[i]);
        T_CHECK(f.log.ended && !ps_codec_is_reusable(f.c) && !ps_codec_is_waiting(f.c, 1));
        send_str(&f, "abc", true, PS_OK, 3);
        expect_wire(&f, "");
        T_EQ(ps_codec_free_slots(f.c), 0);
        close_fixture(&f);
    }
}

static void an_early_refusal_stops_the_body(void)
{
    struct fixture f = open_post(PS_BODY_STREAM, 0, false);
    send_str(&f, "abc", false, PS_OK, 3);
    feed_str(&f, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n");
    send_str(&f, "def", true, PS_OK, 3); /* swallowed */
    expect_wire(&f, "");
    T_CHECK(!f.log.ended);
    feed_str(&f, "no");
    T_CHECK(f.log.ended && !ps_codec_is_reusable(f.c));
    close_fixture(&f);
}

static void an_early_success_is_full_duplex(void)
{
    struct fixture f = open_post(PS_BODY_FIXED, 6, false);
    send_str(&f, "abc", false, PS_OK, 3);
    feed_str(&f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    send_str(&f, "def", true, PS_OK, 3);
    expect_wire(&f, "abcdef");
    feed_str(&f, "ok");
    T_CHECK(f.log.ended && ps_codec_is_reusable(f.c));
    T_EQ(ps_codec_free_slots(f.c), 1);
    close_fixture(&f);
}

static void a_whole_answer_to_half_a_request_ends_the_connection(void)
{
    struct fixture f = open_post(PS_BODY_FIXED, 6, false);
    send_str(&f, "abc", false, PS_OK, 3);
    feed_str(&f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    T_CHECK(f.log.ended && !ps_codec_is_reusable(f.c));
    send_str(&f, "def", true, PS_OK, 3); /* swallowed */
    expect_wire(&f, "");
    close_fixture(&f);
}

/* A refusal after the whole body was queued changes nothing: what is queued is pulled, then reuse.
 */
static void the_next_exchange_waits_for_the_queue(void)
{
    struct fixture f = open_post(PS_BODY_FIXED, 3, false);
    uint32_t id;
    send_str(&f, "abc", true, PS_OK, 3);
    feed_str(&f, "HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n");
    T_CHECK(f.log.ended && ps_codec_is_reusable(f.c));
    T_EQ(ps_codec_free_slots(f.c), 0);
    T_EQ(ps_codec_open(f.c, f.req, &id, NULL), PS_CLOSED);
    expect_wire(&f, "abc");
    T_EQ(ps_codec_free_slots(f.c), 1);
    T_EQ(ps_codec_open(f.c, f.req, &id, NULL), PS_OK);
    T_EQ(id, f.id + 1);
    close_fixture(&f);
}

static void a_close_while_sending_says_so(void)
{
    struct fixture f = open_post(PS_BODY_FIXED, 3, false);
    ps_codec_feed_eof(f.c, true);
    h1_log_events(&f.log, f.c);
    T_STR(f.log.text, "FAIL DISCONNECTED send\n");
    close_fixture(&f);
}

static void wants_close_is_not_reusable(void)
{
    struct written w = {.method = "GET", .url = "http://a", .fields = {"Connection", "close"}};
    struct fixture f = {0};
    T_EQ(build(&w, &f.req), PS_OK);
    T_EQ(ps_h1_new(&f.c, &h1_test_limits, NULL), PS_OK);
    T_EQ(ps_codec_open(f.c, f.req, &f.id, NULL), PS_OK);
    expect_wire(&f, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    T_CHECK(!ps_codec_is_reusable(f.c));
    feed_str(&f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    T_CHECK(f.log.ended && !ps_codec_is_reusable(f.c));
    T_EQ(ps_codec_free_slots(f.c), 0);
    close_fixture(&f);
}

static const struct t_test tests[] = {
    {"writes", writes},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
    {"lengths_must_agree", lengths_must_agree},
    {"the_queue_is_bounded", the_queue_is_bounded},
    {"the_last_chunk_always_fits", the_last_chunk_always_fits},
    {"a_100_lets_the_body_go", a_100_lets_the_body_go},
    {"the_wait_can_be_ended", the_wait_can_be_ended},
    {"a_final_status_before_100_means_no_body", a_final_status_before_100_means_no_body},
    {"an_early_refusal_stops_the_body", an_early_refusal_stops_the_body},
    {"an_early_success_is_full_duplex", an_early_success_is_full_duplex},
    {"a_whole_answer_to_half_a_request_ends_the_connection",
     a_whole_answer_to_half_a_request_ends_the_connection},
    {"the_next_exchange_waits_for_the_queue", the_next_exchange_waits_for_the_queue},
    {"a_close_while_sending_says_so", a_close_while_sending_says_so},
    {"wants_close_is_not_reusable", wants_close_is_not_reusable},
};
T_MAIN(tests)
