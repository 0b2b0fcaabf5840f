/* Requests that wait must be served by whatever becomes free, however it does (rules 5, 33, 43). */
#include "conn/conn_internal.h"
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};

enum { QUIET_MS = 5001 };

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

/* The connection of the first request, while it is idle; NULL: it is not. */
static struct ps_conn *idle_conn(struct world *w)
{
    const struct ps_origin *o = origin_of(w, &w->r->asks[0]);
    struct ps_node *n = o == NULL ? NULL : ps_list_first(&o->idle);
    return n == NULL ? NULL : PS_ITEM(n, struct ps_conn, node);
}

/* -- while it is asked whether it lives -- */

static void more_than_it_takes_waited_for_its_answer(struct world *w)
{
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 1, .then = hold});
    world_skip(w, QUIET_MS);
    struct ask *a = world_ask(w, p), *b = world_ask(w, p);
    WANT_EQ(world_pool(w)->opened_n, 1);
    UNTIL(w, is_sent(a));
    WANT_EQ(world_pool(w)->opened_n, 2);
    UNTIL(w, is_sent(b));
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(a) && is_ok(b));
}

static void its_answer_takes_all_its_streams_away(struct world *w)
{
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 1, .no_pong = true});
    world_skip(w, QUIET_MS);
    struct ask *a = world_ask(w, p);
    set_streams(p, 0, 0);
    UNTIL(w, idle_conn(w) != NULL && !idle_conn(w)->live.is_probing);
    WANT_EQ(world_pool(w)->opened_n, 2);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
}

/* -- the limit moves -- */

/* In the turn in which its last slots were taken: that there are fewer free ones than at its last look
 * does not mean that there are none. */
static void a_limit_is_raised_as_the_last_slots_go(struct world *w)
{
    static const uint8_t three[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3};
    world_settings(w)->max_per_origin_n = 1;
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 2, .then = hold});
    struct ask *a = world_ask(w, p), *b = world_ask(w, p), *c = world_ask(w, p);
    struct ps_conn *conn = conn_of(a);
    if (conn == NULL || conn_of(b) != conn)
        return;
    WANT_EQ(c->call.state, PS_CALL_QUEUE);
    conn_sock_ops.on_read(conn, ps_bytes_of(three, sizeof three));
    WANT_EQ(c->call.state, PS_CALL_RUN);
    world_cancel(a);
    world_cancel(b);
    world_cancel(c);
    ps_conn_close(conn, NULL); /* the peer knows nothing of these SETTINGS */
}

/* Rule 4, from the first SETTINGS on: one request may cross them on the wire and is refused. After that
 * nothing is sent before SETTINGS allow it, and there is an end to trying other connections. */
static void a_limit_of_zero_costs_one_try(struct world *w)
{
    for (int is_single = 0; is_single < 2; is_single++) {
        if (is_single)
            world_settings(w)->max_conns_n = world_pool(w)->conns_n + 1;
        uint64_t opened_n = world_pool(w)->opened_n;
        struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.no_streams = true});
        struct ask *a = world_ask(w, p);
        UNTIL(w, a->is_done || (a->call.timings.attempts_n > 0 && a->call.state != PS_CALL_RUN));
        world_settle(w);
        world_skip(w, 3000);
        world_settle(w);
        WANT_EQ(a->call.timings.attempts_n, 1);
        WANT_EQ(a->call.state, PS_CALL_QUEUE);
        WANT(world_pool(w)->opened_n - opened_n <= (is_single ? 1 : 3));
        fake_h2_free(p);
        UNTIL(w, a->is_done);
        WANT(is_ok(a));
    }
}

/* The first request of a connection meets a limit of zero before it was sent: nobody turned it away. */
static void the_first_request_meets_a_limit_of_zero(struct world *w)
{
    static const uint8_t none[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0};
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.max_streams = 3});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done || conn_of(a) != NULL);
    struct ps_conn *conn = conn_of(a);
    if (conn == NULL)
        return;
    WANT(!ps_h2_is_sent(conn->codec, a->call.stream.id)); /* it is flushed before the next poll */
    conn_sock_ops.on_read(conn, ps_bytes_of(none, sizeof none));
    ps_conn_close(conn, NULL); /* the peer knows nothing of these SETTINGS */
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(a->call.timings.attempts_n, 2);
}

