/* engine/call.c -- a request's states: queue, run, replay, end (see call.h; clocks in call_clocks.c, the
 * replay decision in call_replay.c). */
#include "engine/call.h"

#include <assert.h>

#include "engine/call_clocks.h"
#include "engine/call_replay.h"
#include "engine/engine_internal.h"

static void try_acquire(struct ps_call *c);
static void hold(struct ps_call *c, uint64_t pause_ms);

static void rearm(struct ps_call *c) /* it is set already, see call_arm() */
{
    enum ps_status st = call_arm(c);
    assert(st == PS_OK);
    (void)st;
}

/* -- the end -- */

/* Lets go of everything but the owner. DONE comes first: other calls may be told of what is freed here,
 * and their owners may try to cancel this one. */
static void release(struct ps_call *c)
{
    c->state = PS_CALL_DONE;
    ps_clock_clear(&c->engine->clock, &c->deadline);
    ps_pool_forget(&c->waiter);
    ps_conn_drop_stream(&c->stream);
    c->maybe_processed = c->maybe_processed || c->stream.byte_written;
    ps_node_unlink(&c->node);
    c->timings.end_ns = uv_hrtime();
    ps_engine_call_over(c->engine, c->spec->profile);
}

static void end(struct ps_call *c, const struct ps_err *err)
{
    struct ps_err why;
    if (err != NULL) {
        why = *err;
        if (why.phase == PS_PHASE_NONE)
            why.phase = ps_call_phase(c);
    }
    release(c);
    c->ops->on_done(c->owner, err == NULL ? NULL : &why);
}

static void on_deadline(struct ps_deadline *d, uint64_t now_ms)
{
    struct ps_call *c = PS_ITEM(d, struct ps_call, deadline);
    if (c->late.status != PS_OK) {
        end(c, &c->late);
        return;
    }
    enum ps_clock_kind out = call_clock_out(c, now_ms);
    struct ps_err err;
    if (out != PS_CLOCK_NONE) {
        struct ps_conn *conn = c->stream.conn; /* freed from the loop at the earliest */
        call_clock_err(c, out, &err);
        end(c, &err);
        if (out == PS_CLOCK_WRITE && conn != NULL && ps_conn_is_starved(conn))
            ps_conn_drain(conn); /* new uploads would fare alike */
    } else if (c->state == PS_CALL_HOLD && now_ms >= c->hold_ms) {
        try_acquire(c);
    } else if (call_arm(c) != PS_OK) { /* there was progress since it was set */
        ps_err_nomem(&err);
        end(c, &err);
    }
}

/* An error found where on_done must not be called: it is told from the loop, at once. */
static void end_later(struct ps_call *c, const struct ps_err *err)
{
    c->late = *err;
    if (ps_clock_set(&c->engine->clock, &c->deadline, ps_clock_now_ms(&c->engine->clock)) != PS_OK)
        end(c, &c->late); /* no memory for a timer: better early than never */
}

/* -- stream -- */

static enum ps_status on_info(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ps_call *c = owner;
    call_touch(c);
    return c->ops->on_info(c->owner, given, err);
}

static enum ps_status on_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ps_call *c = owner;
    call_touch(c);
    c->head_seen = true;
    c->timings.head_ns = uv_hrtime();
    if (c->timings.sent_ns == 0)
        c->timings.sent_ns = c->timings.head_ns; /* answered before the request was complete */
    rearm(c);
    return c->ops->on_head(c->owner, given, err);
}

static enum ps_status on_body(void *owner, struct ps_bytes view, struct ps_err *err)
{
    struct ps_call *c = owner;
    call_touch(c);
    if (!c->spec->auto_credit)
        c->unread_n += view.n;
    c->timings.body_in_bytes += view.n;
    return c->ops->on_body(c->owner, view, err);
}

static enum ps_status on_trailers(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ps_call *c = owner;
    return c->ops->on_trailers(c->owner, given, err);
}

static bool body_peek(void *owner, struct ps_bytes *view, bool *end_out)
{
    struct ps_call *c = owner;
    const struct ps_chunk *body = c->spec->body;
    if (body == NULL)
        return c->ops->body_peek(c->owner, view, end_out);
    *view = ps_bytes_of(body->data + c->body_at, body->n - c->body_at);
    *end_out = true;
    return true;
}

