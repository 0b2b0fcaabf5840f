/* The engine on a plain uv_run: connect, reuse, waiting, replay, clocks, cancel, stop. No interpreter. */
#include <signal.h>

#include "engine/call.h"
#include "fake_peer.h"
#include "t.h"

enum { CALLS_MAX = 64 };

struct rig;

/* One call and what came of it. */
struct ask {
    struct rig *rig;
    struct ps_call call;
    struct ps_call_spec spec;
    char body[4096];
    size_t body_n;
    int status;
    bool is_done, auto_release;
    struct ps_err err;
};

struct rig {
    uv_loop_t loop;
    struct ps_engine *engine;
    struct ps_profile *profile;
    struct ask asks[CALLS_MAX];
    size_t asks_n, done_n;
    void (*after)(struct ask *a); /* called when a call is over */
};

static enum ps_status keep_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ask *a = owner;
    (void)err;
    a->status = given->status;
    ps_head_free(given);
    return PS_OK;
}

static enum ps_status drop_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    (void)owner;
    (void)err;
    ps_head_free(given);
    return PS_OK;
}

static enum ps_status keep_body(void *owner, struct ps_bytes view, struct ps_err *err)
{
    struct ask *a = owner;
    (void)err;
    size_t room = sizeof a->body - a->body_n;
    memcpy(a->body + a->body_n, view.p, view.n < room ? view.n : room);
    a->body_n += view.n < room ? view.n : room;
    return PS_OK;
}

static bool no_body(void *owner, struct ps_bytes *view, bool *end)
{
    (void)owner;
    (void)view;
    (void)end;
    return false;
}

static void taken(void *owner, size_t n)
{
    (void)owner;
    (void)n;
}

static void on_done(void *owner, const struct ps_err *err)
{
    struct ask *a = owner;
    T_CHECK(!a->is_done);
    a->is_done = true;
    if (err != NULL)
        a->err = *err;
    a->rig->done_n++;
    uv_stop(&a->rig->loop); /* the rig may be waiting for this one */
    if (a->rig->after != NULL)
        a->rig->after(a);
}

static const struct ps_call_ops ops = {.on_info = drop_head,
                                       .on_head = keep_head,
                                       .on_body = keep_body,
                                       .on_trailers = drop_head,
                                       .body_peek = no_body,
                                       .body_taken = taken,
                                       .on_done = on_done};

/* A rig owns its loop, engine and one plain profile. Returns PS_NOMEM with nothing left behind. */
static enum ps_status rig_open(struct rig *r)
{
    static const struct ps_resolver_settings resolver = {
        .ttl_ms = 30000, .negative_ms = 1000, .stale_ms = 300000, .threads_n = 2};
    struct ps_err err;
    memset(r, 0, sizeof *r);
    signal(SIGPIPE, SIG_IGN);
    T_EQ(uv_loop_init(&r->loop), 0);
    r->engine = malloc(sizeof *r->engine);
    enum ps_status st = ps_engine_open(r->engine, &r->loop, &resolver, &err);
    if (st == PS_OK) {
        r->profile = ps_profile_new();
        if (r->profile != NULL)
            return PS_OK;
        st = PS_NOMEM;
        ps_engine_stop(r->engine, 0);
    }
    uv_run(&r->loop, UV_RUN_DEFAULT);
    ps_engine_fini(r->engine);
    T_EQ(uv_loop_close(&r->loop), 0);
    free(r->engine);
    return st;
}

/* Every rig ends with an empty loop. */
static void rig_close(struct rig *r)
{
    ps_engine_close_profile(r->engine, r->profile);
    ps_engine_stop(r->engine, 0);
    while (uv_run(&r->loop, UV_RUN_DEFAULT) != 0) {
    }
    T_EQ(r->done_n, r->asks_n);
    for (size_t i = 0; i < r->asks_n; i++)
        ps_request_free(r->asks[i].spec.request);
    ps_profile_unref(r->profile);
    ps_engine_fini(r->engine);
    T_EQ(uv_loop_close(&r->loop), 0);
    free(r->engine);
}

