/* tests/c/h2_world.h -- a rig and its HTTP/2 peers, as a test runs in it: once as it is, then with
 * each allocation refused in turn. Once one was refused nothing certain can be said of the rest, so
 * from there on checks pass, and a wait that comes to nothing ends the test. What must hold in any
 * case is looked at afterwards: the peers turn harmless, every request comes to its end, the next one
 * is served, and nothing is left behind. */
#ifndef PS_TEST_H2_WORLD_H
#define PS_TEST_H2_WORLD_H

#include "fake_h2.h"
#include "pool/origin.h"
#include "proto/h2.h"
#include "rig.h"
#include "tls_pair.h"

enum {
    WORLD_PEERS_MAX = 4,
    WORLD_SECOND_NS = 100000000, /* how long a second lasts when all else has come to rest */
};

struct world {
    struct rig *r;
    struct fake_h2 *peers[WORLD_PEERS_MAX];
    size_t peers_n;
    struct fake_tls_wants tls;
    struct ask none; /* stands for one that there was no memory for */
};

struct world_test {
    const char *name;
    void (*run)(struct world *w);
};

static size_t world_nth; /* the allocation that is refused; 0 = none */

static inline bool world_is_swept(void)
{
    return world_nth > 0;
}

/* Was it refused already? */
static inline bool world_is_hit(void)
{
    return world_nth > 0 && ps_mem_asked_n() >= world_nth;
}

#define WANT(cond)                                                                                 \
    do {                                                                                           \
        if (!world_is_hit())                                                                       \
            T_CHECK(cond);                                                                         \
    } while (0)

#define WANT_EQ(a, b)                                                                              \
    do {                                                                                           \
        if (!world_is_hit())                                                                       \
            T_EQ(a, b);                                                                            \
    } while (0)

static inline void world_turn(struct world *w)
{
    uv_run(&w->r->loop, UV_RUN_NOWAIT);
    sched_yield();
}

/* When all requests are over nothing more is to be expected. */
static inline int world_patience(const struct world *w)
{
    return w->r->done_n == w->r->asks_n ? 100 : 2000;
}

/* Runs the loop until `cond`; where that cannot be expected any more the test ends here. */
#define UNTIL(w, cond)                                                                             \
    do {                                                                                           \
        for (int u_n = 0; !(cond); u_n++) {                                                        \
            if (world_is_hit() && u_n > world_patience(w))                                         \
                return;                                                                            \
            world_turn(w);                                                                         \
        }                                                                                          \
    } while (0)

/* As many turns as it takes whatever is under way to arrive, if anything is. */
static inline void world_settle(struct world *w)
{
    for (int i = 0; i < 200; i++)
        world_turn(w);
}

static inline void world_skip(struct world *w, uint64_t ms)
{
    ps_clock_skip(&w->r->engine->clock, ms);
    world_turn(w);
}

static inline struct fake_h2 *world_peer(struct world *w, const struct fake_h2_wants *wants)
{
    T_CHECK(w->peers_n < WORLD_PEERS_MAX);
    return w->peers[w->peers_n++] = fake_h2_start(wants);
}

static inline struct ps_pool *world_pool(struct world *w)
{
    return &w->r->profile->pool;
}

static inline struct ps_pool_settings *world_settings(struct world *w)
{
    struct ps_profile *p = w->r->profile;
    return p->engine == NULL ? &p->settings : &p->pool.settings; /* it has its own from first use */
}

/* Peers with `wants.tls = &w->tls` choose `alpn`. False: no memory. */
static inline bool world_use_tls(struct world *w, const char *alpn)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_err err;
    w->tls = (struct fake_tls_wants){.leaf = &pair_leaf, .alpn = alpn};
    enum ps_status st = ps_profile_set_tls(w->r->profile, &settings, &err);
    T_CHECK(st == PS_OK || world_is_hit());
    return st == PS_OK;
}

static inline struct rig_want want_of(const struct fake_h2 *p)
{
    return (struct rig_want){.method = "POST",
                             .body = "hello",
                             .port = fake_peer_port(p->peer),
                             .is_https = p->ctx != NULL};
}

/* Not yet started; never NULL. */
static inline struct ask *world_ask_of(struct world *w, const struct rig_want *want)
{
    struct ask *a;
    if (rig_ask(w->r, want, &a) == PS_OK)
        return a;
    T_CHECK(world_is_hit());
    w->none.is_done = true;
    w->none.err.status = PS_NOMEM;
    return &w->none;
}

static inline void world_start(struct world *w, struct ask *a)
{
    if (a != &w->none)
        rig_start(a);
}

/* A POST with a body of five bytes, started. */
static inline struct ask *world_ask(struct world *w, const struct fake_h2 *p)
{
    struct rig_want want = want_of(p);
    struct ask *a = world_ask_of(w, &want);
    world_start(w, a);
    return a;
}

static inline void world_cancel(struct ask *a)
{
    if (!a->is_done)
        rig_cancel(a);
    else
        T_CHECK(world_is_hit());
}

