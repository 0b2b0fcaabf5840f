/* engine/replay.c -- the decision of table B for HTTP/1.1 (see replay.h). */
#include "engine/replay.h"

static bool is_connection_loss(enum ps_status st)
{
    return st == PS_DISCONNECTED || st == PS_READ_FAILED || st == PS_WRITE_FAILED ||
           st == PS_CLOSED;
}

bool ps_replay_allowed(const struct ps_replay_facts *f)
{
    if (f->answer_begun || !f->body_is_repeatable || f->attempts_n >= PS_REPLAY_ATTEMPTS_MAX)
        return false;
    if (!is_connection_loss(f->status))
        return false;
    if (f->not_processed)
        return true;
    /* A kept-alive connection that died as we wrote: most likely an idle close that crossed our request,
     * but no proof. Only what may be done twice is done twice. */
    return f->reused && f->is_idempotent;
}
