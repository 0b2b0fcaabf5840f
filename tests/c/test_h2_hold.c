/* Between two tries: what a streamed body allows, a request that holds and how its wait can end, a peer
 * that asks for calm (rules 20, 22, 23). */
#include "engine/replay.h"
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};
static const struct fake_h2_turn refuse = {.deed = FAKE_H2_RESET, .code = PS_H2_REFUSED_STREAM};

/* -- streamed bodies (rule 22) -- */

static struct ask *ask_streamed(struct world *w, const struct fake_h2 *p, size_t ready_n)
{
    struct rig_want want = {.method = "POST", .port = fake_peer_port(p->peer), .is_streamed = true};
    struct ask *a = world_ask_of(w, &want);
    a->up_n = ready_n;
    world_start(w, a);
    return a;
}

static void a_body_that_was_begun_is_gone(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {refuse}, .turns_n = 1});
    struct ask *a = ask_streamed(w, p, 5);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_DISCONNECTED);
    WANT_EQ(a->err.detail, PS_H2_REFUSED_STREAM);
    WANT(strstr(a->err.text, "part of its body was taken from its source already") != NULL);
    WANT_EQ(a->call.timings.attempts_n, 1);
    WANT(!a->call.maybe_processed); /* that it was refused stays known */
}

static void a_body_that_was_not_begun_is_sent_with_the_second_try(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {refuse}, .turns_n = 1});
    struct ask *a = ask_streamed(w, p, 0);
    UNTIL(w, a->is_done || atomic_load(&p->requests_n) == 2);
    a->up_n = 5;
    a->up_end = true;
    ps_call_kick(&a->call);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(a->up_taken_n, 5);
    WANT_EQ(atomic_load(&p->body_bytes), 5);
}

/* -- a request that holds -- */

/* Refused twice; NULL: it did not come so far. */
static struct ask *ask_that_holds(struct world *w, const struct rig_want *want, uint64_t total_ms)
{
    struct ask *a = world_ask_of(w, want);
    a->spec.clocks_ms[PS_CLOCK_TOTAL] = total_ms;
    world_start(w, a);
    while (!a->is_done && a->call.state != PS_CALL_HOLD)
        world_turn(w);
    return a->is_done ? NULL : a;
}

static struct fake_h2 *peer_that_refuses_twice(struct world *w)
{
    return world_peer(w, &(struct fake_h2_wants){.turns = {refuse, refuse}, .turns_n = 2});
}

static void a_request_that_holds_is_tried_again(struct world *w)
{
    struct fake_h2 *p = peer_that_refuses_twice(w);
    struct rig_want want = want_of(p);
    struct ask *a = ask_that_holds(w, &want, 0);
    if (a == NULL)
        return;
    world_skip(w, PS_REPLAY_PAUSE_MS + PS_REPLAY_PAUSE_SPREAD_MS);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(a->call.timings.attempts_n, 3);
}

static void a_request_that_holds_can_be_cancelled(struct world *w)
{
    struct fake_h2 *p = peer_that_refuses_twice(w);
    struct rig_want want = want_of(p);
    struct ask *a = ask_that_holds(w, &want, 0);
    if (a == NULL)
        return;
    world_cancel(a);
    WANT(!ps_deadline_is_set(&a->call.deadline));
    WANT_EQ(w->r->engine->calls_n, 0);
    world_skip(w, 10000);
    world_settle(w);
    WANT_EQ(atomic_load(&p->requests_n), 2);
}

/* Rule 23: the caller's deadline covers all tries. */
static void the_total_clock_runs_on_while_it_holds(struct world *w)
{
    struct fake_h2 *p = peer_that_refuses_twice(w);
    struct rig_want want = want_of(p);
    struct ask *a = ask_that_holds(w, &want, 100000);
    if (a == NULL)
        return;
    a->call.hold_ms += 200000; /* so that it cannot end first */
    world_skip(w, 100001);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_TIMED_OUT);
    WANT_EQ(a->err.clock, PS_CLOCK_TOTAL);
    WANT_EQ(a->err.phase, PS_PHASE_QUEUE);
    WANT(!a->call.maybe_processed);
}

/* A stop that would wait an hour for those that run ends those that hold at once. */
static void a_stop_ends_what_holds(struct world *w)
{
    struct fake_h2 *p = peer_that_refuses_twice(w);
    struct rig_want want = want_of(p);
    struct ask *a = ask_that_holds(w, &want, 0);
    if (a == NULL)
        return;
    ps_engine_stop(w->r->engine, 3600000);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_CLOSED);
    WANT(!a->call.maybe_processed);
    UNTIL(w, w->r->engine->told_stopped);
}

