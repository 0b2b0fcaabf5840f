/* The bridge: cancels, stops, homes that go or stay, forks. Run under TSan, too. */
#include <sys/wait.h>

#include "bridge_rig.h"

/* -- cancel -- */

static void cancels_at_any_moment(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_big);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    for (int i = 0; i < 100; i++) {
        struct ps_exchange *x = make(&r, home, "hello");
        x->user = &r;
        T_EQ(ps_exchange_start(x, &err), PS_OK);
        if (i % 3 == 1)
            turn(home, count_over);
        if (i % 3 == 2)
            ps_exchange_credit(x, 1);
        if (i % 2)
            ps_exchange_cancel(x);
        ps_exchange_forget(x);
        ps_exchange_forget(x);
        ps_exchange_unref(x);
    }
    ps_home_unref(home);
    rig_close(&r);
}

/* -- stop -- */

static void stop_answers_every_post(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    struct ps_exchange *asks[20];
    struct ps_exchange *late;
    rig_open(&r, serve_silence);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    for (int i = 0; i < 20; i++) {
        asks[i] = make(&r, home, "hello");
        asks[i]->user = &r;
        T_EQ(ps_exchange_start(asks[i], &err), PS_OK);
    }
    late = make(&r, home, "hello");
    ps_bridge_stop(r.bridge, 0);
    over_n = failed_n = 0;
    while (over_n < 20)
        turn(home, count_over);
    T_EQ(failed_n, 20);
    T_EQ(asks[19]->news.err.status, PS_CLOSED);
    T_EQ(ps_exchange_start(late, &err), PS_CLOSED);
    ps_exchange_unref(late);
    for (int i = 0; i < 20; i++)
        ps_exchange_unref(asks[i]);
    ps_home_unref(home);
    rig_close(&r);
}

static void a_closed_home_gets_no_news(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_ok);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, "hello");
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    ps_home_close(home);
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
}

/* -- homes and their bridge -- */

static void a_home_may_outlive_its_bridge(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    char byte;
    rig_open(&r, serve_ok);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, "hello");
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    ps_exchange_cancel(x);
    ps_exchange_unref(x);
    rig_stop(&r);
    ps_home_end(home);
    ps_bridge_free(r.bridge);
    T_CHECK(!ps_bridge_is_foreign(home->bridge));
    struct ps_list batch;
    ps_list_init(&batch);
    ps_home_hold(home);
    while ((x = ps_home_next(home, &batch)) != NULL)
        ps_exchange_unref(x);
    ps_home_release(home);
    while (read(home->read_fd, &byte, 1) == 1) { /* wake bytes, then the end */
    }
    T_CHECK(!ps_home_clear_wake(home));
    ps_home_close(home);
    ps_home_unref(home);
    T_EQ(ps_exchange_live_n(), 0);
    fake_peer_stop(r.peer);
}

/* A home that was woken and takes nothing (a loop runs inside of its callback) is rung at the other end. */
static void a_stuck_home_is_rung_at_the_other_end(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_ok);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, "hello");
    x->user = &r;
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    struct pollfd rescue = {.fd = home->wake_fd, .events = POLLIN};
    T_CHECK(poll(&rescue, 1, -1) == 1);
    ps_home_clear_rescue(home);
    over_n = failed_n = 0;
    while (over_n == 0)
        turn(home, count_over);
    ps_exchange_unref(x);
    ps_home_close(home);
    ps_home_unref(home);
    rig_close(&r);
}

struct stopper {
    struct ps_bridge *bridge;
    uint64_t drain_ms;
};

static void *stop_it(void *arg)
{
    struct stopper *s = arg;
    ps_bridge_stop(s->bridge, s->drain_ms);
    pthread_mutex_lock(&s->bridge->lock);
    T_CHECK(s->bridge->is_joined); /* whoever asks, it is over when the call is back */
    pthread_mutex_unlock(&s->bridge->lock);
    return NULL;
}

static void stops_side_by_side(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    pthread_t threads[4];
    rig_open(&r, serve_silence);
    struct stopper stoppers[4] = {
        {r.bridge, 3600000}, {r.bridge, 1800000}, {r.bridge, 0}, {r.bridge, 900000}};
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_THREAD, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, "hello");
    ps_home_unref(home);
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, stop_it, &stoppers[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    T_CHECK(ps_exchange_wait(x, is_done, 0));
    T_EQ(x->news.err.status, PS_CLOSED);
    ps_exchange_unref(x);
    rig_close(&r);
}

/* -- fork -- */

static void *fork_often(void *arg)
{
    struct rig *r = arg;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        T_CHECK(pid >= 0);
        if (pid == 0) {
            bool ok = ps_bridge_is_foreign(r->bridge) && r->bridge->is_paused;
            ps_bridge_abandon(r->bridge);
            _exit(ok ? 0 : 1);
        }
        int status;
        T_CHECK(waitpid(pid, &status, 0) == pid);
        T_EQ(status, 0);
    }
    T_CHECK(!ps_bridge_is_foreign(r->bridge));
    return NULL;
}

static void forks_beside_requests(void)
{
    struct rig r;
    pthread_t asker, forkers[2];
    rig_open(&r, serve_ok);
    pthread_create(&asker, NULL, ask_many, &r);
    for (int i = 0; i < 2; i++)
        pthread_create(&forkers[i], NULL, fork_often, &r);
    pthread_join(asker, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(forkers[i], NULL);
    rig_close(&r);
}

static enum ps_status start_scenario(void)
{
    struct ps_bridge *b;
    struct ps_err err;
    enum ps_status st = ps_bridge_start(&b, &resolver, &err);
    if (st != PS_OK)
        return st;
    ps_bridge_stop(b, 0);
    ps_bridge_free(b);
    return PS_OK;
}

static void two_bridges_side_by_side(void)
{
    struct ps_bridge *bridges[2];
    struct ps_stats *stats;
    struct ps_err err;
    struct ps_profile *profile = ps_profile_new();
    for (int i = 0; i < 2; i++) {
        T_EQ(ps_bridge_start(&bridges[i], &resolver, &err), PS_OK);
        T_EQ(ps_bridge_stats(bridges[i], profile, &stats), PS_OK); /* its thread runs */
        ps_stats_free(stats);
    }
    ps_profile_unref(profile);
    for (int i = 0; i < 2; i++) {
        ps_bridge_stop(bridges[i], 0);
        ps_bridge_free(bridges[i]);
    }
}

static void starting_survives_each_allocation_failure(void)
{
    t_each_alloc(start_scenario);
}

static const struct t_test tests[] = {
    {"cancels_at_any_moment", cancels_at_any_moment},
    {"stop_answers_every_post", stop_answers_every_post},
    {"a_closed_home_gets_no_news", a_closed_home_gets_no_news},
    {"a_home_may_outlive_its_bridge", a_home_may_outlive_its_bridge},
    {"a_stuck_home_is_rung_at_the_other_end", a_stuck_home_is_rung_at_the_other_end},
    {"stops_side_by_side", stops_side_by_side},
    {"forks_beside_requests", forks_beside_requests},
    {"two_bridges_side_by_side", two_bridges_side_by_side},
    {"starting_survives_each_allocation_failure", starting_survives_each_allocation_failure},
};

T_MAIN(tests)
