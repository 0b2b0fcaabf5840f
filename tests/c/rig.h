/* tests/c/rig.h -- an engine on a plain loop, calls that note what came of them, and peers' scripts.
 * A test makes a rig, asks, waits, looks, and closes the rig, which must leave an empty loop. Nothing
 * here sleeps: waiting means running the loop until something is so; peers and test meet at flags. */
#ifndef PS_TEST_RIG_H
#define PS_TEST_RIG_H

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "engine/call.h"
#include "fake_peer.h"
#include "t_lame.h"

enum { RIG_ASKS_MAX = 64, RIG_BODY_KEPT_BYTES = 4096 };

struct rig;

/* One call and what came of it. */
struct ask {
    struct rig *rig;
    struct ps_call call;
    struct ps_call_spec spec;
    char body[RIG_BODY_KEPT_BYTES]; /* the beginning of the response body */
    size_t body_n;                  /* all of it */
    int status, infos_n;
    bool is_done;
    struct ps_err err;
    /* a streamed request body: `up_n` bytes may go now, from a buffer of the rig */
    size_t up_n, up_taken_n;
    bool up_end;
};

struct rig {
    uv_loop_t loop;
    struct ps_engine *engine;
    struct ps_profile *profile;
    struct ask asks[RIG_ASKS_MAX];
    size_t asks_n, done_n;
    char up[65536];
    void (*after)(struct ask *a); /* called when a call is over */
};

/* Where peer and test meet. */
static inline void rig_set(atomic_int *flag)
{
    atomic_fetch_add(flag, 1);
}

static inline void rig_await(atomic_int *flag, int n)
{
    for (size_t turns_n = 0; atomic_load(flag) < n && !t_gives_up(turns_n); turns_n++)
        sched_yield();
}

/* Runs the loop until `cond`; never blocks in poll, so a condition that other threads make is seen. */
#define RIG_UNTIL(r, cond)                                                                         \
    do {                                                                                           \
        for (size_t turns_n = 0; !(cond) && !t_gives_up(turns_n); turns_n++) {                     \
            uv_run(&(r)->loop, UV_RUN_NOWAIT);                                                     \
            sched_yield();                                                                         \
        }                                                                                          \
    } while (0)

static inline enum ps_status rig_on_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ask *a = owner;
    (void)err;
    a->status = given->status;
    ps_head_free(given);
    return PS_OK;
}

static inline enum ps_status rig_on_info(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ask *a = owner;
    (void)err;
    a->infos_n++;
    ps_head_free(given);
    return PS_OK;
}

static inline enum ps_status rig_on_trailers(void *owner, struct ps_head *given, struct ps_err *err)
{
    (void)owner;
    (void)err;
    ps_head_free(given);
    return PS_OK;
}

static inline enum ps_status rig_on_body(void *owner, struct ps_bytes view, struct ps_err *err)
{
    struct ask *a = owner;
    (void)err;
    if (a->body_n < sizeof a->body) {
        size_t room = sizeof a->body - a->body_n;
        memcpy(a->body + a->body_n, view.p, view.n < room ? view.n : room);
    }
    a->body_n += view.n;
    return PS_OK;
}

static inline bool rig_body_peek(void *owner, struct ps_bytes *view, bool *end)
{
    struct ask *a = owner;
    size_t n = a->up_n < sizeof a->rig->up ? a->up_n : sizeof a->rig->up;
    *view = ps_bytes_of(a->rig->up, n);
    *end = a->up_end && n == a->up_n;
    return n > 0 || *end;
}

static inline void rig_body_taken(void *owner, size_t n)
{
    struct ask *a = owner;
    a->up_n -= n;
    a->up_taken_n += n;
}

static inline void rig_on_done(void *owner, const struct ps_err *err)
{
    struct ask *a = owner;
    T_CHECK(!a->is_done);
    a->is_done = true;
    if (err != NULL)
        a->err = *err;
    (void)t_told(a->err.status);
    a->rig->done_n++;
    uv_stop(&a->rig->loop); /* the rig may be waiting for this one */
    if (a->rig->after != NULL)
        a->rig->after(a);
}

