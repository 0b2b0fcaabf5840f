/* An engine with its pool and connections against peers that send any bytes, in virtual time and on
 * one thread: connections go to a Unix socket of ours with prior knowledge of HTTP/2, and the input
 * chooses requests, cancels, credits, uploads, the peers' frames, how long nothing happens, and
 * when they read, hang up or fall silent. Whatever comes: no crash, no leak, each request ends
 * once, told in order, and once the peers close all that comes, every request ends. */
#define _GNU_SOURCE /* accept4 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "h2_input.h"
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MOST_BYTES = 4096,
    MOST_PEERS = 16,
    MOST_ASKS = 24,
    MOST_AFTER = 4, /* requests started by the end of others */
    END_TURNS = 2000,
};

struct world {
    struct rig *r;
    struct input *in;
    int listener;
    int peers[MOST_PEERS]; /* -1: hung up */
    size_t peers_n;
    bool closes_all; /* peers hang up at once */
    bool is_headed[RIG_ASKS_MAX], refuses[RIG_ASKS_MAX];
    size_t after_n;
};

static struct world *world; /* the one that runs: on_done has no other way to it */

static int listen_at(char path[64])
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(path, 64, "@penstock-fuzz-%d", (int)getpid());
    memcpy(at.sun_path + 1, path + 1, strlen(path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    T_CHECK(fd >= 0);
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    T_EQ(bind(fd, (const struct sockaddr *)&at, n), 0);
    T_EQ(listen(fd, 64), 0);
    return fd;
}

/* -- what requests are told -- */

static size_t index_of(const struct ask *a)
{
    return (size_t)(a - world->r->asks);
}

static enum ps_status on_info(void *owner, struct ps_head *given, struct ps_err *err)
{
    T_CHECK(!world->is_headed[index_of(owner)]);
    return rig_on_info(owner, given, err);
}

static enum ps_status on_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    T_CHECK(!world->is_headed[index_of(owner)]);
    world->is_headed[index_of(owner)] = true;
    return rig_on_head(owner, given, err);
}

static enum ps_status on_body(void *owner, struct ps_bytes view, struct ps_err *err)
{
    T_CHECK(world->is_headed[index_of(owner)]);
    if (world->refuses[index_of(owner)])
        return ps_err_set(err, PS_LIMIT, PS_PHASE_BODY, "it does not want that");
    return rig_on_body(owner, view, err);
}

static enum ps_status on_trailers(void *owner, struct ps_head *given, struct ps_err *err)
{
    T_CHECK(world->is_headed[index_of(owner)]);
    return rig_on_trailers(owner, given, err);
}

static const struct ps_call_ops ops = {.on_info = on_info,
                                       .on_head = on_head,
                                       .on_body = on_body,
                                       .on_trailers = on_trailers,
                                       .body_peek = rig_body_peek,
                                       .body_taken = rig_body_taken,
                                       .on_done = rig_on_done};

/* -- what happens to requests -- */

static void ask(struct world *w)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "POST"};
    struct ask *a;
    uint8_t choice = take(w->in), clock = take(w->in);
    struct rig_want want = {.method = methods[choice % 4], .port = 80};
    if (w->r->asks_n == MOST_ASKS)
        return;
    want.body_n = choice % 4 == 2 ? 1 + clock * 100u : 0;
    want.is_streamed = choice % 4 == 3;
    want.expect_continue = choice & 4 && choice % 4 > 1;
    want.counts_credit = choice & 8;
    T_EQ(rig_ask(w->r, &want, &a), PS_OK);
    a->up_n = choice & 16 ? clock : 0;
    a->up_end = choice & 32;
    w->refuses[index_of(a)] = choice >= 224;
    if (clock >= 128)
        a->spec.clocks_ms[clock % PS_CLOCKS_N] = 1 + (clock - 128) * 100u;
    ps_call_start(&a->call, w->r->engine, &a->spec, &ops, a);
}

static struct ask *running(struct world *w)
{
    size_t n = w->r->asks_n;
    struct ask *a = n == 0 ? NULL : &w->r->asks[take(w->in) % n];
    return a == NULL || a->is_done ? NULL : a;
}

static void cancel(struct ask *a)
{
    if (a != NULL)
        rig_cancel(a);
}

static void credit(struct ask *a)
{
    if (a != NULL && !a->spec.auto_credit && a->call.unread_n > 0)
        ps_call_credit(&a->call, 1 + a->call.unread_n / 2);
}

static void upload(struct world *w, struct ask *a)
{
    uint8_t choice = take(w->in);
    if (a == NULL || a->up_end)
        return;
    a->up_n += choice * 300u;
    a->up_end = choice % 8 == 0;
    ps_call_kick(&a->call);
}

/* The end of one request brings another, and perhaps the end of a third. */
static void after(struct ask *a)
{
    struct world *w = world;
    if (w->r->engine->is_stopping || w->after_n++ >= MOST_AFTER)
        return;
    if (take(w->in) % 2 == 0)
        ask(w);
    struct ask *other = running(w);
    if (other != a && take(w->in) % 4 == 0)
        cancel(other);
}

/* -- what peers do -- */

static void accept_all(struct world *w)
{
    for (;;) {
        int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (w->closes_all || w->peers_n == MOST_PEERS)
            close(fd);
        else
            w->peers[w->peers_n++] = fd;
    }
}

static int *peer(struct world *w)
{
    static int none;
    none = -1;
    return w->peers_n == 0 ? &none : &w->peers[take(w->in) % w->peers_n];
}

