/* conn/feed.c -- what the socket tells: bytes (through TLS when there is one, or two), the end, failures.
 * Bytes go to the codec a scratch at a time and the pump runs after each, so that a view never outlives
 * its buffer. Thread: io. */
#include "conn/conn_internal.h"

static void feed_plain(struct ps_conn *c, struct ps_bytes bytes)
{
    if (c->codec == NULL) { /* plain connections have their codec before they read */
        conn_fail(c, NULL);
        return;
    }
    struct ps_node *only = c->is_h2 ? NULL : ps_list_first(&c->streams);
    if (only != NULL)
        PS_ITEM(only, struct ps_stream, node)->answer_begun = true;
    ps_codec_feed(c->codec, bytes);
    conn_pump(c);
}

/* The end before OPEN. */
static void on_early_eof(struct ps_conn *c)
{
    struct ps_err err;
    bool is_outer = c->has_outer && !c->outer.open;
    if (c->state == PS_CONN_TUNNEL && !is_outer) {
        ps_err_set(&err, PS_PROXY_FAILED, PS_PHASE_PROXY, "it closed the connection");
        conn_tunnel_fail(c, &err);
        return;
    }
    ps_err_set(&err, PS_TLS_FAILED, PS_PHASE_TLS,
               "%s:%u closed the connection during the TLS handshake",
               is_outer ? c->settings->proxy->host : c->target.host,
               is_outer ? c->settings->proxy->port : c->target.port);
    if (is_outer)
        conn_blame_proxy(c, &err);
    else
        conn_mention_proxy(c, &err);
    conn_fail(c, &err);
}

/* Did the peer say that this is the end, as far as it could? (rules 74, 75) */
static bool is_clean_eof(const struct ps_conn *c)
{
    return c->is_tls ? c->tls.peer_closed : !c->has_outer || c->outer.peer_closed;
}

static void on_eof(void *owner)
{
    struct ps_conn *c = owner;
    if (c->state < PS_CONN_OPEN) {
        on_early_eof(c);
        return;
    }
    if (c->state >= PS_CONN_CLOSING || c->peer_done)
        return;
    c->peer_done = true;
    ps_sock_read_stop(c->sock);
    ps_codec_feed_eof(c->codec, is_clean_eof(c));
    conn_pump(c);
}

/* Decrypts all that can be decrypted, a scratch at a time. */
static void feed_cipher(struct ps_conn *c, struct ps_bytes bytes)
{
    struct ps_err err;
    enum ps_status st = ps_tls_link_feed(&c->tls, bytes, &err);
    if (st == PS_OK && !c->tls.open) {
        conn_handshake(c);
        if (c->state == PS_CONN_TLS || c->state >= PS_CONN_CLOSING)
            return;
    }
    while (st == PS_OK && c->state < PS_CONN_CLOSING) {
        size_t n = 0;
        st = ps_tls_link_read(&c->tls, c->env->plain_in, sizeof c->env->plain_in, &n, &err);
        if (st != PS_OK || n == 0)
            break;
        feed_plain(c, ps_bytes_of(c->env->plain_in, n));
    }
    if (st != PS_OK)
        conn_fail(c, &err);
    else if (c->tls.peer_closed)
        on_eof(c);
    else if (ps_tls_link_pending(&c->tls) > 0)
        conn_pump(c); /* TLS itself has something to say (key update, alert) */
}

/* What the proxy, or the origin, has sent. */
static void take(struct ps_conn *c, struct ps_bytes bytes)
{
    if (c->state == PS_CONN_TUNNEL)
        bytes = conn_tunnel_feed(c, bytes);
    if (bytes.n == 0 || c->state <= PS_CONN_TUNNEL || c->state >= PS_CONN_CLOSING)
        return;
    if (c->is_tls)
        feed_cipher(c, bytes);
    else
        feed_plain(c, bytes);
}

static void on_fail(void *owner, const struct ps_err *err);

static void on_read(void *owner, struct ps_bytes bytes)
{
    struct ps_conn *c = owner;
    struct ps_err err;
    if (c->is_h2)
        live_heard(c);
    if (!c->has_outer)
        take(c, bytes);
    else if (conn_outer_feed(c, bytes, take, &err) || c->state >= PS_CONN_CLOSING)
        return;
    else if (err.status == PS_OK)
        on_eof(c);
    else {
        if (c->state >= PS_CONN_OPEN)
            conn_blame_proxy(c, &err);
        on_fail(c, &err);
    }
}

/* In a handshake nothing was sent: it is a failure to connect. */
static void fit_early(const struct ps_conn *c, struct ps_err *err)
{
    if (err->status != PS_NOMEM && err->status != PS_CERT_REJECTED)
        err->status = PS_TLS_FAILED;
    err->phase = PS_PHASE_TLS;
    if (c->state == PS_CONN_TUNNEL)
        conn_blame_proxy(c, err);
    else
        conn_mention_proxy(c, err);
}

static void on_fail(void *owner, const struct ps_err *err)
{
    struct ps_conn *c = owner;
    if (err->status == PS_WRITE_FAILED && c->state >= PS_CONN_OPEN) {
        if (c->write_err.status == PS_OK)
            c->write_err = *err;
        conn_pump(c);
        return;
    }
    if (c->is_h2 && c->goaway_code >= 0) {
        on_eof(c); /* rule 19: why it said goodbye says more than how it hung up */
        return;
    }
    struct ps_err why = *err;
    if (c->state == PS_CONN_TUNNEL && (!c->has_outer || c->outer.open)) {
        conn_tunnel_fail(c, &why);
        return;
    }
    if (c->state < PS_CONN_OPEN)
        fit_early(c, &why);
    conn_fail(c, &why);
}

static void on_drain(void *owner)
{
    struct ps_conn *c = owner;
    if (c->state >= PS_CONN_OPEN)
        conn_pump(c);
}

static void on_closed(void *owner)
{
    conn_closed(owner);
}

const struct ps_sock_ops conn_sock_ops = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_fail = on_fail,
    .on_drain = on_drain,
    .on_closed = on_closed,
};
