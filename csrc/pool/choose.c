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

/* Could somebody who avoids a connection have another one soon? Those that are there are full, or he would
 * not wait; when they have room again nobody knows. */
static bool has_other(const struct ps_origin *o)
{
    return o->dials_n > 0 || may_dial(o);
}

struct ps_waiter *first_match(const struct ps_origin *o, const struct ps_conn *c)
{
    for (struct ps_node *n = ps_list_first(&o->waiting); n; n = ps_list_next(&o->waiting, n)) {
        struct ps_waiter *w = PS_ITEM(n, struct ps_waiter, node);
        if (w->fresh && !c->is_h2 && c->requests_n > 0)
            continue;
        if (w->avoid_id != c->id || !has_other(o))
            return w;
    }
    return NULL;
}

/* Links the waiter; it inherits a dial, or starts one if it may. */
static enum ps_status await(struct ps_origin *o, struct ps_waiter *w, struct ps_err *err)
{
    struct ps_pool *p = o->pool;
    size_t others_n = p->undialed_n;
    waiter_link(o, w);
    enum ps_status st = PS_OK;
    struct ps_conn *orphan = orphan_dial(o);
    if (orphan != NULL)
        dial_assign(w, orphan);
    else if (may_dial(o))
        st = dial_start(o, w, err);
    else if (!ps_pool_is_dialing(w) && others_n >= p->settings.max_waiting_n)
        st = ps_err_set(err, PS_LIMIT, PS_PHASE_QUEUE,
                        "%zu requests are already waiting for a connection (max_waiting)", others_n);
    if (st != PS_OK) {
        unlink_waiter(w);
        origin_release(o);
    }
    return st;
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
    if (!w->fresh && w->avoid_id == 0)
        origin_note_request(o);
    /* Those who wait have come first: what is free is free because none of them can use it. */
    if ((*now = conn_take(o, w)) != NULL)
        return PS_OK;
    st = await(o, w, err);
    if (st == PS_OK && w->dial == NULL)
        limits_evict(p);
    return st;
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

void conn_offer(struct ps_origin *o, struct ps_conn *c)
{
    while (c->state == PS_CONN_OPEN && ps_conn_free_slots(c) > 0 && !c->is_idle) {
        /* Rule 40: its age ends it also while there is always somebody to use it. */
        bool is_aged = conn_is_aged(c, ps_clock_now_ms(o->pool->env->clock));
        struct ps_waiter *w = first_match(o, c);
        if (is_aged || (w != NULL && is_useless(c, w)) || must_yield(c)) {
            conn_retire(c);
            return;
        }
        if (w != NULL) {
            give(w, o, c);
            continue;
        }
        if (c->streams_n == 0)
            put_away(o, c);
        return;
    }
    bool is_unused = c->is_h2 && c->state == PS_CONN_OPEN && c->streams_n == 0 && !c->is_idle;
    if (is_unused && !c->live.is_pinging && !c->target.is_wary)
        put_away(o, c); /* its peer allows no streams now (rule 4) */
}

void ps_pool_give_back(struct ps_conn *c)
{
    conn_offer(c->owner, c);
}

bool ps_pool_is_dialing(const struct ps_waiter *w)
{
    const struct ps_origin *o = w->origin;
    if (o == NULL || w->dial != NULL)
        return o != NULL;
    bool is_first = origin_may_share(o) && o->dials_n > 0 && !origin_has_h2(o);
    return is_first || origin_is_probing(o);
}