static enum ps_status rig_ask(struct rig *r, uint16_t port, const char *method, const char *body,
                              struct ask **out)
{
    struct ask *a = &r->asks[r->asks_n];
    struct ps_url url;
    struct ps_err err;
    char text[64];
    snprintf(text, sizeof text, "http://127.0.0.1:%u/x", port);
    T_EQ(ps_url_split(&url, ps_bytes_str(text), &err), PS_OK);
    enum ps_status st = ps_request_new(&a->spec.request, ps_bytes_str(method), &url, &err);
    if (st != PS_OK)
        return st;
    if (body != NULL) {
        a->spec.body = ps_chunk_new(strlen(body));
        if (a->spec.body != NULL)
            memcpy(a->spec.body->data, body, strlen(body));
    }
    st = body != NULL && a->spec.body == NULL
             ? PS_NOMEM
             : ps_request_seal(a->spec.request, body == NULL ? PS_BODY_NONE : PS_BODY_FIXED,
                               body == NULL ? 0 : strlen(body), &err);
    if (st != PS_OK) {
        ps_request_free(a->spec.request);
        ps_chunk_unref(a->spec.body);
        memset(a, 0, sizeof *a);
        return st;
    }
    a->rig = r;
    a->spec.profile = r->profile;
    a->spec.host = "127.0.0.1";
    a->spec.port = port;
    a->spec.auto_credit = true;
    r->asks_n++;
    *out = a;
    return PS_OK;
}

static void rig_start(struct rig *r, struct ask *a)
{
    ps_call_start(&a->call, r->engine, &a->spec, &ops, a);
}

static void free_body(struct ask *a)
{
    ps_chunk_unref(a->spec.body);
    a->spec.body = NULL;
}

static void rig_wait(struct rig *r)
{
    while (r->done_n < r->asks_n)
        uv_run(&r->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < r->asks_n; i++)
        free_body(&r->asks[i]);
}

/* -- peers -- */

static void serve_ok(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)nth;
    (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL))
        fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

/* Answers the first request of the first connection, then resets it when the second one comes. */
static void serve_then_reset(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)data;
    if (!fake_peer_read_request(fd, head, sizeof head, NULL))
        return;
    fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (nth > 0) {
        serve_ok(p, fd, nth, data);
        return;
    }
    if (fake_peer_read_request(fd, head, sizeof head, NULL))
        fake_peer_reset(fd);
}

static void serve_silence(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)nth;
    (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
    }
}

/* -- tests -- */

static enum ps_status reuse_scenario(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *peer = fake_peer_start(serve_ok, NULL);
    struct ask *a;
    enum ps_status st = rig_open(r);
    if (st == PS_OK) {
        for (int i = 0; i < 3 && st == PS_OK; i++) {
            st = rig_ask(r, fake_peer_port(peer), "POST", "hello", &a);
            if (st != PS_OK)
                break;
            rig_start(r, a);
            rig_wait(r);
            st = a->err.status;
            T_CHECK(st == PS_OK || st == PS_NOMEM);
            if (st == PS_OK) {
                T_EQ(a->status, 200);
                T_EQ(a->body_n, 2);
            }
        }
        if (st == PS_OK) {
            T_EQ(r->profile->pool.opened_n, 1);
            T_CHECK(a->call.timings.reused);
        }
        rig_close(r);
    }
    fake_peer_stop(peer);
    free(r);
    return st;
}

static void a_connection_is_reused(void)
{
    T_EQ(reuse_scenario(), PS_OK);
}

static void reuse_survives_each_allocation_failure(void)
{
    t_each_alloc(reuse_scenario);
}

static void requests_wait_for_the_origin_limit(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *peer = fake_peer_start(serve_ok, NULL);
    struct ask *a;
    T_EQ(rig_open(r), PS_OK);
    r->profile->settings.max_per_origin_n = 3;
    for (int i = 0; i < 40; i++) {
        T_EQ(rig_ask(r, fake_peer_port(peer), "POST", "hello", &a), PS_OK);
        rig_start(r, a);
    }
    T_EQ(r->profile->pool.waiting_n, 40);
    rig_wait(r);
    for (int i = 0; i < 40; i++)
        T_EQ(r->asks[i].err.status, PS_OK);
    T_EQ(fake_peer_accepted_n(peer), 3);
    rig_close(r);
    fake_peer_stop(peer);
    free(r);
}