static void body_taken(void *owner, size_t n)
{
    struct ps_call *c = owner;
    call_touch(c);
    c->timings.body_out_bytes += n;
    if (c->spec->body != NULL) {
        c->body_at += n;
        return;
    }
    c->body_touched = true;
    c->ops->body_taken(c->owner, n);
}

static void on_sent(void *owner)
{
    struct ps_call *c = owner;
    call_touch(c);
    c->is_sent = true;
    c->timings.sent_ns = uv_hrtime();
    rearm(c);
}

static void replay(struct ps_call *c, const struct ps_replay_facts *facts, enum ps_replay verdict)
{
    bool is_safe = facts->not_processed || verdict == PS_REPLAY_ON_H1;
    c->maybe_processed = c->maybe_processed || !is_safe;
    c->spec->profile->replayed_n++;
    c->stream.byte_written = false; /* it speaks of the next attempt from here on */
    c->body_at = 0;
    c->is_sent = false;
    c->timings.sent_ns = c->timings.body_out_bytes = 0;
    c->waiter.fresh = !c->is_h2;
    c->waiter.avoid_id = c->is_h2 ? c->timings.conn_id : 0;
    if (verdict == PS_REPLAY_ON_H1)
        ps_pool_set_h1_only(&c->spec->profile->pool, &c->waiter);
    if (c->state == PS_CALL_DONE)
        return; /* others were told of the places that this freed, and one cancelled this one */
    uint64_t pause_ms = ps_replay_pause_ms(facts, uv_hrtime() / 1000);
    if (pause_ms == 0)
        try_acquire(c);
    else
        hold(c, pause_ms);
}

static void on_over(void *owner, const struct ps_err *err, bool not_processed)
{
    struct ps_call *c = owner;
    if (err == NULL) {
        end(c, NULL);
        return;
    }
    struct ps_err why = *err;
    struct ps_replay_facts facts = call_replay_facts(c, err, not_processed);
    enum ps_replay verdict = call_replay_decide(c, &facts, &why);
    if (verdict != PS_REPLAY_NO) {
        replay(c, &facts, verdict);
        return;
    }
    if (not_processed)
        c->stream.byte_written = false;
    end(c, &why);
}

static const struct ps_stream_ops stream_ops = {
    .on_info = on_info,
    .on_head = on_head,
    .on_body = on_body,
    .on_trailers = on_trailers,
    .body_peek = body_peek,
    .body_taken = body_taken,
    .on_sent = on_sent,
    .on_over = on_over,
};

/* -- connection -- */

static void note_connection(struct ps_call *c, const struct ps_conn *conn)
{
    struct ps_timings *t = &c->timings;
    t->conn_ns = uv_hrtime();
    t->conn_id = conn->id;
    t->attempts_n++;
    t->stream_id = 0;
    c->is_h2 = conn->is_h2;
    t->reused = conn->requests_n > 0;
    if (!t->reused) {
        t->dns_us = conn->dns_us;
        t->connect_us = conn->connect_us;
        t->tls_us = conn->tls_us;
    }
    strncpy(t->peer, ps_conn_peer_text(conn), sizeof t->peer - 1);
    strncpy(t->local, ps_conn_local_text(conn), sizeof t->local - 1);
    if (conn->is_tls) {
        struct ps_tls_info info;
        ps_tls_link_info(&conn->tls, &info);
        memcpy(t->tls, info.version, sizeof t->tls);
    }
}

static enum ps_status run_on(struct ps_call *c, struct ps_conn *conn, struct ps_err *err)
{
    note_connection(c, conn);
    call_touch(c);
    c->state = PS_CALL_RUN;
    rearm(c);
    enum ps_status st = ps_conn_open_stream(conn, &c->stream, err);
    if (st == PS_OK && c->is_h2)
        c->timings.stream_id = c->stream.id;
    return st;
}

static void on_ready(void *owner, struct ps_conn *conn, const struct ps_err *err)
{
    struct ps_call *c = owner;
    struct ps_err why;
    if (conn == NULL)
        end(c, err);
    else if (run_on(c, conn, &why) != PS_OK)
        end(c, &why);
}

