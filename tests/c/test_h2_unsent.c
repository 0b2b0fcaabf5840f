/* Requests that a connection took and had not sent when it ended: what is called not processed must not
 * leave with its last words (table B), or a request could be paid for twice. */
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};

/* One request is held by the peer, another is opened on the same connection and waits for the flush. */
static struct ask *ask_behind_one_that_runs(struct world *w, struct fake_h2 *p, struct ask **runs)
{
    *runs = world_ask(w, p);
    while (!(*runs)->is_done && !(is_sent(*runs) && atomic_load(&p->requests_n) == 1))
        world_turn(w);
    return world_ask(w, p);
}

/* The peer fell silent, say, in the moment when the second one came. */
static void what_was_not_sent_goes_out_once(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold}, .turns_n = 1});
    struct ask *a, *b = ask_behind_one_that_runs(w, p, &a);
    struct ps_err lost;
    ps_err_set(&lost, PS_READ_FAILED, PS_PHASE_NONE, "lost");
    if (conn_of(b) == NULL || conn_of(b) != conn_of(a))
        return;
    ps_conn_close(conn_of(b), &lost);
    UNTIL(w, a->is_done && b->is_done);
    WANT_EQ(a->err.status, PS_READ_FAILED);
    WANT(a->call.maybe_processed);
    WANT(is_ok(b));
    WANT_EQ(b->call.timings.attempts_n, 2);
    UNTIL(w, world_pool(w)->conns_n == 1);
    world_settle(w);
    WANT_EQ(atomic_load(&p->by_conn[0]), 1);
    WANT_EQ(atomic_load(&p->requests_n), 2);
}

/* Its owner is told that the peer never saw it. */
static void what_was_not_sent_at_a_stop_stays_here(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold}, .turns_n = 1});
    struct ask *a, *b = ask_behind_one_that_runs(w, p, &a);
    if (conn_of(b) == NULL)
        return;
    ps_engine_stop(w->r->engine, 0);
    UNTIL(w, a->is_done && b->is_done && w->r->engine->told_stopped);
    WANT_EQ(b->err.status, PS_CLOSED);
    WANT(!b->call.maybe_processed);
    world_settle(w);
    WANT_EQ(atomic_load(&p->requests_n), 1);
}

static const struct world_test tests[] = {
    {"what_was_not_sent_goes_out_once", what_was_not_sent_goes_out_once},
    {"what_was_not_sent_at_a_stop_stays_here", what_was_not_sent_at_a_stop_stays_here},
};

WORLD_MAIN(tests)
