/* Calls through proxies: CONNECT, forwarding, SOCKS5, TLS to the proxy; and proxies that answer badly.
 * The peer is the proxy and, once the way is open, the origin behind it. */
#include <sys/socket.h>

#include "rig.h"
#include "tls_serve.h"

static const char ok_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char opened[] = "HTTP/1.1 200 Connection established\r\n\r\n";

/* What the peer does, and what it saw. */
struct proxy {
    bool has_outer;      /* TLS to the proxy */
    bool is_socks, wants_password;
    const char *answer;  /* to CONNECT; NULL = opened */
    const char *reply;   /* to SOCKS, after the greeting; NULL = granted */
    size_t reply_n;
    bool is_plain;       /* no TLS behind the proxy */
    bool is_forward;     /* no CONNECT, the requests themselves */
    bool stays_silent, closes_early, resets;
    const char *origin_answer; /* NULL = ok_answer; then it closes */
    bool says_goodbye;
    /* seen */
    char head[4096];     /* the first */
    uint8_t socks[600];  /* all that was said in SOCKS */
    size_t socks_n;
    atomic_int heard_n;  /* reads that brought something */
    SSL_CTX *outer_ctx, *inner_ctx;
    struct fake_tls_wants outer_wants, inner_wants;
};

/* A byte stream of the peer: a socket, or TLS on something. */
struct pipe {
    int fd;
    SSL *ssl; /* NULL: the socket */
    struct proxy *owner;
};

static int pipe_read(struct pipe *p, void *to, size_t n)
{
    int got = p->ssl != NULL ? SSL_read(p->ssl, to, (int)n) : (int)recv(p->fd, to, n, 0);
    if (got > 0)
        rig_set(&p->owner->heard_n);
    return got;
}

static void pipe_write(struct pipe *p, const void *bytes, size_t n)
{
    if (p->ssl != NULL)
        (void)!SSL_write(p->ssl, bytes, (int)n);
    else
        (void)!send(p->fd, bytes, n, MSG_NOSIGNAL);
}

static bool pipe_read_all(struct pipe *p, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        int now = pipe_read(p, (char *)to + got, n - got);
        if (now <= 0)
            return false;
        got += (size_t)now;
    }
    return true;
}

/* A head; false at the end. No request of these tests has a body. */
static bool pipe_read_head(struct pipe *p, char *head, size_t cap)
{
    size_t n = 0;
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        if (n == cap - 1 || pipe_read(p, head + n, 1) != 1)
            return false;
        n++;
    }
    head[n] = '\0';
    return true;
}

/* TLS inside whatever the pipe is. */
static bool pipe_secure(struct pipe *p, SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    BIO *below = p->ssl != NULL ? BIO_new(BIO_f_ssl()) : BIO_new_socket(p->fd, BIO_NOCLOSE);
    if (p->ssl != NULL)
        BIO_set_ssl(below, p->ssl, BIO_NOCLOSE);
    SSL_set_bio(ssl, below, below);
    if (SSL_accept(ssl) == 1) {
        p->ssl = ssl;
        return true;
    }
    SSL_free(ssl);
    return false;
}

static bool hear(struct proxy *x, struct pipe *p, size_t n)
{
    T_CHECK(x->socks_n + n <= sizeof x->socks);
    bool is_whole = pipe_read_all(p, x->socks + x->socks_n, n);
    x->socks_n += is_whole ? n : 0;
    return is_whole;
}

static bool serve_socks(struct proxy *x, struct pipe *p)
{
    static const uint8_t granted[] = {5, 0, 0, 1, 127, 0, 0, 1, 0, 80};
    x->socks_n = 0;
    if (!hear(x, p, 2) || !hear(x, p, x->socks[1]))
        return false;
    if (x->wants_password) {
        pipe_write(p, "\x05\x02", 2);
        if (!hear(x, p, 2) || !hear(x, p, (size_t)x->socks[x->socks_n - 1] + 1) ||
            !hear(x, p, x->socks[x->socks_n - 1]))
            return false;
        pipe_write(p, "\x01\x00", 2);
    } else {
        pipe_write(p, "\x05\x00", 2);
    }
    x->socks_n = 0;
    if (!hear(x, p, 5))
        return false;
    size_t left_n = x->socks[3] == 3 ? (size_t)x->socks[4] : x->socks[3] == 1 ? 3 : 15;
    if (!hear(x, p, left_n + 2))
        return false;
    if (x->reply != NULL)
        pipe_write(p, x->reply, x->reply_n);
    else
        pipe_write(p, granted, sizeof granted);
    return true;
}

static bool serve_connect(struct proxy *x, struct pipe *p)
{
    const char *answer = x->answer == NULL ? opened : x->answer;
    if (!pipe_read_head(p, x->head, sizeof x->head))
        return false;
    if (x->closes_early)
        return false;
    if (x->resets) {
        fake_peer_reset(p->fd);
        return false;
    }
    while (x->stays_silent) {
        char sink[64];
        if (pipe_read(p, sink, sizeof sink) <= 0)
            return false;
    }
    pipe_write(p, answer, strlen(answer));
    return true;
}

