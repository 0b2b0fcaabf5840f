/* One request: answers of every kind, clocks, backpressure both ways, early answers, Expect, cancel. */
#include <unistd.h>

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
    enum { KEEP, CLOSE } then;
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

/* -- uploads -- */

/* Reads a head alone. */
static bool read_head(int fd)
{
    char last[4] = {0};
    while (memcmp(last, "\r\n\r\n", 4) != 0) {
        memmove(last, last + 1, 3);
        if (read(fd, last + 3, 1) != 1)
            return false;
    }
    return true;
}

struct upload {
    atomic_int head_read, gate, is_over;
    atomic_size_t got_n;
    const char *before; /* said after the head */
};

/* Reads the rest only when told; counts it until the end of the chunked body. */
static void serve_upload(struct fake_peer *p, int fd, int nth, void *data)
{
    struct upload *u = data;
    char bytes[65536], last[5] = "";
    ssize_t n;
    (void)p, (void)nth;
    if (!read_head(fd))
        return;
    if (u->before != NULL)
        fake_peer_write(fd, u->before);
    rig_set(&u->head_read);
    while (atomic_load(&u->gate) == 0 && atomic_load(&u->is_over) == 0)
        sched_yield();
    while (memcmp(last, "0\r\n\r\n", 5) != 0 && (n = read(fd, bytes, sizeof bytes)) > 0) {
        u->got_n += (size_t)n;
        if (n >= 5)
            memcpy(last, bytes + n - 5, 5);
    }
    if (u->before == NULL || strstr(u->before, " 100 ") != NULL)
        fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    rig_await(&u->is_over, 1);
}

static struct rig_want stream_to(const struct fake_peer *peer)
{
    return (struct rig_want){.method = "POST", .port = fake_peer_port(peer), .is_streamed = true};
}

/* Until the kernel takes no more. */
static void run_until_stuck(struct rig *r, const struct ask *a)
{
    size_t taken = 0;
    for (int same = 0; same < 300; same++) {
        uv_run(&r->loop, UV_RUN_NOWAIT);
        sched_yield();
        if (taken != a->up_taken_n || !ps_conn_is_blocked(&a->call.stream))
            same = 0;
        taken = a->up_taken_n;
    }
}

static void a_peer_that_does_not_read_holds_up_the_upload(void)
{
    struct upload u = {0};
    struct fake_peer *peer = fake_peer_start(serve_upload, &u);
    struct rig_want want = stream_to(peer);
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->up_n = LARGE_BYTES;
    a->up_end = true;
    rig_start(a);
    run_until_stuck(r, a);
    T_CHECK(a->up_taken_n < LARGE_BYTES);
    T_CHECK(!a->call.is_sent);
    rig_set(&u.gate);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_CHECK(u.got_n > LARGE_BYTES); /* with the chunks' framing */
    rig_set(&u.is_over);
    rig_close(r);
    fake_peer_stop(peer);
}

