/* conn/tunnel.c -- ask a proxy for the way to the origin: CONNECT or SOCKS5 (rules 95, 97).
 * In: an open sock to the proxy, with TLS on it when the proxy wants that. Out: the same sock, now a pipe to the
 * origin, or one error that names the proxy. An http or https proxy is asked nothing for a plain origin: it gets
 * the requests themselves. The codecs know the words; here they are sent and their answers fed.
 * Thread: io. Owner: conn, by pointer, while the talk lasts. Limit: the codecs', and the connect deadline. */
#include <assert.h>

#include "base/mem.h"
#include "conn/conn_internal.h"
#include "proto/proxy_connect.h"
#include "proto/socks5.h"

enum { ASK_BYTES = 65536 }; /* a CONNECT with the proxy's own fields */

struct ps_tunnel {
    struct ps_addr address; /* the origin's, when it is known */
    bool has_address;
    struct ps_buf out;
    struct ps_connect_answer answer;
    struct ps_socks5 socks;
};

enum ps_status conn_tunnel_prepare(struct ps_conn *c, struct ps_err *err)
{
    if (c->settings->proxy == NULL)
        return PS_OK;
    c->tunnel = ps_zalloc(sizeof *c->tunnel);
    if (c->tunnel == NULL)
        return ps_err_nomem(err);
    ps_buf_init(&c->tunnel->out, ASK_BYTES);
    c->tunnel->has_address =
        ps_addr_parse(&c->tunnel->address, c->target.host, c->target.port) == PS_OK;
    return PS_OK;
}

void conn_tunnel_free(struct ps_conn *c)
{
    if (c->tunnel != NULL)
        ps_buf_fini(&c->tunnel->out);
    ps_free(c->tunnel);
    c->tunnel = NULL;
}

bool conn_tunnel_wants_address(const struct ps_conn *c)
{
    return c->tunnel != NULL && !c->tunnel->has_address &&
           c->settings->proxy->kind == PS_PROXY_SOCKS5;
}

/* SOCKS takes one. Which of several is by turns, so that another connection tries another. */
void conn_tunnel_take_address(struct ps_conn *c, const struct ps_addrs *addrs)
{
    struct ps_addrs turned = *addrs;
    ps_addrs_interleave(&turned, (unsigned)c->id);
    c->tunnel->address = turned.at[0];
    c->tunnel->has_address = true;
}

void conn_tunnel_fail(struct ps_conn *c, const struct ps_err *why)
{
    const struct ps_proxy *proxy = c->settings->proxy;
    struct ps_err err;
    if (why->status == PS_NOMEM) {
        conn_fail(c, why);
        return;
    }
    ps_err_set(&err, why->status == PS_PROXY_AUTH ? PS_PROXY_AUTH : PS_PROXY_FAILED, PS_PHASE_PROXY,
               "the proxy %.60s:%u opens no way to %.80s:%u: %s", proxy->host, proxy->port,
               c->target.host, c->target.port, why->text);
    err.sys = why->sys;
    err.detail = why->detail;
    conn_fail(c, &err);
}

/* -- asking -- */

static enum ps_status flush(struct ps_conn *c, struct ps_err *err)
{
    struct ps_buf *out = &c->tunnel->out;
    if (ps_buf_n(out) == 0)
        return PS_OK;
    enum ps_status st = conn_write_sock(c, ps_buf_view(out), err);
    ps_buf_clear(out);
    return st;
}

