/* tests/c/fake_h2.c -- see fake_h2.h. A connection is a thread that polls its socket and an eventfd,
 * reads, carries out orders, and writes all that came of it at once. */
#include "fake_h2.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* One request. */
struct deed {
    struct deed *next;
    struct fake_h2_turn turn;
    int32_t id;
    bool has_head, has_sent, may_end;
};

struct conn {
    struct fake_h2 *p;
    int nth, fd, wake;
    nghttp2_session *session; /* NULL: HTTP/1.1, or not known yet */
    struct fake_tls tls;
    bool is_h1, is_hanging, is_closed, was_freed;
    unsigned h1_matched_n; /* of "\r\n\r\n" */
    int orders_seen_n;
    struct deed *deeds;
    uint8_t *out;
    size_t out_n, out_cap;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fake_h2: %s failed\n", what);
    abort();
}

/* -- output -- */

static void put(struct conn *c, const void *p, size_t n)
{
    if (c->out_cap - c->out_n < n) {
        c->out_cap = (c->out_cap + n) * 2;
        c->out = realloc(c->out, c->out_cap);
        must(c->out != NULL, "realloc");
    }
    memcpy(c->out + c->out_n, p, n);
    c->out_n += n;
}

static bool is_muted(const struct conn *c, const uint8_t *frame)
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

static void flush(struct conn *c)
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

/* -- answers -- */

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session, (void)id, (void)room, (void)user;
    struct deed *d = source->ptr;
    if (d->may_end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (d->has_sent)
        return d->may_end ? 0 : NGHTTP2_ERR_DEFERRED;
    memcpy(to, "ok", 2);
    d->has_sent = true;
    return 2;
}

static void answer(struct conn *c, struct deed *d, bool may_end)
{
    uint8_t name[] = ":status", value[] = "200";
    nghttp2_nv nv = {name, value, 7, 3, 0};
    nghttp2_data_provider body = {.source.ptr = d, .read_callback = read_answer};
    d->may_end = d->may_end || may_end;
    if (d->has_head)
        nghttp2_session_resume_data(c->session, d->id);
    else
        nghttp2_submit_response(c->session, d->id, &nv, 1, &body);
    d->has_head = true;
}

static void say_continue(struct conn *c, const struct deed *d)
{
    uint8_t name[] = ":status", value[] = "100";
    nghttp2_nv nv = {name, value, 7, 3, 0};
    nghttp2_submit_headers(c->session, NGHTTP2_FLAG_NONE, d->id, NULL, &nv, 1, NULL);
}

static void say_goaway(struct conn *c, int32_t id, uint32_t code, const char *debug)
{
    size_t n = debug == NULL ? 0 : strlen(debug);
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, id, code, (const uint8_t *)debug, n);
}

static void begin(struct conn *c, struct deed *d)
{
    switch (d->turn.deed) {
    case FAKE_H2_ANSWER:
    case FAKE_H2_HOLD:
        break;
    case FAKE_H2_BEGIN:
        answer(c, d, false);
        break;
    case FAKE_H2_CONTINUE:
        say_continue(c, d);
        break;
    case FAKE_H2_EARLY:
        answer(c, d, true);
        break;
    case FAKE_H2_RESET:
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, d->id, d->turn.code);
        break;
    case FAKE_H2_GOAWAY:
        say_goaway(c, d->turn.id, d->turn.code, d->turn.debug);
        break;
    }
}

/* Counted last: whoever sees the count sees what was done. */
static void request_came(struct conn *c, int32_t id)
{
    struct fake_h2 *p = c->p;
    struct deed *d = calloc(1, sizeof *d);
    must(d != NULL, "calloc");
    int nth = atomic_load(&p->requests_n);
    d->id = id;
    d->turn = nth < p->wants.turns_n ? p->wants.turns[nth] : p->wants.then;
    if (atomic_load(&p->is_free))
        d->turn = (struct fake_h2_turn){.deed = FAKE_H2_ANSWER};
    d->next = c->deeds;
    c->deeds = d;
    nghttp2_session_set_stream_user_data(c->session, id, d);
    begin(c, d);
    atomic_fetch_add(&p->by_conn[c->nth], 1);
    atomic_fetch_add(&p->requests_n, 1);
}

