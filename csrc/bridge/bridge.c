/* bridge/bridge.c -- the io thread's life and its turn (see bridge.h; the mailbox is in mail.c). */
#include "bridge/bridge.h"
#include "bridge/waits.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>

#include "base/mem.h"
#include "base/thread.h"

enum { NUDGE_MS = 1 };

/* -- references -- */

void bridge_ref(struct ps_bridge *b)
{
    atomic_fetch_add_explicit(&b->refs_n, 1, memory_order_relaxed);
}

void bridge_unref(struct ps_bridge *b)
{
    if (atomic_fetch_sub_explicit(&b->refs_n, 1, memory_order_acq_rel) != 1)
        return;
    assert(b->is_joined);
    pthread_cond_destroy(&b->answered);
    pthread_cond_destroy(&b->rested);
    pthread_mutex_destroy(&b->lock);
    ps_free(b);
}

void ps_bridge_free(struct ps_bridge *b)
{
    if (b != NULL)
        bridge_unref(b);
}

/* -- what the thread does -- */

void bridge_announce(struct ps_bridge *b, struct ps_home *home, uint64_t gather_ns)
{
    ps_assert_io();
    bool is_new = !ps_node_linked(&home->wake_node);
    if (is_new) {
        ps_home_ref(home);
        ps_list_push_back(&b->to_wake, &home->wake_node);
    }
    uint64_t due_ns = gather_ns == 0 ? 0 : home->rung_ns + gather_ns;
    if (is_new || due_ns < home->due_ns)
        home->due_ns = due_ns;
}

static void answer_stats(struct ps_bridge *b, struct ps_control *c)
{
    struct ps_stats *stats = ps_stats_collect(c->profile);
    pthread_mutex_lock(&b->lock);
    c->stats = stats;
    c->is_done = true; /* the asker's stack: do not touch `c` after unlocking */
    pthread_cond_broadcast(&b->answered);
    pthread_mutex_unlock(&b->lock);
}

static void obey(struct ps_bridge *b, struct ps_control *c)
{
    switch (c->kind) {
    case PS_CONTROL_CLOSE_PROFILE:
        ps_engine_close_profile(&b->engine, c->profile);
        ps_profile_unref(c->profile);
        ps_free(c);
        return;
    case PS_CONTROL_STATS:
        answer_stats(b, c);
        return;
    case PS_CONTROL_STOP:
        ps_engine_stop(&b->engine, c->drain_ms);
        return;
    }
}

static void read_mail(struct ps_bridge *b)
{
    struct ps_list controls;
    struct ps_node *n;
    ps_list_init(&controls);
    bridge_take_mail(b, &controls);
    while ((n = ps_list_pop_front(&controls)) != NULL)
        obey(b, PS_ITEM(n, struct ps_control, node));
}

/* -- watching the homes that are awake -- */

static void on_nudge(uv_timer_t *nudge)
{
    struct ps_bridge *b = nudge->data;
    struct ps_node *n = ps_list_first(&b->watched);
    while (n != NULL) {
        struct ps_home *home = PS_ITEM(n, struct ps_home, watch_node);
        n = ps_list_next(&b->watched, n);
        if (ps_home_look(home))
            continue;
        ps_node_unlink(&home->watch_node);
        ps_home_unref(home);
    }
}

/* From now on the home's posts need no signal while it hands out. Before it is woken, for its first post
 * may come before we are back. */
static void watch(struct ps_bridge *b, struct ps_home *home)
{
    if (home->kind != PS_HOME_LOOP || b->is_gone)
        return;
    if (!ps_node_linked(&home->watch_node)) {
        ps_home_ref(home);
        ps_list_push_back(&b->watched, &home->watch_node);
    }
    if (b->is_watching)
        return;
    pthread_mutex_lock(&b->lock);
    b->is_watching = true;
    pthread_mutex_unlock(&b->lock);
    uv_timer_start(&b->nudge, on_nudge, NUDGE_MS, NUDGE_MS);
}

