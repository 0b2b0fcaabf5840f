/* net/dial.c -- happy eyeballs (see dial.h; RFC 8305, rules 91 and 92).
 * One step, advance(), starts addresses until one is in flight; the pace deadline, a failed try and
 * ps_dial_start() all lead there. A try is freed by its connect callback, which libuv calls in any
 * case: one that lost or was cancelled has no dial any more and only closes.
 * A Unix socket connects within the system call, so its only try happens when the pace fires. */
#include "net/compat.h"

#include "net/dial.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/sock_internal.h"
#include "net/uds.h"

enum { UDS_AGAIN_MS = 10 }; /* a full Unix backlog refuses at once but means "wait" */
enum { MORE_BYTES = 16 };   /* room kept for "; and 14 more" */

struct ps_dial_try {
    uv_connect_t req;
    struct ps_dial *dial; /* NULL: lost or cancelled, its sock is closing */
    struct ps_dial_try *next;
    struct ps_sock *sock;
    struct ps_addr addr;
};

static void unlink_try(struct ps_dial_try *t)
{
    struct ps_dial_try **at = &t->dial->tries;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->dial = NULL;
}

/* Closes all tries but leaves them to their callbacks. */
static void drop_tries(struct ps_dial *d)
{
    while (d->tries != NULL) {
        struct ps_dial_try *t = d->tries;
        unlink_try(t);
        ps_sock_close(t->sock);
    }
}

/* -- what to tell -- */

/* Writes "; " when it is not the first, then `who` and `why`. False: no room, nothing changed. */
static bool say(struct ps_dial *d, size_t at, size_t room, const char *who, const char *why)
{
    int n = snprintf(d->tried_text + at, room, "%s%s %s", at == 0 ? "" : "; ", who, why);
    if (n > 0 && (size_t)n < room)
        return true;
    d->tried_text[at] = '\0';
    return false;
}

/* Behind the failed addresses: how many had no room, and who has not answered yet. */
static void say_rest(struct ps_dial *d)
{
    size_t at = d->failed_n;
    char more[32]; /* "16 more" at most, which MORE_BYTES has room for */
    d->tried_text[at] = '\0';
    if (d->unnamed_n > 0) {
        snprintf(more, sizeof more, "%zu more", d->unnamed_n);
        say(d, at, sizeof d->tried_text - at, "and", more);
        return;
    }
    for (const struct ps_dial_try *t = d->tries; t != NULL; t = t->next) {
        char who[PS_ADDR_TEXT_BYTES];
        ps_addr_text(&t->addr, who);
        if (say(d, at, sizeof d->tried_text - at, who, "no answer"))
            at += strlen(d->tried_text + at);
    }
}

static void note_failure(struct ps_dial *d, const char *who, int sys)
{
    size_t kept = sizeof d->tried_text - MORE_BYTES;
    const char *why = sys == UV_EAFNOSUPPORT && d->settings->local_address != NULL
                          ? "not of the local address's family"
                          : uv_strerror(sys);
    ps_err_set(&d->last_err, PS_CONNECT_FAILED, PS_PHASE_CONNECT, "%s %s", who, why);
    d->last_err.sys = sys;
    if (d->unnamed_n == 0 && d->failed_n < kept &&
        say(d, d->failed_n, kept - d->failed_n, who, why))
        d->failed_n += strlen(d->tried_text + d->failed_n);
    else
        d->unnamed_n++;
    say_rest(d);
}

/* The end, either way. The owner may free `d` in on_done, so it is not touched afterwards. */
static void finish(struct ps_dial *d, struct ps_sock *won)
{
    struct ps_err err = {0};
    d->active = false;
    ps_clock_clear(d->clock, &d->pace);
    drop_tries(d);
    if (won == NULL && d->last_err.sys == UV_ENOMEM) {
        ps_err_nomem(&err);
    } else if (won == NULL) {
        ps_err_set(&err, PS_CONNECT_FAILED, PS_PHASE_CONNECT, "cannot connect: %s", d->tried_text);
        err.sys = d->last_err.sys;
    }
    d->on_done(d->owner, won, won == NULL ? &err : NULL);
}

