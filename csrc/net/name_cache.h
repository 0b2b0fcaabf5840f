/* net/name_cache.h -- what the resolver knows of each name and family: the last good answer, the
 * last failure, and who waits. Decides nothing about threads; no I/O, the time is an argument.
 * Thread: io. Owner: resolver. Limit: PS_NAMES_MAX, the least recently used idle one is dropped. */
#ifndef PS_NET_NAME_CACHE_H
#define PS_NET_NAME_CACHE_H

#include "net/lookup_thread.h"

enum { PS_NAMES_MAX = 1024, PS_NAME_BUCKETS_N = 256 };

/* One name and family; owned by the cache. Idle: nobody waits and no thread runs. */
struct ps_name {
    struct ps_node bucket;
    struct ps_node recent;
    struct ps_node queued;     /* in the resolver's queue for a thread */
    struct ps_list waiters;    /* ps_lookup.node */
    struct ps_lookup_job *job; /* owned while it is queued; NULL while its thread runs */
    bool is_running;
    uint32_t hash;
    enum ps_family family;
    uint64_t answered_ms;  /* when addrs came; meaningless while addrs.n == 0 */
    uint64_t failed_ms;    /* when the last lookup failed; meaningless while it did not */
    bool has_failed;       /* the last lookup failed ... */
    int code, spawn_sys;   /* ... with these (see ps_lookup_job) */
    struct ps_addrs addrs; /* the last good answer, kept through failures until it is too stale */
    char host[];           /* lower case */
};

struct ps_name_cache {
    struct ps_list buckets[PS_NAME_BUCKETS_N];
    struct ps_list recent; /* most recently used first */
    size_t n;
};

void ps_name_cache_init(struct ps_name_cache *c);
void ps_name_cache_fini(
    struct ps_name_cache *c); /* frees waiting jobs too, and forgets the waiters */

/* Finds or makes the name and marks it as used now. `host` in lower case. NULL: no memory. */
struct ps_name *ps_name_cache_get(struct ps_name_cache *c, const char *host, enum ps_family family);
/* Drops a name that has become idle and knows nothing. Harmless for any other. */
void ps_name_cache_tidy(struct ps_name_cache *c, struct ps_name *name);

/* Notes an answer of a thread. */
void ps_name_learn(struct ps_name *name, const struct ps_lookup_job *job, uint64_t now_ms);
/* Has it an answer that is younger than `age_ms`? */
bool ps_name_is_known(const struct ps_name *name, uint64_t age_ms, uint64_t now_ms);
/* Did its last lookup fail less than `age_ms` ago? */
bool ps_name_is_refused(const struct ps_name *name, uint64_t age_ms, uint64_t now_ms);
/* Says in `err` why the last lookup failed. */
enum ps_status ps_name_say_failure(const struct ps_name *name, struct ps_err *err);

#endif
