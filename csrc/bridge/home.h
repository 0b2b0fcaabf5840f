/* bridge/home.h -- one consumer of news: an asyncio loop (a socketpair to wake it) or a blocking thread (a
 * condition). The io thread links exchanges into `ready`, once each; at the end of its turn it wakes the
 * homes that sleep, with one byte however much there is.
 *
 * While a home hands out a batch (hold .. release) its posts are collected and signalled once; the io
 * thread looks into the mailbox every NUDGE_MS as long as some home is awake, so a batch whose Python code
 * blocks delays its own posts by that much and nobody else's.
 *
 * Protocol: `is_awake` is set by whoever wakes the home and cleared by the home itself, under the lock, when
 * it finds `ready` empty. So at most one byte is under way and none is missed.
 * Thread: both; every field after `lock` is guarded by it unless marked.
 * Owner: counted; the Python home has one reference, each exchange has one. */
#ifndef PS_BRIDGE_HOME_H
#define PS_BRIDGE_HOME_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/list.h"

enum ps_home_kind { PS_HOME_LOOP, PS_HOME_THREAD };

struct ps_bridge;

struct ps_home {
    atomic_uint refs_n;
    enum ps_home_kind kind;   /* set once */
    struct ps_bridge *bridge; /* set once; outlives its homes */
    atomic_bool is_holding;   /* the home is handing out a batch: posts of its exchanges need no signal */
    int wake_fd;            /* LOOP: io writes here; -1 once closed */
    int read_fd;            /* LOOP: the home reads here; -1 once closed */
    pthread_mutex_t lock;
    pthread_cond_t news;    /* THREAD */
    struct ps_list ready;   /* exchanges with news, each holding a reference for it */
    bool is_awake;
    bool is_closed;
    struct ps_node wake_node; /* io only: in the bridge's list of homes to wake this turn */
};

/* PS_OK, PS_NOMEM, or PS_INTERNAL with err->sys when there is no descriptor to be had. */
PS_CHECK enum ps_status ps_home_new(struct ps_home **out, struct ps_bridge *bridge,
                                    enum ps_home_kind kind, struct ps_err *err);
void ps_home_ref(struct ps_home *h);
void ps_home_unref(struct ps_home *h); /* accepts NULL */

/* The consumer is gone: news is dropped from now on, descriptors are closed. Home side; may be repeated. */
void ps_home_close(struct ps_home *h);

/* Home side, LOOP: the wake byte was seen; empties the descriptor. */
void ps_home_clear_wake(struct ps_home *h);
/* Home side: moves all of `ready` to `out`; when there is none, the home is asleep from now on (false). */
bool ps_home_take(struct ps_home *h, struct ps_list *out);

/* Home side: around the handing out of a batch. */
void ps_home_hold(struct ps_home *h);
void ps_home_release(struct ps_home *h);

/* io side: wakes the home if it sleeps and has news. */
void ps_home_wake(struct ps_home *h);

#endif
