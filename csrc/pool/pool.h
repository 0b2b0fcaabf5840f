/* pool/pool.h -- the connections of one configuration, by origin, and the requests waiting for one.
 *
 * acquire() answers with a connection at once, or links the waiter into its origin's FIFO and, where the
 * limits allow, starts a dial for it. A connection that comes free goes to the first waiter of its origin,
 * whoever its dial was started for; an orphaned dial is inherited by the next waiter. A failed dial fails
 * the waiter it was started for (rule 44). Idle connections are reused newest first (rule 42), checked for
 * a silent death, and closed by their idle and age limits (rules 39-41). Where a limit holds somebody up,
 * idle connections make room, and so does one that comes free when an origin with waiters has none at all.
 * Thread: io. Owner: engine. Limits: ps_pool_settings. */
#ifndef PS_POOL_POOL_H
#define PS_POOL_POOL_H

#include "conn/conn.h"

struct ps_pool_settings {
    struct ps_conn_settings conn; /* strings and TLS config owned by the pool's maker, see free_data */
    size_t max_conns_n;           /* over all origins */
    size_t max_per_origin_n;
    size_t max_waiting_n;         /* waiters held up by the limits; not those with a dial of their own */
    uint64_t idle_ms;             /* 0 = no limit */
    uint64_t age_ms;              /* 0 = no limit; +-10 % jitter per connection (rule 40) */
};

struct ps_origin;
struct ps_pool;

/* One request's wait for a connection; embedded in the request. Strings live as long as the wait. */
struct ps_waiter {
    /* set by the owner */
    void *owner;
    const char *host; /* lower case */
    uint16_t port;
    bool is_https;
    const char *sni;  /* NULL = host */
    uint64_t connect_ms; /* limit of a dial started for this waiter; 0 = none */
    bool fresh;       /* only a connection that has carried nothing yet (a replay) */
    /* Once, not from inside ps_pool_acquire(): the connection has a free slot, use it within this call
     * or it goes to the next; or NULL and an error. */
    void (*on_ready)(void *owner, struct ps_conn *c, const struct ps_err *err);
    /* A dial was started for this waiter: it no longer waits for the limits (the pool clock stops). */
    void (*on_dial)(void *owner);
    /* the pool's */
    struct ps_node node;        /* in origin.waiting */
    struct ps_node order;       /* in pool.waiting, first come first */
    struct ps_origin *origin;   /* NULL when not waiting */
    struct ps_conn *dial;       /* the dial made for it; NULL = limits */
    uint64_t ticket;            /* smaller came first */
    uint64_t since_ms;
};

struct ps_origin {
    struct ps_node node;      /* in pool.buckets[] */
    struct ps_node all_node;  /* in pool.origins */
    struct ps_pool *pool;
    char *key;                /* "https://host:port" or "https://host:port#sni"; owned */
    char *host;               /* owned */
    char *sni;                /* owned; NULL = host */
    uint16_t port;
    bool is_https;
    struct ps_list conns;     /* dialing and busy */
    struct ps_list idle;      /* newest first */
    struct ps_list waiting;
    size_t conns_n;           /* all, until on_closed */
    size_t leaving_n;         /* of these, the ones that are closing */
    size_t undialed_n;        /* waiters held up by the limits */
};

enum { PS_POOL_BUCKETS_N = 64 };

struct ps_pool {
    struct ps_env *env;
    struct ps_pool_settings settings;
    struct ps_list buckets[PS_POOL_BUCKETS_N];
    struct ps_list origins;
    struct ps_list waiting;      /* all waiters in order */
    struct ps_list idle;         /* all idle connections, longest idle first */
    size_t conns_n, leaving_n, waiting_n, undialed_n; /* sums over the origins */
    uint64_t next_ticket;
    bool is_closing, told_empty;
    /* Once, after ps_pool_close(): no connection and no waiter is left. Must not free the pool at once. */
    void (*on_empty)(void *owner);
    void *owner;
    /* counters for stats */
    uint64_t opened_n, reused_n, closed_idle_n, failed_dials_n, stale_n;
};

/* Takes `settings` by value. */
void ps_pool_init(struct ps_pool *p, struct ps_env *env, const struct ps_pool_settings *settings);
/* After on_empty. */
void ps_pool_fini(struct ps_pool *p);

/* PS_OK with *now = a connection to use at once, or PS_OK with *now = NULL: on_ready comes later.
 * PS_NOMEM, PS_LIMIT (max_waiting_n), PS_CLOSED, PS_INVALID, PS_RESOLVE_FAILED (a failure still cached). */
PS_CHECK enum ps_status ps_pool_acquire(struct ps_pool *p, struct ps_waiter *w, struct ps_conn **now,
                                        struct ps_err *err);
/* No on_ready afterwards; harmless when not waiting. The dial goes on for others. */
void ps_pool_forget(struct ps_waiter *w);
/* A connection that ps_pool_acquire() gave was not used after all. */
void ps_pool_give_back(struct ps_conn *c);

/* Refuses new waiters, closes idle connections, lets running requests finish; on_empty may come from
 * inside. */
void ps_pool_close(struct ps_pool *p);
/* As close, but ends everything now: streams with `err`, waiters with `err`. */
void ps_pool_abort(struct ps_pool *p, const struct ps_err *err);

#endif
