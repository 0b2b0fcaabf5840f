/* Which connection a request over HTTP/2 gets: stream limits, load, slots (rules 3 to 7, 42). */
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};

/* A connection whose SETTINGS have come: one request went over it. */
static struct fake_h2 *warm_peer(struct world *w, struct fake_h2_wants wants)
{
    wants.turns_n = 1; /* the first is answered */
    struct fake_h2 *p = world_peer(w, &wants);
    struct ask *a = world_ask(w, p);
    while (!a->is_done)
        world_turn(w);
    return p;
}

static void set_streams(struct fake_h2 *p, int conn, uint32_t n)
{
    tell(p, (struct fake_h2_order){.conn = conn, .kind = FAKE_H2_DO_SETTINGS, .n = n});
}

static struct ps_conn *only_conn(struct world *w, const struct ask *a)
{
    const struct ps_origin *o = origin_of(w, a);
    const struct ps_list *list = ps_list_empty(&o->shared) ? &o->idle : &o->shared;
    struct ps_node *n = ps_list_first(list);
    return n == NULL ? NULL : PS_ITEM(n, struct ps_conn, node);
}

static bool has_slots(struct world *w, const struct ask *a, size_t n)
{
    const struct ps_conn *c = world_is_hit() ? NULL : only_conn(w, a);
    return c != NULL && ps_conn_free_slots(c) == n;
}

static struct ask *first_ask(struct world *w)
{
    return &w->r->asks[0];
}

/* -- which connection -- */

static void at_the_stream_limit_another_connection_is_made(struct world *w)
{
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 2, .then = hold});
    struct ask *a = world_ask(w, p), *b = world_ask(w, p);
    WANT_EQ(world_pool(w)->opened_n, 1);
    struct ask *c = world_ask(w, p);
    WANT_EQ(world_pool(w)->opened_n, 2);
    UNTIL(w, is_sent(a) && is_sent(b) && is_sent(c));
    WANT(conn_of(a) == conn_of(b) && conn_of(a) != conn_of(c));
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(a) && is_ok(b) && is_ok(c));
}

/* Rule 42. */
static void the_least_loaded_connection_is_used(struct world *w)
{
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 2, .then = hold});
    struct ask *a = world_ask(w, p), *b = world_ask(w, p), *c = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 1 + 3);
    WANT(conn_of(a) == conn_of(b));
    set_streams(p, 0, 50);
    set_streams(p, 1, 50);
    UNTIL(w, conn_of(a) != NULL && conn_of(c) != NULL &&
                 ps_conn_free_slots(conn_of(a)) == 48 &&
                 ps_conn_free_slots(conn_of(c)) == 49);
    for (int i = 0; i < 5; i++)
        world_ask(w, p);
    WANT_EQ(conn_of(a)->streams_n, 4);
    WANT_EQ(conn_of(c)->streams_n, 4);
    WANT_EQ(world_pool(w)->opened_n, 2);
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(c));
}

static struct ask *ended[RIG_ASKS_MAX];
static size_t ended_n;

static void note_end(struct ask *a)
{
    ended[ended_n++] = a;
}

static void a_strict_limit_makes_them_wait_in_order(struct world *w)
{
    world_settings(w)->is_strict = true;
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 1, .then = hold});
    w->r->after = note_end;
    ended_n = 0;
    for (int i = 0; i < 5; i++)
        world_ask(w, p);
    world_settle(w);
    WANT_EQ(world_pool(w)->opened_n, 1);
    WANT_EQ(world_pool(w)->waiting_n, 4);
    fake_h2_free(p);
    set_streams(p, 0, 1); /* still one at a time */
    UNTIL(w, world_all_done(w));
    for (size_t i = 0; i < 5; i++)
        WANT(ended[i] == &w->r->asks[i + 1] && is_ok(ended[i]));
    WANT_EQ(accepted_n(p), 1);
}

static void at_the_connection_limit_they_wait_too(struct world *w)
{
    world_settings(w)->max_per_origin_n = 1;
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 1, .then = hold});
    struct ask *a = world_ask(w, p), *b = world_ask(w, p);
    UNTIL(w, is_sent(a));
    WANT_EQ(ps_call_phase(&b->call), PS_PHASE_QUEUE);
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(a) && is_ok(b));
    WANT_EQ(accepted_n(p), 1);
}

/* -- the limit moves -- */

/* Rule 3. */
static void a_lowered_limit_spares_those_that_run(struct world *w)
{
    world_settings(w)->is_strict = true;
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 3, .then = hold});
    struct ask *run[3];
    for (int i = 0; i < 3; i++)
        run[i] = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 1 + 3);
    set_streams(p, 0, 1);
    struct ask *late = world_ask(w, p);
    for (int i = 0; i < 3; i++) {
        world_settle(w);
        WANT_EQ(late->call.state, PS_CALL_QUEUE);
        tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_RELEASE, .id = 3 + 2 * i});
        UNTIL(w, run[i]->is_done);
        WANT(is_ok(run[i]));
    }
    UNTIL(w, late->is_done || is_sent(late));
    fake_h2_free(p);
    UNTIL(w, late->is_done);
    WANT(is_ok(late));
}

