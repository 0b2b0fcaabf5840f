/* upstream/record.h -- what the server saw: one record a request, and counters.
 * Everything is under one mutex, held for a few instructions: io writes, any thread reads and waits. What a record
 * says of the head never changes after its arrival; the rest is copied when it is read.
 * Thread: io (first half), any (second half). Owner: server; a record is counted: the log and its run.
 * Limits: the first `limit_n` requests are kept, of each what the request kept; all are counted. */
#ifndef PS_UPSTREAM_RECORD_H
#define PS_UPSTREAM_RECORD_H

#include <uv.h>

#include "upstream/request.h"

/* Where a request came in. */
struct up_origin {
    uint64_t connection;
    int32_t stream; /* 0: HTTP/1.1 */
    int port;
    bool is_tls;
};

/* The part that goes on. Moments are CLOCK_MONOTONIC in ns, 0 = not yet. */
struct up_progress {
    int32_t rule; /* -1: none */
    uint64_t attempt;
    int status; /* of the final head; 0: not yet */
    uint64_t arrived_ns, body_ns, answered_ns, done_ns, aborted_ns;
    uint64_t sent_events;
    uint64_t body_bytes;
    const uint8_t *body; /* set once, when it is over */
    size_t body_n;
};

struct up_record {
    size_t refs_n;
    uint64_t number;
    struct up_origin origin;
    struct up_progress progress;
    struct ps_buf body; /* owned: what progress.body shows */
    struct up_span method, target;
    struct up_field *fields; /* owned, with the text behind them */
    size_t fields_n;
    uint8_t *text;
};

struct up_stats {
    uint64_t connections, connections_total, connections_max;
    uint64_t requests, running, running_max;
    uint64_t aborted, unmatched, malformed, events;
};

struct up_log {
    uv_mutex_t lock;
    uv_cond_t news;
    size_t waiters_n;
    size_t limit_n;
    struct up_record **records; /* owned */
    size_t n, cap;
    uint64_t seen_n; /* since the last clear */
    struct up_stats stats;
    bool is_over; /* the server is gone: nothing to wait for */
};

PS_CHECK int up_log_init(struct up_log *log, size_t limit_n); /* 0 or a negative errno */
void up_log_fini(struct up_log *log);

/* -- io -- */

/* NULL: beyond the limit, or no memory. Otherwise with a reference for the caller. */
struct up_record *up_log_arrive(struct up_log *log, const struct up_request *r,
                                const struct up_origin *origin, uint64_t now_ns);
/* `rec` may be NULL in all of these. */
void up_log_chosen(struct up_log *log, struct up_record *rec, int32_t rule, uint64_t attempt);
/* Takes the body out of `r`. */
void up_log_body(struct up_log *log, struct up_record *rec, struct up_request *r, uint64_t now_ns);
void up_log_answered(struct up_log *log, struct up_record *rec, int status, uint64_t now_ns);
void up_log_events(struct up_log *log, struct up_record *rec, uint64_t n);
/* The last word on a request, done or aborted; drops the caller's reference. */
void up_log_over(struct up_log *log, struct up_record *rec, bool is_aborted, uint64_t now_ns);
void up_log_malformed(struct up_log *log);
void up_log_connection(struct up_log *log, bool is_opened);
void up_log_end(struct up_log *log);

/* -- any thread -- */

struct up_shot {
    const struct up_record *record; /* owned by the shot */
    struct up_progress progress;
};

/* Records from number `since`. PS_OK or PS_NOMEM. */
PS_CHECK enum ps_status up_log_shoot(struct up_log *log, uint64_t since, struct up_shot **out, size_t *n);
void up_log_drop(struct up_log *log, struct up_shot *shots, size_t n);
void up_log_clear(struct up_log *log);
void up_log_stats(struct up_log *log, struct up_stats *out);

/* Waits at most so long; true when it holds. `number` is below the limit. */
bool up_log_wait_seen(struct up_log *log, uint64_t n, uint64_t most_ns);
bool up_log_wait_over(struct up_log *log, uint64_t number, uint64_t most_ns);

static inline struct ps_bytes up_record_view(const struct up_record *rec, struct up_span s)
{
    return ps_bytes_of(rec->text + s.at, s.n);
}

#endif
