/* One name, some of whose servers or requests need HTTP/1.1 (rules 43, 81; table B). */
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};

/* What was dialed before that was known is of no use: the next answer would be the same. */
static void a_dial_under_way_does_not_bring_http2_back(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){0});
    struct ask *a = world_ask(w, p);
    if (a->is_done)
        return;
    ps_pool_set_h1_only(world_pool(w), &a->call.waiter);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(atomic_load(&p->h1_n), 1);
    WANT_EQ(atomic_load(&p->requests_n), 0);
    WANT_EQ(a->call.timings.attempts_n, 1);
}

/* All places that come free are used, not only the one that the replay takes. */
static void those_who_wait_dial_when_it_turns_out_to_be_http1(struct world *w)
{
    world_settings(w)->max_per_origin_n = 1;
    struct fake_h2 *p = world_peer(
        w, &(struct fake_h2_wants){.max_streams = 2, .turns_n = 1, .then = {.deed = FAKE_H2_HOLD}});
    struct ask *warm = world_ask(w, p);
    UNTIL(w, warm->is_done);
    struct ask *a = world_ask(w, p), *b = world_ask(w, p), *late = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 3);
    WANT_EQ(world_pool(w)->opened_n, 1);
    if (late->is_done)
        return;
    ps_pool_set_h1_only(world_pool(w), &late->call.waiter);
    UNTIL(w, late->is_done);
    WANT(is_ok(late) && !a->is_done && !b->is_done);
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(a) && is_ok(b));
}

static struct ask *victim;

static void cancel_victim(struct ask *a)
{
    struct ask *other = victim;
    victim = NULL;
    if (other != NULL && other != a && !other->is_done)
        rig_cancel(other);
}

/* The one that learns it makes room for another; if that fails for want of memory, its owner may cancel
 * the first. */
static void who_learns_of_it_may_be_cancelled_meanwhile(struct world *w)
{
    world_settings(w)->max_conns_n = 1;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){
                                          .max_streams = 2, .turns_n = 1, .then = hold});
    struct ask *warm = world_ask(w, p);
    UNTIL(w, warm->is_done);
    struct ask *a = world_ask(w, p), *b = world_ask(w, p), *late = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 3);
    victim = a;
    w->r->after = cancel_victim;
    tell(p, (struct fake_h2_order){
                .kind = FAKE_H2_DO_RESET, .id = 3, .code = PS_H2_HTTP_1_1_REQUIRED});
    UNTIL(w, late->is_done);
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(b) && is_ok(late));
}

/* A replay that would not take a used HTTP/1.1 connection takes a slot of an HTTP/2 one. */
static void a_replay_that_wants_a_fresh_one_takes_a_slot(struct world *w)
{
    world_settings(w)->max_per_origin_n = 1;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){
                                          .max_streams = 2, .turns_n = 1, .then = hold});
    struct ask *warm = world_ask(w, p);
    UNTIL(w, warm->is_done);
    struct ask *a = world_ask(w, p), *b = world_ask(w, p), *replay = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 3);
    replay->call.waiter.fresh = true; /* as after the death of an HTTP/1.1 connection of this name */
    tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_RELEASE, .id = 3});
    UNTIL(w, a->is_done && is_sent(replay));
    WANT(conn_of(replay) == conn_of(b));
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(replay) && is_ok(b));
    WANT_EQ(accepted_n(p), 1);
}

static const struct world_test tests[] = {
    {"a_dial_under_way_does_not_bring_http2_back", a_dial_under_way_does_not_bring_http2_back},
    {"those_who_wait_dial_when_it_turns_out_to_be_http1",
     those_who_wait_dial_when_it_turns_out_to_be_http1},
    {"who_learns_of_it_may_be_cancelled_meanwhile", who_learns_of_it_may_be_cancelled_meanwhile},
    {"a_replay_that_wants_a_fresh_one_takes_a_slot", a_replay_that_wants_a_fresh_one_takes_a_slot},
};

WORLD_MAIN(tests)
