/* pool/pool.h -- the connections of one configuration, by origin, and the requests waiting for one.
 *
 * acquire() answers with a connection at once, or links the waiter into its origin's FIFO and, where the
 * limits allow, starts a dial for it. A connection that comes free goes to the first waiter of its origin,
 * whoever its dial was started for; an orphaned dial is inherited by the next waiter. A failed dial fails
 * the waiter it was started for. Idle connections are reused newest first (rule 42), checked for
 * a silent death, and closed by their idle and age limits (rules 39-41). Where a limit holds somebody up,
 * idle connections make room, and so does one that comes free when an origin with waiters has none at all.
 *
 * An origin that may speak HTTP/2 is dialed once and everybody waits for it (rule 43): what it speaks is
 * remembered. A dial that takes long is joined by a second one when the next request comes. With HTTP/2 a request goes to the least loaded connection (rule 42), and another one is
 * dialed only when all have reached the peer's stream limit (rule 5; never with is_strict). When the only
 * dial fails, all who wait for it fail with its cause (rule 44). Connections that only finish what runs
 * take no place: the peer decides how long that is, and new requests must not wait for it.
 * Thread: io. Owner: engine. Limits: ps_pool_settings. */
#ifndef PS_POOL_POOL_H
#define PS_POOL_POOL_H

#include "conn/conn.h"

struct ps_pool_settings {
    struct ps_conn_settings conn; /* strings and TLS config owned by the pool's maker, see free_data */
    size_t max_conns_n;           /* over all origins */
    size_t max_per_origin_n;
    size_t max_waiting_n;         /* waiters without a dial of their own */
    size_t max_idle_n;            /* idle connections over all origins; the longest idle ones go */
    bool is_strict;               /* the peer's stream limit is for all requests to it, not per connection */
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
    bool has_body;    /* it will upload something */
    bool fresh;       /* only a connection that has carried nothing yet (a replay over HTTP/1.1) */
    uint64_t avoid_id; /* another connection than this where there can be one; 0 = any */
    /* Once, not from inside ps_pool_acquire(): the connection has a free slot, use it within this call
     * or it goes to the next; or NULL and an error. */
    void (*on_ready)(void *owner, struct ps_conn *c, const struct ps_err *err);
    /* the pool's */
    struct ps_node node;        /* in origin.waiting */
    struct ps_node order;       /* in pool.waiting, first come first */
    struct ps_origin *origin;   /* NULL when not waiting */
    struct ps_conn *dial;       /* the dial made for it; NULL = limits */
    uint64_t ticket;            /* smaller came first */
    uint64_t since_ms;
};

enum ps_speaks { PS_SPEAKS_UNKNOWN, PS_SPEAKS_H1, PS_SPEAKS_H2 };

struct ps_origin {
    struct ps_node node;      /* in pool.buckets[] */
    struct ps_node all_node;  /* in pool.origins, or in pool.resting when it has nothing but its memory */
    struct ps_pool *pool;
    char *key;                /* "https://host:port" or "https://host:port#sni"; owned */
    char *host;               /* owned */
    char *sni;                /* owned; NULL = host */
    uint16_t port;
    bool is_https;
    struct ps_list conns;     /* dialing, busy with HTTP/1.1, draining, closing */
    struct ps_list shared;    /* HTTP/2 with streams running */
    struct ps_list idle;      /* newest first */
    struct ps_list waiting;
    size_t conns_n;           /* all, until on_closed */
    size_t leaving_n;         /* of these, the ones that are closing */
    size_t draining_n;        /* and those that only finish what runs */
    size_t dials_n;           /* and those that are not yet OPEN */
    size_t claimed_n;         /* of these, the ones that are some waiter's own */
    uint64_t dialed_ms;       /* when the last of these was started */
    size_t undialed_n;        /* waiters without a dial of their own */
    /* memory */
    enum ps_speaks speaks;    /* as of the last connection */
    bool h1_only;             /* it said HTTP_1_1_REQUIRED */
    unsigned replay_tokens;   /* five make a replay, each request adds one (rule 21) */
    unsigned calm_n;          /* times it said ENHANCE_YOUR_CALM lately (rule 20) */
    uint64_t calm_ms;         /* when it last did */
    struct ps_deadline calm;  /* set: no new connection before */
};

enum {
    PS_POOL_BUCKETS_N = 64,
    PS_POOL_RESTING_N = 256,     /* origins remembered without a connection */
    PS_POOL_REPLAYS_N = 100,     /* replays an origin may cost at once; then one per five requests */
};

struct ps_pool {
    struct ps_env *env;
    struct ps_pool_settings settings;
    struct ps_list buckets[PS_POOL_BUCKETS_N];
    struct ps_list origins;
    struct ps_list resting;      /* longest first */
    size_t resting_n;
    struct ps_list waiting;      /* all waiters in order */
    struct ps_list idle;         /* all idle connections, longest idle first */
    size_t idle_n;               /* how many */
    size_t conns_n, leaving_n, draining_n, waiting_n, undialed_n; /* sums over the origins */
    uint64_t next_ticket;
    bool is_closing, told_empty;
    /* Once, after ps_pool_close(): no connection and no waiter is left. Must not free the pool at once. */
    void (*on_empty)(void *owner);
    void *owner;
    /* counters for stats */
    uint64_t opened_n, reused_n, closed_idle_n, failed_dials_n, stale_n, goaways_n;
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
/* Is a connection on its way that may serve this waiter? Otherwise the limits hold it up. */
bool ps_pool_is_dialing(const struct ps_waiter *w);

/* Takes a replay from the budget of the waiter's origin; false: it is used up (rule 21). */
bool ps_pool_take_replay(struct ps_pool *p, const struct ps_waiter *w);
/* The waiter's origin said HTTP_1_1_REQUIRED: no HTTP/2 from now on, what runs may finish. Tells
 * waiters. */
void ps_pool_set_h1_only(struct ps_pool *p, const struct ps_waiter *w);

/* Refuses new waiters, closes idle connections, lets running requests finish; on_empty may come from
 * inside. */
void ps_pool_close(struct ps_pool *p);
/* As close, but ends everything now: streams with `err`, waiters with `err`. */
void ps_pool_abort(struct ps_pool *p, const struct ps_err *err);

#endif
