/* engine/engine.h -- composition on one uv loop: clock, resolver, profiles with their pools, calls.
 * Knows no threads: whoever runs the loop calls these functions.
 * Life: open -> (calls) -> stop -> on_stopped -> the loop has nothing left -> fini.
 * Thread: io. Owner: the bridge's thread, or a C test. */
#ifndef PS_ENGINE_ENGINE_H
#define PS_ENGINE_ENGINE_H

#include "conn/env.h"
#include "engine/profile.h"

struct ps_engine {
    uv_loop_t *loop;
    struct ps_clock clock;
    struct ps_resolver *resolver;
    struct ps_sock_share sock_share;
    struct ps_env env;
    struct ps_list profiles;
    struct ps_list calls;        /* between start and done */
    size_t calls_n;
    uv_prepare_t before_poll;    /* pumps the connections that were asked something this turn */
    struct ps_deadline drain;    /* when stopping: cancel what still runs */
    struct ps_deadline sweep;    /* frees profiles that became empty, outside their callbacks; always set */
    bool is_open, is_stopping, told_stopped;
    void (*on_stopped)(void *owner); /* all handles are closing; the loop will run dry */
    void *owner;
};

PS_CHECK enum ps_status ps_engine_open(struct ps_engine *e, uv_loop_t *loop,
                                       const struct ps_resolver_settings *resolver,
                                       struct ps_err *err);
/* Refuses new calls; running ones have `drain_ms`, then end with PS_CLOSED. Harmless when repeated (a
 * shorter drain wins). */
void ps_engine_stop(struct ps_engine *e, uint64_t drain_ms);
/* After uv_run() returned because nothing is left. */
void ps_engine_fini(struct ps_engine *e);

/* No new calls of this profile: idle connections close, running calls finish, then the engine drops its
 * reference. The maker's reference is the maker's. Harmless for a profile that no call has used. */
void ps_engine_close_profile(struct ps_engine *e, struct ps_profile *p);

#endif
