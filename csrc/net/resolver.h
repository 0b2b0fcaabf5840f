/* net/resolver.h -- names to addresses, off the io thread, with a cache (rules 92, 93).
 * getaddrinfo runs on short-lived detached threads of its own (at most `threads_n`), so that a hung
 * lookup never holds up another name for long nor the engine's stop: each lookup and its thread
 * share a small counted record, and a late answer finds nobody home.
 * Single flight per name+family; answers cached `ttl_ms`, failures `negative_ms`, a stale answer is
 * served up to `stale_ms` when a refresh fails (but "no such name" is an answer, RFC 8767 4);
 * EAI_AGAIN tried once more, NXDOMAIN not.
 * Thread: io. Owner: engine. Limit: 1024 names cached, least recently used dropped. */
#ifndef PS_NET_RESOLVER_H
#define PS_NET_RESOLVER_H

#include "base/err.h"
#include "base/list.h"
#include "net/addr.h"
#include "net/clock.h"

/* Blocking lookup, called on its own thread; returns 0 or an EAI_ code. Tests pass their own. */
typedef int (*ps_lookup_fn)(void *data, const char *host, enum ps_family family,
                            struct ps_addrs *out);

struct ps_resolver_settings {
    uint64_t ttl_ms;      /* for askers that give none; 30 s */
    uint64_t negative_ms; /* 1 s */
    uint64_t stale_ms;    /* 5 min */
    size_t threads_n;     /* lookups that somebody waits for, at a time; 8 */
    ps_lookup_fn lookup;  /* NULL = getaddrinfo */
    void *lookup_data;
};

struct ps_resolver;
struct ps_name;

/* One wait for an answer; embedded in the waiter. */
struct ps_lookup {
    struct ps_node node;  /* in the pending name's waiters; zero at first */
    struct ps_name *name; /* the resolver's; NULL while nothing is pending, so zero at first */
    void *owner;
    /* Called once from the loop, never from inside ps_resolver_ask(). `addrs` (NULL on error) dies
     * with the call; ports are zero: the waiter sets its own. */
    void (*on_done)(void *owner, const struct ps_addrs *addrs, const struct ps_err *err);
};

PS_CHECK enum ps_status ps_resolver_open(struct ps_resolver **out, uv_loop_t *loop,
                                         struct ps_clock *clock,
                                         const struct ps_resolver_settings *settings,
                                         struct ps_err *err);
/* Forgets all waiters (no on_done), closes its handle; freed by the close callback. */
void ps_resolver_close(struct ps_resolver *r);

/* Answers at once from literals and cache (PS_OK, *cached filled, on_done not called) or later
 * (PS_OK, cached->n == 0; `lookup` is pending until on_done or ps_resolver_cancel()). `ttl_ms` is
 * how old a cached answer may be: 0 skips the cache, also that of failures; UINT64_MAX = the
 * settings' ttl_ms. PS_NOMEM, PS_RESOLVE_FAILED (a cached failure, or no name at all), PS_CLOSED.
 */
PS_CHECK enum ps_status ps_resolver_ask(struct ps_resolver *r, const char *host,
                                        enum ps_family family, uint64_t ttl_ms,
                                        struct ps_lookup *lookup, struct ps_addrs *cached,
                                        struct ps_err *err);
void ps_resolver_cancel(struct ps_resolver *r, struct ps_lookup *lookup); /* harmless when done */

#endif