static void try_acquire(struct ps_call *c)
{
    struct ps_conn *now;
    struct ps_err err;
    c->state = PS_CALL_QUEUE;
    c->queue_ms = ps_clock_now_ms(&c->engine->clock);
    enum ps_status st = call_arm(c);
    if (st != PS_OK)
        ps_err_nomem(&err);
    if (st == PS_OK)
        st = ps_pool_acquire(&c->spec->profile->pool, &c->waiter, &now, &err);
    if (st == PS_OK && now != NULL && (st = run_on(c, now, &err)) != PS_OK)
        ps_pool_give_back(now);
    if (st != PS_OK)
        end_later(c, &err);
}

static void hold(struct ps_call *c, uint64_t pause_ms)
{
    struct ps_err err;
    c->state = PS_CALL_HOLD;
    c->hold_ms = ps_clock_now_ms(&c->engine->clock) + pause_ms;
    if (call_arm(c) == PS_OK)
        return;
    ps_err_nomem(&err);
    end_later(c, &err);
}

void ps_calls_end_hold(struct ps_engine *e)
{
    for (struct ps_node *n = ps_list_first(&e->calls); n; n = ps_list_next(&e->calls, n)) {
        struct ps_call *c = PS_ITEM(n, struct ps_call, node);
        if (c->state == PS_CALL_HOLD) { /* its next attempt finds the pool closed */
            c->hold_ms = 0;
            rearm(c);
        }
    }
}

/* -- the owner's calls -- */

enum ps_phase ps_call_phase(const struct ps_call *c)
{
    if (c->state == PS_CALL_QUEUE)
        return ps_pool_is_dialing(&c->waiter) ? PS_PHASE_CONNECT : PS_PHASE_QUEUE;
    if (c->state == PS_CALL_HOLD)
        return PS_PHASE_QUEUE;
    if (c->head_seen)
        return PS_PHASE_BODY;
    return c->is_sent ? PS_PHASE_WAIT : PS_PHASE_SEND;
}

static void init_waiter(struct ps_call *c)
{
    c->waiter = (struct ps_waiter){.owner = c,
                                   .host = c->spec->host,
                                   .port = c->spec->port,
                                   .is_https = c->spec->request->is_https,
                                   .sni = c->spec->sni,
                                   .connect_ms = c->spec->clocks_ms[PS_CLOCK_CONNECT],
                                   .has_body = c->spec->request->body_kind != PS_BODY_NONE,
                                   .on_ready = on_ready};
}

void ps_call_start(struct ps_call *c, struct ps_engine *e, const struct ps_call_spec *spec,
                   const struct ps_call_ops *ops, void *owner)
{
    uint64_t start_ns = c->timings.start_ns; /* the owner may have noted when the caller asked */
    memset(c, 0, sizeof *c);
    c->engine = e;
    c->spec = spec;
    c->ops = ops;
    c->owner = owner;
    c->deadline.fire = on_deadline;
    c->stream.ops = &stream_ops;
    c->stream.owner = c;
    c->stream.request = spec->request;
    c->stream.auto_credit = spec->auto_credit;
    c->start_ms = ps_clock_now_ms(&e->clock);
    c->timings.start_ns = start_ns != 0 ? start_ns : uv_hrtime();
    c->timings.dns_us = c->timings.connect_us = c->timings.tls_us = UINT64_MAX;
    init_waiter(c);
    ps_engine_attach(e, spec->profile);
    ps_list_push_back(&e->calls, &c->node);
    e->calls_n++;
    spec->profile->calls_n++;
    if (e->is_stopping) {
        struct ps_err err;
        c->state = PS_CALL_QUEUE; /* from here on it can be cancelled */
        ps_err_set(&err, PS_CLOSED, PS_PHASE_QUEUE, "the engine is stopping");
        end_later(c, &err);
        return;
    }
    try_acquire(c);
}

void ps_call_credit(struct ps_call *c, size_t n)
{
    if (c->state != PS_CALL_RUN)
        return;
    bool was_paused = call_is_paused(c);
    c->unread_n -= n < c->unread_n ? n : c->unread_n;
    if (was_paused)
        call_touch(c); /* the idle clock starts anew: the peer can send again only now */
    ps_conn_credit(&c->stream, n);
}

void ps_call_kick(struct ps_call *c)
{
    if (c->state == PS_CALL_RUN)
        ps_conn_kick(&c->stream);
}

void ps_call_cancel(struct ps_call *c)
{
    if (c->state == PS_CALL_NEW || c->state == PS_CALL_DONE)
        return;
    release(c);
}
