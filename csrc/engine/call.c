/* engine/call.c -- a request's states and clocks (see call.h).
 * The clocks share one deadline: it is set to the earliest clock and looked at again when it fires, so
 * progress costs nothing but a store. */
#include "engine/call.h"

#include <assert.h>

#include "engine/engine_internal.h"
#include "engine/replay.h"

enum { FAR_MS = 86400000 }; /* a day */

static void try_acquire(struct ps_call *c);

/* -- clocks -- */

struct due {
    uint64_t at_ms;
    enum ps_clock_kind clock;
};

static void sooner(struct due *d, uint64_t from_ms, const struct ps_call *c, enum ps_clock_kind kind)
{
    uint64_t limit = c->spec->clocks_ms[kind];
    if (limit > 0 && from_ms + limit < d->at_ms)
        *d = (struct due){from_ms + limit, kind};
}

static bool is_paused(const struct ps_call *c)
{
    return c->unread_n >= c->spec->profile->settings.conn.codec.window_bytes;
}

static struct due next_due(const struct ps_call *c)
{
    struct due d = {UINT64_MAX, PS_CLOCK_NONE};
    sooner(&d, c->start_ms, c, PS_CLOCK_TOTAL);
    if (c->state == PS_CALL_QUEUE) {
        if (!c->is_dialing)
            sooner(&d, c->queue_ms, c, PS_CLOCK_POOL);
    } else if (c->head_seen) {
        /* A reader that does not read stops the peer; that silence is not the peer's. */
        uint64_t from = is_paused(c) ? ps_clock_now_ms(&c->engine->clock) : c->last_ms;
        sooner(&d, from, c, PS_CLOCK_IDLE);
    } else if (c->is_sent) {
        sooner(&d, c->last_ms, c, PS_CLOCK_FIRST_BYTE);
    } else {
        sooner(&d, c->last_ms, c, PS_CLOCK_WRITE);
    }
    return d;
}

/* Makes sure the deadline is not later than the earliest clock. Without any clock it is set far away, so
 * that it has its place in the heap and moving it later cannot fail. */
static enum ps_status arm(struct ps_call *c)
{
    struct due d = next_due(c);
    uint64_t far_ms = ps_clock_now_ms(&c->engine->clock) + FAR_MS;
    if (d.at_ms > far_ms)
        d.at_ms = far_ms;
    if (ps_deadline_is_set(&c->deadline) && c->deadline.due_ms <= d.at_ms)
        return PS_OK;
    return ps_clock_set(&c->engine->clock, &c->deadline, d.at_ms);
}

static void rearm(struct ps_call *c) /* it is set already, see arm() */
{
    enum ps_status st = arm(c);
    assert(st == PS_OK);
    (void)st;
}

static const char *clock_text(enum ps_clock_kind kind)
{
    switch (kind) {
    case PS_CLOCK_POOL:
        return "no connection became free";
    case PS_CLOCK_WRITE:
        return "the peer took no more of the request";
    case PS_CLOCK_FIRST_BYTE:
        return "the request was sent and no response head came";
    case PS_CLOCK_IDLE:
        return "the response stalled";
    case PS_CLOCK_TOTAL:
        return "the request was not complete";
    case PS_CLOCK_CONNECT:
        return "no connection was made";
    case PS_CLOCK_NONE:
        break;
    }
    return "a clock ran out";
}

/* -- the end -- */

static void touch(struct ps_call *c)
{
    c->last_ms = ps_clock_now_ms(&c->engine->clock);
}

/* Lets go of everything but the owner. */
static void release(struct ps_call *c)
{
    ps_clock_clear(&c->engine->clock, &c->deadline);
    ps_pool_forget(&c->waiter);
    ps_conn_drop_stream(&c->stream);
    ps_node_unlink(&c->node);
    c->state = PS_CALL_DONE;
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
    c->maybe_processed = c->maybe_processed || c->stream.byte_written;
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
    struct due due = next_due(c);
    struct ps_err err;
    if (due.at_ms > now_ms) { /* there was progress since it was set */
        if (arm(c) != PS_OK) {
            ps_err_nomem(&err);
            end(c, &err);
        }
        return;
    }
    ps_err_set(&err, PS_TIMED_OUT, ps_call_phase(c), "%s within %.3g s", clock_text(due.clock),
               (double)c->spec->clocks_ms[due.clock] / 1000.0);
    err.clock = due.clock;
    end(c, &err);
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
    touch(c);
    return c->ops->on_info(c->owner, given, err);
}

