/* What the HTTP/1.1 reader accepts: each scenario whole, cut at every byte, byte by byte, and with
 * each allocation refused. What it refuses is in test_h1_refuse.c. */
#include "h1_log.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_LOG "HEAD 1.1 200 OK\n  Transfer-Encoding=chunked\n"

struct accepted {
    const char *name;
    const char *method;
    const char *wire;
    char eof;
    bool reusable;
    const char *log;
};

static const struct accepted table[] = {
    {"length", NULL, OK_LINE "Content-Length: 5\r\n\r\nhello", 0, true,
     "HEAD 1.1 200 OK\n  Content-Length=5\nBODY hello\nEND\n"},
    {"length 0", NULL, OK_LINE "content-length:0\r\n\r\n", 0, true,
     "HEAD 1.1 200 OK\n  content-length=0\nEND\n"},
    {"length with leading zeros", NULL, OK_LINE "Content-Length: 0005\r\n\r\nhello", 0, true,
     "HEAD 1.1 200 OK\n  Content-Length=0005\nBODY hello\nEND\n"},
    {"blanks around a value", NULL, OK_LINE "Content-Length: \t 2 \t\r\nX:\r\n\r\nab", 0, true,
     "HEAD 1.1 200 OK\n  Content-Length=2\n  X=\nBODY ab\nEND\n"},
    {"empty reason", NULL, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 0, true,
     "HEAD 1.1 200 \n  Content-Length=0\nEND\n"},
    {"reason with blanks and bytes over 0x7f", NULL,
     "HTTP/1.1 299 \xc3\xa9 \t x\r\nContent-Length: 0\r\n\r\n", 0, true,
     "HEAD 1.1 299 \xc3\xa9 \t x\n  Content-Length=0\nEND\n"},
    {"unknown status 999", NULL, "HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n", 0, true,
     "HEAD 1.1 999 ?\n  Content-Length=0\nEND\n"},
    {"order, case and duplicates stay", NULL,
     OK_LINE
     "b: 1\r\nA: 2\r\nB: 3\r\nset-cookie: x=1\r\nset-cookie: y\r\nContent-Length: 0\r\n\r\n",
     0, true,
     "HEAD 1.1 200 OK\n  b=1\n  A=2\n  B=3\n  set-cookie=x=1\n  set-cookie=y\n"
     "  Content-Length=0\nEND\n"},
    {"a name of every tchar", NULL, OK_LINE "!#$%&'*+-.^_`|~09azAZ: v\r\nContent-Length: 0\r\n\r\n",
     0, true, "HEAD 1.1 200 OK\n  !#$%&'*+-.^_`|~09azAZ=v\n  Content-Length=0\nEND\n"},
    {"value with colons and bytes over 0x7f", NULL,
     OK_LINE "a:b:c :\xff\x80\t~\r\nContent-Length: 0\r\n\r\n", 0, true,
     "HEAD 1.1 200 OK\n  a=b:c :\xff\x80\t~\n  Content-Length=0\nEND\n"},

    {"chunks", NULL, CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 0, true,
     CHUNKED_LOG "BODY hello world\nEND\n"},
    {"no chunk but the last", NULL, CHUNKED "0\r\n\r\n", 0, true, CHUNKED_LOG "END\n"},
    {"hex sizes in both cases, leading zeros", NULL,
     CHUNKED "a\r\n0123456789\r\n0B\r\n0123456789a\r\n0000000000000001\r\nx\r\n000\r\n\r\n", 0,
     true, CHUNKED_LOG "BODY 01234567890123456789ax\nEND\n"},
    {"chunk data that looks like framing", NULL, CHUNKED "9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", 0,
     true, CHUNKED_LOG "BODY \r\n0\r\n\r\n\r\n\nEND\n"},
    {"chunk extensions are skipped", NULL, CHUNKED "3;a=b;c=\"d\r\nabc\r\n1;\r\nd\r\n0; x\r\n\r\n",
     0, true, CHUNKED_LOG "BODY abcd\nEND\n"},
    {"trailers are apart", NULL, CHUNKED "1\r\na\r\n0\r\nX-Sum: 1\r\nx-b:  2 \r\n\r\n", 0, true,
     CHUNKED_LOG "BODY a\nTRAILERS\n  X-Sum=1\n  x-b=2\nEND\n"},
    {"rule 59: forbidden trailers are dropped", NULL,
     CHUNKED "0\r\ncontent-length: 9\r\nX: 1\r\ntransfer-encoding: chunked\r\n"
             "Set-Cookie: a\r\n\r\n",
     0, true, CHUNKED_LOG "TRAILERS\n  X=1\nEND\n"},
    {"nothing but forbidden trailers", NULL, CHUNKED "0\r\nHost: a\r\n\r\n", 0, true,
     CHUNKED_LOG "END\n"},
    {"coding name in any case", NULL, OK_LINE "transfer-ENCODING:\tChunkeD \r\n\r\n0\r\n\r\n", 0,
     true, "HEAD 1.1 200 OK\n  transfer-ENCODING=ChunkeD\nEND\n"},

    {"until close", NULL, OK_LINE "\r\nhello", 'c', false,
     "HEAD 1.1 200 OK\nBODY hello\nEND\nFAIL DISCONNECTED none not processed\n"},
    {"until close, empty", NULL, OK_LINE "\r\n", 'c', false,
     "HEAD 1.1 200 OK\nEND\nFAIL DISCONNECTED none not processed\n"},
    {"until close, still open", NULL, OK_LINE "\r\nhello", 0, false, "HEAD 1.1 200 OK\nBODY hello"},
    {"a complete body needs no close_notify", NULL, OK_LINE "Content-Length: 2\r\n\r\nab", 'd',
     false,
     "HEAD 1.1 200 OK\n  Content-Length=2\nBODY ab\nEND\nFAIL DISCONNECTED none not processed\n"},

    {"HEAD has no body", "HEAD", OK_LINE "Content-Length: 5\r\n\r\n", 0, true,
     "HEAD 1.1 200 OK\n  Content-Length=5\nEND\n"},
    {"HEAD with chunked", "HEAD", CHUNKED, 0, true, CHUNKED_LOG "END\n"},
    {"HEAD without framing stays reusable", "HEAD", OK_LINE "\r\n", 0, true,
     "HEAD 1.1 200 OK\nEND\n"},
    {"204", NULL, "HTTP/1.1 204 No Content\r\n\r\n", 0, true, "HEAD 1.1 204 No Content\nEND\n"},
    {"204 with length 0", NULL, "HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n", 0, true,
     "HEAD 1.1 204 N\n  Content-Length=0\nEND\n"},
    {"204 that announces a body is not trusted", NULL,
     "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n", 0, false,
     "HEAD 1.1 204 N\n  Transfer-Encoding=chunked\nEND\n"},
    {"304 with the length of what was not sent", NULL,
     "HTTP/1.1 304 N\r\nContent-Length: 500\r\n\r\n", 0, true,
     "HEAD 1.1 304 N\n  Content-Length=500\nEND\n"},
    {"2xx to CONNECT has no body whatever it says", "CONNECT", OK_LINE "Content-Length: 5\r\n\r\n",
     0, false, "HEAD 1.1 200 OK\n  Content-Length=5\nEND\n"},
    {"a refusal of CONNECT has one", "CONNECT", "HTTP/1.1 407 P\r\nContent-Length: 2\r\n\r\nno", 0,
     true, "HEAD 1.1 407 P\n  Content-Length=2\nBODY no\nEND\n"},

    {"rule 77: interim heads", NULL,
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: "
     "a\r\n\r\n" OK_LINE "Content-Length: 1\r\n\r\nx",
     0, true,
     "INFO 1.1 100 Continue\nINFO 1.1 100 C\nINFO 1.1 103 Early Hints\n  Link=a\n"
     "HEAD 1.1 200 OK\n  Content-Length=1\nBODY x\nEND\n"},
    {"framing and close of an interim head mean nothing later", NULL,
     "HTTP/1.1 102 P\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" CHUNKED "0\r\n\r\n", 0,
     true, "INFO 1.1 102 P\n  Connection=close\n  Content-Length=0\n" CHUNKED_LOG "END\n"},

    {"rule 78: close", NULL, OK_LINE "Connection: close\r\nContent-Length: 0\r\n\r\n", 0, false,
     "HEAD 1.1 200 OK\n  Connection=close\n  Content-Length=0\nEND\n"},
    {"rule 78: close in a list", NULL,
     OK_LINE "Connection: x ,, CLOSE\t, keep-alive\r\nContent-Length: 0\r\n\r\n", 0, false,
     "HEAD 1.1 200 OK\n  Connection=x ,, CLOSE\t, keep-alive\n  Content-Length=0\nEND\n"},
    {"rule 78: 1.0 closes", NULL, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 0, false,
     "HEAD 1.0 200 OK\n  Content-Length=1\nBODY x\nEND\n"},
    {"rule 78: 1.0 with keep-alive", NULL,
     "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", 0, true,
     "HEAD 1.0 200 OK\n  Connection=Keep-Alive\n  Content-Length=1\nBODY x\nEND\n"},
    {"rule 78: Keep-Alive: timeout=0", NULL,
     OK_LINE "Keep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n", 0, false,
     "HEAD 1.1 200 OK\n  Keep-Alive=timeout=0\n  Content-Length=0\nEND\n"},
    {"rule 76: bytes after the message", NULL, OK_LINE "Content-Length: 1\r\n\r\nxHTTP", 0, false,
     "HEAD 1.1 200 OK\n  Content-Length=1\nBODY x\nEND\nFAIL PROTOCOL none not processed\n"},
    {"rule 76: even an empty line", NULL, CHUNKED "0\r\n\r\n\r\n", 0, false,
     CHUNKED_LOG "END\nFAIL PROTOCOL none not processed\n"},
};

