/* pool/origin.h -- origins, limits and idle lists; between the files of this room only. */
#ifndef PS_POOL_ORIGIN_H
#define PS_POOL_ORIGIN_H

#include "pool/pool.h"

PS_CHECK enum ps_status origin_get(struct ps_pool *p, const struct ps_waiter *w,
                                   struct ps_origin **out, struct ps_err *err);
/* NULL: not known. */
struct ps_origin *origin_find(const struct ps_pool *p, const struct ps_waiter *w);
/* An origin with no connections and no waiters rests, or is freed; harmless otherwise. */
void origin_release(struct ps_origin *o);
void origin_free_resting(struct ps_pool *p);
/* May its next connection speak HTTP/2, and so serve many? */
bool origin_may_share(const struct ps_origin *o);
/* Is an HTTP/2 connection being asked whether it lives, or are its SETTINGS awaited? */
bool origin_is_probing(const struct ps_origin *o);
/* Its HTTP/2 connections whose peer allows no streams for now (rule 4). */
size_t origin_shut_n(const struct ps_origin *o);
/* Its connections that can be used, now or when a stream ends. */
bool origin_has_h2(const struct ps_origin *o);
/* A first attempt: adds to the budget of replays. */
void origin_note_request(struct ps_origin *o);
/* It asked for calm. */
void origin_damp(struct ps_origin *o);

/* reap.c */
void idle_put(struct ps_origin *o, struct ps_conn *c);
void idle_remove(struct ps_conn *c);
bool conn_is_aged(const struct ps_conn *c, uint64_t now_ms);

/* events.c */
extern const struct ps_conn_ops pool_conn_ops;

/* take.c */
/* A connection to use now, out of the idle list; NULL: none, or one is being asked whether it lives. */
struct ps_conn *conn_take(struct ps_origin *o, const struct ps_waiter *w);
struct ps_conn *newest_idle(const struct ps_origin *o, bool is_h2);
/* Has this waiter a body that the peer would not take, though no other upload uses the window up? */
bool is_useless(const struct ps_conn *c, const struct ps_waiter *w);
/* No new requests; closes when the running ones are over. */
void conn_retire(struct ps_conn *c);

/* choose.c */
/* `c` has free slots: the first waiters get them, and if it has nothing to do it goes idle. A waiter that
 * does not use it after all leaves it to the next. */
void conn_offer(struct ps_origin *o, struct ps_conn *c);
/* The first waiter this connection may serve: a replay over HTTP/1.1 wants one that has carried nothing,
 * one that was refused here goes elsewhere if it can. */
struct ps_waiter *first_match(const struct ps_origin *o, const struct ps_conn *c);
void waiter_link(struct ps_origin *o, struct ps_waiter *w);
void waiter_fail(struct ps_waiter *w, const struct ps_err *err); /* may free its origin */

/* limits.c */
bool may_dial(const struct ps_origin *o);
/* The same with one waiter more than there are. */
bool may_dial_for_another(const struct ps_origin *o);
PS_CHECK enum ps_status dial_start(struct ps_origin *o, struct ps_waiter *w, struct ps_err *err);
/* The waiter has this dial from now on, or none; keeps the counts. */
void dial_assign(struct ps_waiter *w, struct ps_conn *dial);
/* A young dial whose waiter is gone or was served otherwise; NULL: none. */
struct ps_conn *orphan_dial(const struct ps_origin *o);
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
