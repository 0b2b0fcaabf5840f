/* The bridge: homes on threads of their own that share one HTTP/2 connection, libnghttp2 on the
 * peer's side. Run under TSan, too. */
#include "bridge_rig.h"
#include "fake_h2.h"

enum {
    SHARERS_N = 2, /* together they ask for less than the 100 streams of a first connection */
    PIECES_N = 50,
    PIECE_BYTES = 1000
};

struct shared {
    struct rig rig;
    struct fake_h2 *h2;
};

static void open_shared(struct shared *s, const struct fake_h2_wants *wants)
{
    s->h2 = fake_h2_start(wants);
    rig_open_to(&s->rig, s->h2->peer);
    s->rig.profile->settings.conn.http2 = PS_HTTP2_PRIOR;
}

static void close_shared(struct shared *s)
{
    rig_stop(&s->rig);
    T_EQ(ps_exchange_live_n(), 0);
    ps_bridge_free(s->rig.bridge);
    fake_h2_stop(s->h2);
}

static void run_on_threads(void *(*run)(void *arg), struct shared *s, pthread_t *threads)
{
    for (int i = 0; i < SHARERS_N; i++)
        T_EQ(pthread_create(&threads[i], NULL, run, &s->rig), 0);
}

static void join(const pthread_t *threads)
{
    for (int i = 0; i < SHARERS_N; i++)
        pthread_join(threads[i], NULL);
}

static void homes_share_one_connection(void)
{
    static const struct fake_h2_wants wants = {.then = {.deed = FAKE_H2_ANSWER}};
    struct shared s;
    pthread_t threads[SHARERS_N];
    open_shared(&s, &wants);
    run_on_threads(ask_many, &s, threads);
    join(threads);
    T_EQ(atomic_load(&s.h2->requests_n), SHARERS_N * ASKS_N);
    T_EQ(atomic_load(&s.h2->by_conn[0]), SHARERS_N * ASKS_N);
    close_shared(&s);
}

/* -- uploads, credits and cancels at once -- */

static void upload_pieces(struct ps_exchange *x)
{
    static const uint8_t piece[PIECE_BYTES];
    for (int i = 0; i < PIECES_N; i++)
        T_EQ(ps_exchange_upload(x, ps_bytes_of(piece, sizeof piece), i == PIECES_N - 1), PS_OK);
}

/* Which of a home's requests is what. */
static bool is_upload(size_t i)
{
    return i % 4 == 1;
}

static bool is_cancelled(size_t i)
{
    return i % 4 == 2;
}

static bool is_forgotten(size_t i)
{
    return i % 4 == 3;
}

static _Thread_local size_t ok_n, cancelled_n;

static void count_ends(struct ps_exchange *x)
{
    size_t unread_n;
    enum ps_status st;
    eaten_n += eat(x);
    if (!is_over(x, &unread_n, &st) || x->user == NULL)
        return;
    x->user = NULL;
    T_CHECK(st == PS_OK || st == PS_CANCELLED);
    ok_n += st == PS_OK;
    cancelled_n += st == PS_CANCELLED;
}

static struct ps_exchange *begin(struct rig *r, struct ps_home *home, size_t i)
{
    struct ps_err err;
    struct ps_exchange *x = make(r, home, is_upload(i) ? NULL : "hello");
    x->user = r;
    T_EQ(ps_exchange_start(x, &err), PS_OK);
    if (is_upload(i))
        upload_pieces(x);
    if (is_cancelled(i) && i % 8 < 4)
        turn(home, count_ends); /* others' news: it is on its way by then */
    if (is_cancelled(i))
        ps_exchange_cancel(x);
    if (is_forgotten(i))
        ps_exchange_forget(x);
    return x;
}

