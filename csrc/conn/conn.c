/* conn/conn.c -- a connection's states, from the name to OPEN and from OPEN to freed.
 * The way to a socket is in dialing.c, through a proxy in tunnel.c and outer.c, the handshake in handshake.c;
 * bytes are moved in pump.c and feed.c, the last words are in goodbye.c, streams in stream.c. */
#include "conn/conn.h"

#include <assert.h>

#include "base/mem.h"
#include "conn/conn_internal.h"
#include "proto/h2.h"

static const char *const state_names[] = {
    "dial", "tunnel", "tls", "open", "drain", "closing", "closed",
};

const char *ps_conn_state_name(enum ps_conn_state st)
{
    return state_names[st];
}

const char *ps_conn_peer_text(const struct ps_conn *c)
{
    return c->sock == NULL ? "" : ps_sock_peer_text(c->sock);
}

const char *ps_conn_local_text(const struct ps_conn *c)
{
    return c->sock == NULL ? "" : ps_sock_local_text(c->sock);
}

void conn_check(const struct ps_conn *c)
{
    switch (c->state) {
    case PS_CONN_DIAL:
    case PS_CONN_TUNNEL:
        assert(c->codec == NULL && ps_list_empty(&c->streams));
        break;
    case PS_CONN_TLS:
        assert(c->sock != NULL && c->codec == NULL && c->is_tls);
        break;
    case PS_CONN_OPEN:
    case PS_CONN_DRAIN:
        assert(c->sock != NULL && c->codec != NULL);
        break;
    case PS_CONN_CLOSING:
    case PS_CONN_CLOSED:
        assert(ps_list_empty(&c->streams));
        break;
    }
}

void conn_set_state(struct ps_conn *c, enum ps_conn_state to)
{
    assert(to >= c->state);
    c->state = to;
    conn_check(c);
}

uint64_t conn_lap_us(struct ps_conn *c)
{
    uint64_t now = uv_hrtime();
    uint64_t us = (now - c->mark_ns) / 1000;
    c->mark_ns = now;
    return us;
}

static void conn_free(struct ps_conn *c)
{
    ps_clock_clear(c->env->clock, &c->deadline);
    ps_clock_clear(c->env->clock, &c->retire);
    live_stop(c);
    ps_node_unlink(&c->dirty_node);
    if (c->codec != NULL)
        ps_codec_fini(c->codec);
    ps_tls_link_fini(&c->tls);
    ps_tls_link_fini(&c->outer);
    conn_tunnel_free(c);
    ps_free(c);
}

void conn_closed(struct ps_conn *c)
{
    c->sock = NULL;
    conn_set_state(c, PS_CONN_CLOSED);
    c->ops->on_closed(c->owner, c);
    conn_free(c);
}

/* Tells the owner once that no stream may come any more. */
static void tell_down(struct ps_conn *c, const struct ps_err *err)
{
    if (c->told_down)
        return;
    c->told_down = true;
    c->ops->on_down(c->owner, c, err);
}

/* Ends every stream: with the connection's error, or with the write error before it when that is all that
 * is known. Once an answer has begun, what went wrong with it says more. */
static void end_streams(struct ps_conn *c, const struct ps_err *err)
{
    struct ps_node *n;
    while ((n = ps_list_first(&c->streams)) != NULL) {
        struct ps_stream *s = PS_ITEM(n, struct ps_stream, node);
        bool has_write_err = c->write_err.status != PS_OK && !s->answer_begun;
        const struct ps_err *why = has_write_err ? &c->write_err : err;
        bool may_have_left = s->byte_written || (c->is_h2 && ps_h2_is_sent(c->codec, s->id));
        if (c->is_h2 && !may_have_left)
            ps_codec_drop(c->codec, s->id); /* or it would leave with our last words */
        conn_end_stream(s, why, !may_have_left);
    }
}

void conn_fail(struct ps_conn *c, const struct ps_err *err)
{
    if (c->state >= PS_CONN_CLOSING)
        return;
    struct ps_err closed;
    if (err == NULL)
        ps_err_set(&closed, PS_CLOSED, PS_PHASE_NONE, "the connection was closed");
    end_streams(c, err != NULL ? err : &closed);
    ps_clock_clear(c->env->clock, &c->deadline);
    ps_clock_clear(c->env->clock, &c->retire);
    live_stop(c);
    ps_resolver_cancel(c->env->resolver, &c->lookup);
    ps_dial_cancel(&c->dial);
    conn_say_goodbye(c);
    conn_set_state(c, PS_CONN_CLOSING);
    bool was_pumping = c->is_pumping;
    c->is_pumping = true; /* what the owner does now must not start the pump */
    tell_down(c, err);
    c->is_pumping = was_pumping;
    if (c->sock != NULL)
        ps_sock_close(c->sock); /* conn_closed() comes from its callback */
    if (was_pumping)
        c->again = true; /* the running pump tells the ended streams */
    else
        conn_pump(c); /* tells them; frees c when there is no socket */
}

void ps_conn_close(struct ps_conn *c, const struct ps_err *err)
{
    conn_fail(c, err);
}

void ps_conn_drain(struct ps_conn *c)
{
    if (c->state < PS_CONN_OPEN) {
        conn_fail(c, NULL);
        return;
    }
    if (c->state != PS_CONN_OPEN)
        return;
    conn_set_state(c, PS_CONN_DRAIN);
    tell_down(c, NULL);
    if (ps_list_empty(&c->streams))
        conn_fail(c, NULL);
}

enum ps_status ps_conn_new(struct ps_conn **out, struct ps_env *env,
                           const struct ps_conn_settings *settings,
                           const struct ps_conn_target *target, uint64_t connect_ms,
                           const struct ps_conn_ops *ops, void *owner, struct ps_err *err)
{
    if (target->is_https && settings->tls == NULL)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "https without TLS settings");
    struct ps_conn *c = ps_zalloc(sizeof *c);
    if (c == NULL)
        return ps_err_nomem(err);
    c->owner = owner;
    c->ops = ops;
    c->id = ++env->next_conn_id;
    c->env = env;
    c->settings = settings;
    c->target = *target;
    c->connect_ms = connect_ms;
    c->is_tls = target->is_https;
    c->dns_us = c->connect_us = c->tls_us = c->ping_us = UINT64_MAX;
    c->goaway_code = -1;
    ps_list_init(&c->streams);
    ps_list_init(&c->sending);
    ps_list_init(&c->over);
    enum ps_status st = conn_tunnel_prepare(c, err);
    if (st == PS_OK)
        st = conn_dial(c, err);
    if (st != PS_OK)
        goto fail;
    *out = c;
    return PS_OK;
fail:
    conn_free(c);
    return st;
}