static const struct ps_call_ops rig_ops = {.on_info = rig_on_info,
                                           .on_head = rig_on_head,
                                           .on_body = rig_on_body,
                                           .on_trailers = rig_on_trailers,
                                           .body_peek = rig_body_peek,
                                           .body_taken = rig_body_taken,
                                           .on_done = rig_on_done};

static inline struct rig *rig_open_once(void)
{
    static const struct ps_resolver_settings resolver = {
        .ttl_ms = 30000, .negative_ms = 1000, .stale_ms = 300000, .threads_n = 2};
    struct ps_err err;
    struct rig *r = calloc(1, sizeof *r);
    signal(SIGPIPE, SIG_IGN);
    T_EQ(uv_loop_init(&r->loop), 0);
    r->engine = malloc(sizeof *r->engine);
    if (ps_engine_open(r->engine, &r->loop, &resolver, &err) == PS_OK) {
        r->profile = ps_profile_new();
        if (r->profile != NULL)
            return r;
        ps_engine_stop(r->engine, 0);
    }
    uv_run(&r->loop, UV_RUN_DEFAULT);
    ps_engine_fini(r->engine);
    T_EQ(uv_loop_close(&r->loop), 0);
    free(r->engine);
    free(r);
    return NULL;
}

/* A rig owns its loop, engine and one plain profile. NULL: no memory, nothing is left behind. A whole test
 * that is swept gets one at the second try. */
static inline struct rig *rig_open(void)
{
    struct rig *r = rig_open_once();
    return r == NULL && t_lame_test != NULL ? rig_open_once() : r;
}

/* Every rig ends with an empty loop, and every call was answered once or cancelled. */
static inline void rig_close(struct rig *r)
{
    ps_engine_close_profile(r->engine, r->profile);
    ps_engine_stop(r->engine, 0);
    while (uv_run(&r->loop, UV_RUN_DEFAULT) != 0) {
    }
    T_EQ(r->done_n, r->asks_n);
    T_EQ(r->profile->calls_n, 0);
    for (size_t i = 0; i < r->asks_n; i++) {
        ps_request_free(r->asks[i].spec.request);
        ps_chunk_unref(r->asks[i].spec.body);
    }
    ps_profile_unref(r->profile);
    ps_engine_fini(r->engine);
    T_EQ(uv_loop_close(&r->loop), 0);
    free(r->engine);
    free(r);
}

/* What to ask for; zero means GET of http://127.0.0.1:port/ without a body. */
struct rig_want {
    const char *method;
    uint16_t port;
    bool is_https;
    const char *sni;
    const char *body;       /* fixed, whole */
    size_t body_n;          /* fixed, of that many bytes */
    bool is_streamed;       /* the ask's up_n and up_end say what may go */
    bool expect_continue;
    size_t pad_n;           /* at most 16384: a field of that many bytes */
    bool counts_credit;     /* the test gives credit for each body byte */
};

static inline enum ps_status rig_build(struct ask *a, const struct rig_want *want,
                                       struct ps_err *err)
{
    struct ps_url url;
    char text[64];
    snprintf(text, sizeof text, "%s://127.0.0.1:%u/x", want->is_https ? "https" : "http",
             want->port);
    T_EQ(ps_url_split(&url, ps_bytes_str(text), err), PS_OK);
    const char *method = want->method == NULL ? "GET" : want->method;
    enum ps_status st = ps_request_new(&a->spec.request, ps_bytes_str(method), &url, err);
    if (st == PS_OK && want->expect_continue)
        st = ps_request_add(a->spec.request, ps_bytes_str("Expect"), ps_bytes_str("100-continue"),
                            err);
    if (st == PS_OK && want->pad_n > 0) {
        static char pad[16384];
        memset(pad, 'p', sizeof pad);
        st = ps_request_add(a->spec.request, ps_bytes_str("X-Pad"),
                            ps_bytes_of((uint8_t *)pad, want->pad_n), err);
    }
    size_t n = want->body != NULL ? strlen(want->body) : want->body_n;
    if (st == PS_OK && n > 0) {
        a->spec.body = ps_chunk_new(n);
        if (a->spec.body == NULL)
            return ps_err_nomem(err);
        memset(a->spec.body->data, 'x', n);
        if (want->body != NULL)
            memcpy(a->spec.body->data, want->body, n);
    }
    enum ps_body_kind kind = want->is_streamed ? PS_BODY_STREAM
                             : n > 0           ? PS_BODY_FIXED
                                               : PS_BODY_NONE;
    return st == PS_OK ? ps_request_seal(a->spec.request, kind, n, err) : st;
}

