/* upstream/peer.c -- one connection's writing and its end (see peer.h; accepting and reading are in peer_read.c).
 * Turn: fill -> encrypt -> write, until the protocol has no more or the kernel takes no more. While a write of
 * libuv's is under way the next bytes gather in `out`. */
#include "upstream/peer.h"

#include <sys/socket.h>

#include "upstream/server.h"

enum {
    ROUNDS_A_TURN = 4,
    SPLITS_A_TURN = 512,
    KEEP_BYTES = 65536
};

static const uint64_t linger_ns = 2000000000;

void up_peer_wake(struct up_peer *p)
{
    if (p->phase != UP_PEER_CLOSING && !ps_node_linked(&p->ready_node))
        ps_list_push_back(&p->server->ready, &p->ready_node);
}

void up_peer_cut(struct up_peer *p, enum up_cut how)
{
    if (p->phase != UP_PEER_OPEN)
        return;
    p->phase = UP_PEER_CUT;
    p->cut = how;
    up_peer_wake(p);
}

void up_peer_reset(struct up_peer *p)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;
    if (p->phase != UP_PEER_CLOSING && uv_fileno(&p->uv.handle, &fd) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    up_peer_close(p);
}

void up_peer_split(struct up_peer *p, size_t bytes_n, uint64_t pause_us)
{
    p->split_n = bytes_n;
    p->split_pause_ns = bytes_n == 0 ? 0 : pause_us * 1000;
}

/* -- the end -- */

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown, (void)status; /* the peer's end, or the alarm, is next */
}

static void send_fin(struct up_peer *p)
{
    p->phase = UP_PEER_LINGER;
    p->split_n = 0;
    if (uv_shutdown(&p->shutdown, &p->uv.stream, on_shutdown) != 0 ||
        up_pace_set(&p->server->pace, &p->pause, uv_hrtime() + linger_ns) != PS_OK) {
        up_peer_close(p);
        return;
    }
    up_peer_read(p, true);
}

/* All of it is written. */
static void finish_cut(struct up_peer *p)
{
    if (p->cut == UP_CUT_FIN && p->tls != NULL) {
        p->cut = UP_CUT_ABRUPT; /* once close_notify is written too */
        up_tls_close(p->tls);
        up_peer_wake(p);
        return;
    }
    if (p->cut == UP_CUT_RESET)
        up_peer_reset(p);
    else
        send_fin(p);
}

/* -- writing -- */

static void on_written(uv_write_t *write, int sys)
{
    struct up_peer *p = write->handle->data;
    p->is_writing = false;
    ps_buf_clear(&p->flight);
    if (p->phase == UP_PEER_CLOSING)
        return;
    if (sys != 0)
        up_peer_close(p);
    else
        up_peer_wake(p);
}

/* Gives the first `n` bytes to libuv, which tells when they are gone. */
static void launch(struct up_peer *p, size_t n)
{
    if (n == ps_buf_n(&p->out)) {
        struct ps_buf landed = p->flight;
        p->flight = p->out;
        p->out = landed;
    } else {
        if (ps_buf_append(&p->flight, ps_bytes_of(ps_buf_view(&p->out).p, n)) != PS_OK) {
            up_peer_reset(p);
            return;
        }
        ps_buf_consume(&p->out, n);
    }
    uv_buf_t buf = {.base = (char *)ps_buf_view(&p->flight).p, .len = n};
    if (uv_write(&p->write, &p->uv.stream, &buf, 1, on_written) != 0)
        up_peer_close(p);
    else
        p->is_writing = true;
}

/* What the kernel takes at once of the first `n`; false when it does not take all. */
static bool offer(struct up_peer *p, size_t n)
{
    uv_buf_t buf = {.base = (char *)ps_buf_view(&p->out).p, .len = n};
    int took = uv_try_write(&p->uv.stream, &buf, 1);
    if (took < 0 && took != UV_EAGAIN) {
        up_peer_close(p);
        return false;
    }
    size_t took_n = took > 0 ? (size_t)took : 0;
    ps_buf_consume(&p->out, took_n);
    if (took_n == n)
        return true;
    launch(p, n - took_n);
    return false;
}

static void write_split(struct up_peer *p)
{
    for (size_t i = 0; i < SPLITS_A_TURN; i++) {
        size_t n = ps_buf_n(&p->out);
        if (n == 0 || p->is_writing || up_alarm_is_set(&p->pause))
            return;
        bool is_taken = offer(p, n < p->split_n ? n : p->split_n);
        if (p->phase == UP_PEER_CLOSING)
            return;
        if (p->split_pause_ns > 0 && ps_buf_n(&p->out) > 0 &&
            up_pace_set(&p->server->pace, &p->pause, uv_hrtime() + p->split_pause_ns) != PS_OK)
            up_peer_reset(p);
        if (!is_taken)
            return;
    }
    up_peer_wake(p);
}

static void write_out(struct up_peer *p)
{
    if (p->split_n > 0)
        write_split(p);
    else if (!p->is_writing && ps_buf_n(&p->out) > 0)
        offer(p, ps_buf_n(&p->out));
}

static bool encrypt(struct up_peer *p)
{
    if (p->tls == NULL)
        return true;
    if (ps_buf_n(&p->plain) > 0) {
        if (!up_tls_write(p->tls, ps_buf_view(&p->plain)))
            return false;
        ps_buf_clear(&p->plain);
        ps_buf_shrink(&p->plain, KEEP_BYTES);
    }
    return up_tls_pull(p->tls, &p->out) == PS_OK;
}

static void rest(struct up_peer *p)
{
    ps_buf_shrink(&p->out, KEEP_BYTES);
    ps_buf_shrink(&p->flight, KEEP_BYTES);
}

void up_peer_pump(struct up_peer *p)
{
    for (size_t round = 0; round < ROUNDS_A_TURN; round++) {
        enum up_fill more = UP_FILL_DONE;
        if (p->phase == UP_PEER_OPEN && p->protocol != NULL)
            more = p->protocol->fill(p);
        if (p->phase == UP_PEER_CLOSING || p->phase == UP_PEER_LINGER)
            return;
        if (!encrypt(p)) {
            up_peer_reset(p);
            return;
        }
        write_out(p);
        if (p->phase == UP_PEER_CLOSING || !up_peer_is_drained(p))
            return;
        if (p->phase == UP_PEER_CUT) {
            finish_cut(p);
            return;
        }
        if (more == UP_FILL_DONE) {
            rest(p);
            return;
        }
    }
    up_peer_wake(p);
}
