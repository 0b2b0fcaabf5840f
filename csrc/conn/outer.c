/* conn/outer.c -- TLS to an https proxy, under all that follows: CONNECT, the origin's TLS, or plain requests
 * (rule 96). The proxy's name is checked here, the origin's inside. It speaks HTTP/1.1 with us.
 * In: plain bytes to send, cipher bytes of the socket. Out: cipher bytes to the socket, plain bytes to `take`.
 * Thread: io. Owner: conn, which embeds the link. Limit: the env's scratch; the connect deadline. */
#include "conn/conn_internal.h"

static const uint8_t alpn_h1[] = "\x08http/1.1";

enum ps_status conn_outer_write(struct ps_conn *c, struct ps_bytes bytes, struct ps_err *err)
{
    struct ps_buf *out = &c->env->outer_out;
    enum ps_status st = bytes.n > 0 ? ps_tls_link_write(&c->outer, bytes, err) : PS_OK;
    while (st == PS_OK && ps_tls_link_pending(&c->outer) > 0) {
        st = ps_tls_link_pull(&c->outer, out);
        if (st != PS_OK)
            return ps_err_nomem(err);
        st = ps_sock_write(c->sock, ps_buf_view(out), err);
        ps_buf_clear(out);
    }
    return st;
}

static void fail(struct ps_conn *c, struct ps_err *err)
{
    if (err->phase == PS_PHASE_NONE || err->status == PS_WRITE_FAILED)
        err->phase = PS_PHASE_TLS;
    conn_blame_proxy(c, err);
    conn_fail(c, err);
}

static void shake_hands(struct ps_conn *c)
{
    struct ps_err err, write_err;
    enum ps_status st = ps_tls_link_step(&c->outer, &err);
    /* Flush first, also after a failure: the proxy should learn why (the alert). */
    enum ps_status wrote = conn_outer_write(c, ps_bytes_of(NULL, 0), &write_err);
    if (st != PS_OK)
        fail(c, &err);
    else if (wrote != PS_OK)
        fail(c, &write_err);
    else if (c->outer.open)
        conn_tunnel_ask(c);
}

void conn_outer_start(struct ps_conn *c)
{
    struct ps_err err;
    const struct ps_proxy *proxy = c->settings->proxy;
    struct ps_tls_peer peer = {
        .name = proxy->host, .alpn = alpn_h1, .alpn_n = sizeof alpn_h1 - 1};
    if (ps_tls_link_init(&c->outer, proxy->tls, &peer, NULL, &err) != PS_OK) {
        fail(c, &err);
        return;
    }
    c->has_outer = true;
    shake_hands(c);
}

bool conn_outer_feed(struct ps_conn *c, struct ps_bytes bytes,
                     void (*take)(struct ps_conn *c, struct ps_bytes bytes), struct ps_err *err)
{
    ps_err_clear(err);
    enum ps_status st = ps_tls_link_feed(&c->outer, bytes, err);
    if (st == PS_OK && !c->outer.open) {
        shake_hands(c);
        if (!c->outer.open || c->state >= PS_CONN_CLOSING)
            return true;
    }
    while (st == PS_OK && c->state < PS_CONN_CLOSING) {
        size_t n = 0;
        st = ps_tls_link_read(&c->outer, c->env->outer_in, sizeof c->env->outer_in, &n, err);
        if (st != PS_OK || n == 0)
            break;
        take(c, ps_bytes_of(c->env->outer_in, n));
    }
    if (st != PS_OK || c->state >= PS_CONN_CLOSING || c->outer.peer_closed)
        return st == PS_OK && !c->outer.peer_closed;
    return conn_outer_write(c, ps_bytes_of(NULL, 0), err) == PS_OK; /* its own words: key updates */
}