static void *ask_and_give_up(void *arg)
{
    struct rig *r = arg;
    struct ps_home *home = home_of(r, PS_HOME_LOOP);
    struct ps_exchange *asks[ASKS_N];
    ok_n = cancelled_n = 0;
    for (size_t i = 0; i < ASKS_N; i++)
        asks[i] = begin(r, home, i);
    while (ok_n + cancelled_n < ASKS_N - ASKS_N / 4)
        turn(home, count_ends);
    T_CHECK(ok_n >= ASKS_N / 2 && cancelled_n <= ASKS_N / 4);
    for (size_t i = 0; i < ASKS_N; i++)
        ps_exchange_unref(asks[i]);
    ps_home_close(home);
    ps_home_unref(home);
    return NULL;
}

static void uploads_and_cancels_side_by_side(void)
{
    static const struct fake_h2_wants wants = {.then = {.deed = FAKE_H2_ANSWER}};
    struct shared s;
    pthread_t threads[SHARERS_N];
    open_shared(&s, &wants);
    run_on_threads(ask_and_give_up, &s, threads);
    join(threads);
    T_CHECK(atomic_load(&s.h2->body_bytes) >= SHARERS_N * ASKS_N / 4 * PIECES_N * PIECE_BYTES);
    close_shared(&s);
}

/* -- GOAWAY and the end -- */

/* What a GOAWAY does not cover goes to the next connection. */
static void a_goaway_beside_requests_loses_none(void)
{
    static const struct fake_h2_wants wants = {.then = {.deed = FAKE_H2_ANSWER}};
    static const struct fake_h2_order goaway = {.kind = FAKE_H2_DO_GOAWAY, .id = 0x7fffffff};
    struct shared s;
    pthread_t threads[SHARERS_N];
    open_shared(&s, &wants);
    run_on_threads(ask_many, &s, threads);
    while (atomic_load(&s.h2->requests_n) < ASKS_N)
        sched_yield();
    fake_h2_tell(s.h2, &goaway);
    join(threads);
    T_EQ(atomic_load(&s.h2->requests_n), SHARERS_N * ASKS_N);
    close_shared(&s);
}

/* Whole requests and half an upload, all of which the peer holds back. */
static void *ask_in_vain(void *arg)
{
    struct rig *r = arg;
    struct ps_home *home = home_of(r, PS_HOME_LOOP);
    struct ps_exchange *asks[ASKS_N];
    struct ps_err err;
    count_from_zero();
    for (size_t i = 0; i < ASKS_N; i++) {
        asks[i] = make(r, home, is_upload(i) ? NULL : "hello");
        asks[i]->user = r;
        T_EQ(ps_exchange_start(asks[i], &err), PS_OK);
        if (is_upload(i))
            T_EQ(ps_exchange_upload(asks[i], ps_bytes_str("half of it"), false), PS_OK);
    }
    while (over_n < ASKS_N)
        turn(home, count_over);
    T_EQ(failed_n, ASKS_N);
    for (size_t i = 0; i < ASKS_N; i++) {
        T_EQ(asks[i]->news.err.status, PS_CLOSED);
        ps_exchange_unref(asks[i]);
    }
    ps_home_unref(home);
    return NULL;
}

static void stop_ends_what_the_peer_holds(void)
{
    static const struct fake_h2_wants wants = {.then = {.deed = FAKE_H2_HOLD}};
    struct shared s;
    pthread_t threads[SHARERS_N];
    open_shared(&s, &wants);
    run_on_threads(ask_in_vain, &s, threads);
    while (atomic_load(&s.h2->requests_n) < SHARERS_N * ASKS_N)
        sched_yield();
    ps_bridge_stop(s.rig.bridge, 0);
    join(threads);
    close_shared(&s);
}

static const struct t_test tests[] = {
    {"homes_share_one_connection", homes_share_one_connection},
    {"uploads_and_cancels_side_by_side", uploads_and_cancels_side_by_side},
    {"a_goaway_beside_requests_loses_none", a_goaway_beside_requests_loses_none},
    {"stop_ends_what_the_peer_holds", stop_ends_what_the_peer_holds},
};

T_MAIN(tests)
