/* bridge/bridge.h -- the io thread, its mailbox and its turn.
 *
 * A turn of the loop: mail (what homes want) -> sockets and timers -> wake the homes with news -> free what
 * ended. The thread never takes the GIL and blocks all signals.
 * Down: a mutex, a list, and one uv_async_send after unlocking when the list was empty.
 * Stop: refuse starts -> the engine drains -> cancel -> close handles -> loop runs dry -> join.
 * Owner: whoever called ps_bridge_start(). Thread: both; see the fields. */
#ifndef PS_BRIDGE_BRIDGE_H
#define PS_BRIDGE_BRIDGE_H

#include <pthread.h>
#include <uv.h>

#include "bridge/exchange.h"
#include "engine/engine.h"
#include "engine/stats.h"

enum ps_control_kind { PS_CONTROL_CLOSE_PROFILE, PS_CONTROL_STATS, PS_CONTROL_STOP };

/* A rare message to the io thread. */
struct ps_control {
    struct ps_node node;
    enum ps_control_kind kind;
    struct ps_profile *profile;  /* CLOSE_PROFILE: the maker's reference, taken; STATS: borrowed */
    uint64_t drain_ms;           /* STOP */
    struct ps_stats *stats;      /* STATS: filled by io; owned by the asker */
    bool is_done;                /* STATS: mail lock; `answered` is signalled */
};

struct ps_bridge {
    pthread_t thread;
    /* guarded by `lock` */
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct ps_list mail;      /* exchanges by mail_node, each with a reference */
    struct ps_list controls;
    bool refuses_starts;      /* stop was asked for */
    bool is_gone;             /* the thread takes no mail any more */
    bool is_joined;
    bool is_signalled;        /* the async is on its way; cleared when the mail is read */
    bool has_held;            /* mail was linked without a signal by a home that is holding */
    /* atomics */
    atomic_uint senders_n;    /* threads between unlock and uv_async_send() */
    atomic_uint awake_n;      /* homes that were woken and have not gone back to sleep */
    /* io only */
    uv_loop_t loop;
    uv_async_t async;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t nudge;         /* runs while some home is awake */
    bool is_nudging;
    struct ps_engine engine;
    struct ps_list to_wake;   /* homes by wake_node, each with a reference */
    struct ps_list over;      /* exchanges by over_node */
    struct ps_control stop;
    atomic_ullong turns_n;
    atomic_ullong live_n;     /* exchanges io holds */
    unsigned epoch;           /* the process' fork count when it was made */
};

/* Starts the thread. PS_OK, PS_NOMEM, PS_INTERNAL. `resolver` as for ps_engine_open(). */
PS_CHECK enum ps_status ps_bridge_start(struct ps_bridge **out,
                                        const struct ps_resolver_settings *resolver,
                                        struct ps_err *err);
/* Home side. Blocks until the thread has ended, at most about `drain_ms` plus the time to close. Callers
 * release the GIL. Harmless when repeated. */
void ps_bridge_stop(struct ps_bridge *b, uint64_t drain_ms);
/* After stop, when no exchange is left that refers to it. */
void ps_bridge_free(struct ps_bridge *b);

/* Home side: the maker gives up its profile; its reference is taken. `control` is freed by the bridge. */
void ps_bridge_close_profile(struct ps_bridge *b, struct ps_control *control,
                             struct ps_profile *profile);
/* Home side: blocks for one turn of the loop. PS_OK, PS_NOMEM, PS_CLOSED. Free with ps_stats_free(). */
PS_CHECK enum ps_status ps_bridge_stats(struct ps_bridge *b, struct ps_profile *profile,
                                        struct ps_stats **out);

/* Was it made before a fork, in the parent? Then its thread does not exist here and its locks may be held
 * for ever: no function but this one and ps_bridge_abandon() may be called on it or its exchanges. */
bool ps_bridge_is_foreign(const struct ps_bridge *b);
/* In the child: closes the inherited descriptors without a word to any peer. Memory is left alone. */
void ps_bridge_abandon(struct ps_bridge *b);

/* For this room. post: links under the lock and signals; false when the thread is gone. */
bool bridge_post(struct ps_bridge *b, struct ps_exchange *x, unsigned wants, size_t credit_n);
void bridge_signal_held(struct ps_bridge *b); /* a home is through with its batch */
void bridge_announce(struct ps_bridge *b, struct ps_home *home); /* io: home has news, wake it this turn */

#endif