/* -- one address -- */

static void advance(struct ps_dial *d);
static void pace_next(struct ps_dial *d);

static void on_connected(uv_connect_t *req, int sys)
{
    struct ps_dial_try *t = req->data;
    struct ps_dial *d = t->dial;
    struct ps_sock *s = t->sock;
    struct ps_addr addr = t->addr;
    if (d != NULL)
        unlink_try(t);
    ps_free(t);
    if (d == NULL)
        return;
    if (sys == 0) {
        ps_sock_note_addresses(s, &addr);
        finish(d, s);
        return;
    }
    char who[PS_ADDR_TEXT_BYTES];
    ps_addr_text(&addr, who);
    ps_sock_close(s);
    note_failure(d, who, sys);
    advance(d);
}

static void set_options(const struct ps_dial_settings *to, struct ps_sock *s)
{
    int fd;
    if (uv_fileno(&s->uv.handle, &fd) != 0)
        return;
    if (to->nodelay)
        ps_compat_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (to->keepalive_s > 0)
        ps_compat_keepalive(fd, (int)to->keepalive_s);
    if (to->user_timeout_ms > 0)
        ps_compat_user_timeout(fd, (int)to->user_timeout_ms);
}

/* The caller's own options, in order; a negative errno when the system refuses one. */
static int set_own_options(const struct ps_dial_settings *to, const struct ps_sock *s)
{
    int fd;
    int sys = uv_fileno(&s->uv.handle, &fd);
    for (size_t i = 0; sys == 0 && i < to->options_n; i++) {
        const struct ps_sock_option *each = &to->options[i];
        if (setsockopt(fd, each->level, each->name, each->value, each->value_n) != 0)
            sys = -errno;
    }
    return sys;
}

static int bind_local(const struct ps_dial *d, struct ps_sock *s, const struct ps_addr *to)
{
    struct ps_addr local;
    int fd;
    if (d->settings->local_address == NULL)
        return 0;
    if (ps_addr_parse(&local, d->settings->local_address, 0) != PS_OK)
        return UV_EINVAL; /* start() has parsed it already */
    if (ps_addr_is_v6(&local) != ps_addr_is_v6(to))
        return UV_EAFNOSUPPORT;
    if (uv_fileno(&s->uv.handle, &fd) == 0)
        ps_compat_late_port(fd);
    return uv_tcp_bind(&s->uv.tcp, (const struct sockaddr *)&local.sa, 0);
}

/* 0: in flight. Otherwise a negative errno, and nothing is left of it. */
static int start_try(struct ps_dial *d, const struct ps_addr *to)
{
    struct ps_dial_try *t = ps_zalloc(sizeof *t);
    if (t == NULL)
        return UV_ENOMEM;
    int sys = ps_sock_new_tcp(&t->sock, d->loop, d->share, to->sa.ss_family,
                              d->settings->queue_limit_bytes);
    if (sys != 0)
        goto fail;
    set_options(d->settings, t->sock);
    sys = set_own_options(d->settings, t->sock);
    if (sys == 0)
        sys = bind_local(d, t->sock, to);
    if (sys != 0)
        goto fail;
    t->req.data = t;
    t->addr = *to;
    sys = uv_tcp_connect(&t->req, &t->sock->uv.tcp, (const struct sockaddr *)&to->sa, on_connected);
    if (sys != 0)
        goto fail;
    t->dial = d;
    t->next = d->tries;
    d->tries = t;
    say_rest(d);
    return 0;
fail:
    if (t->sock != NULL)
        ps_sock_close(t->sock);
    ps_free(t);
    return sys;
}

/* -- the course of a dial -- */

