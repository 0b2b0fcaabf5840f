/* Rule 64: a request that could be read in two ways is not built. */
#include "proto/request.h"
#include "t.h"

#define W(s)                                                                                       \
    {                                                                                              \
        (const uint8_t *)(s), sizeof(s) - 1                                                        \
    }

static struct ps_request *new_request(const char *method, const char *text)
{
    struct ps_url url;
    struct ps_request *r = NULL;
    T_EQ(ps_url_split(&url, ps_bytes_str(text), NULL), PS_OK);
    T_EQ(ps_request_new(&r, ps_bytes_str(method), &url, NULL), PS_OK);
    return r;
}

static enum ps_status add(struct ps_request *r, const char *name, const char *value)
{
    return ps_request_add(r, ps_bytes_str(name), ps_bytes_str(value), NULL);
}

static void targets_and_authorities(void)
{
    static const struct {
        const char *url, *target, *authority;
    } t[] = {
        {"http://a", "/", "a"},
        {"http://a/", "/", "a"},
        {"http://a?b", "/?b", "a"},
        {"http://a:80/b?c#d", "/b?c", "a"},
        {"https://a:80//b", "//b", "a:80"},
        {"http://[::1]:9/", "/", "[::1]:9"},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct ps_request *r = new_request("GET", t[i].url);
        T_STR(r->target, t[i].target);
        T_STR(r->authority, t[i].authority);
        ps_request_free(r);
    }
}

static void methods(void)
{
    static const struct ps_bytes bad[] = {W(""),      W("GE T"), W("GET "), W("GET\r\nX: y"),
                                          W("GET\0"), W("G/T"),  W("G(T"),  W("GET\xc3"),
                                          W("GET:"),  W("\tGET")};
    struct ps_url url;
    T_EQ(ps_url_split(&url, ps_bytes_str("http://a"), NULL), PS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ps_request *r = NULL;
        T_EQ(ps_request_new(&r, bad[i], &url, NULL), PS_BAD_HEADER);
        T_CHECK(r == NULL);
    }
    static const struct {
        const char *method;
        bool is_idempotent, is_head, is_connect;
    } good[] = {
        {"GET", true, false, false},     {"HEAD", true, true, false},
        {"PUT", true, false, false},     {"DELETE", true, false, false},
        {"OPTIONS", true, false, false}, {"TRACE", true, false, false},
        {"POST", false, false, false},   {"PATCH", false, false, false},
        {"get", false, false, false},    {"head", false, false, false},
        {"CONNECT", false, false, true}, {"M-SEARCH", false, false, false},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct ps_request *r = new_request(good[i].method, "http://a");
        T_STR(r->method, good[i].method);
        T_EQ(r->is_idempotent, good[i].is_idempotent);
        T_EQ(r->is_head, good[i].is_head);
        T_EQ(r->is_connect, good[i].is_connect);
        ps_request_free(r);
    }
}

struct field {
    const char *name;
    struct ps_bytes value;
    const char *kept; /* the value as sent, NULL: accepted but not copied through */
};

static void accepted_fields(void)
{
    static const struct field t[] = {
        {"X-A", W("b"), "b"},
        {"x", W(""), ""},
        {"x", W(" \t b c\t"), "b c"},
        {"x", W("\xc3\xa9\xff"), "\xc3\xa9\xff"},
        {"Authorization", W("Bearer x"), "Bearer x"},
        {"Connection", W("Close"), "Close"},
        {"Connection", W("keep-alive"), "keep-alive"},
        {"Expect", W("100-Continue"), "100-Continue"},
        {"TE", W("trailers"), "trailers"},
        {"Transfer-Encoding", W("Chunked"), NULL},
        {"content-length", W("12"), NULL},
        {"HOST", W("b.example:81"), NULL},
        {"Host", W("[::1]:81"), NULL},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct ps_request *r = new_request("POST", "http://a");
        T_EQ(ps_request_add(r, ps_bytes_str(t[i].name), t[i].value, NULL), PS_OK);
        T_EQ(r->fields->fields_n, t[i].kept == NULL ? 0 : 1);
        if (t[i].kept != NULL) {
            T_CHECK(ps_bytes_eq(ps_head_name(r->fields, 0), ps_bytes_str(t[i].name)));
            T_CHECK(ps_bytes_eq(ps_head_value(r->fields, 0), ps_bytes_str(t[i].kept)));
        }
        ps_request_free(r);
    }
}

