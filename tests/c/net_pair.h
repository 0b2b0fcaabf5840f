/* tests/c/net_pair.h -- a sock of ours, dialed over loopback; its peer is a plain descriptor. */
#ifndef PS_TEST_NET_PAIR_H
#define PS_TEST_NET_PAIR_H

#include "net/dial.h"
#include "net/sock_internal.h"
#include "net_world.h"

/* What a dial told. */
struct dialed {
    struct ps_sock *sock;
    struct ps_err err;
    size_t done_n;
};

static inline void on_dialed(void *owner, struct ps_sock *given, const struct ps_err *err)
{
    struct dialed *to = owner;
    T_CHECK((given == NULL) == (err != NULL));
    to->done_n++;
    to->sock = given;
    if (err != NULL)
        to->err = *err;
}

static const struct ps_dial_settings plain_settings = {
    .nodelay = true, .eyeballs_ms = 250, .queue_limit_bytes = 1u << 20};

static inline struct ps_dial dial_of(struct world *w, const struct ps_dial_settings *settings,
                                     struct dialed *to)
{
    return (struct ps_dial){.loop = &w->loop,
                            .clock = &w->clock,
                            .share = &w->share,
                            .settings = settings,
                            .owner = to,
                            .on_done = on_dialed};
}

struct pair {
    struct world *w;
    struct ps_sock *sock;
    int peer; /* blocking; -1 once closed */
    size_t limit_bytes;
    char got[4096]; /* all bytes read so far, NUL-terminated */
    size_t got_n, eof_n, fail_n, drain_n, closed_n;
    struct ps_err err;
    bool close_in_upcall;
};

static inline void pair_upcall(struct pair *p)
{
    T_EQ(p->closed_n, 0);
    if (p->close_in_upcall)
        ps_sock_close(p->sock);
}

static inline void pair_on_read(void *owner, struct ps_bytes bytes)
{
    struct pair *p = owner;
    T_CHECK(bytes.n > 0 && p->got_n + bytes.n < sizeof p->got);
    memcpy(p->got + p->got_n, bytes.p, bytes.n);
    p->got_n += bytes.n;
    pair_upcall(p);
}

static inline void pair_on_eof(void *owner)
{
    struct pair *p = owner;
    p->eof_n++;
    pair_upcall(p);
}

static inline void pair_on_fail(void *owner, const struct ps_err *err)
{
    struct pair *p = owner;
    p->fail_n++;
    p->err = *err;
    pair_upcall(p);
}

static inline void pair_on_drain(void *owner)
{
    struct pair *p = owner;
    p->drain_n++;
    pair_upcall(p);
}

static inline void pair_on_closed(void *owner)
{
    struct pair *p = owner;
    p->closed_n++;
    p->sock = NULL;
}

static const struct ps_sock_ops pair_ops = {.on_read = pair_on_read,
                                            .on_eof = pair_on_eof,
                                            .on_fail = pair_on_fail,
                                            .on_drain = pair_on_drain,
                                            .on_closed = pair_on_closed};

static inline void shrink_buffer(int fd, int option)
{
    int least = 4096;
    T_EQ(setsockopt(fd, SOL_SOCKET, option, &least, sizeof least), 0);
}

/* Dials a listener of its own; small kernel buffers, so that queues fill soon. */
static inline enum ps_status pair_open(struct pair *p, size_t limit_bytes)
{
    struct dialed to = {0};
    struct ps_dial_settings settings = plain_settings;
    settings.queue_limit_bytes = limit_bytes;
    *p = (struct pair){.w = world_open(), .peer = -1, .limit_bytes = limit_bytes};
    int listener = bound_at("127.0.0.1", 0);
    shrink_buffer(listener, SO_RCVBUF);
    T_EQ(listen(listener, 8), 0);
    struct ps_addrs at = {.at = {addr_of("127.0.0.1", port_of(listener))}, .n = 1};
    struct ps_dial d = dial_of(p->w, &settings, &to);
    enum ps_status st = ps_dial_start(&d, &at, NULL);
    if (st == PS_OK) {
        world_until(p->w, &to.done_n, 1);
        st = to.sock == NULL ? to.err.status : PS_OK;
    }
    if (st == PS_OK) {
        p->peer = accept_one(listener);
        p->sock = to.sock;
        ps_sock_adopt(p->sock, &pair_ops, p);
        int fd;
        T_EQ(uv_fileno(&p->sock->uv.handle, &fd), 0);
        shrink_buffer(fd, SO_SNDBUF);
    }
    close(listener);
    return st;
}

static inline void pair_close(struct pair *p)
{
    bool was_open = p->sock != NULL;
    size_t closed_n = p->closed_n;
    if (was_open)
        ps_sock_close(p->sock);
    world_close(p->w);
    T_EQ(p->closed_n, closed_n + was_open);
    if (p->peer >= 0)
        close(p->peer);
}

#endif
