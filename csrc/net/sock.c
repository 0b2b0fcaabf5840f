/* net/sock.c -- one connected stream socket (see sock.h).
 * Writing: the kernel is offered the bytes at once; what it does not take waits in `queue`. One
 * uv_write is under way at a time, out of `flight`, and the two buffers change places when it
 * lands: so the bytes that libuv points at never move, and a slow peer costs one copy.
 * SIGPIPE: libuv writes with write(), so the io thread blocks all signals (rule 90); on macOS
 * libuv and compat.h set SO_NOSIGPIPE too. */
#include "net/compat.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/thread.h"
#include "net/sock_internal.h"

enum { KEEP_BYTES = 4096 }; /* larger buffers are given back when the output has drained */

static void free_sock(struct ps_sock *s)
{
    ps_buf_fini(&s->queue);
    ps_buf_fini(&s->flight);
    s->share->open_n--;
    ps_free(s);
}

static struct ps_sock *make_sock(struct ps_sock_share *share, size_t queue_limit_bytes)
{
    struct ps_sock *s = ps_zalloc(sizeof *s);
    if (s == NULL)
        return NULL;
    s->share = share;
    ps_buf_init(&s->queue, queue_limit_bytes);
    ps_buf_init(&s->flight, queue_limit_bytes);
    share->open_n++;
    return s;
}

/* libuv's close callback frees the sock; before any adoption there is nobody to tell. */
static void on_handle_closed(uv_handle_t *handle)
{
    struct ps_sock *s = handle->data;
    if (s->ops != NULL)
        s->ops->on_closed(s->owner);
    free_sock(s);
}

int ps_sock_new_tcp(struct ps_sock **out, uv_loop_t *loop, struct ps_sock_share *share, int af,
                    size_t queue_limit_bytes)
{
    struct ps_sock *s = make_sock(share, queue_limit_bytes);
    if (s == NULL)
        return UV_ENOMEM;
    int sys = uv_tcp_init_ex(loop, &s->uv.tcp, (unsigned)af);
    if (sys != 0) {
        free_sock(s); /* libuv has taken the handle out of its queue again */
        return sys;
    }
    s->uv.handle.data = s;
    *out = s;
    return 0;
}

int ps_sock_new_pipe(struct ps_sock **out, uv_loop_t *loop, struct ps_sock_share *share, int fd,
                     size_t queue_limit_bytes, const char *path)
{
    struct ps_sock *s = make_sock(share, queue_limit_bytes);
    if (s == NULL)
        return UV_ENOMEM;
    uv_pipe_init(loop, &s->uv.pipe, 0); /* always 0 */
    s->uv.handle.data = s;
    int sys = uv_pipe_open(&s->uv.pipe, fd);
    if (sys != 0) {
        ps_sock_close(s);
        return sys;
    }
    snprintf(s->peer_text, sizeof s->peer_text, "%s", path);
    *out = s;
    return 0;
}

void ps_sock_note_addresses(struct ps_sock *s, const struct ps_addr *peer)
{
    struct ps_addr local = {0};
    int n = sizeof local.sa;
    ps_addr_text(peer, s->peer_text);
    if (uv_tcp_getsockname(&s->uv.tcp, (struct sockaddr *)&local.sa, &n) == 0)
        ps_addr_text(&local, s->local_text);
}

void ps_sock_adopt(struct ps_sock *s, const struct ps_sock_ops *ops, void *owner)
{
    ps_assert_io();
    s->ops = ops;
    s->owner = owner;
}

const char *ps_sock_peer_text(const struct ps_sock *s)
{
    return s->peer_text;
}

const char *ps_sock_local_text(const struct ps_sock *s)
{
    return s->local_text;
}

/* Fills `err` and passes its status on. The phase is the owner's to fill: only it knows. */
static enum ps_status fail(const struct ps_sock *s, enum ps_status st, int sys, struct ps_err *err)
{
    const char *doing = st == PS_READ_FAILED ? "reading from" : "writing to";
    ps_err_set(err, st, PS_PHASE_NONE, "%s %s: %s", doing,
               s->peer_text[0] == '\0' ? "the peer" : s->peer_text, uv_strerror(sys));
    if (err != NULL)
        err->sys = sys;
    return st;
}

