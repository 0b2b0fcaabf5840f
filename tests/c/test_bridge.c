/* The bridge: homes on threads of their own, the io thread between them and a peer. Run under TSan, too. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/bridge.h"
#include "fake_peer.h"
#include "t.h"

enum { HOMES_N = 4, ASKS_N = 40, BIG_BYTES = 3 * 1024 * 1024 };

static const struct ps_resolver_settings resolver = {
    .ttl_ms = 30000, .negative_ms = 1000, .stale_ms = 300000, .threads_n = 2};

struct rig {
    struct ps_bridge *bridge;
    struct ps_profile *profile;
    struct fake_peer *peer;
};

/* -- peers -- */

static void serve_ok(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)nth;
    (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL))
        fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void serve_silence(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p;
    (void)nth;
    (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
    }
}

static void serve_big(struct fake_peer *p, int fd, int nth, void *data)
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

static void rig_open(struct rig *r, fake_serve_fn serve)
{
    struct ps_err err;
    signal(SIGPIPE, SIG_IGN);
    r->peer = fake_peer_start(serve, NULL);
    T_EQ(ps_bridge_start(&r->bridge, &resolver, &err), PS_OK);
    r->profile = ps_profile_new();
    T_CHECK(r->profile != NULL);
}

static void rig_close(struct rig *r)
{
    struct ps_control *control = ps_malloc(sizeof *control);
    ps_bridge_close_profile(r->bridge, control, r->profile);
    ps_bridge_stop(r->bridge, 0);
    ps_bridge_stop(r->bridge, 0);
    T_EQ(ps_exchange_live_n(), 0);
    ps_bridge_free(r->bridge);
    fake_peer_stop(r->peer);
}

static struct ps_exchange *make(struct rig *r, struct ps_home *home, const char *body)
{
    char text[64];
    struct ps_url url;
    struct ps_err err;
    struct ps_exchange *x = ps_exchange_new(r->bridge, home);
    T_CHECK(x != NULL);
    snprintf(text, sizeof text, "http://127.0.0.1:%u/x", fake_peer_port(r->peer));
    T_EQ(ps_url_split(&url, ps_bytes_str(text), &err), PS_OK);
    T_EQ(ps_request_new(&x->spec.request, ps_bytes_str("POST"), &url, &err), PS_OK);
    x->spec.profile = r->profile;
    x->spec.port = url.port;
    x->host = ps_strndup("127.0.0.1", 9);
    enum ps_body_kind kind = PS_BODY_STREAM;
    if (body != NULL) {
        kind = PS_BODY_FIXED;
        x->spec.body = ps_chunk_new(strlen(body));
        memcpy(x->spec.body->data, body, strlen(body));
    }
    x->is_streamed = body == NULL;
    T_EQ(ps_request_seal(x->spec.request, kind, body == NULL ? 0 : strlen(body), &err), PS_OK);
    return x;
}

static bool is_over(struct ps_exchange *x, size_t *unread_n, enum ps_status *st)
{
    pthread_mutex_lock(&x->home->lock);
    bool over = x->news.is_done;
    *unread_n = ps_buf_n(&x->news.body);
    *st = x->news.err.status;
    pthread_mutex_unlock(&x->home->lock);
    return over;
}

static size_t eat(struct ps_exchange *x)
{
    pthread_mutex_lock(&x->home->lock);
    size_t n = ps_buf_n(&x->news.body);
    ps_buf_consume(&x->news.body, n);
    pthread_mutex_unlock(&x->home->lock);
    ps_exchange_credit(x, n);
    return n;
}

/* Waits for the wake byte, then hands each ready exchange to `see`, as the Python home does. */
static void turn(struct ps_home *home, void (*see)(struct ps_exchange *x))
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

/* -- many homes -- */

static _Thread_local size_t over_n, failed_n, eaten_n;

static void count_over(struct ps_exchange *x)
{
    size_t unread_n;
    enum ps_status st;
    eaten_n += eat(x);
    if (!is_over(x, &unread_n, &st) || x->user == NULL)
        return;
    x->user = NULL; /* counted */
    over_n++;
    failed_n += st != PS_OK;
}

static void *ask_many(void *arg)
{
    struct rig *r = arg;
    struct ps_home *home;
    struct ps_err err;
    struct ps_exchange *asks[ASKS_N];
    over_n = failed_n = eaten_n = 0;
    T_EQ(ps_home_new(&home, r->bridge, PS_HOME_LOOP, &err), PS_OK);
    for (int i = 0; i < ASKS_N; i++) {
        asks[i] = make(r, home, "hello");
        asks[i]->is_whole = i % 2;
        asks[i]->user = r;
        T_EQ(ps_exchange_start(asks[i], &err), PS_OK);
    }
    while (over_n < ASKS_N)
        turn(home, count_over);
    T_EQ(failed_n, 0);
    T_EQ(eaten_n, 2 * ASKS_N);
    for (int i = 0; i < ASKS_N; i++)
        ps_exchange_unref(asks[i]);
    ps_home_close(home);
    ps_home_close(home);
    ps_home_unref(home);
    return NULL;
}

static void *look_at_stats(void *arg)
{
    struct rig *r = arg;
    for (int i = 0; i < 50; i++) {
        struct ps_stats *stats;
        T_EQ(ps_bridge_stats(r->bridge, r->profile, &stats), PS_OK);
        ps_stats_free(stats);
    }
    return NULL;
}

static void several_homes_share_one_thread(void)
{
    struct rig r;
    pthread_t threads[HOMES_N], looker;
    rig_open(&r, serve_ok);
    r.profile->settings.max_per_origin_n = 8;
    for (int i = 0; i < HOMES_N; i++)
        pthread_create(&threads[i], NULL, ask_many, &r);
    pthread_create(&looker, NULL, look_at_stats, &r);
    for (int i = 0; i < HOMES_N; i++)
        pthread_join(threads[i], NULL);
    pthread_join(looker, NULL);
    rig_close(&r);
}