/* Table B: a kept-alive connection dies under the request. */
static void check_replay(const char *method, enum ps_status want, unsigned attempts_n)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *peer = fake_peer_start(serve_then_reset, NULL);
    struct ask *a;
    T_EQ(rig_open(r), PS_OK);
    T_EQ(rig_ask(r, fake_peer_port(peer), method, "x", &a), PS_OK);
    rig_start(r, a);
    rig_wait(r);
    T_EQ(a->err.status, PS_OK);
    T_EQ(rig_ask(r, fake_peer_port(peer), method, "x", &a), PS_OK);
    rig_start(r, a);
    rig_wait(r);
    T_EQ(a->err.status, want);
    T_EQ(a->call.timings.attempts_n, attempts_n);
    T_CHECK(a->call.maybe_processed);
    rig_close(r);
    fake_peer_stop(peer);
    free(r);
}

static void an_idempotent_request_is_replayed(void)
{
    check_replay("PUT", PS_OK, 2);
}

static void a_post_is_not_replayed_without_proof(void)
{
    check_replay("POST", PS_READ_FAILED, 1);
}

static void each_clock_ends_a_call(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *peer = fake_peer_start(serve_silence, NULL);
    static const enum ps_clock_kind kinds[] = {PS_CLOCK_FIRST_BYTE, PS_CLOCK_TOTAL};
    struct ask *a;
    T_EQ(rig_open(r), PS_OK);
    for (size_t i = 0; i < 2; i++) {
        T_EQ(rig_ask(r, fake_peer_port(peer), "POST", "x", &a), PS_OK);
        a->spec.clocks_ms[kinds[i]] = 60000;
        rig_start(r, a);
        while (!a->call.is_sent)
            uv_run(&r->loop, UV_RUN_ONCE);
        T_CHECK(!a->is_done);
        ps_clock_skip(&r->engine->clock, 60001);
        rig_wait(r);
        T_EQ(a->err.status, PS_TIMED_OUT);
        T_EQ(a->err.clock, kinds[i]);
        T_EQ(a->err.phase, PS_PHASE_WAIT);
    }
    rig_close(r);
    fake_peer_stop(peer);
    free(r);
}

static void the_pool_clock_ends_a_wait(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *peer = fake_peer_start(serve_silence, NULL);
    struct ask *first, *second;
    T_EQ(rig_open(r), PS_OK);
    r->profile->settings.max_per_origin_n = 1;
    T_EQ(rig_ask(r, fake_peer_port(peer), "POST", "x", &first), PS_OK);
    rig_start(r, first);
    while (!first->call.is_sent)
        uv_run(&r->loop, UV_RUN_ONCE);
    T_EQ(rig_ask(r, fake_peer_port(peer), "POST", "x", &second), PS_OK);
    second->spec.clocks_ms[PS_CLOCK_POOL] = 5000;
    rig_start(r, second);
    ps_clock_skip(&r->engine->clock, 5001);
    while (!second->is_done)
        uv_run(&r->loop, UV_RUN_DEFAULT);
    T_EQ(second->err.status, PS_TIMED_OUT);
    T_EQ(second->err.clock, PS_CLOCK_POOL);
    T_EQ(second->err.phase, PS_PHASE_QUEUE);
    T_CHECK(!second->call.maybe_processed);
    T_CHECK(!first->is_done);
    ps_call_cancel(&first->call);
    first->is_done = true;
    r->done_n++;
    rig_wait(r);
    rig_close(r);
    fake_peer_stop(peer);
    free(r);
}