/* -- those who would rather have another connection -- */

/* Refused on one, with the other full: what comes free first is his, or others pass him by for ever. */
static void who_was_refused_is_not_passed_by(struct world *w)
{
    world_settings(w)->max_per_origin_n = 2;
    struct fake_h2 *p = warm_peer(w, (struct fake_h2_wants){.max_streams = 3, .then = hold});
    struct ask *a = world_ask(w, p), *refused = world_ask(w, p);
    world_ask(w, p);
    struct ask *other = world_ask(w, p);
    world_ask(w, p), world_ask(w, p);
    UNTIL(w, atomic_load(&p->by_conn[0]) == 4 && atomic_load(&p->by_conn[1]) == 3 &&
                 conn_of(other) != NULL && ps_conn_free_slots(conn_of(other)) == 0);
    tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_SETTINGS, .n = 2, .waits = true});
    tell(p, (struct fake_h2_order){
                .kind = FAKE_H2_DO_RESET, .id = 5, .code = PS_H2_REFUSED_STREAM});
    UNTIL(w, refused->call.timings.attempts_n == 1 && refused->call.state == PS_CALL_QUEUE);
    tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_RELEASE, .id = 3});
    UNTIL(w, a->is_done);
    world_settle(w);
    WANT_EQ(refused->call.state, PS_CALL_RUN);
    fake_h2_free(p);
    UNTIL(w, world_all_done(w));
    WANT(is_ok(refused));
}

/* The dial that he waits for fails, and the settings allow no other. */
static void who_was_refused_makes_do_when_the_dial_fails(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    world_settings(w)->is_strict = true;
    struct fake_h2 *p = world_peer(
        w, &(struct fake_h2_wants){.tls = &w->tls, .hangs_n = 1, .then = {.deed = FAKE_H2_HOLD}});
    struct rig_want want = want_of(p);
    struct ask *first = world_ask_of(w, &want);
    first->spec.clocks_ms[PS_CLOCK_CONNECT] = 5000;
    world_start(w, first);
    UNTIL(w, first->call.waiter.dial != NULL && first->call.waiter.dial->state == PS_CONN_TLS);
    world_skip(w, 1001);
    struct ask *second = world_ask(w, p);
    UNTIL(w, atomic_load(&p->by_conn[1]) == 2);
    tell(p, (struct fake_h2_order){
                .conn = 1, .kind = FAKE_H2_DO_RESET, .id = 3, .code = PS_H2_REFUSED_STREAM});
    UNTIL(w, second->call.timings.attempts_n == 1 && second->call.state == PS_CALL_QUEUE);
    release(p, 1);
    UNTIL(w, first->is_done);
    world_skip(w, 4000);
    UNTIL(w, world_pool(w)->conns_n == 1);
    WANT_EQ(second->call.state, PS_CALL_RUN);
    fake_h2_free(p);
    UNTIL(w, second->is_done);
    WANT(is_ok(second));
}

static const struct world_test tests[] = {
    {"more_than_it_takes_waited_for_its_answer", more_than_it_takes_waited_for_its_answer},
    {"its_answer_takes_all_its_streams_away", its_answer_takes_all_its_streams_away},
    {"a_limit_is_raised_as_the_last_slots_go", a_limit_is_raised_as_the_last_slots_go},
    {"a_limit_of_zero_costs_one_try", a_limit_of_zero_costs_one_try},
    {"the_first_request_meets_a_limit_of_zero", the_first_request_meets_a_limit_of_zero},
    {"who_was_refused_is_not_passed_by", who_was_refused_is_not_passed_by},
    {"who_was_refused_makes_do_when_the_dial_fails", who_was_refused_makes_do_when_the_dial_fails},
};

WORLD_MAIN(tests)
