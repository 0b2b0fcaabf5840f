/* tests/c/fake_h2.c -- see fake_h2.h. A connection is a thread that polls its socket and an eventfd,
 * reads, carries out orders, and writes all that came of it at once. What it says is in
 * fake_h2_session.c. */
#include "fake_h2.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_h2_conn.h"

/* -- output -- */

static void put(struct fake_h2_conn *c, const void *p, size_t n)
{
    if (c->out_cap - c->out_n < n) {
        c->out_cap = (c->out_cap + n) * 2;
        c->out = realloc(c->out, c->out_cap);
        fake_h2_must(c->out != NULL, "realloc");
    }
    memcpy(c->out + c->out_n, p, n);
    c->out_n += n;
}

static bool is_muted(const struct fake_h2_conn *c, const uint8_t *frame)
{
    bool is_ack = (frame[4] & NGHTTP2_FLAG_ACK) != 0 && !atomic_load(&c->p->is_free);
    return is_ack && ((frame[3] == NGHTTP2_SETTINGS && c->p->wants.no_settings_ack) ||
                      (frame[3] == NGHTTP2_PING && c->p->wants.no_pong));
}

static void write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

static void flush(struct fake_h2_conn *c)
{
    uint8_t cipher[16384];
    const uint8_t *p;
    ssize_t n;
    while (c->session != NULL && (n = nghttp2_session_mem_send(c->session, &p)) > 0) {
        if (!is_muted(c, p))
            put(c, p, (size_t)n);
    }
    if (c->p->ctx == NULL) {
        write_all(c->fd, c->out, c->out_n);
        c->out_n = 0;
        return;
    }
    if (c->out_n > 0 && c->tls.open)
        fake_tls_write(&c->tls, c->out, c->out_n);
    c->out_n = 0;
    size_t got;
    while ((got = fake_tls_pull(&c->tls, cipher, sizeof cipher)) > 0)
        write_all(c->fd, cipher, got);
}

/* -- input -- */