/* Nobody is awake any more, and nothing lies unsignalled in the box: back to sleep until a signal. */
static void stop_watching(struct ps_bridge *b)
{
    if (!b->is_watching || !ps_list_empty(&b->watched) || b->is_gone)
        return;
    pthread_mutex_lock(&b->lock);
    b->is_watching = b->has_held;
    pthread_mutex_unlock(&b->lock);
    if (!b->is_watching)
        uv_timer_stop(&b->nudge);
}

static void forget_watched(struct ps_bridge *b)
{
    struct ps_node *n;
    while ((n = ps_list_pop_front(&b->watched)) != NULL)
        ps_home_unref(PS_ITEM(n, struct ps_home, watch_node));
}

/* -- turns -- */

static void on_gathered(uv_timer_t *gather)
{
    (void)gather; /* its only purpose is a poll that does not wait */
}

/* Homes that are due are woken; the others' news gathers, until something urgent comes or the time is up. */
static void wake_homes(struct ps_bridge *b)
{
    uint64_t now_ns = ps_list_empty(&b->to_wake) ? 0 : uv_hrtime();
    struct ps_node *n = ps_list_first(&b->to_wake);
    b->rest_until_ns = 0;
    while (n != NULL) {
        struct ps_home *home = PS_ITEM(n, struct ps_home, wake_node);
        n = ps_list_next(&b->to_wake, n);
        if (home->due_ns > now_ns && !b->is_gone) {
            if (b->rest_until_ns == 0 || home->due_ns < b->rest_until_ns)
                b->rest_until_ns = home->due_ns;
            continue;
        }
        ps_node_unlink(&home->wake_node);
        home->rung_ns = now_ns;
        watch(b, home);
        ps_home_wake(home);
        ps_home_unref(home);
    }
}

/* The end of a turn: homes with news are woken, finished exchanges lose io's reference. */
static void end_turn(struct ps_bridge *b)
{
    struct ps_node *n;
    wake_homes(b);
    while ((n = ps_list_pop_front(&b->over)) != NULL)
        ps_exchange_settle(PS_ITEM(n, struct ps_exchange, over_node));
}

/* Sleeps until the first gathering home is due, or somebody signals; then the sockets are read without waiting. */
static void rest(struct ps_bridge *b)
{
    if (b->rest_until_ns == 0)
        return;
    uv_timer_start(&b->gather, on_gathered, 0, 0);
    uint64_t now_ns = uv_hrtime();
    pthread_mutex_lock(&b->lock);
    b->is_resting = true;
    while (!b->is_signalled && now_ns < b->rest_until_ns) {
        struct timespec at = bridge_after_ns(b->rest_until_ns - now_ns);
        pthread_cond_timedwait(&b->rested, &b->lock, &at);
        now_ns = uv_hrtime();
    }
    b->is_resting = false;
    pthread_mutex_unlock(&b->lock);
}

static void on_async(uv_async_t *async)
{
    (void)async; /* its only purpose is to end the poll; the mail is read after it */
}

static void on_before_poll(uv_prepare_t *prepare)
{
    struct ps_bridge *b = prepare->data;
    ps_env_flush(&b->engine.env); /* what comes of it is told in this turn */
    end_turn(b);
    stop_watching(b);
    rest(b);
}

static void on_after_poll(uv_check_t *check)
{
    struct ps_bridge *b = check->data;
    atomic_fetch_add_explicit(&b->turns_n, 1, memory_order_relaxed);
    read_mail(b);
    end_turn(b);
}

/* The engine has let go of everything: no mail any more, and the loop may run dry. */
static void on_engine_stopped(void *owner)
{
    struct ps_bridge *b = owner;
    pthread_mutex_lock(&b->lock);
    b->is_gone = true;
    pthread_mutex_unlock(&b->lock);
    while (atomic_load(&b->senders_n) > 0)
        sched_yield(); /* a few instructions of another thread */
    read_mail(b); /* what came before; nothing runs, so this only drops references and answers */
    uv_close((uv_handle_t *)&b->async, NULL);
    uv_close((uv_handle_t *)&b->nudge, NULL);
    uv_close((uv_handle_t *)&b->gather, NULL);
    uv_close((uv_handle_t *)&b->before_poll, NULL);
    uv_close((uv_handle_t *)&b->after_poll, NULL);
}

