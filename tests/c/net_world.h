/* tests/c/net_world.h -- a loop with a clock and the socks' share, for tests of the net room, and
 * plain sockets as peers. A world closes with nothing left on its loop, or the test fails.
 * No test sleeps: it runs the loop until something has happened, under an alarm. */
#ifndef PS_TEST_NET_WORLD_H
#define PS_TEST_NET_WORLD_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/sock.h"
#include "t.h"

enum { WORLD_LIMIT_S = 120 };

struct world {
    uv_loop_t loop;
    struct ps_clock clock;
    struct ps_sock_share share;
};

static inline struct world *world_open(void)
{
    static struct world w; /* one at a time; too large for a stack */
    memset(&w, 0, sizeof w);
    alarm(WORLD_LIMIT_S);
    signal(SIGPIPE, SIG_IGN);
    T_EQ(uv_loop_init(&w.loop), 0);
    T_EQ(ps_clock_open(&w.clock, &w.loop), PS_OK);
    return &w;
}

/* Everything else must be closed or closing. */
static inline void world_close(struct world *w)
{
    ps_clock_close(&w->clock);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    ps_clock_fini(&w->clock);
    T_EQ(uv_loop_close(&w->loop), 0);
    T_EQ(w->share.open_n, 0);
}

/* Runs the loop until `*n` is at least `least`. */
static inline void world_until(struct world *w, const size_t *n, size_t least)
{
    while (*n < least)
        T_CHECK(uv_run(&w->loop, UV_RUN_ONCE) != 0 || *n >= least);
}

/* Lets the loop do what it can do without waiting. */
static inline void world_turn(struct world *w)
{
    for (int i = 0; i < 4; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
}

static inline void world_skip(struct world *w, uint64_t ms)
{
    ps_clock_skip(&w->clock, ms);
    world_turn(w);
}

/* -- plain sockets -- */

static inline struct ps_addr addr_of(const char *ip, unsigned port)
{
    struct ps_addr a;
    T_EQ(ps_addr_parse(&a, ip, (uint16_t)port), PS_OK);
    return a;
}

static inline unsigned port_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    T_EQ(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)(void *)&sa)->sin6_port)
                                    : ntohs(((struct sockaddr_in *)(void *)&sa)->sin_port);
}

static inline socklen_t sa_bytes(const struct ps_addr *a)
{
    return ps_addr_is_v6(a) ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static inline int bound_at(const char *ip, unsigned port)
{
    struct ps_addr a = addr_of(ip, port);
    int fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    T_CHECK(fd >= 0);
    T_EQ(bind(fd, (struct sockaddr *)&a.sa, sa_bytes(&a)), 0);
    return fd;
}

/* A listener at a free port. */
static inline int listen_at(const char *ip, int backlog)
{
    int fd = bound_at(ip, 0);
    T_EQ(listen(fd, backlog), 0);
    return fd;
}

static inline int accept_one(int listener)
{
    int fd = accept(listener, NULL, NULL);
    T_CHECK(fd >= 0);
    return fd;
}

/* Closes with a reset instead of a FIN. */
static inline void close_hard(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    T_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}

static inline void set_nonblocking(int fd)
{
    T_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

#endif