static void a_cancelled_call_frees_its_slot(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *silent = fake_peer_start(serve_silence, NULL);
    struct ask *a;
    T_EQ(rig_open(r), PS_OK);
    r->profile->settings.max_per_origin_n = 1;
    for (int i = 0; i < 20; i++) {
        T_EQ(rig_ask(r, fake_peer_port(silent), "POST", "x", &a), PS_OK);
        rig_start(r, a);
        if (i % 2)
            while (!a->call.is_sent)
                uv_run(&r->loop, UV_RUN_ONCE);
        ps_call_cancel(&a->call);
        r->done_n++;
        free_body(a);
    }
    T_EQ(r->profile->calls_n, 0);
    T_EQ(r->profile->pool.waiting_n, 0);
    while (r->profile->pool.conns_n > 1)
        uv_run(&r->loop, UV_RUN_ONCE);
    rig_close(r);
    fake_peer_stop(silent);
    free(r);
}

static void a_refused_connection_fails_its_request(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *gone = fake_peer_start(serve_ok, NULL);
    uint16_t port = fake_peer_port(gone);
    struct ask *a;
    fake_peer_stop(gone);
    T_EQ(rig_open(r), PS_OK);
    T_EQ(rig_ask(r, port, "POST", "x", &a), PS_OK);
    rig_start(r, a);
    rig_wait(r);
    T_EQ(a->err.status, PS_CONNECT_FAILED);
    T_CHECK(!a->call.maybe_processed);
    T_CHECK(strstr(a->err.text, "127.0.0.1") != NULL);
    rig_close(r);
    free(r);
}

static void stop_answers_what_still_runs(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *silent = fake_peer_start(serve_silence, NULL);
    struct ask *a;
    T_EQ(rig_open(r), PS_OK);
    for (int i = 0; i < 5; i++) {
        T_EQ(rig_ask(r, fake_peer_port(silent), "POST", "x", &a), PS_OK);
        rig_start(r, a);
    }
    while (!a->call.is_sent)
        uv_run(&r->loop, UV_RUN_ONCE);
    ps_engine_stop(r->engine, 60000);
    T_EQ(r->done_n, 0);
    ps_clock_skip(&r->engine->clock, 60001);
    rig_wait(r);
    for (int i = 0; i < 5; i++)
        T_EQ(r->asks[i].err.status, PS_CLOSED);
    rig_close(r);
    fake_peer_stop(silent);
    free(r);
}

static void idle_connections_retire(void)
{
    struct rig *r = malloc(sizeof *r);
    struct fake_peer *peer = fake_peer_start(serve_ok, NULL);
    struct ask *a;
    T_EQ(rig_open(r), PS_OK);
    T_EQ(rig_ask(r, fake_peer_port(peer), "POST", "x", &a), PS_OK);
    rig_start(r, a);
    rig_wait(r);
    T_EQ(r->profile->pool.conns_n, 1);
    ps_clock_skip(&r->engine->clock, r->profile->settings.idle_ms + 1);
    while (r->profile->pool.conns_n > 0)
        uv_run(&r->loop, UV_RUN_ONCE);
    T_EQ(r->profile->pool.closed_idle_n, 1);
    rig_close(r);
    fake_peer_stop(peer);
    free(r);
}

static const struct t_test tests[] = {
    {"a_connection_is_reused", a_connection_is_reused},
    {"reuse_survives_each_allocation_failure", reuse_survives_each_allocation_failure},
    {"requests_wait_for_the_origin_limit", requests_wait_for_the_origin_limit},
    {"an_idempotent_request_is_replayed", an_idempotent_request_is_replayed},
    {"a_post_is_not_replayed_without_proof", a_post_is_not_replayed_without_proof},
    {"each_clock_ends_a_call", each_clock_ends_a_call},
    {"the_pool_clock_ends_a_wait", the_pool_clock_ends_a_wait},
    {"a_cancelled_call_frees_its_slot", a_cancelled_call_frees_its_slot},
    {"a_refused_connection_fails_its_request", a_refused_connection_fails_its_request},
    {"stop_answers_what_still_runs", stop_answers_what_still_runs},
    {"idle_connections_retire", idle_connections_retire},
};

T_MAIN(tests)
