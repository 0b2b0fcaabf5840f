/* engine/replay.c -- the decision of table B (see replay.h). */
#include "engine/replay.h"

#include "proto/h2.h"

static bool is_connection_loss(enum ps_status st)
{
    return st == PS_DISCONNECTED || st == PS_READ_FAILED || st == PS_WRITE_FAILED ||
           st == PS_CLOSED;
}

static bool wants_h1(const struct ps_replay_facts *f)
{
    return f->is_h2 && f->status == PS_DISCONNECTED && f->code == PS_H2_HTTP_1_1_REQUIRED;
}

/* A GOAWAY with an error before the first request of a connection: the next one would fare likewise (Go). */
static bool is_turned_away(const struct ps_replay_facts *f)
{
    return f->is_h2 && f->is_first && f->code != 0 && f->code != PS_H2_REFUSED_STREAM;
}

static bool is_safe(const struct ps_replay_facts *f)
{
    /* An HTTP/2 connection may fall over a fault of its own while requests on it were never sent. */
    bool is_fault = f->is_h2 && (f->status == PS_PROTOCOL || f->status == PS_LIMIT);
    if (f->not_processed && !is_turned_away(f))
        return is_connection_loss(f->status) || is_fault;
    /* A kept-alive connection that died as we wrote: most likely an idle close that crossed our request,
     * but no proof. Only what may be done twice is done twice. A peer that reset this one exchange has
     * looked at it. */
    bool is_lost = is_connection_loss(f->status) && (f->conn_lost || !f->is_h2);
    return is_lost && f->reused && f->is_idempotent;
}

enum ps_replay ps_replay_decide(const struct ps_replay_facts *f)
{
    if (f->answer_begun || f->attempts_n >= PS_REPLAY_ATTEMPTS_MAX)
        return PS_REPLAY_NO;
    if (!wants_h1(f) && !is_safe(f))
        return PS_REPLAY_NO;
    if (!f->body_is_repeatable)
        return PS_REPLAY_BODY_GONE;
    return wants_h1(f) ? PS_REPLAY_ON_H1 : PS_REPLAY_YES;
}

/* The first time at once; who is refused again comes back later and not together with the others. */
uint64_t ps_replay_pause_ms(const struct ps_replay_facts *f, uint64_t roll)
{
    bool is_refused = f->is_h2 && f->code != 0 && f->code != PS_H2_HTTP_1_1_REQUIRED;
    if (!is_refused || f->attempts_n < 2)
        return 0;
    return PS_REPLAY_PAUSE_MS + roll % PS_REPLAY_PAUSE_SPREAD_MS;
}