/* Its profile is closed: requests that run may finish, and so may this one, but it needs a pool. */
static void a_closed_profile_ends_what_holds(struct world *w)
{
    struct fake_h2 *p = peer_that_refuses_twice(w);
    struct rig_want want = want_of(p);
    struct ask *a = ask_that_holds(w, &want, 0);
    if (a == NULL)
        return;
    ps_engine_close_profile(w->r->engine, w->r->profile);
    world_skip(w, PS_REPLAY_PAUSE_MS + PS_REPLAY_PAUSE_SPREAD_MS);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_CLOSED);
    WANT(!a->call.maybe_processed);
}

/* -- calm (rule 20) -- */

/* What runs may finish; new connections wait a second, then twice as long. */
static void a_wish_for_calm_delays_new_connections(struct world *w)
{
    static const char debug[] = "too many pings";
    struct fake_h2_turn calm = {
        .deed = FAKE_H2_GOAWAY, .code = PS_H2_ENHANCE_YOUR_CALM, .id = 1, .debug = debug};
    struct fake_h2 *p =
        world_peer(w, &(struct fake_h2_wants){.turns = {calm, calm}, .turns_n = 2, .then = hold});
    uint64_t pause_ms = 1000;
    struct ask *a = world_ask(w, p);
    for (int n = 0; n < 2; n++, pause_ms *= 2) {
        UNTIL(w, conn_of(a) != NULL && conn_of(a)->state == PS_CONN_DRAIN);
        struct ask *b = world_ask(w, p);
        world_skip(w, pause_ms / 10); /* the clock goes on by itself, too */
        world_settle(w);
        WANT_EQ(world_pool(w)->opened_n, n + 1);
        WANT_EQ(ps_call_phase(&b->call), PS_PHASE_QUEUE);
        world_skip(w, pause_ms);
        WANT_EQ(world_pool(w)->opened_n, n + 2);
        UNTIL(w, atomic_load(&p->by_conn[n + 1]) == 1);
        WANT(!a->is_done);
        WANT_EQ(conn_of(b)->target.calm, n + 1); /* and PINGs become rarer */
        release(p, n);
        UNTIL(w, a->is_done);
        WANT(is_ok(a));
        a = b;
    }
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(a));
}

/* What it said a quarter of an hour ago makes neither the pause longer nor the PINGs rarer. */
static void a_wish_for_calm_is_forgotten_in_time(struct world *w)
{
    struct fake_h2_turn calm = {.deed = FAKE_H2_GOAWAY, .code = PS_H2_ENHANCE_YOUR_CALM, .id = 1};
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {calm, calm}, .turns_n = 2});
    for (int n = 0; n < 2; n++) {
        struct ask *a = world_ask(w, p);
        UNTIL(w, conn_of(a) != NULL && conn_of(a)->state == PS_CONN_DRAIN);
        struct ask *b = n == 0 ? a : world_ask(w, p);
        release(p, n);
        UNTIL(w, a->is_done);
        WANT_EQ(origin_of(w, a)->calm_n, 1);
        world_skip(w, n == 0 ? 900000 : 1001);
        UNTIL(w, b->is_done);
        WANT(is_ok(b));
    }
}

static const struct world_test tests[] = {
    {"a_body_that_was_begun_is_gone", a_body_that_was_begun_is_gone},
    {"a_body_that_was_not_begun_is_sent_with_the_second_try",
     a_body_that_was_not_begun_is_sent_with_the_second_try},
    {"a_request_that_holds_is_tried_again", a_request_that_holds_is_tried_again},
    {"a_request_that_holds_can_be_cancelled", a_request_that_holds_can_be_cancelled},
    {"the_total_clock_runs_on_while_it_holds", the_total_clock_runs_on_while_it_holds},
    {"a_stop_ends_what_holds", a_stop_ends_what_holds},
    {"a_closed_profile_ends_what_holds", a_closed_profile_ends_what_holds},
    {"a_wish_for_calm_delays_new_connections", a_wish_for_calm_delays_new_connections},
    {"a_wish_for_calm_is_forgotten_in_time", a_wish_for_calm_is_forgotten_in_time},
};

WORLD_MAIN(tests)
