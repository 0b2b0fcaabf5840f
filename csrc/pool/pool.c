/* pool/pool.c -- a pool's beginning and end. Choosing is in choose.c, who may dial in limits.c, idle
 * connections are in reap.c. */
#include <assert.h>

#include "pool/origin.h"

void ps_pool_init(struct ps_pool *p, struct ps_env *env, const struct ps_pool_settings *settings)
{
    *p = (struct ps_pool){.env = env, .settings = *settings};
    for (size_t i = 0; i < PS_POOL_BUCKETS_N; i++)
        ps_list_init(&p->buckets[i]);
    ps_list_init(&p->origins);
    ps_list_init(&p->resting);
    ps_list_init(&p->waiting);
    ps_list_init(&p->idle);
}

void ps_pool_fini(struct ps_pool *p)
{
    assert(p->conns_n == 0 && p->waiting_n == 0 && ps_list_empty(&p->origins));
    origin_free_resting(p);
}

void pool_tell_empty(struct ps_pool *p)
{
    if (!p->is_closing || p->conns_n > 0 || p->waiting_n > 0 || p->told_empty)
        return;
    p->told_empty = true;
    p->on_empty(p->owner);
}

static struct ps_conn *first_orphan(const struct ps_pool *p)
{
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        if (!ps_list_empty(&o->waiting))
            continue;
        for (struct ps_node *m = ps_list_first(&o->conns); m; m = ps_list_next(&o->conns, m)) {
            struct ps_conn *c = PS_ITEM(m, struct ps_conn, node);
            if (c->state < PS_CONN_OPEN)
                return c;
        }
    }
    return NULL;
}

void pool_drop_orphans(struct ps_pool *p)
{
    struct ps_conn *c; /* closing one may free it and its origin, so look afresh each time */
    while ((c = first_orphan(p)) != NULL)
        ps_conn_close(c, NULL);
}

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
    pool_drop_orphans(p);
    pool_tell_empty(p);
}

static struct ps_conn *first_not_closing(const struct ps_list *conns)
{
    for (struct ps_node *n = ps_list_first(conns); n; n = ps_list_next(conns, n)) {
        struct ps_conn *c = PS_ITEM(n, struct ps_conn, node);
        if (c->state < PS_CONN_CLOSING)
            return c;
    }
    return NULL;
}

static struct ps_conn *first_running(const struct ps_pool *p)
{
    for (struct ps_node *n = ps_list_first(&p->origins); n; n = ps_list_next(&p->origins, n)) {
        struct ps_origin *o = PS_ITEM(n, struct ps_origin, all_node);
        struct ps_conn *c = first_not_closing(&o->shared);
        if (c == NULL)
            c = first_not_closing(&o->conns);
        if (c != NULL)
            return c;
    }
    return NULL;
}

void ps_pool_abort(struct ps_pool *p, const struct ps_err *err)
{
    struct ps_node *n;
    p->is_closing = true;
    while ((n = ps_list_first(&p->waiting)) != NULL)
        waiter_fail(PS_ITEM(n, struct ps_waiter, order), err);
    close_idle(p);
    struct ps_conn *c; /* closing one may free it and its origin, so look afresh each time */
    while ((c = first_running(p)) != NULL)
        ps_conn_close(c, err);
    pool_tell_empty(p);
}