static void the_write_clock_ends_a_stuck_upload(void)
{
    struct upload u = {0};
    struct fake_peer *peer = fake_peer_start(serve_upload, &u);
    struct rig_want want = stream_to(peer);
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->up_n = LARGE_BYTES;
    a->spec.clocks_ms[PS_CLOCK_WRITE] = 5000;
    rig_start(a);
    run_until_stuck(r, a);
    /* What the kernel took since the last pump counts as progress, once. */
    for (int i = 0; i < 2 && !a->is_done; i++) {
        ps_clock_skip(&r->engine->clock, 5001);
        uv_run(&r->loop, UV_RUN_NOWAIT);
        uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    T_CHECK(a->is_done);
    T_EQ(a->err.clock, PS_CLOCK_WRITE);
    T_EQ(a->err.phase, PS_PHASE_SEND);
    T_CHECK(a->call.maybe_processed);
    rig_set(&u.is_over);
    rig_close(r);
    fake_peer_stop(peer);
}

/* A generator that thinks is not a peer that stalls. */
static void an_owner_that_brings_nothing_stops_the_write_clock(void)
{
    struct upload u = {.gate = 1};
    struct fake_peer *peer = fake_peer_start(serve_upload, &u);
    struct rig_want want = stream_to(peer);
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.clocks_ms[PS_CLOCK_WRITE] = 5000;
    a->up_n = 10;
    rig_start(a);
    RIG_UNTIL(r, a->up_taken_n == 10);
    for (int i = 0; i < 10; i++) {
        ps_clock_skip(&r->engine->clock, 4000);
        uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    T_CHECK(!a->is_done);
    a->up_n = 5;
    a->up_end = true;
    ps_call_kick(&a->call);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->up_taken_n, 15);
    rig_set(&u.is_over);
    rig_close(r);
    fake_peer_stop(peer);
}

/* Rule 62: answers with a refusal, reads no more, closes: the kernel resets because bytes are unread. */
static void serve_413(struct fake_peer *p, int fd, int nth, void *data)
{
    (void)p, (void)nth, (void)data;
    if (read_head(fd))
        fake_peer_write(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
}

static enum ps_status early_scenario(void)
{
    struct fake_peer *peer = fake_peer_start(serve_413, NULL);
    struct rig_want want = stream_to(peer);
    struct rig *r = rig_open();
    struct ask *a = NULL;
    enum ps_status st = r == NULL ? PS_NOMEM : rig_ask(r, &want, &a);
    if (st == PS_OK) {
        a->up_n = LARGE_BYTES;
        a->up_end = true;
        rig_start(a);
        RIG_UNTIL(r, a->is_done);
        st = a->err.status;
    }
    if (st == PS_OK) {
        T_EQ(a->status, 413);
        T_EQ(a->body_n, 2);
        RIG_UNTIL(r, r->profile->pool.conns_n == 0); /* never reused */
    }
    if (r != NULL)
        rig_close(r);
    fake_peer_stop(peer);
    return st;
}

static void an_early_refusal_is_heard_during_the_upload(void)
{
    t_each_alloc(early_scenario);
}

/* Says all and resets while the client still writes. */
static void serve_answer_and_reset(struct fake_peer *p, int fd, int nth, void *data)
{
    struct upload *u = data;
    (void)p, (void)nth;
    if (!read_head(fd))
        return;
    rig_set(&u->head_read);
    rig_await(&u->gate, 1);
    fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    shutdown(fd, SHUT_RDWR); /* whatever comes now is answered by a reset */
    rig_set(&u->is_over);
}

static void a_write_error_does_not_hide_the_answer(void)
{
    struct upload u = {0};
    struct fake_peer *peer = fake_peer_start(serve_answer_and_reset, &u);
    struct rig_want want = stream_to(peer);
    struct rig *r = rig_open();
    struct ask *a = rig_get(r, &want);
    RIG_UNTIL(r, atomic_load(&u.head_read));
    rig_set(&u.gate);
    rig_await(&u.is_over, 1);
    for (int i = 0; i < 4; i++) { /* the first brings the reset, the next ones fail */
        a->up_n = 65536;
        ps_call_kick(&a->call);
    }
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->status, 200);
    T_EQ(a->body_n, 2);
    rig_close(r);
    fake_peer_stop(peer);
}

/* Rule 63: an answer to a request whose rest is still in our queue ends the connection. */
static void an_answer_before_the_request_is_out_ends_the_connection(void)
{
    struct upload u = {.before = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    struct fake_peer *peer = fake_peer_start(serve_upload, &u);
    struct rig_want want = {.method = "POST", .port = fake_peer_port(peer), .body_n = LARGE_BYTES};
    struct rig *r = rig_open();
    struct ask *a = rig_get(r, &want);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->status, 200);
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    rig_set(&u.is_over);
    rig_close(r);
    fake_peer_stop(peer);
}

/* -- Expect: rule 66 -- */

static struct ask *expect_start(struct rig *r, const struct fake_peer *peer)
{
    struct rig_want want = stream_to(peer);
    struct ask *a;
    want.expect_continue = true;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->up_n = 1000;
    a->up_end = true;
    rig_start(a);
    return a;
}

static void the_body_waits_for_100(void)
{
    struct upload u = {.before = "HTTP/1.1 100 Continue\r\n\r\n", .gate = 1};
    struct fake_peer *peer = fake_peer_start(serve_upload, &u);
    struct rig *r = rig_open();
    struct ask *a = expect_start(r, peer);
    T_EQ(a->up_taken_n, 0);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->infos_n, 1);
    T_EQ(a->up_taken_n, 1000);
    rig_set(&u.is_over);
    rig_close(r);
    fake_peer_stop(peer);
}

static void without_100_the_body_goes_after_a_second(void)
{
    struct upload u = {.gate = 1};
    struct fake_peer *peer = fake_peer_start(serve_upload, &u);
    struct rig *r = rig_open();
    struct ask *a = expect_start(r, peer);
    RIG_UNTIL(r, atomic_load(&u.head_read));
    T_EQ(a->up_taken_n, 0);
    ps_clock_skip(&r->engine->clock, 1001);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->up_taken_n, 1000);
    rig_set(&u.is_over);
    rig_close(r);
    fake_peer_stop(peer);
}

static void a_final_status_instead_of_100_keeps_the_body_back(void)
{
    struct upload u = {.before = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", .gate = 1};
    struct fake_peer *peer = fake_peer_start(serve_upload, &u);
    struct rig *r = rig_open();
    struct ask *a = expect_start(r, peer);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->status, 417);
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    rig_set(&u.is_over);
    rig_close(r);
    fake_peer_stop(peer); /* joins the peer's thread: got_n is final */
    T_EQ(u.got_n, 0);
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
    {"a_peer_that_does_not_read_holds_up_the_upload",
     a_peer_that_does_not_read_holds_up_the_upload},
    {"the_write_clock_ends_a_stuck_upload", the_write_clock_ends_a_stuck_upload},
    {"an_owner_that_brings_nothing_stops_the_write_clock",
     an_owner_that_brings_nothing_stops_the_write_clock},
    {"an_early_refusal_is_heard_during_the_upload", an_early_refusal_is_heard_during_the_upload},
    {"a_write_error_does_not_hide_the_answer", a_write_error_does_not_hide_the_answer},
    {"an_answer_before_the_request_is_out_ends_the_connection",
     an_answer_before_the_request_is_out_ends_the_connection},
    {"the_body_waits_for_100", the_body_waits_for_100},
    {"without_100_the_body_goes_after_a_second", without_100_the_body_goes_after_a_second},
    {"a_final_status_instead_of_100_keeps_the_body_back",
     a_final_status_instead_of_100_keeps_the_body_back},
    {"a_call_can_be_cancelled_at_every_stage", a_call_can_be_cancelled_at_every_stage},
    {"a_cancelled_call_frees_its_slot", a_cancelled_call_frees_its_slot},
    {"a_callback_may_cancel_another_call", a_callback_may_cancel_another_call},
};

T_MAIN(tests)
