/* engine/stats.c -- taking the snapshot (see stats.h). Thread: io. */
#include "engine/stats.h"

#include <stdio.h>

#include "base/mem.h"

static void add_conn(struct ps_stats *s, const struct ps_origin *o, const struct ps_conn *c,
                     uint64_t now_ms)
{
    struct ps_stats_row *row = &s->rows[s->rows_n++];
    snprintf(row->origin, sizeof row->origin, "%s", o->key);
    snprintf(row->peer, sizeof row->peer, "%s", ps_conn_peer_text(c));
    row->state = c->is_idle ? "idle" : ps_conn_state_name(c->state);
    row->id = c->id;
    row->protocol = c->codec == NULL ? "" : c->is_h2 ? "HTTP/2" : "HTTP/1.1";
    row->streams_n = c->streams_n;
    row->slots_n = ps_conn_free_slots(c);
    row->ping_us = c->ping_us;
    row->requests_n = c->requests_n;
    row->age_ms = c->state >= PS_CONN_OPEN ? now_ms - c->opened_ms : 0;
    row->idle_ms = c->is_idle ? now_ms - c->idle_since_ms : 0;
}

static void add_list(struct ps_stats *s, const struct ps_origin *o, const struct ps_list *conns,
                     uint64_t now_ms)
{
    for (struct ps_node *n = ps_list_first(conns); n; n = ps_list_next(conns, n))
        add_conn(s, o, PS_ITEM(n, struct ps_conn, node), now_ms);
}

static const char *waits_for(const struct ps_waiter *w)
{
    if (w->dial != NULL)
        return w->dial->state == PS_CONN_TLS ? "tls" : "connect";
    const struct ps_origin *o = w->origin;
    if (ps_pool_is_dialing(w))
        return o->dials_n > 0 ? "connect" : "ping";
    if (ps_deadline_is_set(&o->calm))
        return "calm";
    if (o->pool->settings.is_strict && !ps_list_empty(&o->shared))
        return "stream_limit";
    return o->conns_n - o->draining_n >= o->pool->settings.max_per_origin_n
               ? "max_connections_per_origin"
               : "max_connections";
}

static void add_waiter(struct ps_stats *s, const struct ps_waiter *w, uint64_t now_ms)
{
    struct ps_stats_row *row = &s->rows[s->rows_n++];
    row->is_waiter = true;
    snprintf(row->origin, sizeof row->origin, "%s", w->origin->key);
    row->state = waits_for(w);
    row->age_ms = now_ms - w->since_ms;
}

struct ps_stats *ps_stats_collect(const struct ps_profile *p)
{
    const struct ps_pool *pool = &p->pool;
    bool is_used = p->engine != NULL;
    size_t rows_n = is_used ? pool->conns_n + pool->waiting_n : 0;
    struct ps_stats *s = ps_zalloc(sizeof *s + rows_n * sizeof s->rows[0]);
    if (s == NULL || !is_used)
        return s;
    uint64_t now_ms = ps_clock_now_ms(pool->env->clock);
    s->conns_n = pool->conns_n;
    s->waiting_n = pool->waiting_n;
    s->opened_n = pool->opened_n;
    s->reused_n = pool->reused_n;
    s->closed_idle_n = pool->closed_idle_n;
    s->stale_n = pool->stale_n;
    s->failed_dials_n = pool->failed_dials_n;
    s->replayed_n = p->replayed_n;
    s->goaways_n = pool->goaways_n;
    for (struct ps_node *n = ps_list_first(&pool->origins); n; n = ps_list_next(&pool->origins, n)) {
        const struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        add_list(s, o, &o->conns, now_ms);
        add_list(s, o, &o->shared, now_ms);
        add_list(s, o, &o->idle, now_ms);
    }
    for (struct ps_node *n = ps_list_first(&pool->waiting); n; n = ps_list_next(&pool->waiting, n))
        add_waiter(s, PS_ITEM(n, struct ps_waiter, order), now_ms);
    return s;
}

void ps_stats_free(struct ps_stats *s)
{
    ps_free(s);
}
