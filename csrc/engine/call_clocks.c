/* engine/call_clocks.c -- a call's clocks (see call_clocks.h; rule 37).
 * TOTAL runs all the time; POOL while only the limits hold the call up; WRITE while the peer does not take
 * bytes that are there to be sent, extended by any that it takes (rule 32); FIRST_BYTE from the last byte
 * sent to the head; IDLE between pieces of the body. A wait that is the owner's doing (it brings no body,
 * it reads nothing) is no wait for the peer: its clock stands. */
#include "engine/call_clocks.h"

enum { FAR_MS = 86400000 }; /* a day */

struct due {
    uint64_t at_ms;
    enum ps_clock_kind clock;
};

static void sooner(struct due *d, uint64_t from_ms, const struct ps_call *c, enum ps_clock_kind kind)
{
    uint64_t limit = c->spec->clocks_ms[kind];
    if (limit > 0 && limit < UINT64_MAX - from_ms && from_ms + limit < d->at_ms)
        *d = (struct due){from_ms + limit, kind};
}

/* HTTP/2 sends new credit for each half window, so a peer may stand still from half a window on. */
bool call_is_paused(const struct ps_call *c)
{
    size_t window_bytes = c->spec->profile->settings.conn.codec.window_bytes;
    return c->is_h2 ? c->unread_n >= window_bytes / 2 : c->unread_n > window_bytes;
}

void call_touch(struct ps_call *c)
{
    c->last_ms = ps_clock_now_ms(&c->engine->clock);
}

/* A connection on its way, its own or one that it will share, is no wait for the limits; what it waits for
 * may become one without a word, so it looks again later. Its own dial has its own clock. */
static void queue_due(struct due *d, const struct ps_call *c, uint64_t now_ms)
{
    bool is_dialing = ps_pool_is_dialing(&c->waiter);
    sooner(d, is_dialing ? now_ms : c->queue_ms, c, PS_CLOCK_POOL);
    if (is_dialing && c->waiter.dial == NULL)
        sooner(d, c->queue_ms, c, PS_CLOCK_CONNECT);
}

static struct due next_due(const struct ps_call *c)
{
    struct due d = {UINT64_MAX, PS_CLOCK_NONE};
    uint64_t now_ms = ps_clock_now_ms(&c->engine->clock);
    sooner(&d, c->start_ms, c, PS_CLOCK_TOTAL);
    if (c->state == PS_CALL_HOLD) {
        if (c->hold_ms < d.at_ms)
            d = (struct due){c->hold_ms, PS_CLOCK_NONE};
    } else if (c->state == PS_CALL_QUEUE) {
        queue_due(&d, c, now_ms);
    } else if (c->head_seen) {
        sooner(&d, call_is_paused(c) ? now_ms : c->last_ms, c, PS_CLOCK_IDLE);
    } else if (c->is_sent) {
        sooner(&d, c->last_ms, c, PS_CLOCK_FIRST_BYTE);
    } else {
        sooner(&d, ps_conn_is_blocked(&c->stream) ? c->last_ms : now_ms, c, PS_CLOCK_WRITE);
    }
    return d;
}

/* Without any clock the deadline is set far away, so that it has its place in the heap and moving it
 * later cannot fail. */
enum ps_status call_arm(struct ps_call *c)
{
    struct due d = next_due(c);
    uint64_t far_ms = ps_clock_now_ms(&c->engine->clock) + FAR_MS;
    if (d.at_ms > far_ms)
        d.at_ms = far_ms;
    if (ps_deadline_is_set(&c->deadline) && c->deadline.due_ms <= d.at_ms)
        return PS_OK;
    return ps_clock_set(&c->engine->clock, &c->deadline, d.at_ms);
}

enum ps_clock_kind call_clock_out(struct ps_call *c, uint64_t now_ms)
{
    bool is_sending = c->state == PS_CALL_RUN && !c->head_seen && !c->is_sent;
    if (is_sending && ps_conn_moves(&c->stream, c->last_ms))
        call_touch(c);
    struct due due = next_due(c);
    return due.at_ms > now_ms ? PS_CLOCK_NONE : due.clock;
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

void call_clock_err(const struct ps_call *c, enum ps_clock_kind kind, struct ps_err *err)
{
    ps_err_set(err, PS_TIMED_OUT, ps_call_phase(c), "%s within %.3g s", clock_text(kind),
               (double)c->spec->clocks_ms[kind] / 1000.0);
    err->clock = kind;
}
