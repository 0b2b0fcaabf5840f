/* tests/c/bridge_rig.h -- a bridge, a profile and a peer; requests, and homes that hand out news as the
 * Python home does. What a swept test is refused is repeated here (t_swept.h); a request is not, it may
 * end with PS_NOMEM. */
#ifndef PS_TEST_BRIDGE_RIG_H
#define PS_TEST_BRIDGE_RIG_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/bridge.h"
#include "fake_peer.h"
#include "t_swept.h"

enum { HOMES_N = 4, ASKS_N = 40, SWEPT_ASKS_N = 3, BIG_BYTES = 3 * 1024 * 1024 };

static const struct ps_resolver_settings resolver = {
    .ttl_ms = 30000, .negative_ms = 1000, .stale_ms = 300000, .threads_n = 2};

struct rig {
    struct ps_bridge *bridge;
    struct ps_profile *profile;
    struct fake_peer *peer;
};

/* -- peers -- */

static inline void serve_ok(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)nth;
    (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL))
        fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static inline void serve_silence(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)nth;
    (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
    }
}

static inline void serve_big(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)nth;
    (void)data;
    char *body = malloc(BIG_BYTES);
    memset(body, 'b', BIG_BYTES);
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG_BYTES);
        fake_peer_write(fd, head);
        for (size_t sent = 0; sent < BIG_BYTES;) {
            ssize_t n = send(fd, body + sent, BIG_BYTES - sent, MSG_NOSIGNAL);
            if (n <= 0)
                break;
            sent += (size_t)n;
        }
    }
    free(body);
}

/* -- the rig -- */

static inline void rig_open_to(struct rig *r, struct fake_peer *peer)
{
    struct ps_err err;
    signal(SIGPIPE, SIG_IGN);
    r->peer = peer;
    enum ps_status st = ps_bridge_start(&r->bridge, &resolver, &err);
    if (t_refused(st))
        st = ps_bridge_start(&r->bridge, &resolver, &err);
    T_EQ(st, PS_OK);
    r->profile = ps_profile_new();
    if (t_refused_null(r->profile))
        r->profile = ps_profile_new();
    T_CHECK(r->profile != NULL);
}

static inline void rig_open(struct rig *r, fake_serve_fn serve)
{
    rig_open_to(r, fake_peer_start(serve, NULL));
}

static inline void rig_stop(struct rig *r)
{
    struct ps_control *control = ps_malloc(sizeof *control);
    if (t_refused_null(control))
        control = ps_malloc(sizeof *control);
    ps_bridge_close_profile(r->bridge, control, r->profile);
    ps_bridge_stop(r->bridge, 0);
    ps_bridge_stop(r->bridge, 0);
}

static inline void rig_close(struct rig *r)
{
    rig_stop(r);
    T_EQ(ps_exchange_live_n(), 0);
    ps_bridge_free(r->bridge);
    fake_peer_stop(r->peer);
}

static inline struct ps_home *home_of(const struct rig *r, enum ps_home_kind kind)
{
    struct ps_home *home;
    struct ps_err err;
    enum ps_status st = ps_home_new(&home, r->bridge, kind, &err);
    if (t_refused(st))
        st = ps_home_new(&home, r->bridge, kind, &err);
    T_EQ(st, PS_OK);
    return home;
}

/* A request's parts, each of which may find no memory. `body` NULL = streamed. */
static inline enum ps_status fill(struct ps_exchange *x, const struct rig *r, const char *body)
{
    char text[64];
    struct ps_url url;
    struct ps_err err;
    size_t n = body == NULL ? 0 : strlen(body);
    snprintf(text, sizeof text, "http://127.0.0.1:%u/x", fake_peer_port(r->peer));
    T_EQ(ps_url_split(&url, ps_bytes_str(text), &err), PS_OK);
    enum ps_status st = ps_request_new(&x->spec.request, ps_bytes_str("POST"), &url, &err);
    if (st != PS_OK)
        return st;
    x->spec.profile = r->profile;
    x->spec.port = url.port;
    x->host = ps_strndup("127.0.0.1", 9);
    x->is_streamed = body == NULL;
    if (body != NULL)
        x->spec.body = ps_chunk_new(n);
    if (x->host == NULL || (body != NULL && x->spec.body == NULL))
        return PS_NOMEM;
    if (body != NULL)
        memcpy(x->spec.body->data, body, n);
    return ps_request_seal(x->spec.request, body == NULL ? PS_BODY_STREAM : PS_BODY_FIXED, n, &err);
}

