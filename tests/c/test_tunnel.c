/* Calls through proxies: CONNECT, forwarding, SOCKS5, TLS to the proxy; and proxies that answer badly. */
#include "proxy_rig.h"

/* -- good -- */

static void check_tunnel(struct proxy x, enum ps_proxy_kind kind, const char *host, bool is_https)
{
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, kind);
    for (int i = 0; i < 2; i++)
        check_ok(r, host, is_https);
    RIG_ACCEPTED(peer, 1);
    rig_close(r);
    if (!x.is_socks && !x.is_forward && !t_is_lame)
        T_STR(x.head, "CONNECT api.example:8443 HTTP/1.1\r\nHost: api.example:8443\r\n"
                      "Proxy-Authorization: x\r\n\r\n");
    if (x.is_forward)
        T_STR(x.head, "GET http://api.example:8443/x HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n"
                      "Proxy-Authorization: x\r\n\r\n");
    proxy_stop(&x, peer);
}

static void a_tunnel_is_opened_once_and_used_again(void)
{
    check_tunnel((struct proxy){0}, PS_PROXY_HTTP, "api.example", true);
}

static void alpn_is_asked_inside(void)
{
    struct proxy x = {.inner_wants = {.alpn = "http/1.1"}};
    check_tunnel(x, PS_PROXY_HTTP, "api.example", true);
}

static void plain_requests_are_forwarded(void)
{
    check_tunnel((struct proxy){.is_forward = true}, PS_PROXY_HTTP, "api.example", false);
}

static void an_https_proxy_opens_tunnels_inside_tls(void)
{
    check_tunnel((struct proxy){.has_outer = true}, PS_PROXY_HTTPS, "api.example", true);
}

static void an_https_proxy_forwards_inside_tls(void)
{
    struct proxy x = {.has_outer = true, .is_forward = true};
    check_tunnel(x, PS_PROXY_HTTPS, "api.example", false);
}

static void an_interim_answer_to_connect_is_passed_over(void)
{
    struct proxy x = {.answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n"};
    check_tunnel(x, PS_PROXY_HTTP, "api.example", true);
}

/* -- SOCKS -- */

static void check_socks(struct proxy x, enum ps_proxy_kind kind, const char *host, const char *said,
                        size_t said_n)
{
    x.is_socks = true;
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, kind);
    check_ok(r, host, !x.is_plain);
    rig_close(r);
    T_CHECK(x.socks_n == said_n && memcmp(x.socks, said, said_n) == 0);
    proxy_stop(&x, peer);
}

static const char socks_name[] = "\x05\x01\x00\x03\x0b" "api.example\x20\xfb";
static const char socks_ip[] = "\x05\x01\x00\x01\x7f\x00\x00\x01\x20\xfb";

static void socks5h_leaves_names_to_the_proxy(void)
{
    check_socks((struct proxy){0}, PS_PROXY_SOCKS5H, "api.example", socks_name, sizeof socks_name - 1);
}

static void socks_says_user_and_password_when_asked(void)
{
    check_socks((struct proxy){.wants_password = true}, PS_PROXY_SOCKS5H, "api.example", socks_name,
                sizeof socks_name - 1);
}

static void socks_takes_plain_requests_too(void)
{
    check_socks((struct proxy){.is_plain = true}, PS_PROXY_SOCKS5H, "api.example", socks_name,
                sizeof socks_name - 1);
}

static void socks_is_given_addresses_as_addresses(void)
{
    check_socks((struct proxy){0}, PS_PROXY_SOCKS5H, "127.0.0.1", socks_ip, sizeof socks_ip - 1);
}

static void socks5_resolves_names_here(void)
{
    struct proxy x = {.is_socks = true, .is_plain = true};
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, PS_PROXY_SOCKS5);
    r->profile->settings.conn.family = PS_FAMILY_IPV4;
    check_ok(r, "localhost", false);
    check_ok(r, "localhost", false);
    rig_close(r);
    T_CHECK(x.socks_n == sizeof socks_ip - 1 && memcmp(x.socks, socks_ip, x.socks_n) == 0);
    proxy_stop(&x, peer);
    await_lookup_threads();
}

