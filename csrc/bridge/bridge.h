/* bridge/bridge.h -- the io thread, its mailbox and its turn.
 *
 * A turn of the loop: mail (what homes want) -> sockets and timers -> wake the homes with news -> free what
 * ended. The thread never takes the GIL and blocks all signals.
 * Down: a mutex, a list, and one uv_async_send after unlocking when the list was empty.
 * Rest: while news of a trickle gathers for a home (017), the thread does not read either: it sleeps until the home is
 * due, or mail comes, and then reads all that has arrived meanwhile, so that many small segments cost one poll.
 * Stop: refuse starts -> the engine drains -> cancel -> close handles -> loop runs dry -> join.
 * Fork: the io thread stands still at the start of its turn while any thread of the process forks, so that
 * a child finds whole lists and free locks of the libraries; it closes what it inherited (fork.c).
 * Owner: counted; whoever called ps_bridge_start() has one reference, each home has one.
 * Thread: both; see the fields. */
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
    uint64_t drain_ms;           /* STOP; owned by the caller of ps_bridge_stop(), who waits */
    struct ps_stats *stats;      /* STATS: filled by io; owned by the asker */
    bool is_done;                /* STATS: mail lock; `answered` is signalled */
};

struct ps_bridge {
    atomic_uint refs_n;
    pthread_t thread;
    /* guarded by `lock` */
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct ps_list mail;      /* exchanges by mail_node, each with a reference */
    struct ps_list controls;
    bool refuses_starts;      /* stop was asked for */
    bool is_gone;             /* the thread takes no mail any more */
    bool is_joining;          /* somebody waits in pthread_join() */
    bool is_joined;
    bool is_signalled;        /* the async is on its way; cleared when the mail is read */
    bool has_held;            /* mail was linked without a signal by a home that is holding */
    bool is_watching;         /* io looks into the mailbox every NUDGE_MS: a holding home need not signal */
    bool wants_pause;         /* a thread is about to fork */
    bool is_paused;           /* io stands still until wants_pause is taken back */
    bool is_resting;          /* io sleeps while news gathers; a signal ends that */
    pthread_cond_t rested;    /* ... by this */
    uint64_t stop_drain_ms;   /* the shortest that was asked for */
    /* atomics */
    atomic_uint senders_n;    /* threads between unlock and uv_async_send() */
    /* io only */
    uv_loop_t loop;
    uv_async_t async;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t nudge;         /* runs while homes are watched */
    uv_timer_t gather;        /* lets the poll after a rest return at once */
    uint64_t rest_until_ns;   /* the soonest that a home whose news gathers is due; 0 = none waits */
    struct ps_list watched;   /* homes by watch_node, each with a reference: woken and not yet seen asleep */
    struct ps_engine engine;
    struct ps_list to_wake;   /* homes by wake_node, each with a reference */
    struct ps_list over;      /* exchanges by over_node */
    atomic_ullong turns_n;
    atomic_ullong live_n;     /* exchanges io holds */
    /* fork.c */
    unsigned epoch;           /* the process' fork count when it was made */
    struct ps_node fork_node; /* registry lock: in the list of this process' bridges, until joined */
};

/* Starts the thread. PS_OK, PS_NOMEM, PS_INTERNAL. `resolver` as for ps_engine_open(). */
PS_CHECK enum ps_status ps_bridge_start(struct ps_bridge **out,
                                        const struct ps_resolver_settings *resolver,
                                        struct ps_err *err);
/* Home side. Blocks until the thread has ended, at most about `drain_ms` plus the time to close. Callers
 * release the GIL. Harmless when repeated, also beside a first stop: a shorter drain wins. */
void ps_bridge_stop(struct ps_bridge *b, uint64_t drain_ms);
/* After stop: drops the owner's reference; the last home frees it. Accepts NULL. */
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

/* Home side, around work in OpenSSL on a home thread: nobody forks in between, so no child inherits one of
 * its locks taken. Short, one thread at a time, without the GIL. */
void ps_bridge_forbid_fork(void);
void ps_bridge_allow_fork(void);

/* For this room. post: links under the lock and signals; false when the thread is gone. */
bool bridge_post(struct ps_bridge *b, struct ps_exchange *x, unsigned wants, size_t credit_n);
void bridge_signal_held(struct ps_bridge *b); /* a home is through with its batch */
/* io: home has news; it is woken at the end of this turn, or `gather_ns` after it was last woken. */
void bridge_announce(struct ps_bridge *b, struct ps_home *home, uint64_t gather_ns);
void bridge_ref(struct ps_bridge *b);
void bridge_unref(struct ps_bridge *b);
/* mail.c, io: moves what is there; STATS and STOP are obeyed by bridge.c. */
void bridge_take_mail(struct ps_bridge *b, struct ps_list *controls);
/* fork.c */
void bridge_watch_forks(struct ps_bridge *b); /* before the thread starts */
void bridge_unwatch_forks(struct ps_bridge *b);
void bridge_pause(struct ps_bridge *b);  /* returns with the lock held */
void bridge_resume(struct ps_bridge *b);
void bridge_stand_still(struct ps_bridge *b); /* io, lock held: while somebody forks */

#endif