static inline bool world_all_done(const struct world *w)
{
    return w->r->done_n == w->r->asks_n;
}

static inline bool is_ok(const struct ask *a)
{
    return a->is_done && a->err.status == PS_OK && a->status == 200 && a->body_n == 2;
}

/* The whole request is with the peer's kernel. */
static inline bool is_sent(const struct ask *a)
{
    return a->call.state == PS_CALL_RUN && a->call.is_sent;
}

/* What a request runs on; NULL: nothing. */
static inline struct ps_conn *conn_of(const struct ask *a)
{
    return a->call.stream.conn;
}

static inline int accepted_n(const struct fake_h2 *p)
{
    return fake_peer_accepted_n(p->peer);
}

static inline struct ps_origin *origin_of(struct world *w, const struct ask *a)
{
    return origin_find(world_pool(w), &a->call.waiter);
}

static inline void tell(struct fake_h2 *p, struct fake_h2_order order)
{
    fake_h2_tell(p, &order);
}

static inline void release(struct fake_h2 *p, int conn)
{
    tell(p, (struct fake_h2_order){.conn = conn, .kind = FAKE_H2_DO_RELEASE});
}

/* Makes room for more requests when none runs. */
static inline void world_forget_asks(struct world *w)
{
    struct rig *r = w->r;
    T_CHECK(world_all_done(w));
    for (size_t i = 0; i < r->asks_n; i++) {
        ps_request_free(r->asks[i].spec.request);
        ps_chunk_unref(r->asks[i].spec.body);
    }
    memset(r->asks, 0, sizeof r->asks);
    r->asks_n = r->done_n = 0;
}

/* Pauses pass quickly, but a peer that is slow to get its turn is not taken for dead. */
static inline void world_wait_all(struct world *w)
{
    uint64_t from_ns = uv_hrtime();
    for (uint64_t skipped_s = 0; !world_all_done(w); world_turn(w)) {
        if (uv_hrtime() - from_ns < (skipped_s + 1) * WORLD_SECOND_NS)
            continue;
        ps_clock_skip(&w->r->engine->clock, 1000);
        T_CHECK(++skipped_s < 200);
    }
}

static inline bool world_is_closing(struct world *w)
{
    return w->r->engine->is_stopping || w->r->profile->is_closed;
}

static inline struct ask *world_ask_and_wait(struct world *w, const struct fake_h2 *p)
{
    struct ask *a = world_ask(w, p);
    world_wait_all(w);
    return a;
}

/* After a refused allocation, wherever it was: nobody is forgotten, and the pool goes on. A connection
 * that was hurt by it may be found so only by its next user. */
static inline void world_check_recovery(struct world *w)
{
    if (!world_is_hit())
        return;
    w->r->after = NULL;
    for (size_t i = 0; i < w->peers_n; i++)
        fake_h2_free(w->peers[i]);
    world_wait_all(w);
    world_forget_asks(w);
    for (size_t i = 0; i < w->peers_n && !world_is_closing(w); i++) {
        struct ask *a = world_ask_and_wait(w, w->peers[i]);
        if (a->err.status == PS_NOMEM)
            a = world_ask_and_wait(w, w->peers[i]);
        if (!is_ok(a))
            fprintf(stderr, "allocation %zu refused: %s\n", world_nth, a->err.text);
        T_CHECK(is_ok(a));
    }
}

static inline void world_run_once(void (*run)(struct world *w))
{
    static struct world w;
    w = (struct world){.r = rig_open()};
    if (w.r != NULL) {
        w.r->profile->settings.conn.http2 = PS_HTTP2_PRIOR;
        run(&w);
        world_check_recovery(&w);
        rig_close(w.r);
    } else {
        T_CHECK(world_is_hit());
    }
    for (size_t i = 0; i < w.peers_n; i++)
        fake_h2_stop(w.peers[i]);
    T_EQ(ps_mem_live_n(), 0);
    T_EQ(ps_chunk_live_n(), 0);
}

static inline void world_sweep(const struct world_test *test)
{
    size_t asked;
    world_nth = 0;
    do {
        ps_mem_fail_at(world_nth);
        world_run_once(test->run);
        asked = ps_mem_asked_n();
        world_nth++;
    } while (world_nth == 1 || asked >= world_nth - 1); /* until a run got by without it */
    world_nth = 0;
    ps_mem_fail_at(0);
}

static inline int world_main(const struct world_test *tests, size_t n, int argc, char **argv)
{
    size_t ran = 0;
    for (size_t i = 0; i < n; i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
            continue;
        fprintf(stderr, "  %s\n", tests[i].name);
        world_sweep(&tests[i]);
        ran++;
    }
    T_CHECK(ran > 0);
    printf("%s: %zu passed, 0 failed\n", argv[0], ran);
    return 0;
}

#define WORLD_MAIN(tests)                                                                          \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return world_main(tests, sizeof(tests) / sizeof((tests)[0]), argc, argv);                  \
    }

#endif
