/* Is the peer of an HTTP/2 connection still there, and what becomes of its streams when not; and
 * cancels, which are paced (rules 12, 33 to 35, 53). */
#include "conn/conn_internal.h"
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};

enum { SILENT_MS = 35000 }; /* longer than 30 s and 15 % */

static bool says(const struct ask *a, const char *words)
{
    return strstr(a->err.text, words) != NULL;
}

static struct fake_h2 *peer_that_holds(struct world *w, struct fake_h2_wants wants)
{
    wants.turns[0] = hold;
    wants.turns_n = 1;
    return world_peer(w, &wants);
}

/* The peer has it: nothing is on its way any more. */
static struct ask *ask_held(struct world *w, struct fake_h2 *p)
{
    int before = atomic_load(&p->requests_n);
    struct ask *a = world_ask(w, p);
    while (!a->is_done && !(is_sent(a) && atomic_load(&p->requests_n) > before))
        world_turn(w);
    world_settle(w); /* its SETTINGS and their ACK too */
    return a;
}

static bool is_acked(const struct ask *a)
{
    const struct ps_conn *c = conn_of(a);
    return c != NULL && c->codec != NULL && ps_h2_settings_acked(c->codec);
}

/* -- SETTINGS (rule 12) -- */

static void settings_without_an_answer_end_an_idle_connection(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.no_settings_ack = true});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(world_pool(w)->conns_n, 1);
    world_skip(w, 10001);
    UNTIL(w, world_pool(w)->conns_n == 0);
}

/* What is paid for is not cut for a formality. */
static void settings_without_an_answer_drain_a_busy_connection(struct world *w)
{
    struct fake_h2 *p = peer_that_holds(w, (struct fake_h2_wants){.no_settings_ack = true});
    struct ask *a = ask_held(w, p);
    world_skip(w, 10001);
    UNTIL(w, conn_of(a) != NULL && conn_of(a)->state == PS_CONN_DRAIN);
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    WANT(is_ok(b) && !a->is_done);
    WANT_EQ(p->by_conn[1], 1);
    release(p, 0);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
}

/* -- before it is used again (rule 33) -- */

static void a_quiet_connection_that_answers_is_used(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){0});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    world_settle(w);
    world_skip(w, 5001);
    struct ask *b = world_ask(w, p), *c = world_ask(w, p);
    WANT_EQ(ps_call_phase(&b->call), PS_PHASE_CONNECT); /* limits do not hold it up */
    WANT_EQ(ps_call_phase(&c->call), PS_PHASE_CONNECT);
    UNTIL(w, b->is_done && c->is_done);
    WANT(is_ok(b) && is_ok(c));
    WANT_EQ(accepted_n(p), 1);
    WANT_EQ(atomic_load(&p->pings_n), 1);
}

static void a_quiet_connection_that_is_dead_harms_nobody(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.no_pong = true});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    world_settle(w);
    world_skip(w, 5001);
    struct ask *b = world_ask(w, p), *c = world_ask(w, p);
    UNTIL(w, atomic_load(&p->pings_n) == 1);
    world_settle(w);
    WANT_EQ(world_pool(w)->opened_n, 1);
    world_skip(w, 1001);
    UNTIL(w, b->is_done && c->is_done);
    WANT(is_ok(b) && is_ok(c));
    WANT_EQ(b->call.timings.attempts_n, 1);
    WANT_EQ(accepted_n(p), 2);
    WANT_EQ(p->by_conn[0], 1);
}

static void one_that_was_just_used_is_not_asked(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){0});
    for (int i = 0; i < 3; i++) {
        struct ask *a = world_ask(w, p);
        UNTIL(w, a->is_done);
        WANT(is_ok(a));
        world_settle(w);
        world_skip(w, 4000);
    }
    WANT_EQ(atomic_load(&p->pings_n), 0);
}

/* -- silence while streams run (rules 34, 35) -- */

static void a_silent_peer_that_lives_keeps_its_streams(struct world *w)
{
    struct fake_h2 *p = peer_that_holds(w, (struct fake_h2_wants){0});
    struct ask *a = ask_held(w, p);
    UNTIL(w, is_acked(a));
    world_skip(w, 25000);
    world_settle(w);
    WANT_EQ(atomic_load(&p->pings_n), 0);
    world_skip(w, SILENT_MS - 25000);
    UNTIL(w, conn_of(a) != NULL && conn_of(a)->ping_us != UINT64_MAX);
    WANT_EQ(atomic_load(&p->pings_n), 1);
    world_skip(w, 20001);
    world_settle(w);
    WANT(!a->is_done);
    release(p, 0);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(accepted_n(p), 1);
}

static void a_silent_peer_that_is_gone_fails_its_streams(struct world *w)
{
    struct fake_h2 *p = peer_that_holds(w, (struct fake_h2_wants){.no_pong = true});
    struct ask *a = ask_held(w, p);
    UNTIL(w, is_acked(a));
    world_skip(w, SILENT_MS);
    UNTIL(w, atomic_load(&p->pings_n) == 1);
    world_skip(w, 19000);
    world_settle(w);
    WANT(!a->is_done);
    world_skip(w, 1001);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_READ_FAILED);
    WANT_EQ(a->err.phase, PS_PHASE_WAIT);
    WANT(says(a, "did not answer a PING within 20 s"));
    WANT(a->call.maybe_processed);
    WANT_EQ(a->call.timings.attempts_n, 1);
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
    WANT_EQ(p->by_conn[1], 1);
}

