/* pool/choose.c -- which connection a request gets, and when a new one is dialed.
 * See pool.h for the rules. Callbacks of waiters may do anything, so lists are read afresh after each.
 * Thread: io. */
#include <assert.h>

#include "pool/origin.h"

static void unlink_waiter(struct ps_waiter *w)
{
    ps_node_unlink(&w->node);
    ps_node_unlink(&w->order);
    w->origin->pool->waiting_n--;
    w->origin = NULL;
    if (w->dial != NULL)
        w->dial->claim = NULL;
    w->dial = NULL;
}

static void answer(struct ps_waiter *w, struct ps_conn *c, const struct ps_err *err)
{
    unlink_waiter(w);
    w->on_ready(w->owner, c, err);
}

/* The first waiter this connection may serve: a replay wants one that has carried nothing. */
static struct ps_waiter *first_match(const struct ps_origin *o, const struct ps_conn *c)
{
    for (struct ps_node *n = ps_list_first(&o->waiting); n; n = ps_list_next(&o->waiting, n)) {
        struct ps_waiter *w = PS_ITEM(n, struct ps_waiter, node);
        if (!w->fresh || c->requests_n == 0)
            return w;
    }
    return NULL;
}

static bool has_room(const struct ps_origin *o)
{
    return o->conns_n < o->pool->settings.max_per_origin_n &&
           o->pool->conns_n < o->pool->settings.max_conns_n;
}

/* A limit is reached but somebody is idle: that one makes room, and its on_closed settles the pool. Within
 * the origin this happens only for a replay, which may not use an idle connection. */
static void make_room(const struct ps_origin *o)
{
    struct ps_pool *p = o->pool;
    struct ps_conn *victim = NULL;
    if (o->conns_n >= p->settings.max_per_origin_n) {
        if (!ps_list_empty(&o->idle))
            victim = PS_ITEM(o->idle.head.prev, struct ps_conn, node);
    } else if (!ps_list_empty(&p->idle)) {
        victim = PS_ITEM(ps_list_first(&p->idle), struct ps_conn, all_node);
    }
    if (victim == NULL)
        return;
    p->closed_idle_n++;
    ps_conn_close(victim, NULL);
}

static enum ps_status dial(struct ps_origin *o, struct ps_waiter *w, struct ps_err *err)
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
    c->claim = w;
    w->dial = c;
    return PS_OK;
}

/* An idle connection fit for use, out of the idle list; NULL when there is none. */
static struct ps_conn *take_idle(struct ps_origin *o)
{
    uint64_t now_ms = ps_clock_now_ms(o->pool->env->clock);
    struct ps_node *n;
    while ((n = ps_list_first(&o->idle)) != NULL) {
        struct ps_conn *c = PS_ITEM(n, struct ps_conn, node);
        bool aged = conn_is_aged(c, now_ms);
        /* Just freed ones were alive a moment ago; the others get one look at the socket (rule 41). */
        if (!aged && (c->idle_since_ms == now_ms || !ps_conn_is_stale(c))) {
            idle_remove(c);
            return c;
        }
        if (aged)
            o->pool->closed_idle_n++;
        else
            o->pool->stale_n++;
        ps_conn_close(c, NULL);
    }
    return NULL;
}

enum ps_status ps_pool_acquire(struct ps_pool *p, struct ps_waiter *w, struct ps_conn **now,
                               struct ps_err *err)
{
    struct ps_origin *o;
    *now = NULL;
    w->origin = NULL;
    w->dial = NULL;
    if (p->is_closing)
        return ps_err_set(err, PS_CLOSED, PS_PHASE_QUEUE, "the transport is closed");
    enum ps_status st = origin_get(p, w, &o, err);
    if (st != PS_OK)
        return st;
    if (!w->fresh && (*now = take_idle(o)) != NULL) {
        p->reused_n++;
        return PS_OK;
    }
    if (p->waiting_n >= p->settings.max_waiting_n) {
        st = ps_err_set(err, PS_LIMIT, PS_PHASE_QUEUE,
                        "%zu requests are already waiting for a connection (max_waiting)",
                        p->waiting_n);
        goto fail;
    }
    if (has_room(o)) {
        st = dial(o, w, err);
        if (st != PS_OK)
            goto fail;
    } else {
        make_room(o);
    }
    w->origin = o;
    w->since_ms = ps_clock_now_ms(p->env->clock);
    ps_list_push_back(&o->waiting, &w->node);
    ps_list_push_back(&p->waiting, &w->order);
    p->waiting_n++;
    return PS_OK;
fail:
    origin_release(o);
    return st;
}

void ps_pool_forget(struct ps_waiter *w)
{
    struct ps_origin *o = w->origin;
    if (o == NULL)
        return;
    unlink_waiter(w);
    origin_release(o);
}

/* Starts dials for waiters that have none, in order, as far as the limits allow. */
void pool_settle(struct ps_pool *p)
{
    struct ps_node *n = ps_list_first(&p->waiting);
    while (n != NULL && p->conns_n < p->settings.max_conns_n) {
        struct ps_waiter *w = PS_ITEM(n, struct ps_waiter, order);
        n = ps_list_next(&p->waiting, n);
        if (w->dial != NULL || !has_room(w->origin))
            continue;
        struct ps_err err;
        if (dial(w->origin, w, &err) == PS_OK) {
            w->on_dial(w->owner);
            continue;
        }
        struct ps_origin *o = w->origin;
        answer(w, NULL, &err);
        origin_release(o);
        n = ps_list_first(&p->waiting); /* the callback may have changed the list */
    }
}

