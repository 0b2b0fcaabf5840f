/* pool/pool.c -- a pool's beginning and end. Choosing is in choose.c, idle connections are in reap.c. */
#include "pool/pool.h"

#include <assert.h>

void ps_pool_init(struct ps_pool *p, struct ps_env *env, const struct ps_pool_settings *settings)
{
    *p = (struct ps_pool){.env = env, .settings = *settings};
    for (size_t i = 0; i < PS_POOL_BUCKETS_N; i++)
        ps_list_init(&p->buckets[i]);
    ps_list_init(&p->origins);
    ps_list_init(&p->waiting);
    ps_list_init(&p->idle);
}

void ps_pool_fini(struct ps_pool *p)
{
    assert(p->conns_n == 0 && p->waiting_n == 0 && ps_list_empty(&p->origins));
    (void)p;
}