/* A PING that is answered is no answer to the request: who only says that he lives is left alone. */
static void two_pings_until_there_is_data(struct world *w)
{
    struct fake_h2 *p = peer_that_holds(w, (struct fake_h2_wants){0});
    struct ask *a = ask_held(w, p);
    UNTIL(w, is_acked(a));
    for (int i = 0; i < 5; i++) {
        world_skip(w, SILENT_MS);
        UNTIL(w, atomic_load(&p->pings_n) >= (i < 2 ? i + 1 : 2));
        world_settle(w);
        WANT_EQ(atomic_load(&p->pings_n), i < 2 ? i + 1 : 2);
    }
    struct ask *b = world_ask(w, p); /* the stream beside it is answered */
    UNTIL(w, b->is_done);
    WANT(is_ok(b) && !a->is_done);
    world_settle(w);
    world_skip(w, SILENT_MS);
    UNTIL(w, atomic_load(&p->pings_n) == 3);
    release(p, 0);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
}

static void an_idle_connection_is_never_asked(struct world *w)
{
    world_settings(w)->idle_ms = world_settings(w)->age_ms = 0;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){0});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    world_settle(w);
    for (int i = 0; i < 5; i++) {
        world_skip(w, SILENT_MS);
        world_settle(w);
    }
    WANT_EQ(atomic_load(&p->pings_n), 0);
    WANT_EQ(world_pool(w)->conns_n, 1);
}

/* -- cancels (rule 53) -- */

/* Ten that the peer has are cancelled, one is answered, or the codec would give up before (a hundred in a
 * row). False: one of them ended otherwise. */
static bool cancel_ten(struct world *w, struct fake_h2 *p, int conn)
{
    for (int i = 0; i < 10; i++) {
        struct ask *a = world_ask(w, p);
        while (!a->is_done && !is_sent(a))
            world_turn(w);
        if (a->is_done)
            return false;
        world_cancel(a);
    }
    struct ask *a = ask_held(w, p);
    release(p, conn);
    while (!a->is_done && !world_is_hit())
        world_turn(w);
    if (!is_ok(a) || !world_all_done(w))
        return false;
    world_forget_asks(w);
    return true;
}

/* The purse is emptied by hand when each allocation is refused: the sweep would take too long. */
static void quick_cancels_are_spread_over_connections(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.then = hold});
    struct ask *runs = ask_held(w, p);
    if (world_is_swept() && conn_of(runs) != NULL)
        conn_of(runs)->cancels_left = 10 * CONN_CANCEL;
    release(p, 0);
    UNTIL(w, runs->is_done);
    world_forget_asks(w);
    for (int i = 0; i < (world_is_swept() ? 1 : 50); i++) {
        if (!cancel_ten(w, p, 0)) {
            WANT(!"all went over the first connection");
            return;
        }
    }
    WANT_EQ(accepted_n(p), 1);
    runs = ask_held(w, p);
    struct ask *a = ask_held(w, p);
    world_cancel(a); /* one too many, but for what came back since */
    for (int i = 0; i < 20 && conn_of(runs) != NULL && conn_of(runs)->state == PS_CONN_OPEN; i++) {
        a = ask_held(w, p);
        world_cancel(a);
    }
    WANT_EQ(conn_of(runs)->state, PS_CONN_DRAIN);
    struct ask *b = ask_held(w, p);
    WANT(conn_of(b) != NULL && conn_of(b) != conn_of(runs));
    fake_h2_free(p);
    UNTIL(w, runs->is_done && b->is_done);
    WANT(is_ok(runs) && is_ok(b));
    WANT_EQ(accepted_n(p), 2);
}

/* Time earns new ones. */
static void slow_cancels_stay_on_their_connection(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.then = hold});
    struct ask *runs = ask_held(w, p);
    for (int i = 0; i < 4; i++) {
        struct ask *a = ask_held(w, p);
        if (conn_of(runs) != NULL)
            conn_of(runs)->cancels_left = 0;
        world_skip(w, 1000 / CONN_CANCELS_PER_S + 1);
        world_cancel(a);
        WANT_EQ(conn_of(runs)->state, PS_CONN_OPEN);
    }
    release(p, 0);
    UNTIL(w, runs->is_done);
    WANT(is_ok(runs));
    WANT_EQ(accepted_n(p), 1);
}

static const struct world_test tests[] = {
    {"settings_without_an_answer_end_an_idle_connection",
     settings_without_an_answer_end_an_idle_connection},
    {"settings_without_an_answer_drain_a_busy_connection",
     settings_without_an_answer_drain_a_busy_connection},
    {"a_quiet_connection_that_answers_is_used", a_quiet_connection_that_answers_is_used},
    {"a_quiet_connection_that_is_dead_harms_nobody", a_quiet_connection_that_is_dead_harms_nobody},
    {"one_that_was_just_used_is_not_asked", one_that_was_just_used_is_not_asked},
    {"a_silent_peer_that_lives_keeps_its_streams", a_silent_peer_that_lives_keeps_its_streams},
    {"a_silent_peer_that_is_gone_fails_its_streams", a_silent_peer_that_is_gone_fails_its_streams},
    {"two_pings_until_there_is_data", two_pings_until_there_is_data},
    {"an_idle_connection_is_never_asked", an_idle_connection_is_never_asked},
    {"quick_cancels_are_spread_over_connections", quick_cancels_are_spread_over_connections},
    {"slow_cancels_stay_on_their_connection", slow_cancels_stay_on_their_connection},
};

WORLD_MAIN(tests)