static enum ps_status on_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ps_call *c = owner;
    touch(c);
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
    touch(c);
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
    touch(c);
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
    touch(c);
    c->is_sent = true;
    c->timings.sent_ns = uv_hrtime();
    rearm(c);
}

static bool may_replay(const struct ps_call *c, const struct ps_err *err, bool not_processed)
{
    struct ps_replay_facts facts = {
        .status = err->status,
        .attempts_n = c->timings.attempts_n,
        .answer_begun = c->stream.answer_begun || c->head_seen,
        .not_processed = not_processed,
        .reused = c->timings.reused,
        .is_idempotent = c->spec->request->is_idempotent,
        .body_is_repeatable = !c->body_touched,
    };
    return !c->engine->is_stopping && !c->spec->profile->pool.is_closing &&
           ps_replay_allowed(&facts);
}

static void on_over(void *owner, const struct ps_err *err, bool not_processed)
{
    struct ps_call *c = owner;
    if (err != NULL && may_replay(c, err, not_processed)) {
        c->maybe_processed = c->maybe_processed || !not_processed;
        c->spec->profile->replayed_n++;
        c->body_at = 0;
        c->is_sent = false;
        c->waiter.fresh = true;
        try_acquire(c);
        return;
    }
    if (err != NULL && not_processed)
        c->stream.byte_written = false;
    end(c, err);
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
    t->reused = conn->requests_n > 0;
    if (!t->reused) {
        t->dns_us = conn->dns_us;
        t->connect_us = conn->connect_us;
        t->tls_us = conn->tls_us;
    }
    strncpy(t->peer, ps_conn_peer_text(conn), sizeof t->peer - 1);
    if (conn->is_tls) {
        struct ps_tls_info info;
        ps_tls_link_info(&conn->tls, &info);
        memcpy(t->tls, info.version, sizeof t->tls);
    }
}

static enum ps_status run_on(struct ps_call *c, struct ps_conn *conn, struct ps_err *err)
{
    note_connection(c, conn);
    touch(c);
    c->state = PS_CALL_RUN;
    c->is_dialing = false;
    rearm(c);
    return ps_conn_open_stream(conn, &c->stream, err);
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

static void on_dial(void *owner)
{
    struct ps_call *c = owner;
    c->is_dialing = true;
}

static void try_acquire(struct ps_call *c)
{
    struct ps_conn *now;
    struct ps_err err;
    c->state = PS_CALL_QUEUE;
    c->queue_ms = ps_clock_now_ms(&c->engine->clock);
    enum ps_status st = arm(c);
    if (st != PS_OK)
        ps_err_nomem(&err);
    if (st == PS_OK)
        st = ps_pool_acquire(&c->spec->profile->pool, &c->waiter, &now, &err);
    if (st == PS_OK && now == NULL)
        c->is_dialing = c->waiter.dial != NULL;
    else if (st == PS_OK)
        st = run_on(c, now, &err);
    if (st != PS_OK)
        end_later(c, &err);
}

/* -- the owner's calls -- */

enum ps_phase ps_call_phase(const struct ps_call *c)
{
    if (c->state == PS_CALL_QUEUE)
        return c->is_dialing ? PS_PHASE_CONNECT : PS_PHASE_QUEUE;
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
                                   .on_ready = on_ready,
                                   .on_dial = on_dial};
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
    bool was_paused = is_paused(c);
    c->unread_n -= n < c->unread_n ? n : c->unread_n;
    if (was_paused)
        touch(c); /* the idle clock starts anew: the peer can send again only now */
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