static struct h1_run run_of(const struct accepted *a)
{
    return (struct h1_run){.method = a->method, .wire = ps_bytes_str(a->wire), .eof = a->eof};
}

static void reads_alike_however_it_is_cut(void)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct h1_run run = run_of(&table[i]);
        struct h1_log log = h1_run_all_cuts(&run);
        if (strcmp(log.text, table[i].log) != 0 || log.reusable != table[i].reusable) {
            fprintf(stderr, "%s: got (reusable %d)\n%s\nwanted (reusable %d)\n%s\n", table[i].name,
                    log.reusable, log.text, table[i].reusable, table[i].log);
            abort();
        }
        h1_log_free(&log);
    }
}

static size_t alloc_case;

static enum ps_status alloc_scenario(void)
{
    struct h1_run run = run_of(&table[alloc_case]);
    struct h1_log log = {0};
    enum ps_status st = h1_run_cut(&run, h1_cut_bytes, NULL, &log);
    if (st == PS_OK && log.failed == PS_NOMEM)
        st = PS_NOMEM;
    else if (st == PS_OK)
        T_STR(log.text, table[alloc_case].log);
    h1_log_free(&log);
    return st;
}

static void survives_each_allocation_failure(void)
{
    for (alloc_case = 0; alloc_case < sizeof table / sizeof table[0]; alloc_case++)
        t_each_alloc(alloc_scenario);
}