static void serve_origin(struct proxy *x, struct pipe *p)
{
    char own[4096];
    const char *answer = x->origin_answer == NULL ? ok_answer : x->origin_answer;
    char *head = x->is_forward ? x->head : own;
    while (pipe_read_head(p, head, sizeof own)) {
        if (!x->is_forward)
            T_CHECK(strstr(head, "Proxy-") == NULL);
        pipe_write(p, answer, strlen(answer));
        if (x->origin_answer != NULL)
            return;
    }
}

static void serve(struct fake_peer *peer, int fd, int nth, void *data)
{
    struct proxy *x = data;
    struct pipe p = {.fd = fd, .owner = x};
    (void)peer, (void)nth;
    SSL *outer = NULL;
    bool is_on = !x->has_outer || pipe_secure(&p, x->outer_ctx);
    outer = p.ssl;
    if (is_on && x->is_socks)
        is_on = serve_socks(x, &p);
    else if (is_on && !x->is_forward)
        is_on = serve_connect(x, &p);
    if (is_on && !x->is_plain && !x->is_forward)
        is_on = pipe_secure(&p, x->inner_ctx);
    if (is_on)
        serve_origin(x, &p);
    if (p.ssl != NULL && p.ssl != outer)
        tls_serve_close(p.ssl, x->says_goodbye);
    if (outer != NULL)
        tls_serve_close(outer, x->says_goodbye);
}

static struct fake_peer *proxy_start(struct proxy *x)
{
    pair_certs();
    x->outer_wants.leaf = x->inner_wants.leaf = &pair_leaf;
    x->outer_ctx = fake_tls_ctx(&x->outer_wants);
    x->inner_ctx = fake_tls_ctx(&x->inner_wants);
    return fake_peer_start(serve, x);
}

static void proxy_stop(struct proxy *x, struct fake_peer *peer)
{
    fake_peer_stop(peer);
    SSL_CTX_free(x->outer_ctx);
    SSL_CTX_free(x->inner_ctx);
}

/* -- the client -- */

static struct rig *proxied_rig_once(struct ps_proxy *wants)
{
    struct rig *r = rig_open();
    struct ps_tls_settings settings = pair_settings();
    struct ps_proxy *proxy = NULL;
    struct ps_tls_config *tls = NULL;
    struct ps_err err;
    if (r == NULL)
        return NULL;
    enum ps_status st = ps_profile_set_tls(r->profile, &settings, &err);
    if (st == PS_OK && wants->kind == PS_PROXY_HTTPS)
        st = ps_tls_config_new(&tls, &settings, &err);
    wants->tls = tls;
    if (st == PS_OK)
        st = ps_proxy_new(&proxy, wants, &err);
    if (st == PS_OK) {
        ps_profile_set_proxy(r->profile, proxy);
        return r;
    }
    ps_tls_config_unref(tls);
    T_EQ(st, PS_NOMEM);
    rig_close(r);
    return NULL;
}

/* Through `kind` at the peer, at 127.0.0.1. */
static struct rig *proxied_rig(const struct fake_peer *peer, enum ps_proxy_kind kind)
{
    bool is_http = kind == PS_PROXY_HTTP || kind == PS_PROXY_HTTPS;
    struct ps_proxy wants = {.kind = kind,
                             .host = (char *)(uintptr_t)"127.0.0.1",
                             .port = fake_peer_port(peer),
                             .fields = (char *)(uintptr_t)(is_http ? "Proxy-Authorization: x\r\n" : ""),
                             .user = (char *)(uintptr_t)(is_http ? NULL : "tom"),
                             .password = (char *)(uintptr_t)(is_http ? NULL : "pw")};
    struct rig *r = proxied_rig_once(&wants);
    return r == NULL && t_lame_test != NULL ? proxied_rig_once(&wants) : r;
}

enum { CONNECT_MS = 1000000 }; /* never by itself */

static struct ask *start(struct rig *r, const char *host, bool is_https)
{
    struct rig_want want = {.port = 8443, .is_https = is_https};
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.host = host;
    a->spec.clocks_ms[PS_CLOCK_CONNECT] = CONNECT_MS;
    rig_start(a);
    return a;
}

static struct ask *go(struct rig *r, const char *host, bool is_https)
{
    struct ask *a = start(r, host, is_https);
    RIG_UNTIL(r, a->is_done);
    return a;
}

/* The proxy has heard us and says nothing, until the clock has run out. */
static struct ask *go_late(struct rig *r, struct proxy *x)
{
    struct ask *a = start(r, "api.example", true);
    RIG_UNTIL(r, atomic_load(&x->heard_n) > 0 || a->is_done);
    ps_clock_skip(&r->engine->clock, CONNECT_MS);
    RIG_UNTIL(r, a->is_done);
    return a;
}

static void check_ok(struct rig *r, const char *host, bool is_https)
{
    struct ask *a = go(r, host, is_https);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->status, 200);
    T_EQ(a->body_n, 2);
}

/* A lookup's thread lets go of its memory a moment after its answer was taken, or nobody waited for it. */
static void await_lookup_threads(void)
{
    for (size_t turns_n = 0; ps_mem_live_n() > 0 && turns_n < 10000000; turns_n++)
        sched_yield();
}

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