/* -- reading -- */

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct ps_sock *s = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)s->share->read_buf, sizeof s->share->read_buf);
}

/* What poll() tells about the descriptor now. */
static int look(const struct ps_sock *s, int events)
{
    int fd;
    if (uv_fileno(&s->uv.handle, &fd) != 0)
        return POLLNVAL;
    struct pollfd at = {.fd = fd, .events = (short)events};
    return poll(&at, 1, 0) <= 0 ? 0 : at.revents;
}

/* libuv takes a hang-up behind a read that did not fill its buffer for EOF and reads no further
 * (uv__stream_io), so a reset that came with the last bytes still waits in the socket. A reset after a FIN
 * waits as EPIPE: then the end was a clean one. */
static int pending_reset(const struct ps_sock *s)
{
    int fd, waits = 0;
    socklen_t n = sizeof waits;
    if (uv_fileno(&s->uv.handle, &fd) != 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &waits, &n) != 0)
        return 0;
    return waits == ECONNRESET ? UV_ECONNRESET : 0;
}

/* The kernel tells a reset once. If a write has swallowed it, reading ends as after a FIN, and a
 * body without length would pass for complete. A reset after a FIN fails writes with EPIPE. */
static void tell_end(struct ps_sock *s)
{
    struct ps_err err;
    if (s->write_sys == 0)
        s->write_sys = pending_reset(s);
    if (s->write_sys != UV_ECONNRESET) {
        s->ops->on_eof(s->owner);
        return;
    }
    fail(s, PS_READ_FAILED, s->write_sys, &err);
    s->ops->on_fail(s->owner, &err);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ps_sock *s = stream->data;
    if (s->is_closing || n == 0) /* 0 is EAGAIN, not the end */
        return;
    if (n > 0) {
        s->ops->on_read(s->owner, ps_bytes_of(buf->base, (size_t)n));
        return;
    }
    ps_sock_read_stop(s);
    s->read_over = true;
    if (n == UV_EOF) {
        /* Both directions are gone, so the write under way has failed or is about to. */
        s->eof_waits = s->is_writing && (look(s, POLLOUT) & (POLLHUP | POLLERR)) != 0;
        if (!s->eof_waits)
            tell_end(s);
        return;
    }
    struct ps_err err;
    fail(s, PS_READ_FAILED, (int)n, &err);
    s->ops->on_fail(s->owner, &err);
}

enum ps_status ps_sock_read_start(struct ps_sock *s, struct ps_err *err)
{
    ps_assert_io();
    if (s->is_reading || s->read_over || s->is_closing)
        return PS_OK;
    int sys = uv_read_start(&s->uv.stream, lend_buffer, on_read);
    if (sys != 0)
        return fail(s, PS_READ_FAILED, sys, err);
    s->is_reading = true;
    return PS_OK;
}

void ps_sock_read_stop(struct ps_sock *s)
{
    ps_assert_io();
    if (!s->is_reading)
        return;
    s->is_reading = false;
    uv_read_stop(&s->uv.stream); /* always 0 */
}

