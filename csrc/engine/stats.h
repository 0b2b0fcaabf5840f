/* engine/stats.h -- a snapshot of one profile's pool: connections, waiters, counters.
 * Collected on io, then a value of its own that another thread may read. */
#ifndef PS_ENGINE_STATS_H
#define PS_ENGINE_STATS_H

#include "engine/profile.h"

enum { PS_STATS_TEXT_BYTES = 96 };

struct ps_stats_row {
    bool is_waiter;                    /* else a connection */
    char origin[PS_STATS_TEXT_BYTES];  /* cut when longer */
    char peer[64];
    const char *state;                 /* static text: a conn's state, or what a waiter waits for */
    const char *protocol;              /* static text: "HTTP/2"; "" before it is OPEN */
    uint64_t id, streams_n, slots_n, requests_n, age_ms, idle_ms;
    uint64_t ping_us;                  /* UINT64_MAX = none was answered */
};

struct ps_stats {
    size_t conns_n, waiting_n;
    uint64_t opened_n, reused_n, closed_idle_n, stale_n, failed_dials_n, replayed_n, goaways_n;
    size_t rows_n;
    struct ps_stats_row rows[];
};

/* NULL: no memory. */
struct ps_stats *ps_stats_collect(const struct ps_profile *p);
void ps_stats_free(struct ps_stats *s);

#endif
