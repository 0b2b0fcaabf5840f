/* One request: answers of every kind, replay, clocks, a reader that pauses, cancel at every stage. */
#include "rig.h"

enum { LARGE_BYTES = 32 << 20 };

static struct rig_want post_to(const struct fake_peer *peer)
{
    return (struct rig_want){.method = "POST", .port = fake_peer_port(peer), .body = "hello"};
}

/* -- answers: rules 67, 70, 74, 76, 77, 78 -- */

/* The first connection gets `answer` and then its end; later ones are served well. */
struct script {
    const char *answer;
    enum { KEEP, CLOSE, RESET } then;
    enum ps_status err;
    enum ps_phase phase;
    int status;
    bool is_reused; /* the connection serves the next request too */
};

static const struct script scripts[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", KEEP, PS_OK, 0, 200, true},
    {"HTTP/1.1 204 No Content\r\n\r\n", KEEP, PS_OK, 0, 204, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n", KEEP,
     PS_OK, 0, 200, true},
    {"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", KEEP, PS_OK, 0,
     200, true},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", KEEP, PS_OK, 0, 200,
     false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", KEEP, PS_OK, 0, 200, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", KEEP, PS_OK, 0, 200,
     false},
    {"HTTP/1.1 200 OK\r\n\r\nto the end", CLOSE, PS_OK, 0, 200, false},
    {"HTTP/1.1 200 OK\r\n\r\nto the reset", RESET, PS_READ_FAILED, PS_PHASE_BODY, 200, false},
    {"", CLOSE, PS_DISCONNECTED, PS_PHASE_WAIT, 0, false},
    {"HTTP/1.1 200", CLOSE, PS_TRUNCATED, PS_PHASE_HEAD, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", CLOSE, PS_TRUNCATED, PS_PHASE_BODY, 200,
     false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", CLOSE, PS_TRUNCATED,
     PS_PHASE_BODY, 200, false},
    {"SSH-2.0-x\r\n", KEEP, PS_PROTOCOL, PS_PHASE_HEAD, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", KEEP,
     PS_PROTOCOL, PS_PHASE_HEAD, 0, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", KEEP, PS_PROTOCOL,
     PS_PHASE_BODY, 200, false},
};

static const struct script *script; /* of the scenario that runs */

static void serve_script(struct fake_peer *p, int fd, int nth, void *data)
{
    if (nth > 0 || !rig_serve_one(fd, script->answer)) {
        rig_serve_ok(p, fd, nth, data);
        return;
    }
    if (script->then == RESET)
        fake_peer_reset(fd);
    if (script->then == KEEP)
        rig_serve_ok(p, fd, nth, data);
}

/* The answer comes out as it should, and the pool goes on whatever it was. */
static enum ps_status script_scenario(void)
{
    struct fake_peer *peer = fake_peer_start(serve_script, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    struct ask *first = r == NULL ? NULL : rig_get_and_wait(r, &want);
    struct ask *second = first == NULL ? NULL : rig_get_and_wait(r, &want);
    enum ps_status st = second == NULL                      ? PS_NOMEM
                        : first->err.status == PS_NOMEM     ? PS_NOMEM
                                                            : second->err.status;
    if (st == PS_OK) {
        T_EQ(first->err.status, script->err);
        T_EQ(first->err.phase, script->phase);
        T_EQ(first->status, script->status);
        T_CHECK(first->call.maybe_processed);
        T_EQ(second->status, 200);
        T_EQ(second->call.timings.reused, script->is_reused);
    }
    if (r != NULL)
        rig_close(r);
    fake_peer_stop(peer);
    return st;
}

static void each_answer_has_its_end_and_the_pool_goes_on(void)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        script = &scripts[i];
        t_each_alloc(script_scenario);
    }
}

/* -- replay: table B -- */

