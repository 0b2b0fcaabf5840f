/* The bridge: homes on threads of their own, the io thread between them and a peer; each test with
 * each allocation refused as well, on whichever thread it falls. Run under TSan, too. */
#include "bridge_rig.h"

static int step_pipe[2]; /* a byte lets a peer go on */

/* A head, a pause until the client sends one byte more, the body. */
static void serve_in_two_steps(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096], byte;
    (void)p;
    (void)nth;
    (void)data;
    if (!fake_peer_read_request(fd, head, sizeof head, NULL))
        return;
    fake_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    T_CHECK(read(step_pipe[0], &byte, 1) == 1);
    fake_peer_write(fd, "ok");
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
    }
}

/* Reads nothing until it may go on. */
static void serve_late(struct fake_peer *p, int fd, int nth, void *data)
{
    char byte;
    T_CHECK(read(step_pipe[0], &byte, 1) == 1);
    serve_ok(p, fd, nth, data);
}

/* -- many homes -- */

static void *look_at_stats(void *arg)
{
    struct rig *r = arg;
    for (int i = 0; i < (t_is_swept() ? 2 : 50); i++) {
        struct ps_stats *stats;
        enum ps_status st = ps_bridge_stats(r->bridge, r->profile, &stats);
        if (t_refused(st))
            st = ps_bridge_stats(r->bridge, r->profile, &stats);
        T_EQ(st, PS_OK);
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
    struct ps_err err;
    rig_open(&r, serve_big);
    r.profile->settings.conn.codec.window_bytes = 65536;
    struct ps_home *home = home_of(&r, PS_HOME_LOOP);
    struct ps_exchange *x = make(&r, home, "hello");
    x->user = &r;
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    count_from_zero();
    while (over_n == 0) {
        size_t unread_n;
        enum ps_status st;
        is_over(x, &unread_n, &st);
        T_CHECK(unread_n <= 65536 + PS_SOCK_READ_BYTES);
        turn(home, count_over);
    }
    T_EQ(failed_n, 0);
    T_CHECK(eaten_n == BIG_BYTES || refused_n > 0);
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
}

/* -- uploads -- */

static void upload(struct ps_exchange *x, struct ps_bytes piece, bool end)
{
    enum ps_status st = ps_exchange_upload(x, piece, end);
    if (t_refused(st))
        st = ps_exchange_upload(x, piece, end);
    T_EQ(st, PS_OK);
}

/* The end of an upload: all of it went out, or a refused allocation ended the request. */
static void until_uploaded(struct ps_home *home, const struct ps_exchange *x, size_t bytes_n)
{
    count_from_zero();
    while (over_n == 0)
        turn(home, count_over);
    T_EQ(failed_n, 0);
    T_CHECK(refused_n > 0 || x->news.timings.body_out_bytes == bytes_n);
}

static void uploads_arrive_in_pieces(void)
{
    struct rig r;
    struct ps_err err;
    rig_open(&r, serve_ok);
    struct ps_home *home = home_of(&r, PS_HOME_LOOP);
    struct ps_exchange *x = make(&r, home, NULL);
    x->user = &r;
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    for (int i = 0; i < 200; i++)
        upload(x, ps_bytes_str("a piece of the body"), i == 199);
    until_uploaded(home, x, 200 * strlen("a piece of the body"));
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
}

static void until_upload_begins(struct ps_exchange *x)
{
    for (bool begun = false; !begun;) {
        pthread_mutex_lock(&x->home->lock);
        begun = x->news.upload_taken_n > 0 || x->news.is_done;
        pthread_mutex_unlock(&x->home->lock);
    }
}

/* The first piece is more than the kernel takes for a peer that does not read, so the second has to
 * be joined to its rest, on the io side. */
static void uploads_pile_up_before_the_wire(void)
{
    static const uint8_t piece[8 * 1024 * 1024];
    struct rig r;
    struct ps_err err;
    T_CHECK(pipe(step_pipe) == 0);
    rig_open(&r, serve_late);
    struct ps_home *home = home_of(&r, PS_HOME_LOOP);
    struct ps_exchange *x = make(&r, home, NULL);
    x->user = &r;
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    upload(x, ps_bytes_of(piece, sizeof piece), false);
    until_upload_begins(x);
    upload(x, ps_bytes_of(piece, sizeof piece), true);
    T_CHECK(write(step_pipe[1], "!", 1) == 1);
    until_uploaded(home, x, 2 * sizeof piece);
    ps_exchange_unref(x);
    ps_home_unref(home);
    rig_close(&r);
    close(step_pipe[0]);
    close(step_pipe[1]);
}

/* -- blocking -- */

/* Did the request come to `wanted`? False when a refused allocation ended it. */
static bool came_to(const struct ps_exchange *x, enum ps_status wanted)
{
    if (t_refused(x->news.err.status))
        return false;
    T_EQ(x->news.err.status, wanted);
    return true;
}

static void a_blocking_consumer_waits(void)
{
    struct rig r;
    struct ps_err err;
    rig_open(&r, serve_ok);
    for (int i = 0; i < 20; i++) {
        struct ps_home *home = home_of(&r, PS_HOME_THREAD);
        struct ps_exchange *x = make(&r, home, "hello");
        x->is_whole = true;
        ps_home_unref(home);
        T_EQ(ps_exchange_start(x, &err), PS_OK);
        T_CHECK(ps_exchange_wait(x, is_done, 60000));
        if (came_to(x, PS_OK))
            T_EQ(x->news.head->status, 200);
        ps_exchange_unref(x);
    }
    rig_close(&r);
}

static void a_blocking_wait_ends_without_news(void)
{
    struct rig r;
    struct ps_err err;
    rig_open(&r, serve_silence);
    struct ps_home *home = home_of(&r, PS_HOME_THREAD);
    struct ps_exchange *x = make(&r, home, "hello");
    ps_home_unref(home);
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    T_CHECK(!ps_exchange_wait(x, is_done, 1) || x->news.err.status == PS_NOMEM);
    ps_exchange_cancel(x);
    T_CHECK(ps_exchange_wait(x, is_done, 60000));
    came_to(x, PS_CANCELLED);
    ps_exchange_unref(x);
    rig_close(&r);
}

static bool has_head(const struct ps_exchange *x)
{
    return x->news.head_seen;
}

/* The head was seen without a wait, so the exchange is still linked when the wait for the body begins: its
 * news must be announced all the same. Without that this test hangs. */
static void news_of_an_exchange_that_is_still_linked(void)
{
    struct rig r;
    struct ps_err err;
    T_CHECK(pipe(step_pipe) == 0);
    rig_open(&r, serve_in_two_steps);
    struct ps_home *home = home_of(&r, PS_HOME_THREAD);
    struct ps_exchange *x = make(&r, home, "hello");
    ps_home_unref(home);
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    for (bool seen = false; !seen;) {
        pthread_mutex_lock(&x->home->lock);
        seen = is_done(x) || (has_head(x) && ps_node_linked(&x->ready_node));
        pthread_mutex_unlock(&x->home->lock);
    }
    T_CHECK(!ps_exchange_wait(x, is_done, 1) || x->news.err.status == PS_NOMEM);
    T_CHECK(write(step_pipe[1], "!", 1) == 1);
    T_CHECK(ps_exchange_wait(x, is_done, UINT32_MAX));
    came_to(x, PS_OK);
    ps_exchange_unref(x);
    rig_close(&r);
    close(step_pipe[0]);
    close(step_pipe[1]);
}

static void *cancel_it(void *arg)
{
    ps_exchange_cancel(arg);
    return NULL;
}

static void a_cancel_from_elsewhere_ends_a_wait(void)
{
    struct rig r;
    struct ps_err err;
    pthread_t thread;
    rig_open(&r, serve_silence);
    struct ps_home *home = home_of(&r, PS_HOME_THREAD);
    struct ps_exchange *x = make(&r, home, "hello");
    ps_home_unref(home);
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    pthread_create(&thread, NULL, cancel_it, x);
    T_CHECK(ps_exchange_wait(x, is_done, UINT32_MAX));
    came_to(x, PS_CANCELLED);
    pthread_join(thread, NULL);
    ps_exchange_unref(x);
    rig_close(&r);
}

static const struct t_test tests[] = {
    {"several_homes_share_one_thread", several_homes_share_one_thread},
    {"a_slow_reader_bounds_memory", a_slow_reader_bounds_memory},
    {"uploads_arrive_in_pieces", uploads_arrive_in_pieces},
    {"uploads_pile_up_before_the_wire", uploads_pile_up_before_the_wire},
    {"a_blocking_consumer_waits", a_blocking_consumer_waits},
    {"a_blocking_wait_ends_without_news", a_blocking_wait_ends_without_news},
    {"news_of_an_exchange_that_is_still_linked", news_of_an_exchange_that_is_still_linked},
    {"a_cancel_from_elsewhere_ends_a_wait", a_cancel_from_elsewhere_ends_a_wait},
};

T_MAIN_SWEPT(tests)
