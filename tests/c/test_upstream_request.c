/* The scripted upstream's strict request reader: what it takes, what it refuses and why, however the bytes are cut. */
#include "t.h"
#include "upstream/h1_request.h"

struct seen {
    char text[4096]; /* "METHOD target|name=value|...;body;" for each message */
    size_t n;
    const char *why; /* of the end; NULL: all was read */
    bool is_nomem;
    size_t bodies_n, fields_n;
};

static void see(struct seen *s, const void *p, size_t n)
{
    if (s->n + n >= sizeof s->text)
        return;
    if (n > 0)
        memcpy(s->text + s->n, p, n);
    s->n += n;
    s->text[s->n] = '\0';
}

static void see_span(struct seen *s, const struct up_request *r, struct up_span span, const char *then)
{
    struct ps_bytes view = up_request_view(r, span);
    see(s, view.p, view.n);
    see(s, then, strlen(then));
}

static void see_head(struct seen *s, const struct up_h1_reader *r)
{
    see_span(s, &r->request, r->request.method, " ");
    see_span(s, &r->request, r->request.target, "");
    for (size_t i = 0; i < r->request.fields_n; i++) {
        see(s, "|", 1);
        see_span(s, &r->request, r->request.fields[i].name, "=");
        see_span(s, &r->request, r->request.fields[i].value, "");
    }
    see(s, ";", 1);
    s->fields_n = r->request.fields_n;
}

static bool read_some(struct up_h1_reader *r, struct ps_bytes input, struct seen *s)
{
    struct ps_bytes piece;
    for (;;) {
        switch (up_h1_read(r, &input, &piece)) {
        case UP_H1_MORE:
            return true;
        case UP_H1_HEAD:
            see_head(s, r);
            break;
        case UP_H1_BODY:
            if (up_request_body(&r->request, piece) != PS_OK) {
                s->is_nomem = true;
                return false;
            }
            see(s, piece.p, piece.n);
            s->bodies_n += piece.n;
            break;
        case UP_H1_END:
            T_EQ(r->request.body_bytes > 0, ps_buf_n(&r->request.body) > 0);
            see(s, ";", 1);
            up_h1_reader_next_message(r);
            break;
        case UP_H1_BAD:
            s->why = r->why;
            return false;
        case UP_H1_NOMEM:
            s->is_nomem = true;
            return false;
        }
    }
}

/* In pieces of `piece_n` bytes. */
static void read_wire(const char *wire, size_t wire_n, size_t piece_n, struct seen *s)
{
    struct up_h1_reader r;
    *s = (struct seen){0};
    up_h1_reader_init(&r, 65536);
    for (size_t at = 0; at < wire_n; at += piece_n) {
        size_t n = wire_n - at < piece_n ? wire_n - at : piece_n;
        if (!read_some(&r, ps_bytes_of(wire + at, n), s))
            break;
    }
    up_h1_reader_fini(&r);
}

static void takes(const char *wire, const char *wanted)
{
    struct seen s;
    for (size_t piece_n = strlen(wire); piece_n > 0; piece_n--) {
        read_wire(wire, strlen(wire), piece_n, &s);
        T_CHECK(s.why == NULL && !s.is_nomem);
        T_STR(s.text, wanted);
    }
}

static void refuses(const char *wire, const char *why)
{
    struct seen s;
    for (size_t piece_n = strlen(wire); piece_n > 0; piece_n--) {
        read_wire(wire, strlen(wire), piece_n, &s);
        T_CHECK(s.why != NULL);
        T_STR(s.why, why);
    }
}

