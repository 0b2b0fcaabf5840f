/* conn/tell.c -- what owners learn after a pump: a request is sent, a stream is over, a slot is free; and
 * what becomes of a connection that has nothing to do.
 * Nothing of the pump is on the stack that a callback could disturb; who is told may close the connection
 * or drop any stream, so lists are read afresh each time. Thread: io. */
#include "conn/conn_internal.h"
#include "proto/h2.h"

/* Is all of the request out of the codec? */
static bool is_pulled(const struct ps_stream *s)
{
    const struct ps_codec *codec = s->conn->codec;
    return s->body_done && (!s->conn->is_h2 ||
                            (ps_h2_is_sent(codec, s->id) && ps_h2_unsent_n(codec, s->id) == 0));
}

static struct ps_stream *first_pulled(const struct ps_conn *c)
{
    for (struct ps_node *n = ps_list_first(&c->sending); n; n = ps_list_next(&c->sending, n)) {
        struct ps_stream *s = PS_ITEM(n, struct ps_stream, send_node);
        if (is_pulled(s))
            return s;
    }
    return NULL;
}

void conn_tell_sent(struct ps_conn *c)
{
    struct ps_stream *s;
    while (c->state < PS_CONN_CLOSING && c->write_err.status == PS_OK &&
           ps_sock_queued(c->sock) == 0 && (s = first_pulled(c)) != NULL) {
        ps_node_unlink(&s->send_node);
        s->told_sent = true;
        s->ops->on_sent(s->owner);
    }
}

/* A TLS 1.3 ticket comes after the handshake: look for it when the first response is complete. */
static void keep_session(struct ps_conn *c)
{
    if (!c->is_tls || c->session_kept || c->settings->sessions == NULL)
        return;
    struct ps_tls_session *session = ps_tls_link_session(&c->tls);
    if (session == NULL)
        return;
    c->session_kept = true;
    ps_tls_sessions_put(c->settings->sessions, c->target.key, session);
}

void conn_tell_over(struct ps_conn *c)
{
    if (!ps_list_empty(&c->over) && c->state < PS_CONN_CLOSING)
        keep_session(c);
    struct ps_node *n;
    while ((n = ps_list_pop_front(&c->over)) != NULL) {
        struct ps_stream *s = PS_ITEM(n, struct ps_stream, node);
        s->conn = NULL;
        s->conn_lost = c->state >= PS_CONN_CLOSING;
        s->ops->on_over(s->owner, s->is_complete ? NULL : &s->err, s->not_processed);
    }
}

/* With nothing running: may the connection not serve on? An answer to a request that is still being sent
 * says that its rest is not wanted: nobody knows when the peer will read on (rule 63). */
static bool is_spent(const struct ps_conn *c)
{
    return c->state == PS_CONN_DRAIN || c->peer_done || c->write_err.status != PS_OK ||
           !ps_codec_is_reusable(c->codec) ||
           (!c->is_h2 && c->slot_freed && ps_sock_queued(c->sock) > 0);
}

void conn_settle(struct ps_conn *c)
{
    if (c->state != PS_CONN_OPEN && c->state != PS_CONN_DRAIN)
        return;
    if (ps_list_empty(&c->streams) && is_spent(c)) {
        conn_fail(c, c->write_err.status != PS_OK ? &c->write_err : NULL);
        return;
    }
    if (c->is_h2)
        live_read(c);
    if (c->is_h2 && (c->is_weary || !ps_codec_is_reusable(c->codec)))
        ps_conn_drain(c); /* it will not serve again: others should not wait for it */
    size_t slots_n = ps_conn_free_slots(c);
    bool is_unused = c->is_h2 && c->state == PS_CONN_OPEN && c->streams_n == 0 &&
                     !c->live.is_pinging; /* idle, although the peer allows no streams (rule 4) */
    if ((slots_n > 0 || is_unused) && (c->slot_freed || slots_n > c->slots_n)) {
        c->slot_freed = false;
        c->idle_since_ms = ps_clock_now_ms(c->env->clock);
        c->ops->on_free(c->owner, c);
    }
    if (c->state == PS_CONN_OPEN)
        c->slots_n = ps_conn_free_slots(c);
}