/* -- bad -- */

struct bad {
    struct proxy proxy;
    enum ps_proxy_kind kind;
    enum ps_status st;
    long detail;
    const char *word; /* in the text */
};

static void check_bad(struct bad bad)
{
    struct fake_peer *peer = proxy_start(&bad.proxy);
    struct rig *r = proxied_rig(peer, bad.kind);
    struct ask *a = go(r, "api.example", !bad.proxy.is_plain);
    T_EQ(a->err.status, bad.st);
    T_EQ(a->err.phase, bad.st == PS_TLS_FAILED ? PS_PHASE_TLS : PS_PHASE_PROXY);
    T_CHECK(a->err.detail == bad.detail || bad.st == PS_TLS_FAILED); /* that is OpenSSL's code */
    T_CHECK(!a->call.maybe_processed);
    T_CHECK(strstr(a->err.text, bad.word) != NULL);
    T_CHECK(strstr(a->err.text, "the proxy 127.0.0.1:") != NULL || bad.st == PS_TLS_FAILED);
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    rig_close(r);
    proxy_stop(&bad.proxy, peer);
}

static char lengthy[20000];

#define ANSWER(text) {.answer = (text)}
#define REPLY(text) {.is_socks = true, .reply = (text), .reply_n = sizeof(text) - 1}

static void bad_answers_are_told(void)
{
    snprintf(lengthy, sizeof lengthy, "HTTP/1.1 200 OK\r\nA: %018000d\r\n\r\n", 0);
    const struct bad bads[] = {
        {ANSWER("HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n"), PS_PROXY_HTTP, PS_PROXY_AUTH, 407, "status 407"},
        {ANSWER("HTTP/1.1 502 x\r\n\r\nno such host"), PS_PROXY_HTTP, PS_PROXY_FAILED, 502,
         "api.example:8443: it answered CONNECT with status 502"},
        {ANSWER("HTTP/1.1 503 x\r\n\r\n"), PS_PROXY_HTTP, PS_PROXY_FAILED, 503, "503"},
        {ANSWER("SSH-2.0-x\r\n"), PS_PROXY_HTTP, PS_PROXY_FAILED, 0, "not an HTTP/1.x response"},
        {ANSWER(lengthy), PS_PROXY_HTTP, PS_PROXY_FAILED, 0, "too long"},
        {{.closes_early = true}, PS_PROXY_HTTP, PS_PROXY_FAILED, 0, "closed the connection"},
        {{.resets = true}, PS_PROXY_HTTP, PS_PROXY_FAILED, 0, "opens no way"},
        {ANSWER("HTTP/1.1 200 x\r\n\r\nthis is no TLS record, is it"), PS_PROXY_HTTP, PS_TLS_FAILED, 0, ""},
        {{.has_outer = true, .answer = "HTTP/1.1 403 x\r\n\r\n"}, PS_PROXY_HTTPS, PS_PROXY_FAILED, 403, "403"},
        {{.has_outer = true, .closes_early = true, .says_goodbye = true}, PS_PROXY_HTTPS, PS_PROXY_FAILED, 0,
         "closed the connection"},
        {REPLY("\x05\x05\x00\x01"), PS_PROXY_SOCKS5H, PS_PROXY_FAILED, 5, "connection refused"},
        {REPLY("\x05\x00\x00\x09x"), PS_PROXY_SOCKS5H, PS_PROXY_FAILED, 0, "malformed"},
        {{.is_socks = true, .is_plain = true, .reply = "\x05\x00\x00\x01" "123456HTTP/1.1 200 OK\r\n\r\n",
          .reply_n = 29},
         PS_PROXY_SOCKS5H, PS_PROXY_FAILED, 0, "more than its answer"},
    };
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++)
        check_bad(bads[i]);
}

