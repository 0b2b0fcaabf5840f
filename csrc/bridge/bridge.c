/* bridge/bridge.c -- the io thread's life, its mailbox and its turn (see bridge.h). */
#include "bridge/bridge.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"

/* -- fork: counted, so that a child knows what is not its own -- */

static atomic_uint fork_epoch; /* written only in a child that has one thread */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void on_fork_child(void)
{
    atomic_fetch_add(&fork_epoch, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, on_fork_child);
}

static unsigned fork_epoch_now(void)
{
    pthread_once(&fork_once, watch_forks);
    return atomic_load(&fork_epoch);
}

bool ps_bridge_is_foreign(const struct ps_bridge *b)
{
    return b->epoch != atomic_load_explicit(&fork_epoch, memory_order_relaxed);
}

void ps_bridge_abandon(struct ps_bridge *b)
{
    if (!ps_bridge_is_foreign(b))
        return;
    int poll_fd = uv_backend_fd(&b->loop);
    if (poll_fd >= 0)
        close(poll_fd);
}

/* -- home side -- */

enum { NUDGE_MS = 1 };

/* Called with the lock held: must the thread be woken? The caller then unlocks and calls signal_thread(). */
static bool must_signal(struct ps_bridge *b)
{
    if (b->is_signalled || b->is_gone)
        return false;
    b->is_signalled = true;
    b->has_held = false;
    atomic_fetch_add(&b->senders_n, 1);
    return true;
}

/* After unlocking, so that the thread does not wake up into our lock. It waits for senders_n before it
 * closes the handle. */
static void signal_thread(struct ps_bridge *b)
{
    uv_async_send(&b->async);
    atomic_fetch_sub(&b->senders_n, 1);
}

bool bridge_post(struct ps_bridge *b, struct ps_exchange *x, unsigned wants, size_t credit_n)
{
    pthread_mutex_lock(&b->lock);
    if (b->is_gone || ((wants & PS_WANT_START) && b->refuses_starts)) {
        pthread_mutex_unlock(&b->lock);
        return false;
    }
    x->wants |= wants;
    x->credit_n += credit_n;
    if (!ps_node_linked(&x->mail_node)) {
        ps_exchange_ref(x);
        ps_list_push_back(&b->mail, &x->mail_node);
    }
    bool is_held = atomic_load_explicit(&x->home->is_holding, memory_order_relaxed);
    b->has_held = b->has_held || is_held;
    bool signal = !is_held && must_signal(b);
    pthread_mutex_unlock(&b->lock);
    if (signal)
        signal_thread(b);
    return true;
}

void bridge_signal_held(struct ps_bridge *b)
{
    pthread_mutex_lock(&b->lock);
    bool signal = b->has_held && must_signal(b);
    pthread_mutex_unlock(&b->lock);
    if (signal)
        signal_thread(b);
}

static bool post_control(struct ps_bridge *b, struct ps_control *control)
{
    pthread_mutex_lock(&b->lock);
    bool accepted = !b->is_gone;
    if (accepted)
        ps_list_push_back(&b->controls, &control->node);
    bool signal = accepted && must_signal(b);
    pthread_mutex_unlock(&b->lock);
    if (signal)
        signal_thread(b);
    return accepted;
}

void ps_bridge_close_profile(struct ps_bridge *b, struct ps_control *control,
                             struct ps_profile *profile)
{
    *control = (struct ps_control){.kind = PS_CONTROL_CLOSE_PROFILE, .profile = profile};
    if (!post_control(b, control)) { /* the engine is gone and has let the profile go */
        ps_profile_unref(profile);
        ps_free(control);
    }
}

enum ps_status ps_bridge_stats(struct ps_bridge *b, struct ps_profile *profile,
                               struct ps_stats **out)
{
    struct ps_control control = {.kind = PS_CONTROL_STATS, .profile = profile};
    if (!post_control(b, &control))
        return PS_CLOSED;
    pthread_mutex_lock(&b->lock);
    while (!control.is_done)
        pthread_cond_wait(&b->answered, &b->lock);
    pthread_mutex_unlock(&b->lock);
    *out = control.stats;
    return control.stats == NULL ? PS_NOMEM : PS_OK;
}

