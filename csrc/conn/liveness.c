/* conn/liveness.c -- is the peer of an HTTP/2 connection still there? (rules 12, 33 to 35)
 * Nothing is asked of an idle connection. One that was quiet is asked before it is used again (a probe: no
 * slots until the answer); one whose running streams hear nothing is asked now and then, twice at most
 * until it sends HEADERS or DATA. Any frame after the PING proves the connection as well as its answer.
 * One lazy deadline: it fires at the earliest thing that could be due and looks what really is, so bytes
 * that come cost a store. It is always set while the connection is OPEN or draining, at worst far away, so
 * that moving it cannot fail. Thread: io. Owner: embedded in ps_conn. */
#include <assert.h>

#include "conn/conn_internal.h"
#include "proto/h2.h"

enum {
    FAR_MS = 86400000, /* a day */
    SILENT_PINGS_MAX = 2,
};

static uint64_t now_of(const struct ps_conn *c)
{
    return ps_clock_now_ms(c->env->clock);
}

/* The silence a running stream is granted, +-15 % by connection, so that not all ask at once. */
static uint64_t silence_ms(const struct ps_conn *c)
{
    uint64_t whole = c->settings->h2.silence_ms << c->target.calm; /* rule 20 */
    uint64_t roll = (c->id * 2654435761u) & 0xffff;
    return whole - whole * 15 / 100 + whole * 30 / 100 * roll / 0xffff;
}

static uint64_t answer_ms(const struct ps_conn *c)
{
    return c->live.is_probing ? c->settings->h2.quiet_answer_ms : c->settings->h2.silence_answer_ms;
}

static bool may_ping(const struct ps_conn *c)
{
    return !c->live.is_pinging && c->streams_n > 0 && c->live.pings_n < SILENT_PINGS_MAX;
}

static uint64_t earliest_ms(const struct ps_conn *c)
{
    uint64_t due = now_of(c) + FAR_MS;
    uint64_t settings_due = c->opened_ms + c->settings->h2.settings_ms;
    if (c->state == PS_CONN_OPEN && !ps_h2_settings_acked(c->codec) && settings_due < due)
        due = settings_due;
    if (c->live.is_pinging && c->live.ping_ms + answer_ms(c) < due)
        due = c->live.ping_ms + answer_ms(c);
    if (may_ping(c) && c->live.heard_ms + silence_ms(c) < due)
        due = c->live.heard_ms + silence_ms(c);
    return due;
}

static enum ps_status arm(struct ps_conn *c)
{
    uint64_t due = earliest_ms(c);
    if (ps_deadline_is_set(&c->live.tick) && c->live.tick.due_ms <= due)
        return PS_OK;
    return ps_clock_set(c->env->clock, &c->live.tick, due);
}

static void rearm(struct ps_conn *c) /* it is set already */
{
    enum ps_status st = arm(c);
    assert(st == PS_OK);
    (void)st;
}

static void ping(struct ps_conn *c)
{
    struct ps_err err;
    if (ps_h2_ping(c->codec, &err) != PS_OK) {
        conn_fail(c, &err);
        return;
    }
    c->live.is_pinging = true;
    c->live.ping_ms = now_of(c);
    c->live.ping_ns = uv_hrtime();
    c->live.frames_n = ps_h2_frames_seen_n(c->codec);
    rearm(c);
    conn_pump_soon(c);
}

/* What the codec saw since the PING went out. */
static void note_frames(struct ps_conn *c)
{
    struct ps_liveness *l = &c->live;
    uint64_t answers_n = ps_h2_answers_seen_n(c->codec);
    if (answers_n != l->answers_n) {
        l->answers_n = answers_n;
        l->pings_n = 0;
    }
    if (!l->is_pinging || ps_h2_frames_seen_n(c->codec) == l->frames_n)
        return;
    if (ps_h2_pong_seen(c->codec))
        c->ping_us = (uv_hrtime() - l->ping_ns) / 1000;
    c->slot_freed = c->slot_freed || l->is_probing; /* who waits must hear of it, slots or none */
    l->is_pinging = l->is_probing = false;
}

static void lose(struct ps_conn *c, const char *what, uint64_t limit_ms)
{
    struct ps_err err;
    ps_err_set(&err, PS_READ_FAILED, PS_PHASE_NONE, "the peer %s within %.3g s: connection lost", what,
               (double)limit_ms / 1000.0);
    conn_fail(c, &err);
}

static void on_tick(struct ps_deadline *d, uint64_t now_ms)
{
    struct ps_conn *c = PS_ITEM(d, struct ps_conn, live.tick);
    note_frames(c);
    /* It has just left the heap, so there is room for it. */
    enum ps_status st = ps_clock_set(c->env->clock, &c->live.tick, now_ms + FAR_MS);
    assert(st == PS_OK);
    (void)st;
    if (c->live.is_pinging && now_ms >= c->live.ping_ms + answer_ms(c)) {
        lose(c, "did not answer a PING", answer_ms(c));
        return;
    }
    bool is_late = now_ms >= c->opened_ms + c->settings->h2.settings_ms;
    if (is_late && !ps_h2_settings_acked(c->codec) && c->state == PS_CONN_OPEN) {
        if (c->streams_n == 0) {
            lose(c, "did not acknowledge SETTINGS", c->settings->h2.settings_ms);
            return;
        }
        ps_conn_drain(c); /* what runs may end: a stream that is paid for is not cut for a formality */
    }
    if (may_ping(c) && now_ms >= c->live.heard_ms + silence_ms(c)) {
        c->live.pings_n++;
        ping(c);
        return;
    }
    rearm(c);
}

enum ps_status live_start(struct ps_conn *c)
{
    c->live.tick.fire = on_tick;
    c->live.heard_ms = now_of(c);
    return arm(c);
}

void live_stop(struct ps_conn *c)
{
    ps_clock_clear(c->env->clock, &c->live.tick);
}

void live_heard(struct ps_conn *c)
{
    c->live.heard_ms = now_of(c);
}

void live_read(struct ps_conn *c)
{
    bool was_quiet = c->live.pings_n >= SILENT_PINGS_MAX; /* so the tick may be far away */
    note_frames(c);
    if (c->target.is_wary && ps_h2_frames_seen_n(c->codec) > 0) { /* the first is SETTINGS */
        c->target.is_wary = false;
        c->slot_freed = true;
    }
    if (was_quiet && c->live.pings_n == 0)
        rearm(c);
}

void live_opened(struct ps_conn *c)
{
    if (c->streams_n == 1) {
        c->live.heard_ms = now_of(c); /* the silence of an idle connection does not count */
        rearm(c);
    }
}

/* Its slot comes back with the peer's next frame, so one is asked for (rule 36). */
void live_doubt(struct ps_conn *c)
{
    c->has_doubt = false;
    if (c->state > PS_CONN_DRAIN || c->live.is_pinging)
        return;
    if (c->live.pings_n >= SILENT_PINGS_MAX) { /* as in Go: where none may be asked, none is waited for */
        ps_h2_forget_doubts(c->codec);
        return;
    }
    c->live.pings_n++;
    ping(c);
}

bool ps_conn_is_quiet(const struct ps_conn *c)
{
    return c->is_h2 && c->streams_n == 0 && c->state == PS_CONN_OPEN &&
           now_of(c) >= c->live.heard_ms + c->settings->h2.quiet_ms;
}

void ps_conn_probe(struct ps_conn *c)
{
    if (c->live.is_probing)
        return;
    c->live.is_probing = true;
    c->slots_n = 0;
    ping(c);
}
