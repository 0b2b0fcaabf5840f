/* Request bodies: a peer that does not read, the write clock, early answers (rules 62, 63), Expect (66). */
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum { LARGE_BYTES = 32 << 20 };

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
    for (int same = 0; same < 300 && !a->is_done; same++) {
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

static const struct t_test tests[] = {
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
};

T_MAIN_LAME(tests)