/* Rule 4: a wait like any other, which the pool's clock ends. */
static void with_a_limit_of_zero_they_wait_and_do_not_spin(struct world *w)
{
    world_settings(w)->is_strict = true;
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 3});
    set_streams(p, 0, 0);
    UNTIL(w, has_slots(w, first_ask(w), 0));
    struct rig_want want = want_of(p);
    struct ask *a = world_ask_of(w, &want), *b = world_ask(w, p);
    a->spec.clocks_ms[PS_CLOCK_POOL] = 5000;
    world_start(w, a);
    world_settle(w);
    WANT(uv_backend_timeout(&w->r->loop) != 0);
    WANT_EQ(world_pool(w)->opened_n, 1);
    world_skip(w, 5001);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_TIMED_OUT);
    WANT_EQ(a->err.clock, PS_CLOCK_POOL);
    WANT(!b->is_done);
    set_streams(p, 0, 1);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
}

static void with_a_limit_of_zero_another_connection_is_made(struct world *w)
{
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 3});
    set_streams(p, 0, 0);
    UNTIL(w, has_slots(w, first_ask(w), 0));
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(p->by_conn[1], 1);
}

/* Without slots and streams it is idle all the same: its clocks run, and a closing pool ends it. */
static void with_a_limit_of_zero_it_is_idle(struct world *w)
{
    for (int is_closing = 0; is_closing < 2; is_closing++) {
        struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 3, .then = hold});
        struct ask *a = world_ask(w, p);
        UNTIL(w, atomic_load(&p->requests_n) == 2);
        set_streams(p, 0, 0);
        UNTIL(w, has_slots(w, a, 0));
        release(p, 0);
        UNTIL(w, a->is_done);
        WANT(is_ok(a));
        WANT_EQ(world_pool(w)->conns_n, 1);
        if (is_closing)
            ps_engine_close_profile(w->r->engine, w->r->profile);
        else
            world_skip(w, world_settings(w)->idle_ms + 1);
        UNTIL(w, world_pool(w)->conns_n == 0);
    }
}

/* -- slots (rule 6) -- */

static bool has_answer(const struct ask *a)
{
    return a->body_n == 2;
}

static bool has_stream(const struct ask *a)
{
    return conn_of(a) != NULL;
}

/* The whole limit is cut again and again; then as many are served as ever. */
static void check_slots(struct world *w, struct fake_h2_turn turn, bool (*is_there)(const struct ask *))
{
    world_settings(w)->is_strict = true;
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 2, .then = turn});
    for (int round = 0; round < 4; round++) {
        struct ask *a = world_ask(w, p), *b = world_ask(w, p);
        UNTIL(w, is_there(a) && is_there(b));
        world_cancel(a);
        world_cancel(b);
    }
    fake_h2_free(p);
    for (int i = 0; i < 3; i++)
        world_ask(w, p);
    UNTIL(w, world_all_done(w));
    for (size_t i = w->r->asks_n - 3; i < w->r->asks_n; i++)
        WANT(is_ok(&w->r->asks[i]));
}

static void a_cancel_before_it_is_sent_frees_the_slot(struct world *w)
{
    check_slots(w, hold, has_stream);
}

/* Rule 7: the peer says nothing of its own accord, so it is asked. */
static void a_cancel_before_the_answer_frees_the_slot(struct world *w)
{
    check_slots(w, hold, is_sent);
}

static void a_cancel_within_the_answer_frees_the_slot(struct world *w)
{
    check_slots(w, (struct fake_h2_turn){.deed = FAKE_H2_BEGIN}, has_answer);
}

static const struct world_test tests[] = {
    {"at_the_stream_limit_another_connection_is_made",
     at_the_stream_limit_another_connection_is_made},
    {"the_least_loaded_connection_is_used", the_least_loaded_connection_is_used},
    {"a_strict_limit_makes_them_wait_in_order", a_strict_limit_makes_them_wait_in_order},
    {"at_the_connection_limit_they_wait_too", at_the_connection_limit_they_wait_too},
    {"a_lowered_limit_spares_those_that_run", a_lowered_limit_spares_those_that_run},
    {"with_a_limit_of_zero_they_wait_and_do_not_spin",
     with_a_limit_of_zero_they_wait_and_do_not_spin},
    {"with_a_limit_of_zero_another_connection_is_made",
     with_a_limit_of_zero_another_connection_is_made},
    {"with_a_limit_of_zero_it_is_idle", with_a_limit_of_zero_it_is_idle},
    {"a_cancel_before_it_is_sent_frees_the_slot", a_cancel_before_it_is_sent_frees_the_slot},
    {"a_cancel_before_the_answer_frees_the_slot", a_cancel_before_the_answer_frees_the_slot},
    {"a_cancel_within_the_answer_frees_the_slot", a_cancel_within_the_answer_frees_the_slot},
};

WORLD_MAIN(tests)