/* A dial whose waiter was served otherwise goes to the next one without a dial. */
static void pass_on(struct ps_origin *o, struct ps_conn *c)
{
    for (struct ps_node *n = ps_list_first(&o->waiting); n; n = ps_list_next(&o->waiting, n)) {
        struct ps_waiter *w = PS_ITEM(n, struct ps_waiter, node);
        if (w->dial != NULL)
            continue;
        w->dial = c;
        c->claim = w;
        w->on_dial(w->owner);
        return;
    }
}

/* `c` has a free slot: the first waiter gets it, or it goes idle. */
static void offer(struct ps_origin *o, struct ps_conn *c)
{
    struct ps_pool *p = o->pool;
    struct ps_waiter *w = first_match(o, c);
    if (w == NULL) {
        if (p->is_closing || conn_is_aged(c, ps_clock_now_ms(p->env->clock))) {
            p->closed_idle_n++;
            ps_conn_close(c, NULL);
            return;
        }
        idle_put(o, c);
        if (!ps_list_empty(&p->waiting)) { /* somebody elsewhere may want its place */
            struct ps_waiter *other =
                PS_ITEM(ps_list_first(&p->waiting), struct ps_waiter, order);
            if (other->dial == NULL)
                make_room(other->origin);
        }
        return;
    }
    struct ps_conn *orphan = w->dial;
    if (c->requests_n > 0)
        p->reused_n++;
    unlink_waiter(w);
    if (orphan != NULL && orphan != c)
        pass_on(o, orphan);
    w->on_ready(w->owner, c, NULL);
    if (c->state == PS_CONN_OPEN && ps_conn_free_slots(c) > 0 && ps_list_empty(&c->streams) &&
        !c->is_idle)
        offer(o, c); /* the waiter did not use it after all */
}

static void tell_empty(struct ps_pool *p)
{
    if (!p->is_closing || p->conns_n > 0 || p->waiting_n > 0 || p->told_empty)
        return;
    p->told_empty = true;
    p->on_empty(p->owner);
}

static void on_open(void *owner, struct ps_conn *c)
{
    if (c->claim != NULL) {
        struct ps_waiter *w = c->claim;
        w->dial = NULL;
        c->claim = NULL;
        /* keep its place in the queue: the connection goes to the first in line */
    }
    struct ps_origin *o = owner;
    struct ps_pool *p = o->pool;
    offer(o, c);
    pool_settle(p);
}

static void on_free(void *owner, struct ps_conn *c)
{
    offer(owner, c);
}

static void on_down(void *owner, struct ps_conn *c, const struct ps_err *err)
{
    struct ps_origin *o = owner;
    struct ps_waiter *w = c->claim;
    idle_remove(c);
    if (w == NULL)
        return;
    c->claim = NULL;
    w->dial = NULL;
    struct ps_err closed;
    if (err == NULL) {
        ps_err_set(&closed, PS_CLOSED, PS_PHASE_CONNECT, "the transport is closed");
        err = &closed;
    }
    o->pool->failed_dials_n++;
    answer(w, NULL, err); /* the origin stays: c still counts */
}

static void on_closed(void *owner, struct ps_conn *c)
{
    struct ps_origin *o = owner;
    struct ps_pool *p = o->pool;
    ps_node_unlink(&c->node);
    o->conns_n--;
    p->conns_n--;
    origin_release(o);
    pool_settle(p);
    tell_empty(p);
}

const struct ps_conn_ops pool_conn_ops = {
    .on_open = on_open,
    .on_free = on_free,
    .on_down = on_down,
    .on_closed = on_closed,
};

static void close_idle(struct ps_pool *p)
{
    struct ps_node *n;
    while ((n = ps_list_first(&p->idle)) != NULL)
        ps_conn_close(PS_ITEM(n, struct ps_conn, all_node), NULL);
}

void ps_pool_close(struct ps_pool *p)
{
    if (p->is_closing)
        return;
    p->is_closing = true;
    close_idle(p);
    tell_empty(p);
}

static struct ps_conn *first_running(const struct ps_pool *p)
{
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        for (struct ps_node *m = ps_list_first(&o->conns); m; m = ps_list_next(&o->conns, m)) {
            struct ps_conn *c = PS_ITEM(m, struct ps_conn, node);
            if (c->state < PS_CONN_CLOSING)
                return c;
        }
    }
    return NULL;
}

void ps_pool_abort(struct ps_pool *p, const struct ps_err *err)
{
    struct ps_node *n;
    p->is_closing = true;
    while ((n = ps_list_first(&p->waiting)) != NULL) {
        struct ps_waiter *w = PS_ITEM(n, struct ps_waiter, order);
        struct ps_origin *o = w->origin;
        answer(w, NULL, err);
        origin_release(o);
    }
    close_idle(p);
    struct ps_conn *c; /* closing one may free it and its origin, so look afresh each time */
    while ((c = first_running(p)) != NULL)
        ps_conn_close(c, err);
    tell_empty(p);
}