static void an_https_proxy_must_be_who_it_says(void)
{
    struct proxy x = {.has_outer = true};
    struct fake_peer *peer = proxy_start(&x);
    struct ps_proxy wants = {.kind = PS_PROXY_HTTPS,
                             .host = (char *)(uintptr_t)"localhost",
                             .port = fake_peer_port(peer)};
    struct rig *r = proxied_rig_once(&wants);
    if (r == NULL && t_lame_test != NULL)
        r = proxied_rig_once(&wants);
    struct ask *a = go(r, "api.example", true);
    T_EQ(a->err.status, PS_CERT_REJECTED);
    T_EQ(a->err.phase, PS_PHASE_TLS);
    T_CHECK(strstr(a->err.text, "the proxy localhost:") != NULL);
    rig_close(r);
    proxy_stop(&x, peer);
    await_lookup_threads();
}

static void the_origin_inside_must_be_who_it_says(void)
{
    struct proxy x = {.has_outer = true};
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, PS_PROXY_HTTPS);
    struct ask *a = go(r, "other.example", true);
    T_EQ(a->err.status, PS_CERT_REJECTED);
    T_CHECK(strstr(a->err.text, "other.example") != NULL);
    rig_close(r);
    proxy_stop(&x, peer);
}

static void a_proxy_that_does_not_answer_tls_is_told(void)
{
    struct proxy x = {.stays_silent = true};
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, PS_PROXY_HTTPS);
    struct ask *a = go_late(r, &x);
    T_EQ(a->err.status, PS_TIMED_OUT);
    T_EQ(a->err.phase, PS_PHASE_TLS);
    T_CHECK(strstr(a->err.text, "the proxy 127.0.0.1:") != NULL);
    rig_close(r);
    proxy_stop(&x, peer);
}

static void silence_counts_against_the_connect_clock(void)
{
    struct proxy x = {.stays_silent = true};
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, PS_PROXY_HTTP);
    struct ask *a = go_late(r, &x);
    T_EQ(a->err.status, PS_TIMED_OUT);
    T_EQ(a->err.clock, PS_CLOCK_CONNECT);
    T_EQ(a->err.phase, PS_PHASE_PROXY);
    T_CHECK(strstr(a->err.text, "api.example:8443 through the proxy 127.0.0.1:") != NULL);
    rig_close(r);
    proxy_stop(&x, peer);
}

static void who_gives_up_in_a_tunnel_leaves_nothing(void)
{
    struct proxy x = {.stays_silent = true};
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, PS_PROXY_HTTP);
    struct ask *a = start(r, "api.example", true);
    RIG_UNTIL(r, atomic_load(&x.heard_n) > 0 || a->is_done);
    rig_cancel(a);
    a = start(r, "api.example", true); /* waits for the same tunnel, until the engine stops */
    uv_run(&r->loop, UV_RUN_NOWAIT);
    rig_close(r);
    proxy_stop(&x, peer);
}

static void a_proxy_that_is_not_there_is_named(void)
{
    struct proxy x = {0};
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, PS_PROXY_HTTP);
    proxy_stop(&x, peer);
    struct ask *a = go(r, "api.example", true);
    T_EQ(a->err.status, PS_CONNECT_FAILED);
    T_CHECK(strstr(a->err.text, "the proxy 127.0.0.1:") != NULL);
    rig_close(r);
}

/* -- ends, through TLS to the proxy (rules 74, 75) -- */

static void check_end(bool is_forward, bool says_goodbye, enum ps_status want)
{
    struct proxy x = {.has_outer = true,
                      .is_forward = is_forward,
                      .says_goodbye = says_goodbye,
                      .origin_answer = "HTTP/1.1 200 OK\r\n\r\nall of it"};
    struct fake_peer *peer = proxy_start(&x);
    struct rig *r = proxied_rig(peer, PS_PROXY_HTTPS);
    struct ask *a = go(r, "api.example", !is_forward);
    T_EQ(a->err.status, want);
    T_EQ(a->body_n, 9);
    rig_close(r);
    proxy_stop(&x, peer);
}

