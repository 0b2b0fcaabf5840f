/* bridge/mail.c -- the mailbox: what homes want, posted on their threads and taken on io's.
 * In: exchanges with wants, rare controls. Out: at most one uv_async_send for all that lies in the box.
 * A post by a home that hands out a batch sends none while io is watching; the batch's end, or io's next
 * look, brings it along.
 * Thread: home, but bridge_take_mail(). Owner: the bridge. Limit: each exchange lies in the box once. */
#include "bridge/bridge.h"

#include "base/mem.h"
#include "base/thread.h"

/* Called with the lock held: must the thread be woken? The caller then unlocks and calls signal_thread(). */
static bool must_signal(struct ps_bridge *b)
{
    if (b->is_signalled || b->is_gone)
        return false;
    b->is_signalled = true;
    b->has_held = false;
    if (b->is_resting)
        pthread_cond_signal(&b->rested);
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
    bool is_held = b->is_watching &&
                   atomic_load_explicit(&x->home->is_holding, memory_order_relaxed);
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

/* Asks once, and once more when somebody later is in a greater hurry. */
static void ask_to_stop(struct ps_bridge *b, struct ps_control *stop)
{
    pthread_mutex_lock(&b->lock);
    bool asks = !b->refuses_starts || stop->drain_ms < b->stop_drain_ms;
    b->refuses_starts = true;
    if (asks)
        b->stop_drain_ms = stop->drain_ms;
    pthread_mutex_unlock(&b->lock);
    if (asks)
        (void)post_control(b, stop); /* refused when it is gone already */
}

void ps_bridge_stop(struct ps_bridge *b, uint64_t drain_ms)
{
    ps_assert_home();
    struct ps_control stop = {.kind = PS_CONTROL_STOP, .drain_ms = drain_ms};
    ask_to_stop(b, &stop);
    pthread_mutex_lock(&b->lock);
    bool joins = !b->is_joining;
    b->is_joining = true;
    while (!joins && !b->is_joined)
        pthread_cond_wait(&b->answered, &b->lock);
    pthread_mutex_unlock(&b->lock);
    if (!joins)
        return;
    pthread_join(b->thread, NULL);
    bridge_unwatch_forks(b);
    pthread_mutex_lock(&b->lock);
    b->is_joined = true;
    pthread_cond_broadcast(&b->answered);
    pthread_mutex_unlock(&b->lock);
}

void bridge_take_mail(struct ps_bridge *b, struct ps_list *controls)
{
    struct ps_list mail;
    struct ps_node *n;
    ps_list_init(&mail);
    pthread_mutex_lock(&b->lock);
    bridge_stand_still(b);
    b->is_signalled = false;
    b->has_held = false;
    ps_list_move_all(controls, &b->controls);
    ps_list_move_all(&mail, &b->mail); /* what comes meanwhile waits: sockets have their turn first */
    while ((n = ps_list_pop_front(&mail)) != NULL) {
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
}

/* -- standing still while somebody forks (see fork.c) -- */

void bridge_pause(struct ps_bridge *b)
{
    pthread_mutex_lock(&b->lock);
    b->wants_pause = true;
    bool signal = must_signal(b);
    pthread_mutex_unlock(&b->lock);
    if (signal)
        signal_thread(b);
    pthread_mutex_lock(&b->lock);
    while (!b->is_paused && !b->is_gone)
        pthread_cond_wait(&b->answered, &b->lock);
}

void bridge_resume(struct ps_bridge *b)
{
    b->wants_pause = false;
    pthread_cond_broadcast(&b->answered);
    pthread_mutex_unlock(&b->lock);
}

void bridge_stand_still(struct ps_bridge *b)
{
    while (b->wants_pause) {
        if (!b->is_paused) {
            b->is_paused = true;
            pthread_cond_broadcast(&b->answered);
        }
        pthread_cond_wait(&b->answered, &b->lock);
    }
    b->is_paused = false;
}