static inline enum ps_status make_once(struct ps_exchange **out, const struct rig *r,
                                       struct ps_home *home, const char *body)
{
    struct ps_exchange *x = ps_exchange_new(r->bridge, home);
    enum ps_status st = x == NULL ? PS_NOMEM : fill(x, r, body);
    if (st != PS_OK) {
        ps_exchange_unref(x);
        return st;
    }
    *out = x;
    return PS_OK;
}

static inline struct ps_exchange *make(const struct rig *r, struct ps_home *home, const char *body)
{
    struct ps_exchange *x;
    enum ps_status st = make_once(&x, r, home, body);
    if (t_refused(st))
        st = make_once(&x, r, home, body);
    T_EQ(st, PS_OK);
    return x;
}

static inline bool is_over(struct ps_exchange *x, size_t *unread_n, enum ps_status *st)
{
    pthread_mutex_lock(&x->home->lock);
    bool over = x->news.is_done;
    *unread_n = ps_buf_n(&x->news.body);
    *st = x->news.err.status;
    pthread_mutex_unlock(&x->home->lock);
    return over;
}

static inline size_t eat(struct ps_exchange *x)
{
    pthread_mutex_lock(&x->home->lock);
    size_t n = ps_buf_n(&x->news.body);
    ps_buf_consume(&x->news.body, n);
    pthread_mutex_unlock(&x->home->lock);
    ps_exchange_credit(x, n);
    return n;
}

/* Waits for the wake byte, then hands each ready exchange to `see`, as the Python home does. */
static inline void turn(struct ps_home *home, void (*see)(struct ps_exchange *x))
{
    struct ps_list batch;
    struct pollfd fd = {.fd = home->read_fd, .events = POLLIN};
    ps_list_init(&batch);
    T_CHECK(poll(&fd, 1, 60000) == 1);
    ps_home_clear_wake(home);
    ps_home_hold(home);
    struct ps_exchange *x;
    while ((x = ps_home_next(home, &batch)) != NULL) {
        see(x);
        ps_exchange_unref(x);
    }
    ps_home_release(home);
}

static _Thread_local char failure[256]; /* the last */
static _Thread_local size_t over_n, failed_n, refused_n, eaten_n;

static inline void count_from_zero(void)
{
    over_n = failed_n = refused_n = eaten_n = 0;
}

static inline void count_over(struct ps_exchange *x)
{
    size_t unread_n;
    enum ps_status st;
    eaten_n += eat(x);
    if (!is_over(x, &unread_n, &st) || x->user == NULL)
        return;
    x->user = NULL; /* counted */
    over_n++;
    if (t_refused(st))
        refused_n++;
    else
        failed_n += st != PS_OK;
    if (st != PS_OK)
        snprintf(failure, sizeof failure, "%s", x->news.err.text);
}

static inline void *ask_many(void *arg)
{
    struct rig *r = arg;
    struct ps_home *home = home_of(r, PS_HOME_LOOP);
    struct ps_err err;
    struct ps_exchange *asks[ASKS_N];
    size_t asks_n = t_is_swept() ? SWEPT_ASKS_N : ASKS_N;
    count_from_zero();
    for (size_t i = 0; i < asks_n; i++) {
        asks[i] = make(r, home, "hello");
        asks[i]->is_whole = i % 2;
        asks[i]->user = r;
        T_EQ(ps_exchange_start(asks[i], &err), PS_OK);
    }
    while (over_n < asks_n)
        turn(home, count_over);
    if (failed_n > 0)
        fprintf(stderr, "%s\n", failure);
    T_EQ(failed_n, 0);
    T_CHECK(eaten_n <= 2 * asks_n && eaten_n + 2 * refused_n >= 2 * asks_n);
    for (size_t i = 0; i < asks_n; i++)
        ps_exchange_unref(asks[i]);
    ps_home_close(home);
    ps_home_close(home);
    ps_home_unref(home);
    return NULL;
}

static inline bool is_done(const struct ps_exchange *x)
{
    return x->news.is_done;
}

#endif