static void refused_fields(void)
{
    static const struct {
        struct ps_bytes name, value;
    } t[] = {
        {W(""), W("x")},
        {W("a b"), W("x")},
        {W("a:"), W("x")},
        {W(":authority"), W("x")},
        {W("a\r\nb"), W("x")},
        {W("a\0"), W("x")},
        {W("a\xe9"), W("x")},
        {W(" a"), W("x")},
        {W("a\t"), W("x")},
        {W("a"), W("x\r\nb: c")},
        {W("a"), W("x\n")},
        {W("a"), W("x\r")},
        {W("a"), W("\n")},
        {W("a"), W("x\0y")},
        {W("a"), W("x\x1b")},
        {W("a"), W("\x7f")},
        {W("Authorization"), W("Bearer sesame\r\n")},
        {W("Host"), W("")},
        {W("Host"), W("a b")},
        {W("Host"), W("a/b")},
        {W("Host"), W("a@b")},
        {W("Host"), W("a,b")},
        {W("Host"), W("a\\b")},
        {W("Host"), W("a#b")},
        {W("Host"), W("\xc3\xa9")},
        {W("Content-Length"), W("")},
        {W("Content-Length"), W("+1")},
        {W("Content-Length"), W("-1")},
        {W("Content-Length"), W("0x1")},
        {W("Content-Length"), W("1, 1")},
        {W("Content-Length"), W("9223372036854775808")},
        {W("Transfer-Encoding"), W("gzip")},
        {W("Transfer-Encoding"), W("gzip, chunked")},
        {W("Transfer-Encoding"), W("identity")},
        {W("Transfer-Encoding"), W("")},
        {W("Connection"), W("upgrade")},
        {W("Connection"), W("close, te")},
        {W("Connection"), W("")},
        {W("Expect"), W("200-ok")},
        {W("TE"), W("gzip")},
        {W("TE"), W("trailers, deflate")},
        {W("Upgrade"), W("h2c")},
        {W("upgrade"), W("websocket")},
        {W("Keep-Alive"), W("timeout=5")},
        {W("Proxy-Connection"), W("close")},
        {W("HTTP2-Settings"), W("AA")},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct ps_request *r = new_request("POST", "http://a");
        struct ps_err err;
        T_EQ(ps_request_add(r, t[i].name, t[i].value, &err), PS_BAD_HEADER);
        T_CHECK(err.text[0] != '\0' && strstr(err.text, "sesame") == NULL);
        for (const char *c = err.text; *c != '\0'; c++)
            T_CHECK(*c >= 0x20 && *c < 0x7f);
        T_EQ(r->fields->fields_n, 0);
        T_STR(r->authority, "a");
        ps_request_free(r);
    }
}

static void only_one_host_and_one_length(void)
{
    struct ps_request *r = new_request("POST", "http://a");
    T_EQ(add(r, "Host", "b"), PS_OK);
    T_EQ(add(r, "host", "b"), PS_BAD_HEADER);
    T_STR(r->authority, "b");
    T_EQ(add(r, "Content-Length", "1"), PS_OK);
    T_EQ(add(r, "Content-Length", "1"), PS_BAD_HEADER);
    ps_request_free(r);
}

static void a_value_that_slipped_into_a_name_is_not_shown(void)
{
    struct ps_request *r = new_request("POST", "http://a");
    struct ps_err err;
    T_EQ(ps_request_add(r, ps_bytes_str("X-Api-Key: sesame"), ps_bytes_str(""), &err),
         PS_BAD_HEADER);
    T_STR(err.text,
          "request field name \"X-Api-Key\" goes on with byte 0x3a, which no name may have");
    ps_request_free(r);
}

static void targets_verbatim(void)
{
    static const struct ps_bytes bad[] = {W(""),    W("/a b"),      W("/a\r\n"),
                                          W("/\0"), W("/\xc3\xa9"), W("/\x7f")};
    struct ps_request *r = new_request("OPTIONS", "http://a/x");
    T_EQ(ps_request_set_target(r, ps_bytes_str("*"), NULL), PS_OK);
    T_STR(r->target, "*");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        T_EQ(ps_request_set_target(r, bad[i], NULL), PS_BAD_HEADER);
    T_STR(r->target, "*");
    ps_request_free(r);
}