static void an_end_is_as_good_as_the_inner_goodbye(void)
{
    check_end(false, true, PS_OK);
    check_end(false, false, PS_TRUNCATED);
}

static void a_forwarded_answer_ends_with_the_outer_goodbye(void)
{
    check_end(true, true, PS_OK);
    check_end(true, false, PS_TRUNCATED);
}

/* -- descriptions -- */

static void a_proxy_that_cannot_be_is_refused(void)
{
    static char socks_long[300];
    struct ps_proxy *proxy;
    struct ps_err err;
    memset(socks_long, 'x', sizeof socks_long - 1);
    char host[] = "h", bad_field[] = "A b: c\r\n", no_end[] = "A: c", smuggle[] = "A: c\r\n\r\nGET";
    char none[] = "";
    const struct ps_proxy bad[] = {
        {.kind = PS_PROXY_HTTP, .port = 1},
        {.kind = PS_PROXY_HTTP, .host = none, .port = 1},
        {.kind = PS_PROXY_HTTP, .host = host},
        {.kind = PS_PROXY_HTTP, .host = socks_long, .port = 1},
        {.kind = PS_PROXY_HTTPS, .host = host, .port = 1},
        {.kind = PS_PROXY_HTTP, .host = host, .port = 1, .fields = bad_field},
        {.kind = PS_PROXY_HTTP, .host = host, .port = 1, .fields = no_end},
        {.kind = PS_PROXY_HTTP, .host = host, .port = 1, .fields = smuggle},
        {.kind = PS_PROXY_SOCKS5, .host = host, .port = 1, .user = none},
        {.kind = PS_PROXY_SOCKS5, .host = host, .port = 1, .user = host, .password = socks_long},
    };
    t_refuses_itself = true;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        T_EQ(ps_proxy_new(&proxy, &bad[i], &err), PS_INVALID);
}

static const struct t_test tests[] = {
    {"a_tunnel_is_opened_once_and_used_again", a_tunnel_is_opened_once_and_used_again},
    {"alpn_is_asked_inside", alpn_is_asked_inside},
    {"plain_requests_are_forwarded", plain_requests_are_forwarded},
    {"an_https_proxy_opens_tunnels_inside_tls", an_https_proxy_opens_tunnels_inside_tls},
    {"an_https_proxy_forwards_inside_tls", an_https_proxy_forwards_inside_tls},
    {"an_interim_answer_to_connect_is_passed_over", an_interim_answer_to_connect_is_passed_over},
    {"socks5h_leaves_names_to_the_proxy", socks5h_leaves_names_to_the_proxy},
    {"socks_says_user_and_password_when_asked", socks_says_user_and_password_when_asked},
    {"socks_takes_plain_requests_too", socks_takes_plain_requests_too},
    {"socks_is_given_addresses_as_addresses", socks_is_given_addresses_as_addresses},
    {"socks5_resolves_names_here", socks5_resolves_names_here},
    {"bad_answers_are_told", bad_answers_are_told},
    {"an_https_proxy_must_be_who_it_says", an_https_proxy_must_be_who_it_says},
    {"the_origin_inside_must_be_who_it_says", the_origin_inside_must_be_who_it_says},
    {"a_proxy_that_does_not_answer_tls_is_told", a_proxy_that_does_not_answer_tls_is_told},
    {"silence_counts_against_the_connect_clock", silence_counts_against_the_connect_clock},
    {"who_gives_up_in_a_tunnel_leaves_nothing", who_gives_up_in_a_tunnel_leaves_nothing},
    {"a_proxy_that_is_not_there_is_named", a_proxy_that_is_not_there_is_named},
    {"an_end_is_as_good_as_the_inner_goodbye", an_end_is_as_good_as_the_inner_goodbye},
    {"a_forwarded_answer_ends_with_the_outer_goodbye", a_forwarded_answer_ends_with_the_outer_goodbye},
    {"a_proxy_that_cannot_be_is_refused", a_proxy_that_cannot_be_is_refused},
};
T_MAIN_LAME(tests)