/* -- backpressure -- */

static void a_slow_reader_bounds_memory(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_big);
    r.profile->settings.conn.codec.window_bytes = 65536;
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, "hello");
    x->user = &r;
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    over_n = eaten_n = failed_n = 0;
    while (over_n == 0) {
        size_t unread_n;
        enum ps_status st;
        is_over(x, &unread_n, &st);
        T_CHECK(unread_n <= 65536 + PS_SOCK_READ_BYTES);
        turn(home, count_over);
    }
    T_EQ(failed_n, 0);
    T_EQ(eaten_n, BIG_BYTES);
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
}

/* -- uploads -- */

static void uploads_arrive_in_pieces(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_ok);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, NULL);
    x->user = &r;
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    for (int i = 0; i < 200; i++)
        T_EQ(ps_exchange_upload(x, ps_bytes_str("a piece of the body"), i == 199), PS_OK);
    over_n = failed_n = 0;
    while (over_n == 0)
        turn(home, count_over);
    T_EQ(failed_n, 0);
    T_EQ(x->news.timings.body_out_bytes, 200 * strlen("a piece of the body"));
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
}

/* -- blocking -- */

static bool is_done(const struct ps_exchange *x)
{
    return x->news.is_done;
}

static void a_blocking_consumer_waits(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_ok);
    for (int i = 0; i < 20; i++) {
        T_EQ(ps_home_new(&home, r.bridge, PS_HOME_THREAD, &err), PS_OK);
        struct ps_exchange *x = make(&r, home, "hello");
        x->is_whole = true;
        ps_home_unref(home);
        T_EQ(ps_exchange_start(x, &err), PS_OK);
        T_CHECK(ps_exchange_wait(x, is_done, 60000));
        T_EQ(x->news.err.status, PS_OK);
        T_EQ(x->news.head->status, 200);
        ps_exchange_unref(x);
    }
    rig_close(&r);
}

static void a_blocking_wait_ends_without_news(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_silence);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_THREAD, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, "hello");
    ps_home_unref(home);
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    T_CHECK(!ps_exchange_wait(x, is_done, 1));
    ps_exchange_cancel(x);
    T_CHECK(ps_exchange_wait(x, is_done, 60000));
    T_EQ(x->news.err.status, PS_CANCELLED);
    ps_exchange_unref(x);
    rig_close(&r);
}

/* -- cancel -- */

static void cancels_at_any_moment(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_big);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    for (int i = 0; i < 100; i++) {
        struct ps_exchange *x = make(&r, home, "hello");
        x->user = &r;
        T_EQ(ps_exchange_start(x, &err), PS_OK);
        if (i % 3 == 1)
            turn(home, count_over);
        if (i % 3 == 2)
            ps_exchange_credit(x, 1);
        if (i % 2)
            ps_exchange_cancel(x);
        ps_exchange_forget(x);
        ps_exchange_forget(x);
        ps_exchange_unref(x);
    }
    ps_home_unref(home);
    rig_close(&r);
}

/* -- stop -- */

static void stop_answers_every_post(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    struct ps_exchange *asks[20];
    struct ps_exchange *late;
    rig_open(&r, serve_silence);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    for (int i = 0; i < 20; i++) {
        asks[i] = make(&r, home, "hello");
        asks[i]->user = &r;
        T_EQ(ps_exchange_start(asks[i], &err), PS_OK);
    }
    late = make(&r, home, "hello");
    ps_bridge_stop(r.bridge, 0);
    over_n = failed_n = 0;
    while (over_n < 20)
        turn(home, count_over);
    T_EQ(failed_n, 20);
    T_EQ(asks[19]->news.err.status, PS_CLOSED);
    T_EQ(ps_exchange_start(late, &err), PS_CLOSED);
    ps_exchange_unref(late);
    for (int i = 0; i < 20; i++)
        ps_exchange_unref(asks[i]);
    ps_home_unref(home);
    rig_close(&r);
}

static void a_closed_home_gets_no_news(void)
{
    struct rig r;
    struct ps_home *home;
    struct ps_err err;
    rig_open(&r, serve_ok);
    T_EQ(ps_home_new(&home, r.bridge, PS_HOME_LOOP, &err), PS_OK);
    struct ps_exchange *x = make(&r, home, "hello");
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    ps_home_close(home);
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
}

static enum ps_status start_scenario(void)
{
    struct ps_bridge *b;
    struct ps_err err;
    enum ps_status st = ps_bridge_start(&b, &resolver, &err);
    if (st != PS_OK)
        return st;
    ps_bridge_stop(b, 0);
    ps_bridge_free(b);
    return PS_OK;
}

static void starting_survives_each_allocation_failure(void)
{
    t_each_alloc(start_scenario);
}

static const struct t_test tests[] = {
    {"several_homes_share_one_thread", several_homes_share_one_thread},
    {"a_slow_reader_bounds_memory", a_slow_reader_bounds_memory},
    {"uploads_arrive_in_pieces", uploads_arrive_in_pieces},
    {"a_blocking_consumer_waits", a_blocking_consumer_waits},
    {"a_blocking_wait_ends_without_news", a_blocking_wait_ends_without_news},
    {"cancels_at_any_moment", cancels_at_any_moment},
    {"stop_answers_every_post", stop_answers_every_post},
    {"a_closed_home_gets_no_news", a_closed_home_gets_no_news},
    {"starting_survives_each_allocation_failure", starting_survives_each_allocation_failure},
};

T_MAIN(tests)