static void request_ended(struct conn *c, struct deed *d)
{
    atomic_fetch_add(&c->p->bodies_n, 1);
    if (d != NULL && (d->turn.deed == FAKE_H2_ANSWER || d->turn.deed == FAKE_H2_CONTINUE))
        answer(c, d, true);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = user;
    bool is_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (frame->hd.type == NGHTTP2_HEADERS)
        request_came(c, frame->hd.stream_id);
    if (is_request && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        request_ended(c, nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        atomic_fetch_add(&c->p->resets_n, 1);
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
        atomic_fetch_add(&c->p->pings_n, 1);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t n, void *user)
{
    (void)session, (void)flags, (void)id, (void)bytes;
    atomic_fetch_add(&((struct conn *)user)->p->body_bytes, n);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct conn *c = user;
    (void)session, (void)code;
    for (struct deed **at = &c->deeds; *at != NULL; at = &(*at)->next) {
        struct deed *d = *at;
        if (d->id != id)
            continue;
        *at = d->next;
        free(d);
        return 0;
    }
    return 0;
}

static void session_open(struct conn *c)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *options = NULL;
    nghttp2_settings_entry max = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                  (uint32_t)c->p->wants.max_streams};
    must(nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&options) == 0, "new");
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_option_set_no_auto_window_update(options, c->p->wants.keeps_window);
    must(nghttp2_session_server_new2(&c->session, cb, c, options) == 0, "session");
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(options);
    must(nghttp2_submit_settings(c->session, 0, &max, c->p->wants.max_streams > 0) == 0,
         "settings");
}

/* -- orders -- */

static void release(struct conn *c, int32_t id)
{
    c->is_hanging = false;
    for (struct deed *d = c->deeds; d != NULL; d = d->next) {
        if (id == 0 || d->id == id)
            answer(c, d, true);
    }
}

static void settings(struct conn *c, uint32_t n)
{
    nghttp2_settings_entry max = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, n};
    must(nghttp2_submit_settings(c->session, 0, &max, 1) == 0, "settings");
}

static void obey(struct conn *c, const struct fake_h2_order *o)
{
    bool needs_session = o->kind != FAKE_H2_DO_RELEASE && o->kind != FAKE_H2_DO_CLOSE;
    if (needs_session && c->session == NULL)
        return;
    switch (o->kind) {
    case FAKE_H2_DO_RELEASE:
        release(c, o->id);
        break;
    case FAKE_H2_DO_RESET:
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, o->id, o->code);
        break;
    case FAKE_H2_DO_GOAWAY:
        say_goaway(c, o->id, o->code, o->debug);
        break;
    case FAKE_H2_DO_SETTINGS:
        settings(c, o->n);
        break;
    case FAKE_H2_DO_WINDOW:
        nghttp2_submit_window_update(c->session, NGHTTP2_FLAG_NONE, o->id, (int32_t)o->n);
        nghttp2_submit_window_update(c->session, NGHTTP2_FLAG_NONE, 0, (int32_t)o->n);
        break;
    case FAKE_H2_DO_CLOSE:
        c->is_closed = true;
        break;
    }
}

static void take_orders(struct conn *c)
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
            obey(c, o);
    }
    pthread_mutex_unlock(&c->p->lock);
    if (!atomic_load(&c->p->is_free) || c->was_freed)
        return;
    c->was_freed = true;
    release(c, 0);
    if (c->session != NULL)
        settings(c, 100);
}

/* -- input -- */

static void feed_h1(struct conn *c, const uint8_t *p, size_t n)
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

static void feed(struct conn *c, const uint8_t *p, size_t n)
{
    if (c->session == NULL && !c->is_h1) {
        c->is_h1 = n < 3 || memcmp(p, "PRI", 3) != 0;
        if (!c->is_h1)
            session_open(c);
    }
    if (c->is_h1)
        feed_h1(c, p, n);
    else if (nghttp2_session_mem_recv(c->session, p, n) < 0)
        c->is_closed = true;
}

static bool read_once(struct conn *c)
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

static void run(struct conn *c)
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
    must(nth < FAKE_H2_CONNS_MAX, "connection limit");
    struct conn c = {.p = p, .nth = nth, .fd = fd, .wake = eventfd(1, EFD_NONBLOCK)};
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
    nghttp2_session_del(c.session);
    while (c.deeds != NULL) {
        struct deed *d = c.deeds;
        c.deeds = d->next;
        free(d);
    }
    fake_tls_fini(&c.tls);
    free(c.out);
}

/* -- the test's side -- */

struct fake_h2 *fake_h2_start(const struct fake_h2_wants *wants)
{
    struct fake_h2 *p = calloc(1, sizeof *p);
    must(p != NULL, "calloc");
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
        must(write(p->wake[nth], &one, sizeof one) == sizeof one, "wake");
}

void fake_h2_tell(struct fake_h2 *p, const struct fake_h2_order *order)
{
    pthread_mutex_lock(&p->lock);
    must(p->orders_n < FAKE_H2_ORDERS_MAX, "room for orders");
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
