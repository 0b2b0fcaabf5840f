/* Small pieces of a body that come just after a wake-up of their home: they wait, but not for ever, and an end does
 * not. Run under TSan, too. */
#include "bridge_rig.h"

#include <sched.h>

static int step_pipe[2]; /* a byte lets the peer go on */

enum { LONG_NS = 1000000000 };

/* The pieces of a body, each when the test says so. */
static void serve_pieces(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096], step[1];
    (void)p;
    (void)nth;
    (void)data;
    if (!fake_peer_read_request(fd, head, sizeof head, NULL))
        return;
    fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
    T_CHECK(read(step_pipe[0], step, 1) == 1);
    fake_peer_write(fd, "b");
    T_CHECK(read(step_pipe[0], step, 1) == 1);
    fake_peer_write(fd, "c");
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
    }
}

static size_t unread_n(struct ps_exchange *x)
{
    size_t n;
    enum ps_status st;
    (void)is_over(x, &n, &st);
    return n;
}

static _Thread_local size_t seen_n;

static void see_all(struct ps_exchange *x)
{
    seen_n += eat(x);
}

static bool has_rung(const struct ps_home *home)
{
    struct pollfd fd = {.fd = home->read_fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void step(void)
{
    T_CHECK(write(step_pipe[1], "!", 1) == 1);
}

/* The first piece wakes at once, the second waits for the end, which wakes for both. */
static void a_trickle_gathers(void)
{
    struct rig r;
    struct ps_err err;
    T_CHECK(pipe(step_pipe) == 0);
    rig_open(&r, serve_pieces);
    r.profile->gather_ns = LONG_NS;
    struct ps_home *home = home_of(&r, PS_HOME_LOOP);
    struct ps_exchange *x = make(&r, home, "hello");
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    seen_n = 0;
    while (seen_n < 1)
        turn(home, see_all);
    uint64_t began_ns = uv_hrtime();
    step();
    while (unread_n(x) < 1)
        sched_yield();
    bool rang = has_rung(home); /* before the end comes */
    bool was_soon = uv_hrtime() - began_ns < LONG_NS / 2;
    T_CHECK(!rang || !was_soon);
    step();
    while (seen_n < 3)
        turn(home, see_all);
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
    close(step_pipe[0]);
    close(step_pipe[1]);
}

/* With nothing urgent behind it the time ends the wait. */
static void a_lone_piece_does_not_wait_for_ever(void)
{
    struct rig r;
    struct ps_err err;
    T_CHECK(pipe(step_pipe) == 0);
    rig_open(&r, serve_pieces);
    r.profile->gather_ns = LONG_NS / 50;
    struct ps_home *home = home_of(&r, PS_HOME_LOOP);
    struct ps_exchange *x = make(&r, home, "hello");
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    for (seen_n = 0; seen_n < 1;)
        turn(home, see_all);
    step();
    while (seen_n < 2)
        turn(home, see_all);
    step();
    while (seen_n < 3)
        turn(home, see_all);
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
    close(step_pipe[0]);
    close(step_pipe[1]);
}

static const struct t_test tests[] = {
    {"a_trickle_gathers", a_trickle_gathers},
    {"a_lone_piece_does_not_wait_for_ever", a_lone_piece_does_not_wait_for_ever},
};

T_MAIN(tests)
