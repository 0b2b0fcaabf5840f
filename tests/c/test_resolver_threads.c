/* The resolver: lookups that hang, an end that waits for none, callbacks that interfere, limits. */
#include "resolver_fake.h"

/* -- threads -- */

static void lookups_wait_for_a_thread(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 2);
    struct asker a[4] = {0};
    const char *const hosts[] = {"hang1", "hang2", "c.example", "d.example"};
    for (size_t i = 0; i < 4; i++)
        ask(&a[i], r, hosts[i]);
    wait_locked(&fake, &fake.hanging_n, 2);
    world_turn(w);
    T_EQ(read_locked(&fake, &fake.calls_n), 2);
    ps_resolver_cancel(r, &a[2].lookup); /* never begun */
    free_hung(&fake);
    world_until(w, &a[3].done_n, 1);
    world_until(w, &a[0].done_n, 1);
    world_until(w, &a[1].done_n, 1);
    T_EQ(a[2].done_n, 0);
    T_EQ(fake.calls_n, 3);
    closed(w, r);
}

static void a_hung_lookup_that_was_given_up_holds_nobody_up(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    ask(&a, r, "hang.example");
    ask(&b, r, "b.example");
    wait_locked(&fake, &fake.hanging_n, 1);
    world_turn(w);
    T_EQ(b.done_n, 0);
    ps_resolver_cancel(r, &a.lookup);
    world_until(w, &b.done_n, 1);
    T_EQ(b.addrs.n, 2);
    ask(&a, r, "hang.example"); /* joins the one that hangs */
    free_hung(&fake);
    world_until(w, &a.done_n, 1);
    T_EQ(fake.calls_n, 2);
    closed(w, r);
}

static void a_late_answer_is_kept(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    ask(&a, r, "hang.example");
    wait_locked(&fake, &fake.hanging_n, 1);
    ps_resolver_cancel(r, &a.lookup);
    free_hung(&fake);
    ask_and_wait(w, &b, r, "b.example"); /* its own thread */
    wait_locked(&fake, &fake.returned_n, 2);
    while (ask(&a, r, "hang.example"), a.addrs.n == 0) { /* its thread may still be posting */
        ps_resolver_cancel(r, &a.lookup);
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    T_EQ(fake.calls_n, 2);
    closed(w, r);
}

static void hung_threads_are_bounded(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    char host[16];
    for (size_t i = 0; i < 4; i++) {
        snprintf(host, sizeof host, "hang%zu", i);
        ask(&a, r, host);
        wait_locked(&fake, &fake.hanging_n, i + 1);
        ps_resolver_cancel(r, &a.lookup);
    }
    ask(&b, r, "b.example");
    world_turn(w);
    T_EQ(read_locked(&fake, &fake.calls_n), 4);
    free_hung(&fake);
    world_until(w, &b.done_n, 1);
    T_EQ(b.addrs.n, 2);
    wait_locked(&fake, &fake.returned_n, 5);
    closed(w, r);
    until_threads_let_go(0);
}

/* -- the end -- */

static void close_waits_for_no_lookup(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    ask(&a, r, "hang.example");
    ask(&b, r, "b.example"); /* queued */
    wait_locked(&fake, &fake.hanging_n, 1);
    ps_resolver_close(r);
    T_EQ(ask_for(&b, r, "c.example", PS_FAMILY_ANY, TTL_MS), PS_CLOSED);
    ps_resolver_cancel(r, &a.lookup); /* waiters may come late */
    ps_resolver_cancel(r, &b.lookup);
    closed(w, r); /* closes twice; the loop has nothing left, although the lookup still hangs */
    T_EQ(a.done_n + b.done_n, 0);
    T_CHECK(ps_mem_live_n() > 0);
    free_hung(&fake);
    until_threads_let_go(0);
}

static void an_answer_nobody_took_is_freed(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask(&a, r, "a.example");
    wait_locked(&fake, &fake.returned_n, 1); /* in the inbox now, or soon */
    closed(w, r);
    T_EQ(a.done_n, 0);
    until_threads_let_go(0);
}

/* -- what an answer's callback may do -- */

static void cancel_other(struct asker *a)
{
    ps_resolver_cancel(a->r, &a->other->lookup);
}

static void close_resolver(struct asker *a)
{
    ps_resolver_close(a->r);
}

static void ask_other_name(struct asker *a)
{
    ask(a->other, a->r, "other.example");
}

static void callbacks_may_cancel_ask_and_close(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker b = {0}, a = {.then = cancel_other, .other = &b};
    ask(&a, r, "hang1");
    ask(&b, r, "hang1");
    free_hung(&fake);
    world_until(w, &a.done_n, 1);
    T_EQ(b.done_n, 0);
    a.then = ask_other_name;
    ask(&a, r, "first.example");
    world_until(w, &a.done_n, 1);
    world_until(w, &b.done_n, 1);
    T_EQ(b.addrs.n, 2);
    a.then = close_resolver;
    ask(&a, r, "last.example");
    ask(&b, r, "last.example");
    world_until(w, &a.done_n, 1);
    world_turn(w);
    T_EQ(b.done_n, 0);
    T_CHECK(b.lookup.name == NULL && !ps_node_linked(&b.lookup.node));
    world_close(w);
}

/* -- limits -- */

static void the_least_recently_used_name_is_dropped(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    char host[32];
    for (size_t i = 0; i < 1026; i++) {
        snprintf(host, sizeof host, "n%zu.example", i);
        ask_and_wait(w, &a, r, host);
        ask(&a, r, "n0.example"); /* used all the time */
        T_EQ(a.addrs.n, 2);
    }
    T_EQ(fake.calls_n, 1026);
    ask(&a, r, "n3.example");
    T_EQ(a.addrs.n, 2);
    ask_and_wait(w, &a, r, "n1.example"); /* dropped */
    T_EQ(fake.calls_n, 1027);
    closed(w, r);
}

static enum ps_status scenario(void)
{
    struct world *w = world_open();
    struct ps_resolver_settings settings = plain_settings;
    struct ps_resolver *r = NULL;
    struct asker a = {0}, b = {0};
    fake_reset();
    settings.threads_n = 1;
    enum ps_status st = ps_resolver_open(&r, &w->loop, &w->clock, &settings, NULL);
    if (st == PS_OK)
        st = ask_once(&a, r, "a.example", PS_FAMILY_ANY, TTL_MS);
    if (st == PS_OK) {
        st = ask_once(&b, r, "b.example", PS_FAMILY_ANY, TTL_MS);
        world_until(w, &a.done_n, 1);
    }
    if (st == PS_OK)
        world_until(w, &b.done_n, 1);
    if (r != NULL)
        ps_resolver_close(r);
    world_close(w);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(scenario);
}

static const struct t_test tests[] = {
    {"lookups_wait_for_a_thread", lookups_wait_for_a_thread},
    {"a_hung_lookup_that_was_given_up_holds_nobody_up",
     a_hung_lookup_that_was_given_up_holds_nobody_up},
    {"a_late_answer_is_kept", a_late_answer_is_kept},
    {"hung_threads_are_bounded", hung_threads_are_bounded},
    {"close_waits_for_no_lookup", close_waits_for_no_lookup},
    {"an_answer_nobody_took_is_freed", an_answer_nobody_took_is_freed},
    {"callbacks_may_cancel_ask_and_close", callbacks_may_cancel_ask_and_close},
    {"the_least_recently_used_name_is_dropped", the_least_recently_used_name_is_dropped},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
};

T_MAIN(tests)