static void serve_then_reset(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    if (nth > 0) {
        rig_serve_ok(p, fd, nth, data);
        return;
    }
    if (rig_serve_one(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") &&
        fake_peer_read_request(fd, head, sizeof head, NULL))
        fake_peer_reset(fd);
}

static const char *replay_method;

static enum ps_status replay_scenario(void)
{
    struct fake_peer *peer = fake_peer_start(serve_then_reset, NULL);
    struct rig_want want = post_to(peer);
    want.method = replay_method;
    bool is_post = strcmp(replay_method, "POST") == 0;
    struct rig *r = rig_open();
    struct ask *first = r == NULL ? NULL : rig_get_and_wait(r, &want);
    struct ask *second = first == NULL ? NULL : rig_get_and_wait(r, &want);
    enum ps_status st = second == NULL ? PS_NOMEM : first->err.status;
    if (st == PS_OK && second->err.status == PS_NOMEM)
        st = PS_NOMEM;
    if (st == PS_OK && second->call.timings.reused) { /* a failed allocation may have cost the first */
        T_EQ(second->err.status, is_post ? PS_READ_FAILED : PS_OK);
        T_EQ(second->call.timings.attempts_n, 1);
        T_CHECK(second->call.maybe_processed);
    } else if (st == PS_OK) {
        T_EQ(second->err.status, PS_OK);
        T_EQ(second->call.timings.body_out_bytes, 5); /* of the attempt that counts */
    }
    if (r != NULL)
        rig_close(r);
    fake_peer_stop(peer);
    return st;
}

static void an_idempotent_request_is_replayed(void)
{
    replay_method = "PUT";
    t_each_alloc(replay_scenario);
}

static void a_post_is_not_replayed_without_proof(void)
{
    replay_method = "POST";
    t_each_alloc(replay_scenario);
}

/* -- clocks: rule 37 -- */

static void the_clocks_of_the_wait_end_a_call(void)
{
    static const enum ps_clock_kind kinds[] = {PS_CLOCK_FIRST_BYTE, PS_CLOCK_TOTAL};
    struct fake_peer *peer = fake_peer_start(rig_serve_silence, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    for (size_t i = 0; i < 2; i++) {
        struct ask *a;
        T_EQ(rig_ask(r, &want, &a), PS_OK);
        a->spec.clocks_ms[kinds[i]] = 60000;
        rig_start(a);
        RIG_UNTIL(r, a->call.is_sent);
        ps_clock_skip(&r->engine->clock, 60001);
        RIG_UNTIL(r, a->is_done);
        T_EQ(a->err.status, PS_TIMED_OUT);
        T_EQ(a->err.clock, kinds[i]);
        T_EQ(a->err.phase, PS_PHASE_WAIT);
        T_CHECK(a->call.maybe_processed);
    }
    rig_close(r);
    fake_peer_stop(peer);
}

static void the_pool_clock_ends_a_wait(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_silence, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    struct ask *second;
    r->profile->settings.max_per_origin_n = 1;
    struct ask *first = rig_get(r, &want);
    RIG_UNTIL(r, first->call.is_sent);
    T_EQ(rig_ask(r, &want, &second), PS_OK);
    second->spec.clocks_ms[PS_CLOCK_POOL] = 5000;
    rig_start(second);
    ps_clock_skip(&r->engine->clock, 5001);
    RIG_UNTIL(r, second->is_done);
    T_EQ(second->err.clock, PS_CLOCK_POOL);
    T_EQ(second->err.phase, PS_PHASE_QUEUE);
    T_CHECK(!second->call.maybe_processed);
    T_CHECK(!first->is_done);
    rig_cancel(first);
    rig_close(r);
    fake_peer_stop(peer);
}

static void serve_half(struct fake_peer *p, int fd, int nth, void *data)
{
    (void)p, (void)nth;
    rig_serve_one(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok");
    rig_await(data, 1);
}

static void the_idle_clock_ends_a_stalled_response(void)
{
    atomic_int is_over = 0;
    struct fake_peer *peer = fake_peer_start(serve_half, &is_over);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.clocks_ms[PS_CLOCK_IDLE] = 5000;
    rig_start(a);
    RIG_UNTIL(r, a->body_n == 2);
    ps_clock_skip(&r->engine->clock, 5001);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.clock, PS_CLOCK_IDLE);
    T_EQ(a->err.phase, PS_PHASE_BODY);
    rig_close(r);
    rig_set(&is_over);
    fake_peer_stop(peer);
}

static void serve_much(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096], text[4097];
    (void)p, (void)nth, (void)data;
    memset(text, 'y', 4096);
    text[4096] = '\0';
    if (!fake_peer_read_request(fd, head, sizeof head, NULL))
        return;
    fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
    for (int i = 0; i < 8192; i++)
        fake_peer_write(fd, text);
}

/* The reader's pause is not the peer's; reading stops at the window and goes on with credit. */
static void a_reader_that_pauses_stops_the_peer_and_the_idle_clock(void)
{
    struct fake_peer *peer = fake_peer_start(serve_much, NULL);
    struct rig_want want = post_to(peer);
    want.counts_credit = true;
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.clocks_ms[PS_CLOCK_IDLE] = 5000;
    rig_start(a);
    size_t window = r->profile->settings.conn.codec.window_bytes;
    RIG_UNTIL(r, a->body_n > window);
    for (int i = 0; i < 20; i++) {
        ps_clock_skip(&r->engine->clock, 4000);
        uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    T_CHECK(!a->is_done);
    T_CHECK(a->body_n <= window + PS_SOCK_READ_BYTES);
    size_t credited = 0;
    while (!a->is_done) {
        ps_call_credit(&a->call, a->body_n - credited);
        credited = a->body_n;
        uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->body_n, LARGE_BYTES);
    rig_close(r);
    fake_peer_stop(peer);
}

/* -- cancel: rule 100 -- */

enum stage { AT_ONCE, CONNECTING, SENT, IN_BODY, QUEUED, STAGES_N };

static void run_to_stage(struct rig *r, struct ask *a, enum stage stage)
{
    switch (stage) {
    case AT_ONCE:
    case QUEUED:
    case STAGES_N:
        return;
    case CONNECTING:
        uv_run(&r->loop, UV_RUN_NOWAIT);
        return;
    case SENT:
        RIG_UNTIL(r, a->call.is_sent);
        return;
    case IN_BODY:
        RIG_UNTIL(r, a->body_n > 0 || a->is_done);
        return;
    }
}

static enum stage cancel_stage;

static enum ps_status cancel_scenario(void)
{
    atomic_int is_over = 0;
    struct fake_peer *peer = fake_peer_start(serve_half, &is_over);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    enum ps_status st = r == NULL ? PS_NOMEM : PS_OK;
    if (st == PS_OK)
        r->profile->settings.max_per_origin_n = 1;
    struct ask *other = NULL, *a = NULL;
    if (st == PS_OK && cancel_stage == QUEUED && (other = rig_get(r, &want)) == NULL)
        st = PS_NOMEM;
    if (st == PS_OK && (a = rig_get(r, &want)) == NULL)
        st = PS_NOMEM;
    if (st == PS_OK && cancel_stage == SENT)
        RIG_UNTIL(r, a->call.is_sent || a->is_done);
    else if (st == PS_OK)
        run_to_stage(r, a, cancel_stage);
    if (a != NULL && a->is_done)
        st = a->err.status; /* no memory: it ended before it could be cancelled */
    else if (a != NULL)
        rig_cancel(a);
    if (other != NULL && !other->is_done)
        rig_cancel(other);
    if (st == PS_OK) {
        T_EQ(r->profile->calls_n, 0);
        T_EQ(r->profile->pool.waiting_n, 0);
    }
    if (r != NULL)
        rig_close(r);
    rig_set(&is_over);
    fake_peer_stop(peer);
    return st;
}

static void a_call_can_be_cancelled_at_every_stage(void)
{
    for (int i = 0; i < STAGES_N; i++) {
        cancel_stage = (enum stage)i;
        t_each_alloc(cancel_scenario);
    }
}

static void a_cancelled_call_frees_its_slot(void)
{
    struct fake_peer *silent = fake_peer_start(rig_serve_silence, NULL);
    struct rig_want want = post_to(silent);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 1;
    for (int i = 0; i < 20; i++) {
        struct ask *a = rig_get(r, &want);
        if (i % 2)
            RIG_UNTIL(r, a->call.is_sent);
        rig_cancel(a);
    }
    T_EQ(r->profile->pool.waiting_n, 0);
    RIG_UNTIL(r, r->profile->pool.conns_n <= 1);
    rig_close(r);
    fake_peer_stop(silent);
}

static struct ask *to_cancel;

static void cancel_other(struct ask *a)
{
    (void)a;
    if (to_cancel != NULL)
        rig_cancel(to_cancel);
    to_cancel = NULL;
}

static void a_callback_may_cancel_another_call(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 1;
    r->after = cancel_other;
    rig_get(r, &want);
    to_cancel = rig_get(r, &want);
    struct ask *last = rig_get(r, &want);
    rig_wait(r);
    T_EQ(last->err.status, PS_OK);
    rig_close(r);
    fake_peer_stop(peer);
}

static const struct t_test tests[] = {
    {"each_answer_has_its_end_and_the_pool_goes_on", each_answer_has_its_end_and_the_pool_goes_on},
    {"an_idempotent_request_is_replayed", an_idempotent_request_is_replayed},
    {"a_post_is_not_replayed_without_proof", a_post_is_not_replayed_without_proof},
    {"the_clocks_of_the_wait_end_a_call", the_clocks_of_the_wait_end_a_call},
    {"the_pool_clock_ends_a_wait", the_pool_clock_ends_a_wait},
    {"the_idle_clock_ends_a_stalled_response", the_idle_clock_ends_a_stalled_response},
    {"a_reader_that_pauses_stops_the_peer_and_the_idle_clock",
     a_reader_that_pauses_stops_the_peer_and_the_idle_clock},
    {"a_call_can_be_cancelled_at_every_stage", a_call_can_be_cancelled_at_every_stage},
    {"a_cancelled_call_frees_its_slot", a_cancelled_call_frees_its_slot},
    {"a_callback_may_cancel_another_call", a_callback_may_cancel_another_call},
};

T_MAIN_LAME(tests)