bool ps_sock_is_dead(const struct ps_sock *s)
{
    int fd;
    char byte;
    if (s->is_closing || s->read_over || s->write_sys != 0)
        return true;
    int events = look(s, POLLIN | PS_COMPAT_HANGUP);
    if ((events & (PS_COMPAT_HANGUP | POLLHUP | POLLERR | POLLNVAL)) != 0)
        return true;
    if ((events & POLLIN) == 0 || uv_fileno(&s->uv.handle, &fd) != 0)
        return false;
    /* Bytes that wait are the codec's to judge; only an end is certain. */
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* -- writing -- */

static enum ps_status launch(struct ps_sock *s, struct ps_err *err);

/* What came of the last write, after which nothing waits any more or nothing can be sent. */
static void tell_written(struct ps_sock *s)
{
    struct ps_err err;
    ps_buf_clear(&s->queue);
    ps_buf_shrink(&s->queue, KEEP_BYTES);
    ps_buf_shrink(&s->flight, KEEP_BYTES);
    if (s->write_sys == 0) {
        s->ops->on_drain(s->owner);
    } else {
        fail(s, PS_WRITE_FAILED, s->write_sys, &err);
        s->ops->on_fail(s->owner, &err);
    }
    if (s->eof_waits && !s->is_closing && !s->is_writing) {
        s->eof_waits = false;
        tell_end(s);
    }
}

/* A write has landed. */
static void on_written(uv_write_t *write, int sys)
{
    struct ps_sock *s = write->handle->data;
    s->is_writing = false;
    ps_buf_clear(&s->flight);
    if (s->is_closing)
        return; /* ECANCELED; on_handle_closed() is next */
    if (sys != 0)
        s->write_sys = sys;
    else if (ps_buf_n(&s->queue) > 0 && launch(s, NULL) == PS_OK)
        return;
    tell_written(s);
}

/* Hands the queued bytes to libuv. */
static enum ps_status launch(struct ps_sock *s, struct ps_err *err)
{
    struct ps_buf landed = s->flight;
    s->flight = s->queue;
    s->queue = landed;
    struct ps_bytes bytes = ps_buf_view(&s->flight);
    uv_buf_t buf = {.base = (char *)bytes.p, .len = bytes.n};
    int sys = uv_write(&s->write, &s->uv.stream, &buf, 1, on_written);
    if (sys != 0) {
        s->write_sys = sys;
        ps_buf_clear(&s->flight);
        return fail(s, PS_WRITE_FAILED, sys, err);
    }
    s->is_writing = true;
    return PS_OK;
}

/* What the kernel takes at once; a negative errno other than "try later" is final. */
static int offer(struct ps_sock *s, struct ps_bytes bytes, size_t *took_n)
{
    *took_n = 0;
    if (s->is_writing)
        return 0; /* order: the bytes before these are still on their way */
    uv_buf_t buf = {.base = (char *)bytes.p, .len = bytes.n};
    int n = uv_try_write(&s->uv.stream, &buf, 1);
    if (n == UV_EAGAIN)
        return 0;
    if (n >= 0)
        *took_n = (size_t)n;
    else
        s->write_sys = n;
    return s->write_sys;
}

enum ps_status ps_sock_write(struct ps_sock *s, struct ps_bytes bytes, struct ps_err *err)
{
    ps_assert_io();
    size_t took_n;
    if (s->is_closing)
        return fail(s, PS_WRITE_FAILED, UV_ECANCELED, err);
    if (s->write_sys != 0)
        return fail(s, PS_WRITE_FAILED, s->write_sys, err);
    if (bytes.n == 0)
        return PS_OK;
    size_t queued_n = ps_sock_queued(s);
    if (bytes.n > s->queue.limit_bytes || queued_n > s->queue.limit_bytes - bytes.n)
        return ps_err_set(err, PS_LIMIT, PS_PHASE_NONE, "%zu bytes for %s wait already", queued_n,
                          s->peer_text);
    int sys = offer(s, bytes, &took_n);
    if (sys != 0)
        return fail(s, PS_WRITE_FAILED, sys, err);
    if (took_n == bytes.n)
        return PS_OK;
    if (ps_buf_append(&s->queue, ps_bytes_of(bytes.p + took_n, bytes.n - took_n)) != PS_OK) {
        if (took_n > 0)
            s->write_sys = UV_ENOMEM; /* a part is gone: nothing may follow the hole */
        return ps_err_nomem(err);
    }
    return s->is_writing ? PS_OK : launch(s, err);
}

size_t ps_sock_queued(const struct ps_sock *s)
{
    return ps_buf_n(&s->queue) +
           (s->is_writing ? uv_stream_get_write_queue_size(&s->uv.stream) : 0);
}

void ps_sock_close(struct ps_sock *s)
{
    ps_assert_io();
    if (s->is_closing)
        return;
    s->is_closing = true;
    s->is_reading = false;
    uv_close(&s->uv.handle, on_handle_closed);
}