static inline enum ps_status rig_ask(struct rig *r, const struct rig_want *want, struct ask **out)
{
    struct ask *a = &r->asks[r->asks_n];
    struct ps_err err;
    T_CHECK(r->asks_n < RIG_ASKS_MAX);
    enum ps_status st;
    while ((st = rig_build(a, want, &err)) != PS_OK) {
        T_EQ(st, PS_NOMEM);
        ps_request_free(a->spec.request);
        ps_chunk_unref(a->spec.body);
        memset(a, 0, sizeof *a);
        if (t_lame_test == NULL) /* else the refused one is behind us */
            return st;
    }
    a->rig = r;
    a->spec.profile = r->profile;
    a->spec.host = "127.0.0.1";
    a->spec.port = want->port;
    a->spec.sni = want->sni;
    a->spec.auto_credit = !want->counts_credit;
    r->asks_n++;
    *out = a;
    return PS_OK;
}

static inline void rig_start(struct ask *a)
{
    ps_call_start(&a->call, a->rig->engine, &a->spec, &rig_ops, a);
    (void)t_told(a->call.late.status);
}

/* Connections that the peer has accepted. In a swept test one may have failed and told nobody, because
 * nobody waited for it. */
#define RIG_ACCEPTED(peer, n)                                                                      \
    T_CHECK(fake_peer_accepted_n(peer) == (n) ||                                                   \
            (t_lame_test != NULL && fake_peer_accepted_n(peer) == (n) + 1))

/* Asks and starts; NULL: no memory. */
static inline struct ask *rig_get(struct rig *r, const struct rig_want *want)
{
    struct ask *a;
    if (rig_ask(r, want, &a) != PS_OK)
        return NULL;
    rig_start(a);
    return a;
}

static inline void rig_cancel(struct ask *a)
{
    if (a->is_done && t_is_lame)
        return;
    ps_call_cancel(&a->call);
    T_CHECK(!a->is_done);
    a->is_done = true;
    a->rig->done_n++;
}

/* Until every call that was asked is over. */
static inline void rig_wait(struct rig *r)
{
    if (t_lame_test != NULL) /* whoever they wait for may never come */
        RIG_UNTIL(r, r->done_n >= r->asks_n);
    while (r->done_n < r->asks_n && !t_is_lame)
        uv_run(&r->loop, UV_RUN_DEFAULT);
}

static inline struct ask *rig_get_and_wait(struct rig *r, const struct rig_want *want)
{
    struct ask *a = rig_get(r, want);
    if (a != NULL)
        RIG_UNTIL(r, a->is_done);
    return a;
}

/* -- peers' scripts -- */

static inline bool rig_serve_one(int fd, const char *answer)
{
    char head[4096];
    if (!fake_peer_read_request(fd, head, sizeof head, NULL))
        return false;
    fake_peer_write(fd, answer);
    return true;
}

static inline void rig_serve_ok(struct fake_peer *p, int fd, int nth, void *data)
{
    (void)p, (void)nth, (void)data;
    while (rig_serve_one(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) {
    }
}

static inline void rig_serve_silence(struct fake_peer *p, int fd, int nth, void *data)
{
    char head[4096];
    (void)p, (void)nth, (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) {
    }
}

#endif
