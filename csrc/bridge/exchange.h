/* bridge/exchange.h -- one request as both threads see it.
 *
 * Down (home -> io): `wants` and the upload, guarded by the bridge's mail lock; the exchange is linked once
 * into the mailbox however much is wanted, so posting never allocates and never fails halfway.
 * Up (io -> home): head, body, trailers, outcome, guarded by the home's lock; the exchange is linked once
 * into its home's ready list however much has come.
 * Between the two, io alone owns `call`.
 *
 * Owner: counted. References: the Python object 1; io from start to finish 1; 1 while in the mailbox; 1
 * while in a ready list. Thread: as said at the fields. */
#ifndef PS_BRIDGE_EXCHANGE_H
#define PS_BRIDGE_EXCHANGE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "bridge/home.h"
#include "engine/call.h"

struct ps_bridge;

enum { /* bits of ps_exchange.wants */
    PS_WANT_START = 1,
    PS_WANT_CREDIT = 2,
    PS_WANT_UPLOAD = 4,
    PS_WANT_CANCEL = 8,
};

enum { PS_INFO_KEPT_N = 16 };

/* What has come up; copied out by the home under its lock. */
struct ps_news {
    struct ps_head *head;    /* owned; given to the home once */
    struct ps_head *infos[PS_INFO_KEPT_N]; /* owned; 1xx heads in order */
    size_t infos_n;
    struct ps_head *trailers; /* owned */
    struct ps_buf body;      /* not yet read by the home */
    bool head_seen;          /* a head has come (and may have been taken) */
    bool is_done;            /* nothing more comes */
    bool upload_closed;      /* the peer wants no more of the request body */
    struct ps_err err;       /* with is_done: why it failed; status 0 = complete */
    bool maybe_processed;
    size_t upload_taken_n;   /* upload bytes that left the exchange's buffer, in total */
    struct ps_timings timings; /* as of the last news */
};

struct ps_exchange {
    atomic_uint refs_n;
    struct ps_bridge *bridge;
    struct ps_home *home;      /* one reference */
    /* set before start, then read-only until freed */
    struct ps_call_spec spec;
    char *host;                /* owned, lower case */
    char *sni;                 /* owned; NULL = host */
    bool is_whole;             /* news only at the end */
    bool is_streamed;          /* body comes by ps_exchange_upload() */
    size_t body_limit_bytes;   /* with is_whole; 0 = none */
    void *user;                /* the home's (borrowed PyObject *); home side only */
    /* down: mail lock */
    struct ps_node mail_node;
    unsigned wants;
    size_t credit_n;
    struct ps_buf upload_in;
    bool upload_end;
    /* up: home lock */
    struct ps_node ready_node;
    bool is_deaf;              /* the home wants no more news */
    struct ps_news news;
    /* io only */
    struct ps_call call;
    struct ps_buf upload;
    bool upload_ended;
    bool is_running;           /* io holds its reference */
    struct ps_node over_node;  /* finished this turn; freed at its end */
};

/* Home side. An exchange ready to be filled in (spec.profile, request, body, host...) and started.
 * Takes a reference of `home`. NULL: no memory. */
struct ps_exchange *ps_exchange_new(struct ps_bridge *b, struct ps_home *home);
void ps_exchange_ref(struct ps_exchange *x);
void ps_exchange_unref(struct ps_exchange *x); /* accepts NULL; frees request, body, strings */

/* Home side posts. start: PS_OK or PS_CLOSED (the engine is stopping; nothing happened). */
PS_CHECK enum ps_status ps_exchange_start(struct ps_exchange *x, struct ps_err *err);
void ps_exchange_credit(struct ps_exchange *x, size_t n);
void ps_exchange_cancel(struct ps_exchange *x); /* ends with PS_CANCELLED, unless it was over already */
void ps_exchange_forget(struct ps_exchange *x); /* cancel, and no more news */
PS_CHECK enum ps_status ps_exchange_upload(struct ps_exchange *x, struct ps_bytes bytes, bool end);

/* Home side, blocking: waits for news until `wait_ms` have passed; true when there may be some. */
bool ps_exchange_wait(struct ps_exchange *x, bool (*is_there)(const struct ps_exchange *x),
                      uint64_t wait_ms);

/* io side: acts on what the home wants. */
void ps_exchange_take_mail(struct ps_exchange *x, unsigned wants, size_t credit_n);
/* io side, at the end of the turn: drops io's reference. */
void ps_exchange_settle(struct ps_exchange *x);

#ifdef PS_MEM_TEST
size_t ps_exchange_live_n(void);
#endif

#endif