static void feed_h1(struct fake_h2_conn *c, const uint8_t *p, size_t n)
{
    static const char answer_h1[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (size_t i = 0; i < n; i++) {
        c->h1_matched_n = p[i] == "\r\n\r\n"[c->h1_matched_n] ? c->h1_matched_n + 1 : p[i] == '\r';
        if (c->h1_matched_n < 4)
            continue;
        c->h1_matched_n = 0;
        put(c, answer_h1, sizeof answer_h1 - 1);
        atomic_fetch_add(&c->p->h1_n, 1);
    }
}

static void feed(struct fake_h2_conn *c, const uint8_t *p, size_t n)
{
    if (c->session == NULL && !c->is_h1) {
        c->is_h1 = n < 3 || memcmp(p, "PRI", 3) != 0;
        if (!c->is_h1)
            fake_h2_session_open(c);
    }
    if (c->is_h1)
        feed_h1(c, p, n);
    else if (nghttp2_session_mem_recv(c->session, p, n) < 0)
        c->is_closed = true;
}

static bool read_once(struct fake_h2_conn *c)
{
    static _Thread_local uint8_t raw[65536], plain[65536];
    ssize_t got = recv(c->fd, raw, sizeof raw, 0);
    if (got <= 0)
        return false;
    if (c->p->ctx == NULL) {
        feed(c, raw, (size_t)got);
        return true;
    }
    size_t n;
    fake_tls_feed(&c->tls, raw, (size_t)got);
    if (!fake_tls_step(&c->tls))
        return true;
    while ((n = fake_tls_read(&c->tls, plain, sizeof plain)) > 0)
        feed(c, plain, n);
    return true;
}

static void take_orders(struct fake_h2_conn *c)
{
    uint64_t n;
    if (read(c->wake, &n, sizeof n) < 0 && errno != EAGAIN)
        return;
    pthread_mutex_lock(&c->p->lock);
    for (; c->orders_seen_n < c->p->orders_n; c->orders_seen_n++) {
        const struct fake_h2_order *o = &c->p->orders[c->orders_seen_n];
        if (o->waits && c->orders_seen_n + 1 == c->p->orders_n)
            break;
        if (o->conn == c->nth)
            fake_h2_obey(c, o);
    }
    pthread_mutex_unlock(&c->p->lock);
    if (!atomic_load(&c->p->is_free) || c->was_freed)
        return;
    c->was_freed = true;
    fake_h2_release(c, 0);
    if (c->session != NULL)
        fake_h2_say_settings(c, 100);
}

static void run(struct fake_h2_conn *c)
{
    bool is_open = true;
    while (is_open && !c->is_closed) {
        struct pollfd at[] = {{.fd = c->fd, .events = c->is_hanging ? 0 : POLLIN},
                              {.fd = c->wake, .events = POLLIN}};
        poll(at, 2, -1);
        take_orders(c);
        if (c->is_hanging)
            is_open = (at[0].revents & (POLLHUP | POLLERR)) == 0;
        else if (at[0].revents != 0)
            is_open = read_once(c);
        flush(c);
    }
}

static void serve(struct fake_peer *peer, int fd, int nth, void *data)
{
    struct fake_h2 *p = data;
    (void)peer;
    fake_h2_must(nth < FAKE_H2_CONNS_MAX, "connection limit");
    struct fake_h2_conn c = {.p = p, .nth = nth, .fd = fd, .wake = eventfd(1, EFD_NONBLOCK)};
    c.is_hanging = nth < p->wants.hangs_n && !atomic_load(&p->is_free);
    if (p->ctx != NULL)
        fake_tls_init(&c.tls, p->ctx);
    pthread_mutex_lock(&p->lock);
    p->wake[nth] = c.wake;
    pthread_mutex_unlock(&p->lock);
    run(&c);
    pthread_mutex_lock(&p->lock);
    p->wake[nth] = -1;
    pthread_mutex_unlock(&p->lock);
    shutdown(fd, SHUT_RDWR);
    close(c.wake);
    fake_h2_session_close(&c);
    fake_tls_fini(&c.tls);
    free(c.out);
}

/* -- the test's side -- */

struct fake_h2 *fake_h2_start(const struct fake_h2_wants *wants)
{
    struct fake_h2 *p = calloc(1, sizeof *p);
    fake_h2_must(p != NULL, "calloc");
    p->wants = *wants;
    if (wants->tls != NULL)
        p->ctx = fake_tls_ctx(wants->tls);
    for (int i = 0; i < FAKE_H2_CONNS_MAX; i++)
        p->wake[i] = -1;
    pthread_mutex_init(&p->lock, NULL);
    p->peer = fake_peer_start(serve, p);
    return p;
}

void fake_h2_stop(struct fake_h2 *p)
{
    fake_peer_stop(p->peer);
    pthread_mutex_destroy(&p->lock);
    SSL_CTX_free(p->ctx);
    free(p);
}

static void wake(const struct fake_h2 *p, int nth)
{
    uint64_t one = 1;
    if (p->wake[nth] >= 0)
        fake_h2_must(write(p->wake[nth], &one, sizeof one) == sizeof one, "wake");
}

void fake_h2_tell(struct fake_h2 *p, const struct fake_h2_order *order)
{
    pthread_mutex_lock(&p->lock);
    fake_h2_must(p->orders_n < FAKE_H2_ORDERS_MAX, "room for orders");
    p->orders[p->orders_n++] = *order;
    if (!order->waits)
        wake(p, order->conn);
    pthread_mutex_unlock(&p->lock);
}

void fake_h2_free(struct fake_h2 *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->is_free, true);
    for (int i = 0; i < FAKE_H2_CONNS_MAX; i++)
        wake(p, i);
    pthread_mutex_unlock(&p->lock);
}