static void test_takes_messages(void)
{
    takes("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a?b=c|Host=x;;");
    takes("GET / HTTP/1.1\r\nhost:x\r\nA: \t b c \t\r\nE:\r\n\r\n", "GET /|host=x|A=b c|E=;;");
    takes("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "POST /x|Host=x|Content-Length=5;hello;");
    takes("POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\nGET /2 HTTP/1.1\r\nHost: y\r\n\r\n",
          "POST /|Host=x|content-length=0;;GET /2|Host=y;;");
    takes("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
          "5;a=\"b\"\r\nhello\r\n0A\r\n0123456789\r\n0\r\nX: y\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
          "PUT /|Host=x|Transfer-Encoding=Chunked;hello0123456789;OPTIONS *|Host=x;;");
    takes("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "CONNECT a:1|Host=a:1;;");
    takes("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/|Host=a;;");
    takes("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", "GET /|Host=\xc3\xa9;;");
}

static void test_refuses_request_lines(void)
{
    refuses("GET / HTTP/1.1\nHost: x\n\n", "a line ends in LF alone");
    refuses("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "the request line has no space");
    refuses("GET /\r\n", "the request line has no version");
    refuses("G=T / HTTP/1.1\r\n", "the method is not a token");
    refuses("GET  / HTTP/1.1\r\n", "the target is malformed");
    refuses("GET / HTTP/1.0\r\n", "the version is not HTTP/1.1");
    refuses("GET / HTTP/1.1 \r\n", "the version is not HTTP/1.1");
    refuses("GET a HTTP/1.1\r\n", "the target is malformed");
    refuses("GET /\x80 HTTP/1.1\r\n", "the target is malformed");
    refuses("GET * HTTP/1.1\r\n", "the target is malformed");
    refuses("CONNECT /a:1 HTTP/1.1\r\n", "the target is malformed");
    refuses("GET /\ra HTTP/1.1\r\n", "CR inside of a line");
}

static void test_refuses_fields(void)
{
#define LINE "GET / HTTP/1.1\r\nHost: x\r\n"
    refuses("GET / HTTP/1.1\r\n\r\n", "no Host");
    refuses(LINE "Host: x\r\n\r\n", "two Host");
    refuses(LINE "A : b\r\n", "a field's name is not a token");
    refuses(LINE " folded\r\n", "a field has no colon");
    refuses(LINE "\tfolded: yes\r\n", "a field's name is not a token");
    refuses(LINE ": b\r\n", "a field's name is not a token");
    refuses(LINE "A: b\x01\r\n", "a field's value has a control character");
    refuses(LINE "Expect: gold\r\n", "an unknown expectation");
    refuses(LINE "Content-Length: 1\r\nContent-Length: 1\r\n", "two Content-Length");
    refuses(LINE "Content-Length: +1\r\n", "Content-Length is not a number");
    refuses(LINE "Content-Length: 1, 1\r\n", "Content-Length is not a number");
    refuses(LINE "Content-Length: \r\n", "Content-Length is not a number");
    refuses(LINE "Content-Length: 1234567890123456789\r\n", "Content-Length is not a number");
    refuses(LINE "Transfer-Encoding: gzip, chunked\r\n", "a transfer coding other than one chunked");
    refuses(LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "a transfer coding other than one chunked");
    refuses(LINE "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", "Transfer-Encoding and Content-Length");
}

static void test_refuses_chunks(void)
{
#define CHUNKED LINE "Transfer-Encoding: chunked\r\n\r\n"
    refuses(CHUNKED "\r\n", "a chunk's size is not a number");
    refuses(CHUNKED "0x5\r\n", "a chunk's size is followed by something else than an extension");
    refuses(CHUNKED "5 \r\n", "a chunk's size is followed by something else than an extension");
    refuses(CHUNKED "-1\r\n", "a chunk's size is not a number");
    refuses(CHUNKED "1000000000000000\r\n", "a chunk's size is too large");
    refuses(CHUNKED "1\r\nab\r\n", "a chunk is longer than its size");
    refuses(CHUNKED "1\r\na\n", "a chunk is longer than its size");
    refuses(CHUNKED "1\na", "a line ends in LF alone");
    refuses(CHUNKED "0\r\nX y\r\n", "a field has no colon");
}

static char *repeat(const char *begin, const char *what, size_t times_n)
{
    size_t begin_n = strlen(begin), what_n = strlen(what);
    char *wire = malloc(begin_n + times_n * what_n + 1);
    memcpy(wire, begin, begin_n);
    for (size_t i = 0; i < times_n; i++)
        memcpy(wire + begin_n + i * what_n, what, what_n);
    wire[begin_n + times_n * what_n] = '\0';
    return wire;
}

static void refuses_many(const char *begin, const char *what, size_t times_n, const char *why)
{
    const size_t pieces[] = {1000000, 1000, 7};
    char *wire = repeat(begin, what, times_n);
    for (size_t i = 0; i < 3; i++) {
        struct seen s;
        read_wire(wire, strlen(wire), pieces[i], &s);
        T_CHECK(s.why != NULL);
        T_STR(s.why, why);
    }
    free(wire);
}

static void test_limits(void)
{
    refuses_many(LINE, "a: b\r\n", 200, "too many fields");
    refuses_many(LINE "a: ", "b", 70000, "the head is too large");
    refuses_many(LINE, "a: 0123456789012345678901234567890123456789012345678901234567890123456789"
                       "0123456789012345678901234567890123456789012345678901234567890123456789"
                       "0123456789012345678901234567890123456789012345678901234567890123456789"
                       "0123456789012345678901234567890123456789012345678901234567890123456789"
                       "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
                 199, "the head is too large");
    refuses_many("GET /", "a", 70000, "the head is too large");
    refuses_many(CHUNKED "1;", "a", 2000, "a chunk's size line is too long");
    refuses_many(CHUNKED, "1;aaaaaaaaaaaaaaaaaaa\r\nb\r\n", 210, "too many chunk extensions");
    refuses_many(CHUNKED "0\r\n", "a: b\r\n", 201, "too many trailer fields");
    refuses_many(CHUNKED "0\r\na: ", "b", 70000, "the head is too large");
    struct seen s;
    char *wire = repeat(CHUNKED, "1\r\nb\r\n", 50000);
    read_wire(wire, strlen(wire), 1000000, &s);
    T_CHECK(s.why == NULL);
    T_EQ(s.bodies_n, 50000);
    free(wire);
}

static enum ps_status read_with_little_memory(void)
{
    static const char wire[] = CHUNKED "5\r\nhello\r\n0\r\n\r\n" LINE "Content-Length: 3\r\n\r\nabc";
    struct seen s;
    for (size_t piece_n = 1; piece_n < 200; piece_n += 33) {
        read_wire(wire, sizeof wire - 1, piece_n, &s);
        if (s.is_nomem)
            return PS_NOMEM;
        T_CHECK(s.why == NULL);
    }
    return PS_OK;
}

static void test_memory(void)
{
    t_each_alloc(read_with_little_memory);
}

static const struct t_test tests[] = {
    {"takes_messages", test_takes_messages},
    {"refuses_request_lines", test_refuses_request_lines},
    {"refuses_fields", test_refuses_fields},
    {"refuses_chunks", test_refuses_chunks},
    {"limits", test_limits},
    {"memory", test_memory},
};

T_MAIN(tests)
