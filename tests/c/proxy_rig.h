/* tests/c/proxy_rig.h -- a peer that is a proxy and, once the way is open, the origin behind it; and a rig whose
 * calls go through it. Nothing here sleeps: a call's clock is moved when the proxy has heard it. */
#ifndef PS_TEST_PROXY_RIG_H
#define PS_TEST_PROXY_RIG_H

#include <sys/socket.h>

#include "rig.h"
#include "tls_serve.h"

static const char proxy_ok_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char proxy_opened[] = "HTTP/1.1 200 Connection established\r\n\r\n";

/* What the peer does, and what it saw. */
struct proxy {
    bool has_outer;      /* TLS to the proxy */
    bool is_socks, wants_password;
    const char *answer;  /* to CONNECT; NULL = proxy_opened */
    const char *reply;   /* to SOCKS, after the greeting; NULL = granted */
    size_t reply_n;
    bool is_plain;       /* no TLS behind the proxy */
    bool is_forward;     /* no CONNECT, the requests themselves */
    bool stays_silent, closes_early, resets;
    const char *origin_answer; /* NULL = proxy_ok_answer; then it closes */
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

static inline int pipe_read(struct pipe *p, void *to, size_t n)
{
    int got = p->ssl != NULL ? SSL_read(p->ssl, to, (int)n) : (int)recv(p->fd, to, n, 0);
    if (got > 0)
        rig_set(&p->owner->heard_n);
    return got;
}

static inline void pipe_write(struct pipe *p, const void *bytes, size_t n)
{
    if (p->ssl != NULL)
        (void)!SSL_write(p->ssl, bytes, (int)n);
    else
        (void)!send(p->fd, bytes, n, MSG_NOSIGNAL);
}

static inline bool pipe_read_all(struct pipe *p, void *to, size_t n)
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
static inline bool pipe_read_head(struct pipe *p, char *head, size_t cap)
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
static inline bool pipe_secure(struct pipe *p, SSL_CTX *ctx)
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

static inline bool hear(struct proxy *x, struct pipe *p, size_t n)
{
    T_CHECK(x->socks_n + n <= sizeof x->socks);
    bool is_whole = pipe_read_all(p, x->socks + x->socks_n, n);
    x->socks_n += is_whole ? n : 0;
    return is_whole;
}

static inline bool serve_socks(struct proxy *x, struct pipe *p)
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

static inline bool serve_connect(struct proxy *x, struct pipe *p)
{
    const char *answer = x->answer == NULL ? proxy_opened : x->answer;
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

static inline void serve_origin(struct proxy *x, struct pipe *p)
{
    char own[4096];
    const char *answer = x->origin_answer == NULL ? proxy_ok_answer : x->origin_answer;
    char *head = x->is_forward ? x->head : own;
    while (pipe_read_head(p, head, sizeof own)) {
        if (!x->is_forward)
            T_CHECK(strstr(head, "Proxy-") == NULL);
        pipe_write(p, answer, strlen(answer));
        if (x->origin_answer != NULL)
            return;
    }
}

static inline void serve(struct fake_peer *peer, int fd, int nth, void *data)
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

static inline struct fake_peer *proxy_start(struct proxy *x)
{
    pair_certs();
    x->outer_wants.leaf = x->inner_wants.leaf = &pair_leaf;
    x->outer_ctx = fake_tls_ctx(&x->outer_wants);
    x->inner_ctx = fake_tls_ctx(&x->inner_wants);
    return fake_peer_start(serve, x);
}

static inline void proxy_stop(struct proxy *x, struct fake_peer *peer)
{
    fake_peer_stop(peer);
    SSL_CTX_free(x->outer_ctx);
    SSL_CTX_free(x->inner_ctx);
}

/* -- the client -- */

static inline struct rig *proxied_rig_once(struct ps_proxy *wants)
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
static inline struct rig *proxied_rig(const struct fake_peer *peer, enum ps_proxy_kind kind)
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

static inline struct ask *start(struct rig *r, const char *host, bool is_https)
{
    struct rig_want want = {.port = 8443, .is_https = is_https};
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.host = host;
    a->spec.clocks_ms[PS_CLOCK_CONNECT] = CONNECT_MS;
    rig_start(a);
    return a;
}

static inline struct ask *go(struct rig *r, const char *host, bool is_https)
{
    struct ask *a = start(r, host, is_https);
    RIG_UNTIL(r, a->is_done);
    return a;
}

/* The proxy has heard us and says nothing, until the clock has run out. */
static inline struct ask *go_late(struct rig *r, struct proxy *x)
{
    struct ask *a = start(r, "api.example", true);
    RIG_UNTIL(r, atomic_load(&x->heard_n) > 0 || a->is_done);
    ps_clock_skip(&r->engine->clock, CONNECT_MS);
    RIG_UNTIL(r, a->is_done);
    return a;
}

static inline void check_ok(struct rig *r, const char *host, bool is_https)
{
    struct ask *a = go(r, host, is_https);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->status, 200);
    T_EQ(a->body_n, 2);
}

/* A lookup's thread lets go of its memory a moment after its answer was taken, or nobody waited for it. */
static inline void await_lookup_threads(void)
{
    for (size_t turns_n = 0; ps_mem_live_n() > 0 && turns_n < 10000000; turns_n++)
        sched_yield();
}

#endif
