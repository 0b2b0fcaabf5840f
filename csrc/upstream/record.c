/* upstream/record.c -- the log as io writes it (see record.h; reading and waiting are in record_read.c). */
#include "upstream/record.h"

#include "base/mem.h"

int up_log_init(struct up_log *log, size_t limit_n)
{
    *log = (struct up_log){.limit_n = limit_n};
    int sys = uv_mutex_init(&log->lock);
    if (sys != 0)
        return sys;
    sys = uv_cond_init(&log->news);
    if (sys != 0)
        uv_mutex_destroy(&log->lock);
    return sys;
}

static void unref(struct up_record *rec)
{
    if (rec == NULL || --rec->refs_n > 0)
        return;
    ps_buf_fini(&rec->body);
    ps_free(rec->fields);
    ps_free(rec);
}

static void forget(struct up_log *log)
{
    for (size_t i = 0; i < log->n; i++)
        unref(log->records[i]);
    ps_free(log->records);
    log->records = NULL;
    log->n = log->cap = 0;
    log->seen_n = 0;
}

void up_log_fini(struct up_log *log)
{
    forget(log);
    uv_cond_destroy(&log->news);
    uv_mutex_destroy(&log->lock);
}

void up_log_clear(struct up_log *log)
{
    uv_mutex_lock(&log->lock);
    forget(log);
    log->stats.running_max = log->stats.running;
    log->stats.connections_max = log->stats.connections;
    uv_mutex_unlock(&log->lock);
}

void up_log_drop(struct up_log *log, struct up_shot *shots, size_t n)
{
    uv_mutex_lock(&log->lock);
    for (size_t i = 0; i < n; i++)
        unref((struct up_record *)shots[i].record);
    uv_mutex_unlock(&log->lock);
    ps_free(shots);
}

static struct up_record *copy(const struct up_request *r, const struct up_origin *origin)
{
    struct up_record *rec = ps_zalloc(sizeof *rec);
    if (rec == NULL)
        return NULL;
    size_t fields_bytes = r->fields_n * sizeof *r->fields, text_n = ps_buf_n(&r->text);
    rec->fields = ps_malloc(fields_bytes + text_n + 1);
    if (rec->fields == NULL) {
        ps_free(rec);
        return NULL;
    }
    rec->text = (uint8_t *)rec->fields + fields_bytes;
    if (fields_bytes > 0)
        memcpy(rec->fields, r->fields, fields_bytes);
    if (text_n > 0)
        memcpy(rec->text, r->text.data, text_n);
    rec->fields_n = r->fields_n;
    rec->method = r->method;
    rec->target = r->target;
    rec->origin = *origin;
    rec->progress.rule = -1;
    return rec;
}

static bool has_room(struct up_log *log)
{
    if (log->n == log->limit_n || log->n < log->seen_n)
        return false; /* full, or a record had no memory: numbers are places */
    if (log->n < log->cap)
        return true;
    size_t cap = log->cap == 0 ? 64 : log->cap * 2;
    struct up_record **records = ps_realloc(log->records, cap * sizeof(struct up_record *));
    if (records == NULL)
        return false;
    log->records = records;
    log->cap = cap;
    return true;
}

static void tell(struct up_log *log)
{
    if (log->waiters_n > 0)
        uv_cond_broadcast(&log->news);
}

struct up_record *up_log_arrive(struct up_log *log, const struct up_request *r,
                                const struct up_origin *origin, uint64_t now_ns)
{
    struct up_record *rec = NULL;
    uv_mutex_lock(&log->lock);
    if (has_room(log) && (rec = copy(r, origin)) != NULL) {
        rec->refs_n = 2;
        rec->number = log->n;
        rec->progress.arrived_ns = now_ns;
        log->records[log->n++] = rec;
    }
    log->seen_n++;
    log->stats.requests++;
    if (++log->stats.running > log->stats.running_max)
        log->stats.running_max = log->stats.running;
    tell(log);
    uv_mutex_unlock(&log->lock);
    return rec;
}

void up_log_chosen(struct up_log *log, struct up_record *rec, int32_t rule, uint64_t attempt)
{
    if (rec == NULL && rule >= 0)
        return;
    uv_mutex_lock(&log->lock);
    log->stats.unmatched += rule < 0;
    if (rec != NULL) {
        rec->progress.rule = rule;
        rec->progress.attempt = attempt;
    }
    uv_mutex_unlock(&log->lock);
}

void up_log_body(struct up_log *log, struct up_record *rec, struct up_request *r, uint64_t now_ns)
{
    if (rec == NULL)
        return;
    uv_mutex_lock(&log->lock);
    if (rec->progress.body == NULL) {
        size_t limit_bytes = r->body.limit_bytes;
        rec->body = r->body;
        ps_buf_init(&r->body, limit_bytes);
        rec->progress.body = ps_buf_view(&rec->body).p;
        rec->progress.body_n = ps_buf_n(&rec->body);
        rec->progress.body_bytes = r->body_bytes;
        rec->progress.body_ns = now_ns;
    }
    uv_mutex_unlock(&log->lock);
}

void up_log_answered(struct up_log *log, struct up_record *rec, int status, uint64_t now_ns)
{
    if (rec == NULL)
        return;
    uv_mutex_lock(&log->lock);
    rec->progress.status = status;
    rec->progress.answered_ns = now_ns;
    uv_mutex_unlock(&log->lock);
}

void up_log_events(struct up_log *log, struct up_record *rec, uint64_t n)
{
    if (n == 0)
        return;
    uv_mutex_lock(&log->lock);
    log->stats.events += n;
    if (rec != NULL)
        rec->progress.sent_events += n;
    uv_mutex_unlock(&log->lock);
}

void up_log_over(struct up_log *log, struct up_record *rec, bool is_aborted, uint64_t now_ns)
{
    uv_mutex_lock(&log->lock);
    log->stats.running--;
    log->stats.aborted += is_aborted;
    if (rec != NULL && is_aborted)
        rec->progress.aborted_ns = now_ns;
    else if (rec != NULL)
        rec->progress.done_ns = now_ns;
    unref(rec);
    tell(log);
    uv_mutex_unlock(&log->lock);
}

void up_log_malformed(struct up_log *log)
{
    uv_mutex_lock(&log->lock);
    log->stats.malformed++;
    uv_mutex_unlock(&log->lock);
}

void up_log_connection(struct up_log *log, bool is_opened)
{
    uv_mutex_lock(&log->lock);
    if (is_opened) {
        log->stats.connections_total++;
        if (++log->stats.connections > log->stats.connections_max)
            log->stats.connections_max = log->stats.connections;
    } else {
        log->stats.connections--;
    }
    uv_mutex_unlock(&log->lock);
}

void up_log_end(struct up_log *log)
{
    uv_mutex_lock(&log->lock);
    log->is_over = true;
    uv_cond_broadcast(&log->news);
    uv_mutex_unlock(&log->lock);
}
