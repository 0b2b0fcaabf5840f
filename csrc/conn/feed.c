/* conn/feed.c -- what the socket tells: bytes (through TLS when there is one), the end, failures.
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

static void on_eof(void *owner)
{
    struct ps_conn *c = owner;
    if (c->state < PS_CONN_OPEN) {
        struct ps_err err;
        ps_err_set(&err, PS_TLS_FAILED, PS_PHASE_TLS,
                   "%s:%u closed the connection during the TLS handshake", c->target.host,
                   c->target.port);
        conn_fail(c, &err);
        return;
    }
    if (c->state >= PS_CONN_CLOSING || c->peer_done)
        return;
    c->peer_done = true;
    ps_sock_read_stop(c->sock);
    ps_codec_feed_eof(c->codec, !c->is_tls || c->tls.peer_closed);
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

static void on_read(void *owner, struct ps_bytes bytes)
{
    struct ps_conn *c = owner;
    if (c->is_h2)
        live_heard(c);
    if (c->is_tls)
        feed_cipher(c, bytes);
    else
        feed_plain(c, bytes);
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
    if (c->state == PS_CONN_TLS) { /* nothing was sent: a failure to connect */
        why.status = PS_TLS_FAILED;
        why.phase = PS_PHASE_TLS;
    }
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
