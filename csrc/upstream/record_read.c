/* upstream/record_read.c -- the log as other threads read it, and wait for what comes (see record.h).
 * Thread: any, without the GIL where it waits. */
#include "upstream/record.h"

#include "base/mem.h"

enum ps_status up_log_shoot(struct up_log *log, uint64_t since, struct up_shot **out, size_t *n)
{
    uv_mutex_lock(&log->lock);
    *n = since < log->n ? log->n - (size_t)since : 0;
    *out = ps_malloc((*n + 1) * sizeof **out);
    for (size_t i = 0; *out != NULL && i < *n; i++) {
        struct up_record *rec = log->records[since + i];
        rec->refs_n++;
        (*out)[i] = (struct up_shot){rec, rec->progress};
    }
    uv_mutex_unlock(&log->lock);
    return *out == NULL ? PS_NOMEM : PS_OK;
}

void up_log_stats(struct up_log *log, struct up_stats *out)
{
    uv_mutex_lock(&log->lock);
    *out = log->stats;
    uv_mutex_unlock(&log->lock);
}

static bool has_seen(const struct up_log *log, uint64_t n)
{
    return log->seen_n >= n;
}

static bool is_over(const struct up_log *log, uint64_t number)
{
    if (number >= log->n)
        return false;
    const struct up_progress *p = &log->records[number]->progress;
    return p->done_ns != 0 || p->aborted_ns != 0;
}

static bool wait_until(struct up_log *log, bool (*holds)(const struct up_log *log, uint64_t n),
                       uint64_t n, uint64_t most_ns)
{
    uint64_t end_ns = uv_hrtime() + most_ns;
    uv_mutex_lock(&log->lock);
    log->waiters_n++;
    bool held = holds(log, n);
    while (!held && !log->is_over) {
        uint64_t now_ns = uv_hrtime();
        if (now_ns >= end_ns)
            break;
        uv_cond_timedwait(&log->news, &log->lock, end_ns - now_ns);
        held = holds(log, n);
    }
    log->waiters_n--;
    uv_mutex_unlock(&log->lock);
    return held;
}

bool up_log_wait_seen(struct up_log *log, uint64_t n, uint64_t most_ns)
{
    return wait_until(log, has_seen, n, most_ns);
}

bool up_log_wait_over(struct up_log *log, uint64_t number, uint64_t most_ns)
{
    return wait_until(log, is_over, number, most_ns);
}
