/* engine/call_replay.c -- may this call be sent again? The facts of table B gathered, the budget asked.
 * Thread: io. */
#include "engine/call_replay.h"

struct ps_replay_facts call_replay_facts(const struct ps_call *c, const struct ps_err *err,
                                         bool not_processed)
{
    return (struct ps_replay_facts){
        .status = err->status,
        .is_h2 = c->is_h2,
        .code = c->is_h2 ? err->detail : 0,
        .is_first = c->timings.stream_id == 1,
        .attempts_n = c->timings.attempts_n,
        .answer_begun = c->stream.answer_begun || c->head_seen,
        .not_processed = not_processed,
        .conn_lost = c->stream.conn_lost,
        .reused = c->timings.reused,
        .is_idempotent = c->spec->request->is_idempotent,
        .body_is_repeatable = !c->body_touched,
    };
}

enum ps_replay call_replay_decide(const struct ps_call *c, const struct ps_replay_facts *facts,
                                  struct ps_err *err)
{
    struct ps_pool *pool = &c->spec->profile->pool;
    if (c->engine->is_stopping || pool->is_closing)
        return PS_REPLAY_NO;
    enum ps_replay verdict = ps_replay_decide(facts);
    if (verdict == PS_REPLAY_BODY_GONE)
        ps_err_add(err, "; not sent again: part of its body was taken from its source already");
    if (verdict == PS_REPLAY_NO || verdict == PS_REPLAY_BODY_GONE)
        return PS_REPLAY_NO;
    if (ps_pool_take_replay(pool, &c->waiter))
        return verdict;
    ps_err_add(err, "; not sent again: too many requests to this host were sent twice lately");
    return PS_REPLAY_NO;
}
