/* pool/limits.c -- who gets a new connection when there are fewer places than waiters.
 * A place is free when a connection's on_closed has come; places on their way (leaving_n) are counted, so
 * that one waiter does not cost two idle connections. First come first served over all origins, and an
 * origin with waiters but no connection cannot be starved by one that keeps all places busy.
 * Cost: a step per origin and per dial under way, never one per waiter.
 * Thread: io. Owner: pool. */
#include "pool/origin.h"

bool has_room(const struct ps_origin *o)
{
    return o->conns_n < o->pool->settings.max_per_origin_n &&
           o->pool->conns_n < o->pool->settings.max_conns_n;
}

static bool is_full(const struct ps_origin *o)
{
    return o->conns_n >= o->pool->settings.max_per_origin_n;
}

void dial_assign(struct ps_waiter *w, struct ps_conn *dial)
{
    struct ps_origin *o = w->origin;
    if (w->dial == NULL && dial != NULL) {
        o->undialed_n--;
        o->pool->undialed_n--;
    } else if (w->dial != NULL && dial == NULL) {
        o->undialed_n++;
        o->pool->undialed_n++;
    }
    if (w->dial != NULL)
        w->dial->claim = NULL;
    w->dial = dial;
    if (dial != NULL)
        dial->claim = w;
}

enum ps_status dial_start(struct ps_origin *o, struct ps_waiter *w, struct ps_err *err)
{
    struct ps_conn_target target = {.host = o->host,
                                    .port = o->port,
                                    .is_https = o->is_https,
                                    .sni = o->sni,
                                    .key = o->key};
    struct ps_conn *c;
    enum ps_status st = ps_conn_new(&c, o->pool->env, &o->pool->settings.conn, &target,
                                    w->connect_ms, &pool_conn_ops, o, err);
    if (st != PS_OK)
        return st;
    ps_list_push_back(&o->conns, &c->node);
    o->conns_n++;
    o->pool->conns_n++;
    o->pool->opened_n++;
    dial_assign(w, c);
    return PS_OK;
}

struct ps_waiter *first_undialed(const struct ps_origin *o)
{
    if (o->undialed_n == 0)
        return NULL;
    for (struct ps_node *n = ps_list_first(&o->waiting); n; n = ps_list_next(&o->waiting, n)) {
        struct ps_waiter *w = PS_ITEM(n, struct ps_waiter, node);
        if (w->dial == NULL)
            return w;
    }
    return NULL;
}

/* Of those that may be dialed for now, the one that came first. */
static struct ps_waiter *next_to_dial(const struct ps_pool *p)
{
    struct ps_waiter *best = NULL;
    if (p->undialed_n == 0 || p->conns_n >= p->settings.max_conns_n)
        return NULL;
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        const struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        struct ps_waiter *w = is_full(o) ? NULL : first_undialed(o);
        if (w != NULL && (best == NULL || w->ticket < best->ticket))
            best = w;
    }
    return best;
}

void limits_settle(struct ps_pool *p)
{
    struct ps_waiter *w;
    while ((w = next_to_dial(p)) != NULL) { /* callbacks may change all lists: look afresh */
        struct ps_err err;
        if (dial_start(w->origin, w, &err) == PS_OK)
            w->on_dial(w->owner);
        else
            waiter_fail(w, &err);
    }
    limits_evict(p);
}

static void close_idle(struct ps_pool *p, struct ps_conn *victim)
{
    p->closed_idle_n++;
    ps_conn_close(victim, NULL);
}

void limits_evict(struct ps_pool *p)
{
    size_t wanted_n = 0; /* places that waiters lack because of the pool's limit */
    if (p->undialed_n == 0)
        return;
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        size_t most_n = is_full(o) ? 0 : p->settings.max_per_origin_n - o->conns_n;
        wanted_n += o->undialed_n < most_n ? o->undialed_n : most_n;
        /* Within a full origin somebody lacks a place beside idle ones only when he may not use them:
         * a replay. The longest idle one goes. */
        if (o->undialed_n > 0 && is_full(o) && o->leaving_n == 0 && !ps_list_empty(&o->idle))
            close_idle(p, PS_ITEM(o->idle.head.prev, struct ps_conn, node));
    }
    while (p->conns_n >= p->settings.max_conns_n && p->leaving_n < wanted_n &&
           !ps_list_empty(&p->idle))
        close_idle(p, PS_ITEM(ps_list_first(&p->idle), struct ps_conn, all_node));
}

bool must_yield(const struct ps_conn *c)
{
    const struct ps_origin *own = c->owner;
    const struct ps_pool *p = own->pool;
    const struct ps_node *first = ps_list_first(&own->waiting);
    if (first == NULL || p->undialed_n == 0)
        return false; /* it goes idle, and limits_evict() sees to the rest */
    const struct ps_waiter *w = PS_ITEM(first, struct ps_waiter, node);
    /* A replay stands first: those behind it must not pass it by with this connection for ever. */
    if (w->fresh && w->dial == NULL && c->requests_n > 0)
        return own->leaving_n == 0 && p->leaving_n == 0;
    if (p->conns_n < p->settings.max_conns_n || p->leaving_n > 0)
        return false;
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        const struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        const struct ps_waiter *other = o->conns_n == 0 ? first_undialed(o) : NULL;
        if (other != NULL && other->ticket < w->ticket)
            return true;
    }
    return false;
}
