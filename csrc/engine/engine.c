/* engine/engine.c -- the engine's beginning and end (see engine.h). */
#include "engine/engine.h"

#include <assert.h>

#include "engine/call.h"
#include "engine/engine_internal.h"

enum { FAR_MS = 86400000 }; /* a day */

/* The sweep is always set, at worst far away, so that moving it here cannot fail: a lost one would keep
 * the engine from ever stopping. */
static void sweep_later(struct ps_engine *e)
{
    if (e->told_stopped)
        return;
    enum ps_status st = ps_clock_set(&e->clock, &e->sweep, ps_clock_now_ms(&e->clock));
    assert(st == PS_OK);
    (void)st;
}

static void on_pool_empty(void *owner)
{
    struct ps_profile *p = owner;
    sweep_later(p->engine);
}

static bool is_spent(const struct ps_profile *p)
{
    return p->is_closed && p->calls_n == 0 && p->pool.told_empty;
}

static void close_handles(struct ps_engine *e)
{
    ps_clock_close(&e->clock);
    uv_close((uv_handle_t *)&e->before_poll, NULL);
}

/* Nothing runs any more: give the handles back. */
static void finish(struct ps_engine *e)
{
    if (!e->is_stopping || e->told_stopped || e->calls_n > 0 || !ps_list_empty(&e->profiles))
        return;
    e->told_stopped = true;
    ps_clock_clear(&e->clock, &e->drain);
    ps_clock_clear(&e->clock, &e->sweep);
    ps_resolver_close(e->resolver);
    close_handles(e);
    if (e->on_stopped != NULL)
        e->on_stopped(e->owner);
}

static void on_sweep(struct ps_deadline *d, uint64_t now_ms)
{
    struct ps_engine *e = PS_ITEM(d, struct ps_engine, sweep);
    /* It has just left the heap, so there is room for it. */
    enum ps_status st = ps_clock_set(&e->clock, &e->sweep, now_ms + FAR_MS);
    assert(st == PS_OK);
    (void)st;
    struct ps_node *n = ps_list_first(&e->profiles);
    while (n != NULL) {
        struct ps_profile *p = PS_ITEM(n, struct ps_profile, node);
        n = ps_list_next(&e->profiles, n);
        if (!is_spent(p))
            continue;
        ps_node_unlink(&p->node);
        ps_pool_fini(&p->pool);
        ps_profile_unref(p);
    }
    finish(e);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    struct ps_engine *e = prepare->data;
    ps_env_flush(&e->env);
}

static void open_handles(struct ps_engine *e)
{
    uv_prepare_init(e->loop, &e->before_poll); /* neither can fail */
    uv_prepare_start(&e->before_poll, on_before_poll);
    uv_unref((uv_handle_t *)&e->before_poll);
    e->before_poll.data = e;
}

static void abort_all(struct ps_engine *e)
{
    struct ps_err err;
    ps_err_set(&err, PS_CLOSED, PS_PHASE_NONE, "the engine was stopped");
    ps_calls_end_hold(e);
    for (struct ps_node *n = ps_list_first(&e->profiles); n; n = ps_list_next(&e->profiles, n))
        ps_pool_abort(&PS_ITEM(n, struct ps_profile, node)->pool, &err);
    sweep_later(e);
}

static void on_drain(struct ps_deadline *d, uint64_t now_ms)
{
    (void)now_ms;
    abort_all(PS_ITEM(d, struct ps_engine, drain));
}

enum ps_status ps_engine_open(struct ps_engine *e, uv_loop_t *loop,
                              const struct ps_resolver_settings *resolver, struct ps_err *err)
{
    memset(e, 0, sizeof *e);
    e->loop = loop;
    ps_list_init(&e->profiles);
    ps_list_init(&e->calls);
    e->drain.fire = on_drain;
    e->sweep.fire = on_sweep;
    ps_buf_init(&e->env.wire_out, PS_ENV_SCRATCH_BYTES);
    ps_buf_init(&e->env.cipher_out, PS_ENV_SCRATCH_BYTES);
    ps_buf_init(&e->env.outer_out, PS_ENV_SCRATCH_BYTES);
    e->env.loop = loop;
    e->env.clock = &e->clock;
    e->env.sock_share = &e->sock_share;
    ps_list_init(&e->env.dirty);
    open_handles(e);
    if (ps_clock_open(&e->clock, loop) != PS_OK) {
        ps_err_nomem(err);
        goto fail;
    }
    if (ps_deadlines_reserve(&e->clock.due, 64) != PS_OK ||
        ps_clock_set(&e->clock, &e->sweep, ps_clock_now_ms(&e->clock) + FAR_MS) != PS_OK) {
        ps_err_nomem(err);
        goto fail;
    }
    if (ps_resolver_open(&e->resolver, loop, &e->clock, resolver, err) != PS_OK)
        goto fail;
    e->env.resolver = e->resolver;
    e->is_open = true;
    return PS_OK;
fail:
    ps_clock_clear(&e->clock, &e->sweep);
    close_handles(e); /* the caller runs the loop dry and calls fini */
    return err == NULL ? PS_NOMEM : err->status;
}

void ps_engine_fini(struct ps_engine *e)
{
    assert(e->calls_n == 0 && e->sock_share.open_n == 0 && ps_list_empty(&e->profiles));
    ps_clock_fini(&e->clock);
    ps_buf_fini(&e->env.wire_out);
    ps_buf_fini(&e->env.cipher_out);
    ps_buf_fini(&e->env.outer_out);
    e->is_open = false;
}

void ps_engine_close_profile(struct ps_engine *e, struct ps_profile *p)
{
    if (p->engine == NULL || p->is_closed) /* never used, or stop() came first */
        return;
    p->is_closed = true;
    ps_pool_close(&p->pool);
    sweep_later(e);
}

void ps_engine_stop(struct ps_engine *e, uint64_t drain_ms)
{
    if (e->told_stopped)
        return;
    e->is_stopping = true;
    for (struct ps_node *n = ps_list_first(&e->profiles); n; n = ps_list_next(&e->profiles, n)) {
        struct ps_profile *p = PS_ITEM(n, struct ps_profile, node);
        p->is_closed = true;
        ps_pool_close(&p->pool);
    }
    uint64_t due = ps_clock_now_ms(&e->clock) + drain_ms;
    if (ps_deadline_is_set(&e->drain) && e->drain.due_ms <= due)
        return; /* an earlier stop gave less time */
    if (drain_ms == 0 || ps_clock_set(&e->clock, &e->drain, due) != PS_OK)
        abort_all(e);
    else
        sweep_later(e);
}

void ps_engine_attach(struct ps_engine *e, struct ps_profile *p)
{
    if (p->engine != NULL)
        return;
    ps_profile_ref(p);
    p->engine = e;
    ps_pool_init(&p->pool, &e->env, &p->settings);
    p->pool.owner = p;
    p->pool.on_empty = on_pool_empty;
    ps_list_push_back(&e->profiles, &p->node);
    if (e->is_stopping) { /* nobody else would close it, and the engine waits for all of them */
        p->is_closed = true;
        ps_pool_close(&p->pool);
    }
}

void ps_engine_call_over(struct ps_engine *e, struct ps_profile *p)
{
    e->calls_n--;
    p->calls_n--;
    if (p->calls_n == 0 && p->is_closed)
        sweep_later(e);
}
