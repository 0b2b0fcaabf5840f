/* pool/events.c -- what connections tell the pool: open, free, down, closed.
 * Callbacks of waiters may do anything, so lists are read afresh after each.
 * Thread: io. Owner: pool. */
#include "pool/origin.h"
#include "proto/h2.h"

void ps_pool_set_h1_only(struct ps_pool *p, const struct ps_waiter *w)
{
    struct ps_origin *o = origin_find(p, w);
    struct ps_conn *c;
    if (o == NULL)
        return;
    o->h1_only = true;
    o->speaks = PS_SPEAKS_UNKNOWN;
    if (o->conns_n == 0) /* it may rest */
        return;
    o->conns_n++; /* so that it is not freed with its last connection meanwhile */
    while (!ps_list_empty(&o->shared))
        conn_retire(PS_ITEM(ps_list_first(&o->shared), struct ps_conn, node));
    while ((c = newest_idle(o, true)) != NULL)
        conn_retire(c);
    o->conns_n--;
    origin_release(o);
    limits_settle(p); /* the places that came free; the origin counted one too many until now */
}

static void on_open(void *owner, struct ps_conn *c)
{
    struct ps_origin *o = owner;
    struct ps_waiter *w = c->claim;
    c->is_dialing = false;
    o->dials_n--;
    if (w != NULL)
        dial_assign(w, NULL); /* it keeps its place: the connection goes to the first in line */
    if (c->is_h2 && o->h1_only) { /* dialed before that was known; its place is for who waits */
        conn_retire(c);
        return;
    }
    o->speaks = c->is_h2 ? PS_SPEAKS_H2 : PS_SPEAKS_H1;
    if (c->is_h2) {
        ps_node_unlink(&c->node);
        ps_list_push_back(&o->shared, &c->node);
    }
    conn_offer(o, c);
    limits_settle(o->pool); /* rule 43: those it cannot serve */
}

static void on_free(void *owner, struct ps_conn *c)
{
    struct ps_origin *o = owner;
    struct ps_pool *p = o->pool;
    if (!c->is_idle || first_match(o, c) != NULL) {
        idle_remove(c); /* it was asked, and answered */
        conn_offer(o, c);
    }
    limits_settle(p); /* more may have waited for its answer than it takes */
}

/* Rule 44: nobody who waits for this first connection would fare better with the next. Only where time ran
 * out, those who have more of it may try again. */
static void fail_waiters(struct ps_origin *o, const struct ps_err *err, uint64_t spent_ms)
{
    uint64_t before = o->pool->next_ticket; /* not those that come meanwhile */
    struct ps_node *n = ps_list_first(&o->waiting);
    o->conns_n++; /* the origin stays */
    while (n != NULL) {
        struct ps_waiter *w = PS_ITEM(n, struct ps_waiter, node);
        bool has_time = err->clock == PS_CLOCK_CONNECT &&
                        (w->connect_ms == 0 || w->connect_ms > spent_ms);
        n = ps_list_next(&o->waiting, n);
        if (w->ticket >= before || w->dial != NULL || has_time)
            continue;
        waiter_fail(w, err);
        n = ps_list_first(&o->waiting); /* its owner may have done anything */
    }
    o->conns_n--;
}

/* One with free slots that somebody who waits left out, because another seemed to be coming. */
static struct ps_conn *first_left_out(const struct ps_origin *o)
{
    const struct ps_list *lists[] = {&o->shared, &o->idle};
    for (size_t i = 0; i < 2; i++) {
        for (struct ps_node *n = ps_list_first(lists[i]); n; n = ps_list_next(lists[i], n)) {
            struct ps_conn *c = PS_ITEM(n, struct ps_conn, node);
            if (c->is_h2 && ps_conn_free_slots(c) > 0 && first_match(o, c) != NULL)
                return c;
        }
    }
    return NULL;
}

static void offer_left_out(struct ps_origin *o)
{
    struct ps_conn *c;
    while ((c = first_left_out(o)) != NULL) {
        if (ps_conn_is_quiet(c)) {
            ps_conn_probe(c);
            continue;
        }
        idle_remove(c);
        conn_offer(o, c);
    }
}

static void dial_failed(struct ps_origin *o, struct ps_conn *c, const struct ps_err *err)
{
    struct ps_waiter *w = c->claim;
    struct ps_err closed;
    c->is_dialing = false;
    o->dials_n--;
    bool is_only = origin_may_share(o) && !origin_has_h2(o) && o->dials_n == 0;
    if (err == NULL) {
        ps_err_set(&closed, PS_CLOSED, PS_PHASE_CONNECT, "the transport is closed");
        err = &closed;
    }
    o->pool->failed_dials_n += w != NULL;
    uint64_t spent_ms = c->connect_ms;
    if (w != NULL)
        waiter_fail(w, err); /* the origin stays: c still counts */
    if (is_only)
        fail_waiters(o, err, spent_ms);
    offer_left_out(o);
}

static void on_down(void *owner, struct ps_conn *c, const struct ps_err *err)
{
    struct ps_origin *o = owner;
    struct ps_pool *p = o->pool;
    idle_remove(c);
    ps_node_unlink(&c->node);
    ps_list_push_back(&o->conns, &c->node);
    c->is_draining = c->state == PS_CONN_DRAIN && c->streams_n > 0;
    o->draining_n += c->is_draining;
    p->draining_n += c->is_draining;
    o->leaving_n += !c->is_draining;
    p->leaving_n += !c->is_draining;
    if (c->goaway_code >= 0) {
        p->goaways_n++;
        if (c->goaway_code == PS_H2_ENHANCE_YOUR_CALM)
            origin_damp(o);
    }
    if (c->is_dialing)
        dial_failed(o, c, err);
    if (c->is_draining)
        limits_settle(p); /* its place is free */
}

static void on_closed(void *owner, struct ps_conn *c)
{
    struct ps_origin *o = owner;
    struct ps_pool *p = o->pool;
    ps_node_unlink(&c->node);
    o->conns_n--;
    o->draining_n -= c->is_draining;
    o->leaving_n -= !c->is_draining;
    p->conns_n--;
    p->draining_n -= c->is_draining;
    p->leaving_n -= !c->is_draining;
    origin_release(o);
    limits_settle(p);
    pool_tell_empty(p);
}

const struct ps_conn_ops pool_conn_ops = {
    .on_open = on_open,
    .on_free = on_free,
    .on_down = on_down,
    .on_closed = on_closed,
};
