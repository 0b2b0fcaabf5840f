/* pool/origin.h -- origins, limits and idle lists; between the files of this room only. */
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

/* choose.c */
extern const struct ps_conn_ops pool_conn_ops;
void waiter_link(struct ps_origin *o, struct ps_waiter *w);
void waiter_fail(struct ps_waiter *w, const struct ps_err *err); /* may free its origin */

/* limits.c */
bool has_room(const struct ps_origin *o);
PS_CHECK enum ps_status dial_start(struct ps_origin *o, struct ps_waiter *w, struct ps_err *err);
/* The waiter has this dial from now on, or none; keeps the counts. */
void dial_assign(struct ps_waiter *w, struct ps_conn *dial);
/* The first waiter of this origin that has no dial. */
struct ps_waiter *first_undialed(const struct ps_origin *o);
/* Room has come: starts dials for those that have waited longest, then evicts for the others. Tells
 * waiters. */
void limits_settle(struct ps_pool *p);
/* Closes idle connections whose places others wait for. Tells nobody. */
void limits_evict(struct ps_pool *p);
/* Should this connection, come free, make room for somebody who cannot use it? */
bool must_yield(const struct ps_conn *c);

/* pool.c */
void pool_tell_empty(struct ps_pool *p);
/* When closing: dials that nobody waits for any more end. */
void pool_drop_orphans(struct ps_pool *p);

#endif