static struct ps_socks5_wants socks_wants(const struct ps_conn *c)
{
    const struct ps_proxy *proxy = c->settings->proxy;
    const struct ps_tunnel *t = c->tunnel;
    struct ps_socks5_wants wants = {.user = proxy->user,
                                    .password = proxy->password,
                                    .kind = PS_SOCKS5_NAME,
                                    .host = ps_bytes_str(c->target.host),
                                    .port = c->target.port};
    if (!t->has_address)
        return wants;
    if (ps_addr_is_v6(&t->address)) {
        const struct sockaddr_in6 *sa = (const struct sockaddr_in6 *)(const void *)&t->address.sa;
        wants.kind = PS_SOCKS5_IPV6;
        wants.host = ps_bytes_of(&sa->sin6_addr, sizeof sa->sin6_addr);
    } else {
        const struct sockaddr_in *sa = (const struct sockaddr_in *)(const void *)&t->address.sa;
        wants.kind = PS_SOCKS5_IPV4;
        wants.host = ps_bytes_of(&sa->sin_addr, sizeof sa->sin_addr);
    }
    return wants;
}

static enum ps_status write_ask(struct ps_conn *c, struct ps_err *err)
{
    struct ps_tunnel *t = c->tunnel;
    const struct ps_proxy *proxy = c->settings->proxy;
    if (!ps_proxy_is_http(proxy)) {
        struct ps_socks5_wants wants = socks_wants(c);
        return ps_socks5_start(&t->socks, &wants, &t->out, err);
    }
    enum ps_status st = ps_connect_write(&t->out, c->target.host, c->target.port, proxy->fields);
    if (st == PS_NOMEM)
        return ps_err_nomem(err);
    return st == PS_OK ? PS_OK
                       : ps_err_set(err, st, PS_PHASE_PROXY, "the fields for it are too long");
}

/* The way is open: on to TLS, or to HTTP. */
static void go_on(struct ps_conn *c)
{
    c->connect_us += conn_lap_us(c);
    conn_tunnel_free(c);
    conn_secure(c);
}

void conn_tunnel_ask(struct ps_conn *c)
{
    struct ps_err err;
    if (ps_proxy_forwards(c->settings->proxy, c->target.is_https)) {
        go_on(c);
        return;
    }
    enum ps_status st = write_ask(c, &err);
    if (st == PS_OK)
        st = flush(c, &err);
    if (st != PS_OK)
        conn_tunnel_fail(c, &err);
}

void conn_tunnel_start(struct ps_conn *c)
{
    conn_set_state(c, PS_CONN_TUNNEL);
    if (c->settings->proxy->kind == PS_PROXY_HTTPS)
        conn_outer_start(c);
    else
        conn_tunnel_ask(c);
}

/* -- the answer -- */

/* `*is_open`: the proxy has nothing more to say. */
static enum ps_status feed_codec(struct ps_tunnel *t, bool is_http, struct ps_bytes bytes,
                                 size_t *used_n, bool *is_open, struct ps_err *err)
{
    enum ps_status st = is_http ? ps_connect_feed(&t->answer, bytes, used_n, err)
                                : ps_socks5_feed(&t->socks, bytes, used_n, &t->out, err);
    *is_open = is_http ? t->answer.at == PS_CONNECT_OPEN : t->socks.at == PS_SOCKS5_OPEN;
    return st;
}

struct ps_bytes conn_tunnel_feed(struct ps_conn *c, struct ps_bytes bytes)
{
    const struct ps_bytes none = {NULL, 0};
    struct ps_err err;
    size_t used_n;
    bool is_open;
    enum ps_status st = feed_codec(c->tunnel, ps_proxy_is_http(c->settings->proxy), bytes, &used_n,
                                   &is_open, &err);
    if (st == PS_OK)
        st = flush(c, &err);
    bool is_h1 = !c->is_tls && c->settings->http2 != PS_HTTP2_PRIOR;
    if (st == PS_OK && is_open && is_h1 && used_n < bytes.n) /* it would pass for an answer */
        st = ps_err_set(&err, PS_PROXY_FAILED, PS_PHASE_PROXY,
                        "it sent more than its answer before anything was asked of the origin");
    if (st != PS_OK) {
        conn_tunnel_fail(c, &err);
        return none;
    }
    if (!is_open)
        return none;
    go_on(c);
    return ps_bytes_of(bytes.p + used_n, bytes.n - used_n);
}
