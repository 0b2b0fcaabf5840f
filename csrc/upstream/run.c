/* upstream/run.c -- one request being answered (see run.h).
 * Event i is due at start + i * period, moved by its jitter: a pure function of i, so that no lateness adds up.
 * Unpaced events carry the number of the moment they were copied, which is when they leave but for the socket. */
#include "upstream/run.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"

void up_run_arrive(struct up_run *r, const struct up_request *request, const struct up_origin *origin)
{
    r->record = up_log_arrive(r->log, request, origin, uv_hrtime());
    r->is_arrived = true;
}

static enum ps_status begin_unmatched(struct up_run *r, const struct up_request *request)
{
    char text[400];
    struct ps_bytes method = up_request_view(request, request->method);
    struct ps_bytes target = up_request_view(request, request->target);
    int n = snprintf(text, sizeof text, "no rule for %.*s %.*s%s\n", method.n < 40 ? (int)method.n : 40,
                     method.p == NULL ? "" : (const char *)method.p, target.n < 300 ? (int)target.n : 300,
                     target.p == NULL ? "" : (const char *)target.p, target.n < 300 ? "" : "...");
    enum ps_status st = up_program_plain(&r->own, 404, ps_bytes_of(text, (size_t)n));
    r->step = r->own.steps;
    return st;
}

enum ps_status up_run_begin(struct up_run *r, struct up_script *script, const struct up_request *request)
{
    static const struct up_step nothing = {.kind = UP_END};
    struct up_choice choice = up_script_choose(script, request, uv_hrtime());
    up_log_chosen(r->log, r->record, choice.rule, choice.attempt);
    if (choice.program == NULL)
        return begin_unmatched(r, request);
    r->script = up_script_ref(script);
    r->step = choice.program->n == 0 ? &nothing : choice.program->steps;
    return PS_OK;
}

void up_run_end(struct up_run *r, bool is_aborted)
{
    up_run_tell_events(r);
    up_pace_clear(r->pace, &r->alarm);
    if (r->is_arrived)
        up_log_over(r->log, r->record, is_aborted, uv_hrtime());
    up_program_fini(&r->own);
    up_script_unref(r->script);
    ps_free(r->stamped);
    *r = (struct up_run){.log = r->log, .pace = r->pace, .alarm.ring = r->alarm.ring};
}

void up_run_tell_head(struct up_run *r, int status)
{
    if (r->record != NULL)
        up_log_answered(r->log, r->record, status, uv_hrtime());
}

void up_run_tell_events(struct up_run *r)
{
    up_log_events(r->log, r->record, r->event_i - r->told_i);
    r->told_i = r->event_i;
}

bool up_run_delay_is_over(struct up_run *r)
{
    uint64_t now_ns = uv_hrtime();
    if (!r->is_begun_step) {
        r->is_begun_step = true;
        r->due_ns = now_ns + r->step->as.delay_us * 1000;
    }
    if (now_ns >= r->due_ns)
        return true;
    /* Without memory for the heap the delay is cut short rather than kept for ever. */
    return up_pace_set(r->pace, &r->alarm, r->due_ns) != PS_OK;
}

/* -- events -- */

/* splitmix64: the i-th number of a seed, -1 to 1. */
static double roll(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) / 4503599627370496.0 - 1.0;
}

static uint64_t due_of(const struct up_run *r, const struct up_events *e)
{
    double after_ns = (double)r->event_i * e->period_ns;
    if (e->jitter > 0)
        after_ns += e->jitter * e->period_ns * roll(e->seed, r->event_i);
    return r->begun_ns + (after_ns > 0 ? (uint64_t)after_ns : 0);
}

static void put_digits(uint8_t *to, uint64_t value)
{
    for (int i = UP_STAMP_BYTES - 1; i >= 0; i--, value /= 10)
        to[i] = (uint8_t)('0' + value % 10);
}

static const struct up_piece *stamp(struct up_run *r, const struct up_events *e, struct up_piece *copy)
{
    size_t piece_i = (size_t)(r->event_i % e->pieces_n);
    const struct up_piece *p = &e->pieces[piece_i];
    bool has_any = false;
    *copy = *p;
    copy->framed = r->stamped;
    for (size_t i = 0; i < e->stamps_n; i++) {
        const struct up_stamp *s = &e->stamps[i];
        if (s->piece_i != piece_i)
            continue;
        if (!has_any && r->at == 0)
            memcpy(r->stamped, p->framed, p->framed_n);
        has_any = true;
        if (r->at == 0)
            put_digits(r->stamped + p->data_at + s->at, s->is_ns ? uv_hrtime() : r->before_n + r->event_i);
    }
    return has_any ? copy : p;
}

static enum up_supply begin_events(struct up_run *r, const struct up_events *e)
{
    r->is_begun_step = true;
    r->begun_ns = r->due_ns = uv_hrtime();
    up_run_tell_events(r);
    r->event_i = r->told_i = 0;
    if (e->period_ns > 0)
        r->due_ns = due_of(r, e);
    if (e->stamps_n == 0)
        return UP_SUPPLY_PIECE;
    ps_free(r->stamped);
    r->stamped = ps_malloc(e->longest_n);
    return r->stamped == NULL ? UP_SUPPLY_NOMEM : UP_SUPPLY_PIECE;
}

static enum up_supply supply_event(struct up_run *r, bool is_framed, struct ps_bytes *piece)
{
    const struct up_events *e = &r->step->as.events;
    struct up_piece copy;
    if (!r->is_begun_step && begin_events(r, e) == UP_SUPPLY_NOMEM)
        return UP_SUPPLY_NOMEM;
    if (r->event_i >= e->count) {
        up_run_tell_events(r);
        r->before_n += r->event_i;
        r->event_i = r->told_i = 0;
        up_run_next_step(r);
        return UP_SUPPLY_OVER;
    }
    if (e->period_ns > 0 && r->at == 0 && uv_hrtime() < r->due_ns) {
        up_run_tell_events(r);
        return up_pace_set(r->pace, &r->alarm, r->due_ns) == PS_OK ? UP_SUPPLY_LATER : UP_SUPPLY_NOMEM;
    }
    const struct up_piece *p = stamp(r, e, &copy);
    *piece = is_framed ? up_piece_framed(p) : up_piece_data(p);
    return UP_SUPPLY_PIECE;
}

enum up_supply up_run_supply(struct up_run *r, bool is_framed, struct ps_bytes *piece)
{
    if (r->step->kind == UP_EVENTS) {
        enum up_supply got = supply_event(r, is_framed, piece);
        if (got != UP_SUPPLY_PIECE)
            return got;
    } else {
        *piece = is_framed ? up_piece_framed(&r->step->as.data) : up_piece_data(&r->step->as.data);
        if (r->at == piece->n || r->step->as.data.data_n == 0) {
            up_run_next_step(r);
            return UP_SUPPLY_OVER;
        }
    }
    *piece = ps_bytes_of(piece->p + r->at, piece->n - r->at);
    return UP_SUPPLY_PIECE;
}

void up_run_sent(struct up_run *r, size_t n)
{
    r->at += n;
    if (r->step->kind != UP_EVENTS)
        return;
    const struct up_events *e = &r->step->as.events;
    const struct up_piece *p = &e->pieces[r->event_i % e->pieces_n];
    if (r->at < p->data_n) /* framed pieces are always sent whole */
        return;
    r->at = 0;
    r->event_i++;
    if (e->period_ns > 0)
        r->due_ns = due_of(r, e);
}
