/* Which connection a request gets: limits, order, eviction, age, stale and orphaned connections. */
#include "rig.h"

/* A peer that answers a request when the test says so: one more with each rig_set(&gate). */
struct gated {
    atomic_int asked, gate, is_over;
};

static void serve_gated(struct fake_peer *p, int fd, int nth, void *data)
{
    struct gated *g = data;
    char head[4096];
    (void)p, (void)nth;
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
        int mine = atomic_fetch_add(&g->asked, 1) + 1;
        while (atomic_load(&g->gate) < mine && !atomic_load(&g->is_over))
            sched_yield();
        fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

static void stop_gated(struct fake_peer *p, struct gated *g)
{
    rig_set(&g->is_over);
    fake_peer_stop(p);
}

static struct rig_want at(const struct fake_peer *peer)
{
    return (struct rig_want){.method = "POST", .port = fake_peer_port(peer), .body = "hello"};
}

/* -- order -- */

static struct ask *served[RIG_ASKS_MAX];
static size_t served_n;

static void note_order(struct ask *a)
{
    served[served_n++] = a;
}

static void waiters_are_served_in_order(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 1;
    r->after = note_order;
    served_n = 0;
    for (int i = 0; i < 10; i++)
        rig_get(r, &want);
    rig_wait(r);
    for (size_t i = 0; i < 10; i++)
        T_CHECK(served[i] == &r->asks[i]);
    RIG_ACCEPTED(peer, 1);
    rig_close(r);
    fake_peer_stop(peer);
}

static void cancelled_waiters_are_passed_over(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 1;
    for (int i = 0; i < 10; i++)
        rig_get(r, &want);
    for (int i = 0; i < 10; i += 2)
        rig_cancel(&r->asks[i]); /* the first one's dial goes to the others */
    rig_wait(r);
    for (int i = 1; i < 10; i += 2)
        T_EQ(r->asks[i].err.status, PS_OK);
    RIG_ACCEPTED(peer, 1);
    rig_close(r);
    fake_peer_stop(peer);
}

static void the_queue_has_a_limit(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 1;
    r->profile->settings.max_waiting_n = 1;
    struct ask *first = rig_get(r, &want), *second = rig_get(r, &want), *third = rig_get(r, &want);
    rig_wait(r);
    T_EQ(first->err.status, PS_OK);
    T_EQ(second->err.status, PS_OK);
    T_EQ(third->err.status, PS_LIMIT);
    T_EQ(third->err.phase, PS_PHASE_QUEUE);
    T_CHECK(!third->call.maybe_processed);
    rig_close(r);
    fake_peer_stop(peer);
}

/* "No queue" must not mean "no connections". */
static void without_a_queue_connections_are_still_made(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_waiting_n = 0;
    T_EQ(rig_get_and_wait(r, &want)->err.status, PS_OK);
    rig_close(r);
    fake_peer_stop(peer);
}

/* -- the total limit -- */

static enum ps_status eviction_scenario(void)
{
    struct fake_peer *x = fake_peer_start(rig_serve_ok, NULL);
    struct fake_peer *y = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want to_x = at(x), to_y = at(y);
    struct rig *r = rig_open();
    enum ps_status st = r == NULL ? PS_NOMEM : PS_OK;
    if (st == PS_OK)
        r->profile->settings.max_conns_n = 1;
    for (int i = 0; i < 4 && st == PS_OK; i++) {
        struct ask *a = rig_get_and_wait(r, i % 2 ? &to_y : &to_x);
        st = a == NULL ? PS_NOMEM : a->err.status;
        T_CHECK(r->profile->pool.conns_n <= 1);
    }
    if (st == PS_OK)
        T_EQ(r->profile->pool.closed_idle_n, 3);
    if (r != NULL)
        rig_close(r);
    fake_peer_stop(x);
    fake_peer_stop(y);
    return st;
}

static void an_idle_connection_makes_room_for_another_origin(void)
{
    t_each_alloc(eviction_scenario);
}

/* The waiter that lacks a place need not be the first one of all. */
/* A refused one is made at the second try. */
static void set_tls(struct rig *r)
{
    struct ps_tls_settings settings = {.security_level = -1};
    struct ps_err err;
    enum ps_status st = ps_profile_set_tls(r->profile, &settings, &err);
    if (st == PS_NOMEM && t_lame_test != NULL)
        st = ps_profile_set_tls(r->profile, &settings, &err);
    T_EQ(st, PS_OK);
}

static void idle_connections_make_room_behind_a_waiter_that_dials(void)
{
    struct gated g = {0};
    struct fake_peer *x = fake_peer_start(serve_gated, &g);
    struct fake_peer *y = fake_peer_start(rig_serve_silence, NULL); /* its TLS handshake hangs */
    struct fake_peer *z = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want to_x = at(x), to_y = at(y), to_z = at(z);
    struct rig *r = rig_open();
    set_tls(r);
    r->profile->settings.max_conns_n = 2;
    struct ask *first = rig_get(r, &to_x);
    RIG_UNTIL(r, atomic_load(&g.asked) == 1);
    to_y.is_https = true;
    struct ask *hung = rig_get(r, &to_y), *last = rig_get(r, &to_z);
    RIG_UNTIL(r, hung->call.waiter.dial != NULL && hung->call.waiter.dial->state == PS_CONN_TLS);
    rig_set(&g.gate);
    RIG_UNTIL(r, first->is_done);
    for (int i = 0; i < 2000 && !last->is_done; i++) {
        uv_run(&r->loop, UV_RUN_NOWAIT);
        sched_yield();
    }
    T_EQ(r->profile->pool.closed_idle_n, 1); /* x's place */
    RIG_UNTIL(r, last->is_done);
    T_EQ(last->err.status, PS_OK);
    rig_cancel(hung);
    rig_close(r);
    stop_gated(x, &g);
    fake_peer_stop(y);
    fake_peer_stop(z);
}

static void one_waiter_costs_one_idle_connection(void)
{
    struct gated g = {0};
    struct fake_peer *x = fake_peer_start(serve_gated, &g);
    struct fake_peer *y = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want to_x = at(x), to_y = at(y);
    struct rig *r = rig_open();
    r->profile->settings.max_conns_n = 4;
    for (int i = 0; i < 4; i++)
        rig_get(r, &to_x);
    RIG_UNTIL(r, atomic_load(&g.asked) == 4);
    struct ask *a = rig_get(r, &to_y);
    atomic_store(&g.gate, 4);
    rig_wait(r);
    T_EQ(a->err.status, PS_OK);
    T_EQ(r->profile->pool.closed_idle_n, 1);
    rig_close(r);
    stop_gated(x, &g);
    fake_peer_stop(y);
}

static const struct ask *watched;
static size_t got_place_at; /* so many were served before the watched one got a place */

static void watch_order(struct ask *a)
{
    note_order(a);
    if (got_place_at == 0 && (ps_pool_is_dialing(&watched->call.waiter) || watched->call.state > PS_CALL_QUEUE))
        got_place_at = served_n;
}

/* Whoever keeps all places busy must not keep another origin out. */
static void a_busy_origin_does_not_starve_another(void)
{
    struct fake_peer *x = fake_peer_start(rig_serve_ok, NULL);
    struct fake_peer *y = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want to_x = at(x), to_y = at(y);
    struct rig *r = rig_open();
    r->profile->settings.max_conns_n = 2;
    r->after = watch_order;
    served_n = got_place_at = 0;
    for (int i = 0; i < 4; i++)
        rig_get(r, &to_x);
    struct ask *a = rig_get(r, &to_y);
    watched = a;
    for (int i = 0; i < 30; i++)
        rig_get(r, &to_x);
    rig_wait(r);
    T_EQ(a->err.status, PS_OK);
    T_CHECK(got_place_at < 12); /* it stood fifth of 35 */
    rig_close(r);
    fake_peer_stop(x);
    fake_peer_stop(y);
}

/* An idle connection that was taken in vain must not be lost: here it is the only one allowed. */
static void a_request_that_finds_no_memory_gives_its_connection_back(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    struct ask *a, *next;
    r->profile->settings.max_per_origin_n = 1;
    want.pad_n = 16384; /* more than an idle connection's buffers hold */
    t_refuses_itself = true;
    for (size_t nth = 1; nth < 8; nth++) {
        rig_get_and_wait(r, &want);
        RIG_UNTIL(r, !ps_list_empty(&r->profile->pool.idle));
        T_EQ(rig_ask(r, &want, &a), PS_OK);
        T_EQ(rig_ask(r, &want, &next), PS_OK);
        ps_mem_fail_at(nth);
        rig_start(a);
        ps_mem_fail_at(0);
        rig_start(next);
        RIG_UNTIL(r, a->is_done && next->is_done);
        T_CHECK(a->err.status == PS_OK || a->err.status == PS_NOMEM);
        T_EQ(next->err.status, PS_OK);
    }
    rig_close(r);
    fake_peer_stop(peer);
}

static void cancel_all(struct ask *a)
{
    for (size_t i = 0; i < a->rig->asks_n; i++) {
        if (!a->rig->asks[i].is_done)
            rig_cancel(&a->rig->asks[i]);
    }
}

/* Who is told may do anything, even if that ends the origin he was waiting for. */
static void a_waiter_that_is_told_may_cancel_the_others(void)
{
    struct fake_peer *x = fake_peer_start(rig_serve_silence, NULL);
    struct fake_peer *y = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want to_x = at(x), to_y = at(y);
    struct rig *r = rig_open();
    r->profile->settings.max_conns_n = 1;
    r->after = cancel_all;
    struct ask *a = rig_get(r, &to_x);
    for (int i = 0; i < 3; i++)
        rig_get(r, &to_y);
    RIG_UNTIL(r, a->call.is_sent);
    ps_engine_stop(r->engine, 0);
    T_EQ(r->done_n, 4);
    rig_close(r);
    fake_peer_stop(x);
    fake_peer_stop(y);
}

/* -- end of life -- */

static void idle_connections_retire(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    rig_get_and_wait(r, &want);
    RIG_UNTIL(r, !ps_list_empty(&r->profile->pool.idle));
    ps_clock_skip(&r->engine->clock, r->profile->settings.idle_ms - 1000);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    T_EQ(r->profile->pool.conns_n, 1);
    ps_clock_skip(&r->engine->clock, 1001);
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    T_EQ(r->profile->pool.closed_idle_n, 1);
    rig_close(r);
    fake_peer_stop(peer);
}

static void of_idle_connections_the_newest_stay(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_idle_n = 2;
    for (int i = 0; i < 5; i++)
        rig_get(r, &want);
    rig_wait(r);
    RIG_UNTIL(r, r->profile->pool.conns_n == 2);
    T_EQ(r->profile->pool.idle_n, 2);
    T_EQ(r->profile->pool.closed_idle_n, 3);
    rig_get_and_wait(r, &want);
    RIG_ACCEPTED(peer, 5);
    rig_close(r);
    fake_peer_stop(peer);
}

static void without_idle_connections_each_is_closed_after_use(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_idle_n = 0;
    for (int i = 0; i < 2; i++) {
        rig_get_and_wait(r, &want);
        RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    }
    T_EQ(r->profile->pool.idle_n, 0);
    RIG_ACCEPTED(peer, 2);
    rig_close(r);
    fake_peer_stop(peer);
}

static void serve_hint(struct fake_peer *p, int fd, int nth, void *data)
{
    (void)p, (void)nth, (void)data;
    while (rig_serve_one(fd, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\n"
                             "Content-Length: 2\r\n\r\nok")) {
    }
}

static void the_servers_hint_less_a_margin_retires_them_earlier(void)
{
    struct fake_peer *peer = fake_peer_start(serve_hint, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    rig_get_and_wait(r, &want);
    RIG_UNTIL(r, !ps_list_empty(&r->profile->pool.idle));
    ps_clock_skip(&r->engine->clock, 4001); /* 5 s less 1 s */
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    T_EQ(r->profile->pool.closed_idle_n, 1);
    rig_close(r);
    fake_peer_stop(peer);
}

static void an_aged_connection_is_not_reused(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.idle_ms = 0;
    rig_get_and_wait(r, &want);
    ps_clock_skip(&r->engine->clock, r->profile->settings.age_ms * 2);
    struct ask *a = rig_get_and_wait(r, &want);
    T_EQ(a->err.status, PS_OK);
    T_CHECK(!a->call.timings.reused);
    RIG_ACCEPTED(peer, 2);
    rig_close(r);
    fake_peer_stop(peer);
}

/* Rule 40 also under load, when the connection never goes idle. */
static void an_aged_connection_is_not_given_to_a_waiter(void)
{
    struct gated g = {0};
    struct fake_peer *peer = fake_peer_start(serve_gated, &g);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 1;
    struct ask *first = rig_get(r, &want), *second = rig_get(r, &want);
    RIG_UNTIL(r, atomic_load(&g.asked) == 1);
    ps_clock_skip(&r->engine->clock, r->profile->settings.age_ms * 2);
    atomic_store(&g.gate, 2);
    rig_wait(r);
    T_EQ(first->err.status, PS_OK);
    T_EQ(second->err.status, PS_OK);
    T_CHECK(!second->call.timings.reused);
    rig_close(r);
    stop_gated(peer, &g);
}

/* Answers once, then closes when told. */
static void serve_and_close(struct fake_peer *p, int fd, int nth, void *data)
{
    struct gated *g = data;
    (void)p;
    if (nth > 0) {
        rig_serve_ok(p, fd, nth, data);
        return;
    }
    rig_serve_one(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    rig_await(&g->gate, 1);
    fake_peer_close(fd);
    rig_set(&g->asked); /* the FIN is on its way: on loopback it has arrived */
    rig_await(&g->is_over, 1);
}

static void an_idle_end_is_noticed_at_once(void)
{
    struct gated g = {0};
    struct fake_peer *peer = fake_peer_start(serve_and_close, &g);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    rig_get_and_wait(r, &want);
    T_EQ(r->profile->pool.conns_n, 1);
    rig_set(&g.gate);
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    rig_close(r);
    stop_gated(peer, &g);
}

/* The end came, but the loop has not turned since: one look at the socket finds it. */
static void a_stale_connection_is_not_reused(void)
{
    struct gated g = {0};
    struct fake_peer *peer = fake_peer_start(serve_and_close, &g);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    rig_get_and_wait(r, &want);
    RIG_UNTIL(r, !ps_list_empty(&r->profile->pool.idle));
    ps_clock_skip(&r->engine->clock, 1);
    rig_set(&g.gate);
    rig_await(&g.asked, 1);
    struct ask *a = rig_get(r, &want);
    T_EQ(r->profile->pool.stale_n, 1);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->call.timings.attempts_n, 1);
    rig_close(r);
    stop_gated(peer, &g);
}

/* Rule 41: bytes on an idle connection end it, they are nobody's answer. */
static void serve_stray(struct fake_peer *p, int fd, int nth, void *data)
{
    struct gated *g = data;
    (void)p, (void)nth;
    rig_serve_one(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    rig_await(&g->gate, 1);
    fake_peer_write(fd, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    rig_await(&g->is_over, 1);
}

static void stray_bytes_end_an_idle_connection(void)
{
    struct gated g = {0};
    struct fake_peer *peer = fake_peer_start(serve_stray, &g);
    struct rig_want want = at(peer);
    struct rig *r = rig_open();
    T_EQ(rig_get_and_wait(r, &want)->status, 200);
    rig_set(&g.gate);
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    rig_close(r);
    stop_gated(peer, &g);
}

/* -- replay and limits -- */

/* The first connection answers once and is reset at its second request. */
static void serve_then_reset(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p, (void)data;
    if (nth > 0) {
        rig_serve_ok(p, fd, nth, data);
        return;
    }
    if (rig_serve_one(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") &&
        fake_peer_read_request(fd, head, sizeof head, NULL))
        fake_peer_reset(fd);
}

/* It wants a new connection, so it must not be passed by for ever by those who take used ones. */
static void a_replay_keeps_its_turn(void)
{
    struct fake_peer *peer = fake_peer_start(serve_then_reset, NULL);
    struct rig_want put = at(peer);
    struct rig *r = rig_open();
    put.method = "PUT";
    r->profile->settings.max_per_origin_n = 1;
    rig_get_and_wait(r, &put);
    struct ask *a = rig_get(r, &put);
    for (int i = 0; i < 5; i++)
        rig_get(r, &put);
    rig_wait(r);
    T_EQ(a->call.timings.attempts_n, 2);
    for (int i = 0; i < 7; i++)
        T_EQ(r->asks[i].err.status, PS_OK);
    T_EQ(r->profile->replayed_n, 1);
    rig_close(r);
    fake_peer_stop(peer);
}

static const struct t_test tests[] = {
    {"waiters_are_served_in_order", waiters_are_served_in_order},
    {"cancelled_waiters_are_passed_over", cancelled_waiters_are_passed_over},
    {"the_queue_has_a_limit", the_queue_has_a_limit},
    {"without_a_queue_connections_are_still_made", without_a_queue_connections_are_still_made},
    {"an_idle_connection_makes_room_for_another_origin",
     an_idle_connection_makes_room_for_another_origin},
    {"idle_connections_make_room_behind_a_waiter_that_dials",
     idle_connections_make_room_behind_a_waiter_that_dials},
    {"one_waiter_costs_one_idle_connection", one_waiter_costs_one_idle_connection},
    {"a_busy_origin_does_not_starve_another", a_busy_origin_does_not_starve_another},
    {"a_request_that_finds_no_memory_gives_its_connection_back",
     a_request_that_finds_no_memory_gives_its_connection_back},
    {"a_waiter_that_is_told_may_cancel_the_others", a_waiter_that_is_told_may_cancel_the_others},
    {"idle_connections_retire", idle_connections_retire},
    {"of_idle_connections_the_newest_stay", of_idle_connections_the_newest_stay},
    {"without_idle_connections_each_is_closed_after_use",
     without_idle_connections_each_is_closed_after_use},
    {"the_servers_hint_less_a_margin_retires_them_earlier",
     the_servers_hint_less_a_margin_retires_them_earlier},
    {"an_aged_connection_is_not_reused", an_aged_connection_is_not_reused},
    {"an_aged_connection_is_not_given_to_a_waiter", an_aged_connection_is_not_given_to_a_waiter},
    {"an_idle_end_is_noticed_at_once", an_idle_end_is_noticed_at_once},
    {"a_stale_connection_is_not_reused", a_stale_connection_is_not_reused},
    {"stray_bytes_end_an_idle_connection", stray_bytes_end_an_idle_connection},
    {"a_replay_keeps_its_turn", a_replay_keeps_its_turn},
};

T_MAIN_LAME(tests)