static void lengths_and_bodies(void)
{
    static const struct {
        const char *length; /* the caller's Content-Length; NULL: none */
        enum ps_body_kind kind;
        uint64_t body_bytes;
        enum ps_status status;
        enum ps_body_kind sealed_kind;
        uint64_t sealed_bytes;
        bool expects;
    } t[] = {
        {NULL, PS_BODY_NONE, 0, PS_OK, PS_BODY_NONE, 0, false},
        {"0", PS_BODY_NONE, 0, PS_OK, PS_BODY_FIXED, 0, false},
        {"1", PS_BODY_NONE, 0, PS_BAD_HEADER, 0, 0, false},
        {NULL, PS_BODY_FIXED, 5, PS_OK, PS_BODY_FIXED, 5, true},
        {NULL, PS_BODY_FIXED, 0, PS_OK, PS_BODY_FIXED, 0, false},
        {"5", PS_BODY_FIXED, 5, PS_OK, PS_BODY_FIXED, 5, true},
        {"4", PS_BODY_FIXED, 5, PS_BAD_HEADER, 0, 0, false},
        {"6", PS_BODY_FIXED, 5, PS_BAD_HEADER, 0, 0, false},
        {NULL, PS_BODY_STREAM, 0, PS_OK, PS_BODY_STREAM, 0, true},
        {"7", PS_BODY_STREAM, 0, PS_OK, PS_BODY_FIXED, 7, true},
        {"0", PS_BODY_STREAM, 0, PS_OK, PS_BODY_FIXED, 0, false},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct ps_request *r = new_request("POST", "http://a");
        T_EQ(add(r, "Expect", "100-continue"), PS_OK);
        if (t[i].length != NULL)
            T_EQ(add(r, "Content-Length", t[i].length), PS_OK);
        T_EQ(ps_request_seal(r, t[i].kind, t[i].body_bytes, NULL), t[i].status);
        if (t[i].status == PS_OK) {
            T_EQ(r->body_kind, t[i].sealed_kind);
            T_EQ(r->body_bytes, t[i].sealed_bytes);
            T_EQ(r->expect_continue, t[i].expects);
        }
        ps_request_free(r);
    }
}

static void flags(void)
{
    struct ps_request *r = new_request("POST", "https://a");
    T_CHECK(r->is_https && !r->wants_close && !r->is_idempotent);
    T_EQ(add(r, "idempotency-key", "1"), PS_OK);
    T_EQ(add(r, "connection", "close"), PS_OK);
    T_CHECK(r->wants_close && r->is_idempotent);
    ps_request_free(r);
}

static void fields_are_limited(void)
{
    static char big[PS_REQUEST_HEAD_BYTES];
    memset(big, 'x', sizeof big);
    struct ps_request *r = new_request("GET", "http://a");
    T_EQ(ps_request_add(r, ps_bytes_str("a"), ps_bytes_of(big, sizeof big), NULL), PS_LIMIT);
    for (int i = 0; i < PS_REQUEST_FIELDS; i++)
        T_EQ(add(r, "a", "b"), PS_OK);
    T_EQ(add(r, "a", "b"), PS_LIMIT);
    ps_request_free(r);
}

static enum ps_status build_scenario(void)
{
    struct ps_url url;
    struct ps_request *r = NULL;
    enum ps_status st = ps_url_split(&url, ps_bytes_str("http://a/b"), NULL);
    if (st == PS_OK)
        st = ps_request_new(&r, ps_bytes_str("POST"), &url, NULL);
    if (st == PS_OK)
        st = ps_request_set_target(r, ps_bytes_str("/c"), NULL);
    if (st == PS_OK)
        st = add(r, "Host", "d");
    for (int i = 0; i < 20 && st == PS_OK; i++)
        st = add(r, "X-Field", "a value");
    if (st == PS_OK)
        st = ps_request_seal(r, PS_BODY_FIXED, 3, NULL);
    ps_request_free(r);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(build_scenario);
}

static const struct t_test tests[] = {
    {"targets_and_authorities", targets_and_authorities},
    {"methods", methods},
    {"accepted_fields", accepted_fields},
    {"refused_fields", refused_fields},
    {"only_one_host_and_one_length", only_one_host_and_one_length},
    {"a_value_that_slipped_into_a_name_is_not_shown",
     a_value_that_slipped_into_a_name_is_not_shown},
    {"targets_verbatim", targets_verbatim},
    {"lengths_and_bodies", lengths_and_bodies},
    {"flags", flags},
    {"fields_are_limited", fields_are_limited},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
};
T_MAIN(tests)
