/* pool/take.c -- which of the connections that are there a request gets (rules 33, 40 to 42).
 * HTTP/2: the least loaded with a free slot. HTTP/1.1: the newest idle one. Whatever is too old retires on
 * the way, whatever is found dead is closed.
 * Thread: io. Owner: pool. */
#include "pool/origin.h"

void conn_retire(struct ps_conn *c)
{
    ((struct ps_origin *)c->owner)->pool->closed_idle_n += c->streams_n == 0;
    ps_conn_drain(c);
}

bool is_useless(const struct ps_conn *c, const struct ps_waiter *w)
{
    return w->has_body && ps_list_empty(&c->sending) && ps_conn_is_starved(c);
}

/* Just freed ones were alive a moment ago; the others get one look at the socket (rule 41). */
static bool is_fit(struct ps_origin *o, struct ps_conn *c, const struct ps_waiter *w)
{
    uint64_t now_ms = ps_clock_now_ms(o->pool->env->clock);
    if (conn_is_aged(c, now_ms) || is_useless(c, w)) {
        conn_retire(c);
        return false;
    }
    if (c->is_idle && c->idle_since_ms != now_ms && ps_conn_is_stale(c)) {
        o->pool->stale_n++;
        ps_conn_close(c, NULL);
        return false;
    }
    return true;
}

/* HTTP/2: the better of the two. One that should be asked before it is used is the last choice. */
static struct ps_conn *better(struct ps_conn *a, struct ps_conn *b)
{
    if (a == NULL)
        return b;
    if (ps_conn_is_quiet(a) != ps_conn_is_quiet(b))
        return ps_conn_is_quiet(a) ? b : a;
    return b->streams_n < a->streams_n ? b : a;
}

static struct ps_conn *least_loaded(const struct ps_origin *o, uint64_t avoid_id)
{
    const struct ps_list *lists[] = {&o->shared, &o->idle};
    struct ps_conn *best = NULL;
    for (size_t i = 0; i < 2; i++) {
        for (struct ps_node *n = ps_list_first(lists[i]); n; n = ps_list_next(lists[i], n)) {
            struct ps_conn *c = PS_ITEM(n, struct ps_conn, node);
            if (c->is_h2 && c->id != avoid_id && ps_conn_free_slots(c) > 0)
                best = better(best, c);
        }
    }
    return best;
}

/* An HTTP/2 connection with a free slot; NULL when there is none, or when one is being asked. */
static struct ps_conn *take_shared(struct ps_origin *o, const struct ps_waiter *w)
{
    struct ps_conn *c;
    for (;;) {
        c = least_loaded(o, w->avoid_id);
        if (c == NULL && w->avoid_id != 0 && !may_dial_for_another(o) && o->dials_n == 0)
            c = least_loaded(o, 0);
        if (c == NULL)
            return NULL;
        if (is_fit(o, c, w))
            break;
    }
    if (ps_conn_is_quiet(c)) {
        ps_conn_probe(c);
        return NULL;
    }
    idle_remove(c);
    return c;
}

struct ps_conn *newest_idle(const struct ps_origin *o, bool is_h2)
{
    for (struct ps_node *n = ps_list_first(&o->idle); n; n = ps_list_next(&o->idle, n)) {
        struct ps_conn *c = PS_ITEM(n, struct ps_conn, node);
        if (c->is_h2 == is_h2)
            return c;
    }
    return NULL;
}

/* An idle HTTP/1.1 connection fit for use, out of the idle list, newest first; NULL when there is none. */
static struct ps_conn *take_idle(struct ps_origin *o, const struct ps_waiter *w)
{
    struct ps_conn *c;
    while ((c = newest_idle(o, false)) != NULL && !is_fit(o, c, w))
        ;
    if (c != NULL)
        idle_remove(c);
    return c;
}

struct ps_conn *conn_take(struct ps_origin *o, const struct ps_waiter *w)
{
    struct ps_conn *c = take_shared(o, w);
    if (c == NULL && !w->fresh)
        c = take_idle(o, w);
    if (c != NULL)
        o->pool->reused_n += c->requests_n > 0;
    return c;
}
