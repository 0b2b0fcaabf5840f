/* pool/choose.c -- which connection a request gets, and when a new one is dialed.
 * See pool.h for the rules. Callbacks of waiters may do anything, so lists are read afresh after each.
 * Thread: io. */
#include "pool/origin.h"

void waiter_link(struct ps_origin *o, struct ps_waiter *w)
{
    struct ps_pool *p = o->pool;
    w->origin = o;
    w->ticket = p->next_ticket++;
    w->since_ms = ps_clock_now_ms(p->env->clock);
    ps_list_push_back(&o->waiting, &w->node);
    ps_list_push_back(&p->waiting, &w->order);
    p->waiting_n++;
    o->undialed_n++;
    p->undialed_n++;
}

static void unlink_waiter(struct ps_waiter *w)
{
    struct ps_origin *o = w->origin;
    dial_assign(w, NULL);
    o->undialed_n--;
    o->pool->undialed_n--;
    ps_node_unlink(&w->node);
    ps_node_unlink(&w->order);
    o->pool->waiting_n--;
    w->origin = NULL;
}

/* The origin is let go first: the owner may cancel the last other waiter, which would free it. */
void waiter_fail(struct ps_waiter *w, const struct ps_err *err)
{
    struct ps_origin *o = w->origin;
    unlink_waiter(w);
    origin_release(o);
    w->on_ready(w->owner, NULL, err);
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
    if (!w->fresh && (*now = take_idle(o)) != NULL) { /* idle: so nobody of this origin waits for it */
        p->reused_n++;
        return PS_OK;
    }
    bool is_dialed = has_room(o);
    if (!is_dialed && p->undialed_n >= p->settings.max_waiting_n) {
        origin_release(o);
        return ps_err_set(err, PS_LIMIT, PS_PHASE_QUEUE,
                          "%zu requests are already waiting for a connection (max_waiting)",
                          p->undialed_n);
    }
    waiter_link(o, w);
    if (is_dialed) {
        st = dial_start(o, w, err);
        if (st != PS_OK) {
            unlink_waiter(w);
            origin_release(o);
        }
        return st;
    }
    limits_evict(p);
    return PS_OK;
}

void ps_pool_forget(struct ps_waiter *w)
{
    struct ps_origin *o = w->origin;
    if (o == NULL)
        return;
    struct ps_pool *p = o->pool;
    unlink_waiter(w);
    origin_release(o);
    if (!p->is_closing)
        return;
    pool_drop_orphans(p);
    pool_tell_empty(p);
}

/* A dial whose waiter was served otherwise goes to the next one without a dial. */
static void pass_on(struct ps_origin *o, struct ps_conn *dial)
{
    struct ps_waiter *w = first_undialed(o);
    if (w == NULL)
        return;
    dial_assign(w, dial);
    w->on_dial(w->owner);
}

/* Nobody of its origin wants it. */
static void put_away(struct ps_origin *o, struct ps_conn *c)
{
    struct ps_pool *p = o->pool;
    if (p->is_closing) {
        p->closed_idle_n++;
        ps_conn_close(c, NULL);
        return;
    }
    idle_put(o, c);
    limits_evict(p); /* somebody may lack its place */
}

static void give(struct ps_waiter *w, struct ps_origin *o, struct ps_conn *c)
{
    struct ps_conn *orphan = w->dial;
    if (c->requests_n > 0)
        o->pool->reused_n++;
    unlink_waiter(w);
    if (orphan != NULL && orphan != c)
        pass_on(o, orphan);
    w->on_ready(w->owner, c, NULL);
}

/* `c` has a free slot: the first waiter gets it, or it goes idle. A waiter that does not use it after all
 * leaves it to the next. */
static void offer(struct ps_origin *o, struct ps_conn *c)
{
    struct ps_pool *p = o->pool;
    while (c->state == PS_CONN_OPEN && ps_conn_free_slots(c) > 0 && ps_list_empty(&c->streams) &&
           !c->is_idle) {
        /* Rule 40: its age ends it also while there is always somebody to use it. */
        bool is_aged = conn_is_aged(c, ps_clock_now_ms(p->env->clock));
        if (is_aged || must_yield(c)) {
            p->closed_idle_n++;
            ps_conn_close(c, NULL);
            return;
        }
        struct ps_waiter *w = first_match(o, c);
        if (w != NULL)
            give(w, o, c);
        else
            put_away(o, c);
    }
}

void ps_pool_give_back(struct ps_conn *c)
{
    offer(c->owner, c);
}

static void on_open(void *owner, struct ps_conn *c)
{
    struct ps_waiter *w = c->claim;
    if (w != NULL)
        dial_assign(w, NULL); /* it keeps its place: the connection goes to the first in line */
    offer(owner, c);
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
    o->leaving_n++;
    o->pool->leaving_n++;
    if (w == NULL)
        return;
    struct ps_err closed;
    if (err == NULL) {
        ps_err_set(&closed, PS_CLOSED, PS_PHASE_CONNECT, "the transport is closed");
        err = &closed;
    }
    o->pool->failed_dials_n++;
    waiter_fail(w, err); /* the origin stays: c still counts */
}

static void on_closed(void *owner, struct ps_conn *c)
{
    struct ps_origin *o = owner;
    struct ps_pool *p = o->pool;
    ps_node_unlink(&c->node);
    o->conns_n--;
    o->leaving_n--;
    p->conns_n--;
    p->leaving_n--;
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
