/* CONNECT to a proxy as bytes: the request, and its answer cut at every place. */
#include "proto/proxy_connect.h"
#include "t.h"

/* -- request -- */

static void check_request(const char *host, uint16_t port, const char *fields, const char *want)
{
    struct ps_buf out;
    ps_buf_init(&out, 4096);
    T_EQ(ps_connect_write(&out, host, port, fields), PS_OK);
    T_CHECK(ps_bytes_eq(ps_buf_view(&out), ps_bytes_str(want)));
    ps_buf_fini(&out);
}

static void the_request_is_in_authority_form(void)
{
    check_request("api.example", 443, "",
                  "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n");
    check_request("::1", 8443, "", "CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n");
    check_request("a", 80, "Proxy-Authorization: Basic eDp5\r\nX-A: b\r\n",
                  "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n"
                  "Proxy-Authorization: Basic eDp5\r\nX-A: b\r\n\r\n");
}

static enum ps_status request_scenario(void)
{
    struct ps_buf out;
    ps_buf_init(&out, 4096);
    enum ps_status st = ps_connect_write(&out, "api.example", 443, "A: b\r\n");
    ps_buf_fini(&out);
    return st;
}

static void a_request_may_lack_memory(void)
{
    t_each_alloc(request_scenario);
}

static void a_request_keeps_to_its_limit(void)
{
    struct ps_buf out;
    ps_buf_init(&out, 20);
    T_EQ(ps_connect_write(&out, "api.example", 443, ""), PS_LIMIT);
    ps_buf_fini(&out);
}

/* -- answer -- */

#define OK "HTTP/1.1 200 OK\r\n"

struct row {
    const char *answer;
    enum ps_status st;
    int status;
    const char *rest; /* of the tunnel */
};

static const struct row rows[] = {
    {OK "\r\n", PS_OK, 200, ""},
    {OK "\r\n\x16\x03\x01", PS_OK, 200, "\x16\x03\x01"},
    {"HTTP/1.0 200 Connection established\r\n\r\n", PS_OK, 200, ""},
    {"HTTP/1.1 200\r\n\r\n", PS_OK, 200, ""},
    {"HTTP/1.1 200 \r\n\r\n", PS_OK, 200, ""},
    {"HTTP/1.1 299 \r\n\r\n", PS_OK, 299, ""},
    {OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", PS_OK, 200, "abc"},
    {OK "a:\r\nb: \xff\tx\r\n\r\n", PS_OK, 200, ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n" OK "\r\nz", PS_OK, 200, "z"},
    {"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n", PS_PROXY_AUTH, 407, NULL},
    {"HTTP/1.0 401 Unauthorized\r\n\r\n", PS_PROXY_AUTH, 401, NULL},
    {"HTTP/1.1 502 Bad\r\n\r\n", PS_PROXY_FAILED, 502, NULL},
    {"HTTP/1.1 302 x\r\nLocation: y\r\n\r\n", PS_PROXY_FAILED, 302, NULL},
    {"HTTP/1.1 101 x\r\n\r\n", PS_PROXY_FAILED, 101, NULL},
    {"HTTP/1.1 999 x\r\n\r\n", PS_PROXY_FAILED, 999, NULL},
    {"HTTP/2 200 OK\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {"HTTP/1.1  200 OK\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {"HTTP/1.1 20 OK\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {"HTTP/1.1 099 OK\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {"HTTP/1.1 2000 OK\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {"HTTP/1.1 200 OK\n\n", PS_PROXY_FAILED, 0, NULL},
    {"HTTP/1.1 200 O\rK\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {OK " folded: x\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {OK "a : x\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {OK ": x\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {OK "a\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {OK "a: \x01\r\n\r\n", PS_PROXY_FAILED, 0, NULL},
    {OK "\rx", PS_PROXY_FAILED, 0, NULL},
    {"\r\n" OK "\r\n", PS_PROXY_FAILED, 0, NULL},
    {"SSH-2.0-OpenSSH\r\n", PS_PROXY_FAILED, 0, NULL},
    {"\x05\xff", PS_PROXY_FAILED, 0, NULL},
};

/* Feeds in two pieces; where the tunnel's bytes begin in `at`. */
static enum ps_status feed(struct ps_connect_answer *a, struct ps_bytes all, size_t cut, size_t *at,
                           struct ps_err *err)
{
    size_t used_n;
    *at = 0;
    enum ps_status st = ps_connect_feed(a, ps_bytes_of(all.p, cut), &used_n, err);
    *at += used_n;
    if (st != PS_OK || a->at == PS_CONNECT_OPEN)
        return st;
    T_EQ(used_n, cut);
    st = ps_connect_feed(a, ps_bytes_of(all.p + cut, all.n - cut), &used_n, err);
    *at += used_n;
    return st;
}

static void check_row(const struct row *row)
{
    struct ps_bytes all = ps_bytes_str(row->answer);
    for (size_t cut = 0; cut <= all.n; cut++) {
        struct ps_connect_answer a = {0};
        struct ps_err err = {0};
        size_t at;
        T_EQ(feed(&a, all, cut, &at, &err), row->st);
        T_EQ(a.at == PS_CONNECT_OPEN, row->st == PS_OK);
        if (row->st == PS_OK) {
            T_EQ(a.status, row->status);
            T_STR(row->answer + at, row->rest);
        } else {
            T_EQ(err.status, row->st);
            T_EQ(err.phase, PS_PHASE_PROXY);
            T_EQ(err.detail, row->status);
        }
    }
}

static void answers_mean_the_same_however_they_are_cut(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_row(&rows[i]);
}

static void a_head_is_bounded(void)
{
    struct ps_connect_answer a = {0};
    struct ps_err err;
    size_t used_n, total_n = 0;
    enum ps_status st = ps_connect_feed(&a, ps_bytes_str(OK "a: "), &used_n, &err);
    T_EQ(st, PS_OK);
    while (st == PS_OK) {
        st = ps_connect_feed(&a, ps_bytes_str("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), &used_n, &err);
        total_n += used_n;
        T_CHECK(total_n <= PS_CONNECT_HEAD_BYTES);
    }
    T_EQ(st, PS_PROXY_FAILED);
}

static void interim_answers_are_bounded(void)
{
    struct ps_connect_answer a = {0};
    struct ps_err err;
    size_t used_n;
    for (int i = 0; i < PS_CONNECT_INFOS_N; i++)
        T_EQ(ps_connect_feed(&a, ps_bytes_str("HTTP/1.1 102 x\r\n\r\n"), &used_n, &err), PS_OK);
    T_EQ(ps_connect_feed(&a, ps_bytes_str("HTTP/1.1 102 x\r\n\r\n"), &used_n, &err),
         PS_PROXY_FAILED);
}

static const struct t_test tests[] = {
    {"the_request_is_in_authority_form", the_request_is_in_authority_form},
    {"a_request_may_lack_memory", a_request_may_lack_memory},
    {"a_request_keeps_to_its_limit", a_request_keeps_to_its_limit},
    {"answers_mean_the_same_however_they_are_cut", answers_mean_the_same_however_they_are_cut},
    {"a_head_is_bounded", a_head_is_bounded},
    {"interim_answers_are_bounded", interim_answers_are_bounded},
};
T_MAIN(tests)