/* A codec with one GET on its way. */
static struct ps_codec *open_get(struct ps_request **req, uint32_t *id)
{
    struct ps_codec *c = NULL;
    T_EQ(ps_h1_new(&c, &h1_test_limits, NULL), PS_OK);
    T_EQ(h1_test_request(req, "GET", PS_BODY_NONE, 0), PS_OK);
    T_EQ(ps_codec_free_slots(c), 1);
    T_EQ(ps_codec_open(c, *req, id, NULL), PS_OK);
    T_EQ(ps_codec_free_slots(c), 0);
    T_EQ(h1_test_drain(c), PS_OK);
    return c;
}

static void feed_str(struct ps_codec *c, const char *s, struct h1_log *log)
{
    ps_codec_feed(c, ps_bytes_str(s));
    h1_log_events(log, c);
}

static void carries_one_exchange_after_another(void)
{
    struct ps_request *req;
    uint32_t id;
    struct ps_codec *c = open_get(&req, &id);
    for (uint32_t i = 1; i <= 5; i++) {
        struct h1_log log = {0};
        T_EQ(id, i);
        feed_str(c, OK_LINE "Keep-Alive: max=9, timeout=5\r\nContent-Le", &log);
        T_CHECK(!log.ended && ps_codec_is_reusable(c));
        T_EQ(ps_codec_free_slots(c), 0);
        feed_str(c, "ngth: 3\r\n\r\nabc", &log);
        T_CHECK(log.ended && ps_codec_is_reusable(c) && ps_codec_wants_read(c));
        T_EQ(ps_h1_keep_alive_ms(c), 5000);
        T_EQ(ps_codec_free_slots(c), 1);
        h1_log_free(&log);
        T_EQ(ps_codec_open(c, req, &id, NULL), PS_OK);
        T_EQ(h1_test_drain(c), PS_OK);
    }
    ps_codec_fini(c);
    ps_request_free(req);
}

static void body_views_point_into_the_input(void)
{
    static const char wire[] = CHUNKED "3\r\nabc\r\n2\r\nde\r\n";
    struct ps_request *req;
    uint32_t id;
    struct ps_codec *c = open_get(&req, &id);
    struct ps_event ev;
    ps_codec_feed(c, ps_bytes_str(wire));
    ps_codec_next(c, &ev);
    T_EQ(ev.kind, PS_EV_HEAD);
    ps_head_free(ev.head);
    ps_codec_next(c, &ev);
    T_EQ(ev.kind, PS_EV_BODY);
    T_CHECK(ev.body.p == (const uint8_t *)strstr(wire, "abc") && ev.body.n == 3);
    ps_codec_next(c, &ev);
    T_CHECK(ev.body.p == (const uint8_t *)strstr(wire, "de\r") && ev.body.n == 2);
    ps_codec_next(c, &ev);
    T_EQ(ev.kind, PS_EV_NONE);
    ps_codec_fini(c);
    ps_request_free(req);
}