static void run(void *arg)
{
    struct ps_bridge *b = arg;
    ps_thread_enter_io();
    uv_run(&b->loop, UV_RUN_DEFAULT);
    end_turn(b);
    forget_watched(b);
    ps_engine_fini(&b->engine);
    int busy = uv_loop_close(&b->loop);
    assert(busy == 0);
    (void)busy;
    ps_thread_leave_io();
}

static void *thread_main(void *arg)
{
    run(arg);
    return NULL;
}

static void init_handles(struct ps_bridge *b)
{
    uv_prepare_init(&b->loop, &b->before_poll);
    uv_check_init(&b->loop, &b->after_poll);
    uv_timer_init(&b->loop, &b->nudge);
    uv_timer_init(&b->loop, &b->gather);
    b->before_poll.data = b->after_poll.data = b->nudge.data = b;
    uv_prepare_start(&b->before_poll, on_before_poll);
    uv_check_start(&b->after_poll, on_after_poll);
    uv_unref((uv_handle_t *)&b->nudge);
    uv_unref((uv_handle_t *)&b->gather);
    uv_unref((uv_handle_t *)&b->before_poll);
    uv_unref((uv_handle_t *)&b->after_poll);
}

/* All signals blocked: they are Python's business, on its main thread. */
static int spawn(struct ps_bridge *b)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int sys = pthread_create(&b->thread, NULL, thread_main, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sys;
}

static int start_thread(struct ps_bridge *b)
{
    bridge_watch_forks(b);
    int sys = -spawn(b);
    if (sys != 0)
        bridge_unwatch_forks(b);
    return sys;
}

static void abandon_start(struct ps_bridge *b, bool has_loop)
{
    if (has_loop) {
        uv_run(&b->loop, UV_RUN_DEFAULT);
        uv_loop_close(&b->loop);
    }
    pthread_cond_destroy(&b->answered);
    pthread_cond_destroy(&b->rested);
    pthread_mutex_destroy(&b->lock);
    ps_free(b);
}

static enum ps_status start(struct ps_bridge **out, const struct ps_resolver_settings *resolver,
                            struct ps_err *err)
{
    struct ps_bridge *b = ps_zalloc(sizeof *b);
    if (b == NULL)
        return ps_err_nomem(err);
    atomic_init(&b->refs_n, 1);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->answered, NULL);
    bridge_init_cond(&b->rested);
    ps_list_init(&b->mail);
    ps_list_init(&b->controls);
    ps_list_init(&b->to_wake);
    ps_list_init(&b->over);
    ps_list_init(&b->watched);
    int sys = uv_loop_init(&b->loop);
    if (sys != 0) {
        abandon_start(b, false);
        return ps_err_set(err, PS_INTERNAL, PS_PHASE_NONE, "no event loop: %s", uv_strerror(sys));
    }
    enum ps_status st = ps_engine_open(&b->engine, &b->loop, resolver, err);
    if (st != PS_OK) {
        uv_run(&b->loop, UV_RUN_DEFAULT);
        ps_engine_fini(&b->engine);
        abandon_start(b, true);
        return st;
    }
    b->engine.owner = b;
    sys = uv_async_init(&b->loop, &b->async, on_async);
    if (sys == 0) {
        init_handles(b);
        b->engine.on_stopped = on_engine_stopped;
        sys = start_thread(b);
    }
    if (sys != 0) {
        ps_engine_stop(&b->engine, 0);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        ps_engine_fini(&b->engine);
        abandon_start(b, true);
        return ps_err_set(err, PS_INTERNAL, PS_PHASE_NONE, "the io thread did not start: %s",
                          uv_strerror(sys));
    }
    *out = b;
    return PS_OK;
}

enum ps_status ps_bridge_start(struct ps_bridge **out,
                               const struct ps_resolver_settings *resolver, struct ps_err *err)
{
    ps_thread_enter_io(); /* until the thread runs we are in its place; others of its kind may run already */
    enum ps_status st = start(out, resolver, err);
    ps_thread_leave_io();
    return st;
}
