/* pool/origin.h -- finding and making origins; between the files of this room only. */
#ifndef PS_POOL_ORIGIN_H
#define PS_POOL_ORIGIN_H

#include "pool/pool.h"

PS_CHECK enum ps_status origin_get(struct ps_pool *p, const struct ps_waiter *w,
                                   struct ps_origin **out, struct ps_err *err);
/* Frees an origin with no connections and no waiters; harmless otherwise. */
void origin_release(struct ps_origin *o);

/* reap.c */
void idle_put(struct ps_origin *o, struct ps_conn *c);
void idle_remove(struct ps_conn *c);
bool conn_is_aged(const struct ps_conn *c, uint64_t now_ms);

/* choose.c: one of the pool's limits has room again, or a waiter went away. */
void pool_settle(struct ps_pool *p);
extern const struct ps_conn_ops pool_conn_ops;

#endif