static void unread_bytes_stop_reading(void)
{
    struct ps_request *req;
    uint32_t id;
    struct ps_codec *c = open_get(&req, &id);
    struct h1_log log = {0};
    static char piece[65536];
    memset(piece, 'x', sizeof piece);
    feed_str(c, OK_LINE "Content-Length: 65540\r\n\r\n", &log);
    ps_codec_feed(c, ps_bytes_of(piece, sizeof piece));
    h1_log_events(&log, c);
    T_CHECK(ps_codec_wants_read(c));
    feed_str(c, "abc", &log);
    T_CHECK(!ps_codec_wants_read(c));
    ps_codec_credit(c, id + 1, 10);
    T_CHECK(!ps_codec_wants_read(c));
    ps_codec_credit(c, id, 2);
    T_CHECK(!ps_codec_wants_read(c));
    ps_codec_credit(c, id, 1);
    T_CHECK(ps_codec_wants_read(c));
    ps_codec_credit(c, id, 1u << 30);
    feed_str(c, "d", &log);
    T_CHECK(log.ended && ps_codec_wants_read(c));
    T_EQ(log.body_n, 65540);
    h1_log_free(&log);
    ps_codec_fini(c);
    ps_request_free(req);
}

static void an_idle_connection_notices_a_close(void)
{
    struct ps_codec *c = NULL;
    struct h1_log log = {0};
    T_EQ(ps_h1_new(&c, &h1_test_limits, NULL), PS_OK);
    T_CHECK(ps_codec_wants_read(c) && ps_codec_is_reusable(c));
    ps_codec_feed_eof(c, true);
    T_CHECK(!ps_codec_is_reusable(c) && !ps_codec_wants_read(c));
    T_EQ(ps_codec_free_slots(c), 0);
    h1_log_events(&log, c);
    T_STR(log.text, "FAIL DISCONNECTED none not processed\n");
    h1_log_free(&log);
    ps_codec_fini(c);
}

static void drop_ends_the_connection_once_the_peer_saw_it(void)
{
    struct ps_request *req;
    uint32_t id;
    struct ps_codec *c = open_get(&req, &id);
    struct h1_log log = {0};
    ps_codec_drop(c, id + 7);
    T_CHECK(ps_codec_is_reusable(c));
    ps_codec_drop(c, id);
    T_CHECK(!ps_codec_is_reusable(c) && !ps_codec_wants_read(c));
    feed_str(c, OK_LINE "\r\nabc", &log);
    ps_codec_feed_eof(c, true);
    h1_log_events(&log, c);
    T_CHECK(log.text == NULL);
    ps_codec_drop(c, id);
    ps_codec_fini(c);
    ps_request_free(req);
}

static void drop_before_the_first_byte_undoes_open(void)
{
    struct ps_codec *c = NULL;
    struct ps_request *req;
    uint32_t id, other;
    T_EQ(ps_h1_new(&c, &h1_test_limits, NULL), PS_OK);
    T_EQ(h1_test_request(&req, "GET", PS_BODY_NONE, 0), PS_OK);
    T_EQ(ps_codec_open(c, req, &id, NULL), PS_OK);
    T_EQ(ps_codec_open(c, req, &other, NULL), PS_CLOSED);
    ps_codec_drop(c, id);
    T_CHECK(ps_codec_is_reusable(c));
    T_EQ(ps_codec_open(c, req, &other, NULL), PS_OK);
    T_EQ(other, id + 1);
    ps_codec_fini(c);
    ps_request_free(req);
}

static void a_response_before_the_request_is_refused(void)
{
    struct ps_codec *c = NULL;
    struct ps_request *req;
    struct h1_log log = {0};
    uint32_t id;
    T_EQ(ps_h1_new(&c, &h1_test_limits, NULL), PS_OK);
    T_EQ(h1_test_request(&req, "GET", PS_BODY_NONE, 0), PS_OK);
    T_EQ(ps_codec_open(c, req, &id, NULL), PS_OK);
    feed_str(c, "HTTP/1.1 408 Request Timeout\r\n\r\n", &log);
    T_STR(log.text, "FAIL PROTOCOL send not processed\n");
    h1_log_free(&log);
    ps_codec_fini(c);
    ps_request_free(req);
}

static const struct t_test tests[] = {
    {"reads_alike_however_it_is_cut", reads_alike_however_it_is_cut},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
    {"carries_one_exchange_after_another", carries_one_exchange_after_another},
    {"body_views_point_into_the_input", body_views_point_into_the_input},
    {"unread_bytes_stop_reading", unread_bytes_stop_reading},
    {"an_idle_connection_notices_a_close", an_idle_connection_notices_a_close},
    {"drop_ends_the_connection_once_the_peer_saw_it",
     drop_ends_the_connection_once_the_peer_saw_it},
    {"drop_before_the_first_byte_undoes_open", drop_before_the_first_byte_undoes_open},
    {"a_response_before_the_request_is_refused", a_response_before_the_request_is_refused},
};
T_MAIN(tests)