/* Starts the next address; those that fail at once are passed over. True: one is in flight. */
static bool start_next(struct ps_dial *d)
{
    while (d->next < d->addrs.n) {
        const struct ps_addr *to = &d->addrs.at[d->next++];
        char who[PS_ADDR_TEXT_BYTES];
        int sys = start_try(d, to);
        if (sys == 0)
            return true;
        ps_addr_text(to, who);
        note_failure(d, who, sys);
    }
    return d->tries != NULL;
}

/* The next address, or the end when none is left and nobody may still answer. */
static void advance(struct ps_dial *d)
{
    if (start_next(d))
        pace_next(d);
    else
        finish(d, NULL);
}

static void pace_next(struct ps_dial *d)
{
    ps_clock_clear(d->clock, &d->pace);
    if (d->next == d->addrs.n)
        return;
    uint64_t due_ms = ps_clock_now_ms(d->clock) + d->settings->eyeballs_ms;
    enum ps_status st = ps_clock_set(d->clock, &d->pace, due_ms);
    (void)st; /* no memory for it: the next address then waits for this one's failure */
}

static void try_uds(struct ps_dial *d)
{
    const char *path = d->settings->uds_path;
    struct ps_sock *s = NULL;
    int fd = ps_uds_connect(path);
    int sys = fd < 0 ? fd : 0;
    if (fd >= 0) {
        sys = ps_sock_new_pipe(&s, d->loop, d->share, fd, d->settings->queue_limit_bytes, path);
        if (sys != 0)
            close(fd);
    }
    if (sys == UV_EAGAIN &&
        ps_clock_set(d->clock, &d->pace, ps_clock_now_ms(d->clock) + UDS_AGAIN_MS) == PS_OK)
        return;
    if (sys != 0)
        note_failure(d, path, sys);
    finish(d, s);
}

static void on_pace(struct ps_deadline *pace, uint64_t now_ms)
{
    struct ps_dial *d = PS_ITEM(pace, struct ps_dial, pace);
    (void)now_ms;
    if (d->settings->uds_path != NULL)
        try_uds(d);
    else
        advance(d);
}

static enum ps_status check(const struct ps_dial_settings *s, const struct ps_addrs *addrs,
                            struct ps_err *err)
{
    struct ps_addr local;
    if (s->uds_path != NULL)
        return ps_uds_check(s->uds_path, err);
    if (addrs == NULL || addrs->n == 0)
        return ps_err_set(err, PS_INVALID, PS_PHASE_CONNECT, "no address to connect to");
    if (s->local_address != NULL && ps_addr_parse(&local, s->local_address, 0) != PS_OK)
        return ps_err_set(err, PS_INVALID, PS_PHASE_CONNECT, "\"%s\" is not a local IP address",
                          s->local_address);
    return PS_OK;
}

enum ps_status ps_dial_start(struct ps_dial *d, const struct ps_addrs *addrs, struct ps_err *err)
{
    ps_assert_io();
    enum ps_status st = check(d->settings, addrs, err);
    if (st != PS_OK)
        return st;
    d->addrs.n = 0;
    if (d->settings->uds_path == NULL)
        d->addrs = *addrs;
    d->next = d->failed_n = d->unnamed_n = 0;
    d->tried_text[0] = '\0';
    ps_err_clear(&d->last_err);
    d->pace.fire = on_pace;
    /* Due now: when nothing is in flight after this, the pace tells it from the loop. */
    st = ps_clock_set(d->clock, &d->pace, ps_clock_now_ms(d->clock));
    if (st != PS_OK)
        return ps_err_nomem(err);
    d->active = true;
    if (start_next(d))
        pace_next(d);
    return PS_OK;
}

void ps_dial_cancel(struct ps_dial *d)
{
    ps_assert_io();
    if (!d->active)
        return;
    d->active = false;
    ps_clock_clear(d->clock, &d->pace);
    drop_tries(d);
}