void ps_bridge_stop(struct ps_bridge *b, uint64_t drain_ms)
{
    ps_assert_home();
    pthread_mutex_lock(&b->lock);
    bool first = !b->refuses_starts;
    b->refuses_starts = true;
    pthread_mutex_unlock(&b->lock);
    if (!first)
        return;
    b->stop = (struct ps_control){.kind = PS_CONTROL_STOP, .drain_ms = drain_ms};
    bool posted = post_control(b, &b->stop);
    assert(posted);
    (void)posted;
    pthread_join(b->thread, NULL);
    b->is_joined = true;
}

void ps_bridge_free(struct ps_bridge *b)
{
    if (b == NULL)
        return;
    assert(b->is_joined);
    pthread_cond_destroy(&b->answered);
    pthread_mutex_destroy(&b->lock);
    ps_free(b);
}

/* -- io side -- */

void bridge_announce(struct ps_bridge *b, struct ps_home *home)
{
    ps_assert_io();
    if (ps_node_linked(&home->wake_node))
        return;
    ps_home_ref(home);
    ps_list_push_back(&b->to_wake, &home->wake_node);
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
    pthread_mutex_lock(&b->lock);
    b->is_signalled = false;
    b->has_held = false;
    ps_list_move_all(&controls, &b->controls);
    while ((n = ps_list_pop_front(&b->mail)) != NULL) {
        struct ps_exchange *x = PS_ITEM(n, struct ps_exchange, mail_node);
        unsigned wants = x->wants;
        size_t credit_n = x->credit_n;
        x->wants = 0;
        x->credit_n = 0;
        pthread_mutex_unlock(&b->lock);
        ps_exchange_take_mail(x, wants, credit_n);
        ps_exchange_unref(x); /* the mailbox's */
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    while ((n = ps_list_pop_front(&controls)) != NULL)
        obey(b, PS_ITEM(n, struct ps_control, node));
}

/* The end of a turn: homes with news are woken, finished exchanges lose io's reference. */
static void end_turn(struct ps_bridge *b)
{
    struct ps_node *n;
    while ((n = ps_list_pop_front(&b->to_wake)) != NULL) {
        struct ps_home *home = PS_ITEM(n, struct ps_home, wake_node);
        ps_home_wake(home);
        ps_home_unref(home);
    }
    while ((n = ps_list_pop_front(&b->over)) != NULL)
        ps_exchange_settle(PS_ITEM(n, struct ps_exchange, over_node));
}

static void on_async(uv_async_t *async)
{
    (void)async; /* its only purpose is to end the poll; the mail is read after it */
}

static void on_nudge(uv_timer_t *nudge)
{
    (void)nudge;
}

/* As long as some home is handing out news, look for its unsignalled posts from time to time. */
static void steer_nudge(struct ps_bridge *b)
{
    bool wanted = atomic_load(&b->awake_n) > 0;
    if (wanted == b->is_nudging || b->is_gone)
        return;
    b->is_nudging = wanted;
    if (wanted)
        uv_timer_start(&b->nudge, on_nudge, NUDGE_MS, NUDGE_MS);
    else
        uv_timer_stop(&b->nudge);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    struct ps_bridge *b = prepare->data;
    end_turn(b);
    steer_nudge(b);
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
    uv_close((uv_handle_t *)&b->before_poll, NULL);
    uv_close((uv_handle_t *)&b->after_poll, NULL);
}

static void run(void *arg)
{
    struct ps_bridge *b = arg;
    ps_thread_enter_io();
    uv_run(&b->loop, UV_RUN_DEFAULT);
    end_turn(b);
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
    b->before_poll.data = b->after_poll.data = b;
    uv_prepare_start(&b->before_poll, on_before_poll);
    uv_check_start(&b->after_poll, on_after_poll);
    uv_unref((uv_handle_t *)&b->nudge);
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

static void abandon_start(struct ps_bridge *b, bool has_loop)
{
    if (has_loop) {
        uv_run(&b->loop, UV_RUN_DEFAULT);
        uv_loop_close(&b->loop);
    }
    pthread_cond_destroy(&b->answered);
    pthread_mutex_destroy(&b->lock);
    ps_free(b);
}

enum ps_status ps_bridge_start(struct ps_bridge **out,
                               const struct ps_resolver_settings *resolver, struct ps_err *err)
{
    struct ps_bridge *b = ps_zalloc(sizeof *b);
    if (b == NULL)
        return ps_err_nomem(err);
    b->epoch = fork_epoch_now();
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->answered, NULL);
    ps_list_init(&b->mail);
    ps_list_init(&b->controls);
    ps_list_init(&b->to_wake);
    ps_list_init(&b->over);
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
        sys = -spawn(b);
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
