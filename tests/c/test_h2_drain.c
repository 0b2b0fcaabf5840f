/* HTTP/2 connections that only finish what runs: after a GOAWAY, for their age, for a starved origin
 * (rules 17, 40). */
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};

static void goaway(struct fake_h2 *p, int conn, int32_t id)
{
    tell(p, (struct fake_h2_order){.conn = conn, .kind = FAKE_H2_DO_GOAWAY, .id = id});
}

/* Also where the origin may have one connection only: a draining one takes no place. */
static void goaway_sends_new_requests_elsewhere(struct world *w)
{
    for (size_t limit_n = 100; limit_n > 0; limit_n /= 100) {
        world_settings(w)->max_per_origin_n = limit_n;
        struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold}, .turns_n = 1});
        struct ask *a = world_ask(w, p);
        UNTIL(w, is_sent(a) && atomic_load(&p->requests_n) == 1);
        goaway(p, 0, 1);
        UNTIL(w, conn_of(a) != NULL && conn_of(a)->state == PS_CONN_DRAIN);
        WANT(ps_list_empty(&origin_of(w, a)->shared));
        struct ask *b = world_ask(w, p);
        UNTIL(w, b->is_done);
        WANT(is_ok(b) && !a->is_done);
        WANT_EQ(p->by_conn[1], 1);
        release(p, 0);
        UNTIL(w, a->is_done);
        WANT(is_ok(a));
    }
    UNTIL(w, world_pool(w)->conns_n == 2); /* one for each peer */
    WANT_EQ(world_pool(w)->goaways_n, 2);
}

static struct fake_h2 *next_peer;
static struct world *next_world;

static void ask_next(struct ask *a)
{
    a->rig->after = NULL;
    world_ask(next_world, next_peer);
}

/* Rule 17: who is told of his answer, which came with the GOAWAY, finds the connection gone. */
static void goaway_comes_before_all_else(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold, hold}, .turns_n = 2});
    struct ask *a = world_ask(w, p), *b = world_ask(w, p);
    UNTIL(w, is_sent(a) && is_sent(b) && atomic_load(&p->requests_n) == 2);
    next_peer = p;
    next_world = w;
    w->r->after = ask_next;
    tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_RELEASE, .id = 1, .waits = true});
    goaway(p, 0, 3);
    UNTIL(w, a->is_done && w->r->done_n == 2);
    WANT(is_ok(a));
    WANT(is_ok(&w->r->asks[2]));
    WANT_EQ(p->by_conn[0], 2);
    WANT_EQ(p->by_conn[1], 1);
    WANT_EQ(w->r->asks[2].call.timings.attempts_n, 1);
    release(p, 0);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
}

/* Rule 40. */
static void age_ends_a_busy_connection_gently(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold}, .turns_n = 1});
    struct ask *a = world_ask(w, p);
    UNTIL(w, is_sent(a) && atomic_load(&p->requests_n) == 1);
    world_settings(w)->conn.h2.silence_ms = 1u << 30; /* the skip is no silence */
    world_settings(w)->age_ms = 20000;
    ps_clock_skip(&w->r->engine->clock, 25000);
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    WANT(is_ok(b) && !a->is_done);
    WANT_EQ(p->by_conn[1], 1);
    release(p, 0);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    UNTIL(w, world_pool(w)->conns_n == 1);
}

static void a_busy_connection_yields_to_a_starved_origin(struct world *w)
{
    world_settings(w)->max_conns_n = 1;
    struct fake_h2 *x = world_peer(w, &(struct fake_h2_wants){.turns_n = 1, .then = hold});
    struct ask *first = world_ask(w, x); /* its SETTINGS come with the answer */
    UNTIL(w, first->is_done);
    struct fake_h2 *y = world_peer(w, &(struct fake_h2_wants){0});
    struct ask *a = world_ask(w, x), *b = world_ask(w, x);
    UNTIL(w, is_sent(a) && is_sent(b) && atomic_load(&x->requests_n) == 3);
    struct ask *starved = world_ask(w, y);
    world_settle(w);
    WANT_EQ(ps_call_phase(&starved->call), PS_PHASE_QUEUE);
    tell(x, (struct fake_h2_order){.kind = FAKE_H2_DO_RELEASE, .id = 3});
    UNTIL(w, a->is_done && starved->is_done);
    WANT(is_ok(starved) && !b->is_done);
    release(x, 0);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
}

/* One that idles goes first, whatever its age, and nobody waits for the busy one. */
static void an_idle_connection_yields_before_a_busy_one(struct world *w)
{
    world_settings(w)->max_conns_n = 2;
    struct fake_h2 *x = world_peer(w, &(struct fake_h2_wants){.turns_n = 1, .turns = {hold}});
    struct fake_h2 *y = world_peer(w, &(struct fake_h2_wants){0});
    struct fake_h2 *z = world_peer(w, &(struct fake_h2_wants){0});
    struct ask *busy = world_ask(w, x);
    UNTIL(w, is_sent(busy) && atomic_load(&x->requests_n) == 1);
    struct ask *first = world_ask(w, y);
    UNTIL(w, first->is_done);
    struct ask *a = world_ask(w, z);
    UNTIL(w, a->is_done);
    WANT(is_ok(first) && is_ok(a) && !busy->is_done);
    WANT_EQ(conn_of(busy)->state, PS_CONN_OPEN);
    release(x, 0);
    UNTIL(w, busy->is_done);
    WANT(is_ok(busy));
}

static const struct world_test tests[] = {
    {"goaway_sends_new_requests_elsewhere", goaway_sends_new_requests_elsewhere},
    {"goaway_comes_before_all_else", goaway_comes_before_all_else},
    {"age_ends_a_busy_connection_gently", age_ends_a_busy_connection_gently},
    {"a_busy_connection_yields_to_a_starved_origin", a_busy_connection_yields_to_a_starved_origin},
    {"an_idle_connection_yields_before_a_busy_one", an_idle_connection_yields_before_a_busy_one},
};

WORLD_MAIN(tests)
