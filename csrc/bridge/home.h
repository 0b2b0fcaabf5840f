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
 * When the home takes nothing for a while its Python code may be running a loop inside of the loop, whose
 * reader callback is busy with the outer one: io rings at the other end, which has a callback of its own.
 * A home that never comes (its loop was closed) is not looked at for ever.
 *
 * A trickle of small pieces, as of a hundred streams at once, does not wake the home for each: what comes within
 * `gather_ns` of its last wake-up waits for that to pass. A head, a body's first bytes, an end or much at once do not wait,
 * and end the wait of what did (docs/decisions/017).
 * Thread: both; every field after `lock` is guarded by it unless marked.
 * Owner: counted; the Python home has one reference, each exchange has one. */
#ifndef PS_BRIDGE_HOME_H
#define PS_BRIDGE_HOME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "bridge/spares.h"

enum ps_home_kind { PS_HOME_LOOP, PS_HOME_THREAD };

struct ps_bridge;

struct ps_home {
    atomic_uint refs_n;
    enum ps_home_kind kind;   /* set once */
    struct ps_bridge *bridge; /* set once; one reference */
    atomic_bool is_holding;   /* the home is handing out a batch: posts of its exchanges need no signal */
    int read_fd;            /* LOOP: the home reads wake bytes here, io rings for rescue; -1 once closed */
    int wake_fd;            /* LOOP: io wakes here, the home reads rescue bytes; -1 once closed */
    pthread_mutex_t lock;
    pthread_cond_t news;    /* THREAD */
    struct ps_list ready;   /* exchanges with news, each holding a reference for it */
    bool is_awake;
    bool is_closed;
    unsigned taken_n;       /* exchanges handed to the home; may wrap */
    struct ps_spares spares; /* buffers of bodies that are over */
    /* io only */
    struct ps_node wake_node;  /* in the bridge's list of homes to wake this turn */
    struct ps_node watch_node; /* in the bridge's list of homes that are awake */
    unsigned seen_taken_n;     /* taken_n at the last look */
    unsigned stuck_n;          /* looks since it moved */
    uint64_t rung_ns;          /* when it was last woken */
    uint64_t due_ns;           /* in the list of homes to wake: when */
};

/* PS_OK, PS_NOMEM, or PS_INTERNAL with err->sys when there is no descriptor to be had. */
PS_CHECK enum ps_status ps_home_new(struct ps_home **out, struct ps_bridge *bridge,
                                    enum ps_home_kind kind, struct ps_err *err);
void ps_home_ref(struct ps_home *h);
void ps_home_unref(struct ps_home *h); /* accepts NULL */

/* The consumer is gone: news is dropped from now on, descriptors are closed. Home side; may be repeated. */
void ps_home_close(struct ps_home *h);

/* Home side, LOOP: the wake byte was seen; empties the descriptor. False: that was the end. */
bool ps_home_clear_wake(struct ps_home *h);
/* Home side: the next exchange with news, unlinked, with the reference it had for that; `batch` is the
 * home's own list of what was taken and not yet handed out. NULL: the home is asleep from now on. */
struct ps_exchange *ps_home_next(struct ps_home *h, struct ps_list *batch);
/* Home side: drops what is left of a batch. */
void ps_home_drop(struct ps_home *h, struct ps_list *batch);
/* Home side, LOOP: a rescue byte was seen. */
void ps_home_clear_rescue(struct ps_home *h);
/* After the bridge was stopped, any thread: nothing more comes; the home reads that. */
void ps_home_end(struct ps_home *h);
/* In a forked child: closes the inherited descriptors, touching no lock. */
void ps_home_abandon(struct ps_home *h);

/* Home side: around the handing out of a batch. */
void ps_home_hold(struct ps_home *h);
void ps_home_release(struct ps_home *h);

/* io side: wakes the home if it sleeps and has news. */
void ps_home_wake(struct ps_home *h);
/* io side, every NUDGE_MS: rings again when it seems stuck. False when it needs no more looks. */
bool ps_home_look(struct ps_home *h);

#endif
