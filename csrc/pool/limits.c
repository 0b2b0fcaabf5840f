/* pool/limits.c -- who gets a new connection when there are fewer places than waiters.
 * A place is free when a connection's on_closed has come; places on their way (leaving_n) are counted, so
 * that one waiter does not cost two idle connections. First come first served over all origins, and an
 * origin with waiters but no connection cannot be starved by one that keeps all places busy.
 * Cost: a step per origin and per dial under way, never one per waiter.
 * Thread: io. Owner: pool. */
#include "pool/origin.h"

static bool is_full(const struct ps_origin *o)
{
    return o->conns_n - o->draining_n >= o->pool->settings.max_per_origin_n;
}

static bool is_pool_full(const struct ps_pool *p)
{
    return p->conns_n - p->draining_n >= p->settings.max_conns_n;
}

enum {
    HEDGE_MS = 1000, /* a dial that takes longer may hang: nobody else should rely on it */
    SHUT_MAX = 3,    /* so many connections that take no streams: another would hardly be better (rule 4) */
};

static bool is_dialing_well(const struct ps_origin *o)
{
    return o->dials_n > 0 && ps_clock_now_ms(o->pool->env->clock) < o->dialed_ms + HEDGE_MS;
}

/* How many more connections `waiters_n` without a dial want, whatever the limits allow. Where one serves
 * many, the next is dialed when it is known that those there are do not suffice (rules 5, 43). */
static size_t dials_for(const struct ps_origin *o, size_t waiters_n)
{
    if (waiters_n == 0 || ps_deadline_is_set(&o->calm))
        return 0;
    if (!origin_may_share(o))
        return waiters_n;
    if (is_dialing_well(o) || origin_is_probing(o) || origin_shut_n(o) >= SHUT_MAX)
        return 0;
    return o->pool->settings.is_strict && origin_has_h2(o) ? 0 : 1;
}

static size_t dials_wanted(const struct ps_origin *o)
{
    return dials_for(o, o->undialed_n);
}

bool may_dial(const struct ps_origin *o)
{
    return !is_full(o) && !is_pool_full(o->pool) && dials_wanted(o) > 0;
}

bool may_dial_for_another(const struct ps_origin *o)
{
    return !is_full(o) && !is_pool_full(o->pool) && dials_for(o, o->undialed_n + 1) > 0;
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
    o->claimed_n -= w->dial != NULL;
    o->claimed_n += dial != NULL;
    if (w->dial != NULL)
        w->dial->claim = NULL;
    w->dial = dial;
    if (dial != NULL)
        dial->claim = w;
}

struct ps_conn *orphan_dial(const struct ps_origin *o)
{
    uint64_t now_ms = ps_clock_now_ms(o->pool->env->clock);
    if (o->dials_n == o->claimed_n)
        return NULL;
    for (struct ps_node *n = ps_list_first(&o->conns); n; n = ps_list_next(&o->conns, n)) {
        struct ps_conn *c = PS_ITEM(n, struct ps_conn, node);
        if (c->is_dialing && c->claim == NULL && now_ms < c->dialed_ms + HEDGE_MS)
            return c;
    }
    return NULL;
}

enum ps_status dial_start(struct ps_origin *o, struct ps_waiter *w, struct ps_err *err)
{
    struct ps_conn_target target = {.host = o->host,
                                    .port = o->port,
                                    .is_https = o->is_https,
                                    .sni = o->sni,
                                    .key = o->key,
                                    .h1_only = o->h1_only,
                                    .is_wary = origin_shut_n(o) > 0,
                                    .calm = o->calm_n < 4 ? o->calm_n : 4};
    struct ps_conn *c;
    enum ps_status st = ps_conn_new(&c, o->pool->env, &o->pool->settings.conn, &target,
                                    w->connect_ms, &pool_conn_ops, o, err);
    if (st != PS_OK)
        return st;
    ps_list_push_back(&o->conns, &c->node);
    c->is_dialing = true;
    o->dials_n++;
    c->dialed_ms = o->dialed_ms = ps_clock_now_ms(o->pool->env->clock);
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
    if (p->undialed_n == 0 || is_pool_full(p))
        return NULL;
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        const struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        struct ps_waiter *w = may_dial(o) ? first_undialed(o) : NULL;
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
        if (dial_start(w->origin, w, &err) != PS_OK)
            waiter_fail(w, &err);
    }
    limits_evict(p);
}

static void close_idle(struct ps_pool *p, struct ps_conn *victim)
{
    p->closed_idle_n++;
    ps_conn_close(victim, NULL);
}

/* The longest idle one that its own origin can do without. One whose peer allows no streams for now stays: the
 * next would fare alike, and dialing it again and again would be a loop (rule 4). */
static struct ps_conn *own_victim(const struct ps_origin *o)
{
    struct ps_node *last = ps_list_empty(&o->idle) ? NULL : o->idle.head.prev;
    struct ps_conn *c = last == NULL ? NULL : PS_ITEM(last, struct ps_conn, node);
    return c != NULL && c->is_h2 && ps_conn_free_slots(c) == 0 ? NULL : c;
}

void limits_evict(struct ps_pool *p)
{
    size_t wanted_n = 0; /* places that waiters lack because of the pool's limit */
    if (p->undialed_n == 0)
        return;
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        size_t places_n = p->settings.max_per_origin_n - (o->conns_n - o->draining_n);
        size_t most_n = is_full(o) ? 0 : places_n;
        size_t dials_n = dials_wanted(o);
        if (origin_shut_n(o) == 0) /* else one of its own could go, see own_victim() */
            wanted_n += dials_n < most_n ? dials_n : most_n;
        /* Within a full origin somebody lacks a place beside idle ones only when he may not use them:
         * a replay. The longest idle one goes. */
        struct ps_conn *victim = dials_n > 0 && is_full(o) && o->leaving_n == 0 ? own_victim(o) : NULL;
        if (victim != NULL)
            close_idle(p, victim);
    }
    while (is_pool_full(p) && p->leaving_n < wanted_n &&
           !ps_list_empty(&p->idle))
        close_idle(p, PS_ITEM(ps_list_first(&p->idle), struct ps_conn, all_node));
}

/* Has an origin that has no connection at all waited longer than `ticket`? */
static bool is_starved_before(const struct ps_pool *p, uint64_t ticket)
{
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        const struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        bool has_none = o->conns_n == o->draining_n && dials_wanted(o) > 0;
        const struct ps_waiter *other = has_none ? first_undialed(o) : NULL;
        if (other != NULL && other->ticket < ticket)
            return true;
    }
    return false;
}

bool must_yield(const struct ps_conn *c)
{
    const struct ps_origin *own = c->owner;
    const struct ps_pool *p = own->pool;
    const struct ps_node *first = ps_list_first(&own->waiting);
    if (p->undialed_n == 0 || (first == NULL && c->streams_n == 0))
        return false; /* it goes idle, and limits_evict() sees to the rest */
    const struct ps_waiter *w = first == NULL ? NULL : PS_ITEM(first, struct ps_waiter, node);
    /* A replay stands first: those behind it must not pass it by with this connection for ever. */
    if (w != NULL && w->fresh && w->dial == NULL && !c->is_h2 && c->requests_n > 0)
        return own->leaving_n == 0 && p->leaving_n == 0;
    if (!is_pool_full(p) || p->leaving_n > 0)
        return false;
    return is_starved_before(p, w == NULL ? p->next_ticket : w->ticket);
}