static void hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* What the kernel takes of it. */
static void say(int fd, const struct h2_wire *bytes)
{
    if (fd >= 0 && bytes->n > 0)
        (void)!send(fd, bytes->p, bytes->n, MSG_NOSIGNAL);
}

static void read_all(int fd)
{
    static uint8_t scratch[65536];
    while (fd >= 0 && recv(fd, scratch, sizeof scratch, 0) > 0) {
    }
}

static void put_answer(struct h2_wire *w, struct input *in)
{
    uint8_t choice = take(in);
    uint32_t id = choice % 16 | 1u;
    h2_headers(w, id, choice & 16 ? END_STREAM : 0, ":status=200\n");
    h2_data(w, id, choice & 32 ? 0 : END_STREAM, "hello");
}

static void put(struct h2_wire *w, struct input *in, uint8_t what)
{
    if (what == 8) {
        h2_settings(w, 0, 0);
        h2_frame(w, F_SETTINGS, ACK, 0, NULL, 0);
    } else if (what == 9) {
        put_answer(w, in);
    } else if (what == 14) {
        put_raw(w, in);
    } else {
        for (int left = what - 9; left > 0; left--)
            put_frame(w, in);
    }
}

static void speak(struct world *w, uint8_t what)
{
    struct h2_wire bytes = {0};
    int fd = *peer(w);
    put(&bytes, w->in, what);
    say(fd, &bytes);
    h2_wire_free(&bytes);
}

/* -- the run -- */

static void turn(struct world *w)
{
    for (int left = 3; left > 0; left--) {
        uv_run(&w->r->loop, UV_RUN_NOWAIT);
        accept_all(w);
    }
}

static void look(const struct world *w)
{
    const struct ps_pool *p = &w->r->profile->pool;
    if (w->r->profile->engine == NULL)
        return;
    T_CHECK(p->leaving_n + p->draining_n <= p->conns_n);
    T_CHECK(p->conns_n - p->leaving_n - p->draining_n <= p->settings.max_per_origin_n);
    for (size_t i = 0; i < w->r->asks_n; i++) {
        const struct ps_call *c = &w->r->asks[i].call;
        T_CHECK(w->r->asks[i].is_done == (c->state == PS_CALL_DONE));
        bool ends_soon = c->late.status != PS_OK;
        T_CHECK(c->state != PS_CALL_RUN || c->stream.conn != NULL || ends_soon);
        T_CHECK(c->state != PS_CALL_QUEUE || c->waiter.origin != NULL || ends_soon);
    }
}

static void act(struct world *w)
{
    uint8_t what = take(w->in) % 16;
    int *fd;
    switch (what) {
    case 0:
    case 1:
        ask(w);
        break;
    case 2:
        cancel(running(w));
        break;
    case 3:
        credit(running(w));
        break;
    case 4:
        upload(w, running(w));
        break;
    case 5:
        ps_clock_skip(&w->r->engine->clock, take_u32(w->in) * 10u % 700000u);
        break;
    case 6:
        hang_up(peer(w));
        break;
    case 7:
        read_all(*peer(w));
        break;
    case 15:
        fd = peer(w);
        if (*fd >= 0)
            shutdown(*fd, SHUT_WR);
        break;
    default:
        speak(w, what);
        break;
    }
}

/* Nobody waits for a peer that is gone. */
static void end_all(struct world *w)
{
    w->closes_all = true;
    for (size_t i = 0; i < w->peers_n; i++)
        hang_up(&w->peers[i]);
    for (int left = END_TURNS; w->r->done_n < w->r->asks_n; left--) {
        T_CHECK(left > 0);
        turn(w);
        look(w);
        ps_clock_skip(&w->r->engine->clock, 1000);
    }
}

static void set_up(struct world *w, const char *path, uint8_t choice)
{
    struct ps_pool_settings *s = &w->r->profile->settings;
    s->conn.http2 = PS_HTTP2_PRIOR;
    s->max_per_origin_n = choice & 1 ? 2 : 100;
    s->is_strict = choice & 2;
    s->conn.codec.window_bytes = choice & 4 ? 256 : 65536;
    if (choice & 8)
        s->conn.codec.head = (struct ps_head_limits){.bytes = 512, .fields_n = 6};
    s->age_ms = choice & 16 ? 20000 : 0;
    if (choice & 32)
        w->r->after = after;
    T_EQ(ps_profile_set_uds(w->r->profile, path), PS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char path[64];
    static int listener = -1;
    static struct world w;
    if (listener < 0)
        listener = listen_at(path);
    struct input in = {data, n < MOST_BYTES ? n : MOST_BYTES};
    w = (struct world){.in = &in, .listener = listener, .r = rig_open()};
    world = &w;
    T_CHECK(w.r != NULL);
    uint8_t choice = take(&in);
    set_up(&w, path, choice);
    while (in.n > 0) {
        act(&w);
        turn(&w);
        look(&w);
    }
    if (choice & 64)
        end_all(&w);
    if (choice & 128) { /* what runs may end by itself, but not for ever */
        ps_engine_stop(w.r->engine, 5000);
        turn(&w);
        ps_clock_skip(&w.r->engine->clock, 5001);
        for (int left = 50; w.r->done_n < w.r->asks_n; left--) { /* holds end by a timer of their own */
            T_CHECK(left > 0);
            turn(&w);
            ps_clock_skip(&w.r->engine->clock, 1);
        }
    }
    rig_close(w.r);
    w.closes_all = true;
    accept_all(&w);
    for (size_t i = 0; i < w.peers_n; i++)
        hang_up(&w.peers[i]);
    T_EQ(ps_mem_live_n(), 0);
    return 0;
}
