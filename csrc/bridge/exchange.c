/* bridge/exchange.c -- both sides of an exchange (see exchange.h).
 * The sinks of the call store under the home's lock and announce the home; nothing here calls Python. */
#include "bridge/exchange.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "base/thread.h"
#include "bridge/bridge.h"
#include "bridge/waits.h"

enum {
    UPLOAD_MOST_BYTES = 1 << 30,
    BODY_SLACK_BYTES = 1 << 20,
    GATHERED_BYTES = 65536,
    WINDOW_GROWTH = 4 /* HTTP/2 widens the window of a reader who keeps up to so many times the first */
};

#ifdef PS_MEM_TEST
static atomic_size_t live_n;

size_t ps_exchange_live_n(void)
{
    return atomic_load(&live_n);
}

static void count_live(int by)
{
    atomic_fetch_add(&live_n, (size_t)by);
}
#else
#define count_live(by) ((void)0)
#endif

/* -- home side -- */

struct ps_exchange *ps_exchange_new(struct ps_bridge *b, struct ps_home *home)
{
    struct ps_exchange *x = ps_zalloc(sizeof *x);
    if (x == NULL)
        return NULL;
    atomic_init(&x->refs_n, 1);
    x->bridge = b;
    x->home = home;
    ps_home_ref(home);
    ps_buf_init(&x->upload_in, UPLOAD_MOST_BYTES);
    ps_buf_init(&x->upload, UPLOAD_MOST_BYTES);
    count_live(1);
    return x;
}

void ps_exchange_ref(struct ps_exchange *x)
{
    atomic_fetch_add_explicit(&x->refs_n, 1, memory_order_relaxed);
}

static void keep_spare(struct ps_exchange *x)
{
    if (x->news.body.cap < SPARE_LEAST_BYTES)
        return;
    pthread_mutex_lock(&x->home->lock);
    ps_spares_put(&x->home->spares, &x->news.body);
    pthread_mutex_unlock(&x->home->lock);
}

void ps_exchange_unref(struct ps_exchange *x)
{
    if (x == NULL || atomic_fetch_sub_explicit(&x->refs_n, 1, memory_order_acq_rel) != 1)
        return;
    assert(!x->is_running && !ps_node_linked(&x->ready_node) && !ps_node_linked(&x->mail_node));
    ps_request_free(x->spec.request);
    ps_chunk_unref(x->spec.body);
    ps_free(x->host);
    ps_free(x->sni);
    ps_head_free(x->news.head);
    ps_head_free(x->news.trailers);
    for (size_t i = 0; i < x->news.infos_n; i++)
        ps_head_free(x->news.infos[i]);
    keep_spare(x);
    ps_buf_fini(&x->news.body);
    ps_buf_fini(&x->upload_in);
    ps_buf_fini(&x->upload);
    ps_home_unref(x->home);
    count_live(-1);
    ps_free(x);
}

enum ps_status ps_exchange_start(struct ps_exchange *x, struct ps_err *err)
{
    ps_assert_home();
    const struct ps_codec_limits *limits = &x->spec.profile->settings.conn.codec;
    x->spec.host = x->host;
    x->spec.sni = x->sni;
    x->spec.auto_credit = x->is_whole;
    /* One read beyond the window may arrive before reading stops. */
    size_t most = limits->window_bytes * WINDOW_GROWTH + BODY_SLACK_BYTES;
    if (x->is_whole)
        most = x->body_limit_bytes > 0 ? x->body_limit_bytes : SIZE_MAX / 2;
    ps_buf_init(&x->news.body, most);
    x->call.timings.start_ns = uv_hrtime();
    x->call.timings.dns_us = x->call.timings.connect_us = x->call.timings.tls_us = UINT64_MAX;
    x->news.timings = x->call.timings;
    ps_exchange_ref(x); /* io's, dropped in ps_exchange_settle() */
    if (bridge_post(x->bridge, x, PS_WANT_START, 0))
        return PS_OK;
    ps_exchange_unref(x);
    return ps_err_set(err, PS_CLOSED, PS_PHASE_NONE, "the engine was stopped");
}

void ps_exchange_credit(struct ps_exchange *x, size_t n)
{
    if (!x->is_whole && n > 0)
        bridge_post(x->bridge, x, PS_WANT_CREDIT, n);
}

void ps_exchange_cancel(struct ps_exchange *x)
{
    pthread_mutex_lock(&x->home->lock);
    bool is_over = x->news.is_done;
    pthread_mutex_unlock(&x->home->lock);
    if (!is_over)
        bridge_post(x->bridge, x, PS_WANT_CANCEL, 0);
}

void ps_exchange_forget(struct ps_exchange *x)
{
    pthread_mutex_lock(&x->home->lock);
    bool was_linked = ps_node_linked(&x->ready_node);
    bool is_over = x->news.is_done;
    ps_node_unlink(&x->ready_node);
    x->is_deaf = true;
    pthread_mutex_unlock(&x->home->lock);
    if (!is_over)
        bridge_post(x->bridge, x, PS_WANT_CANCEL, 0);
    if (was_linked)
        ps_exchange_unref(x);
}

enum ps_status ps_exchange_upload(struct ps_exchange *x, struct ps_bytes bytes, bool end)
{
    pthread_mutex_lock(&x->bridge->lock);
    enum ps_status st = ps_buf_append(&x->upload_in, bytes);
    if (st == PS_OK)
        x->upload_end = x->upload_end || end;
    pthread_mutex_unlock(&x->bridge->lock);
    if (st == PS_OK)
        bridge_post(x->bridge, x, PS_WANT_UPLOAD, 0);
    return st;
}

/* While it waits the exchange is not in `ready`: only what is linked anew is announced. */
bool ps_exchange_wait(struct ps_exchange *x, bool (*is_there)(const struct ps_exchange *x),
                      uint64_t wait_ms)
{
    struct ps_home *h = x->home;
    struct timespec at = bridge_after_ns(wait_ms * 1000000);
    unsigned unlinked_n = 0;
    int rc = 0;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        unlinked_n += ps_node_linked(&x->ready_node);
        ps_node_unlink(&x->ready_node);
        if (is_there(x) || rc == ETIMEDOUT)
            break;
        rc = pthread_cond_timedwait(&h->news, &h->lock, &at);
    }
    bool there = is_there(x);
    pthread_mutex_unlock(&h->lock);
    while (unlinked_n-- > 0)
        ps_exchange_unref(x); /* the list's */
    return there;
}

/* -- io side: up -- */

/* Links the exchange into its home's list, once. Called with the home's lock held; the caller announces
 * the home after unlocking when this says true. */
static bool link_ready(struct ps_exchange *x)
{
    if (x->is_deaf || x->home->is_closed || ps_node_linked(&x->ready_node))
        return false;
    ps_exchange_ref(x);
    ps_list_push_back(&x->home->ready, &x->ready_node);
    return true;
}

static enum ps_status on_info(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ps_exchange *x = owner;
    (void)err;
    pthread_mutex_lock(&x->home->lock);
    bool keep = x->news.infos_n < PS_INFO_KEPT_N;
    if (keep)
        x->news.infos[x->news.infos_n++] = given;
    pthread_mutex_unlock(&x->home->lock);
    if (!keep)
        ps_head_free(given);
    return PS_OK;
}

static enum ps_status on_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ps_exchange *x = owner;
    (void)err;
    pthread_mutex_lock(&x->home->lock);
    x->news.head = given;
    x->news.head_seen = true;
    x->news.upload_closed = x->news.upload_closed || given->status >= 300; /* rule 62 */
    x->news.timings = x->call.timings;
    bool linked = (!x->is_whole || x->is_streamed) && link_ready(x);
    pthread_mutex_unlock(&x->home->lock);
    if (linked)
        bridge_announce(x->bridge, x->home, 0);
    return PS_OK;
}

/* How long after the home's last wake-up this piece may wait for the next. The first of a body does not. */
static uint64_t gather_ns(const struct ps_exchange *x, size_t piece_n)
{
    bool is_first = x->call.timings.body_in_bytes == piece_n;
    return is_first ? 0 : x->spec.profile->gather_ns;
}

static enum ps_status on_body(void *owner, struct ps_bytes view, struct ps_err *err)
{
    struct ps_exchange *x = owner;
    pthread_mutex_lock(&x->home->lock);
    ps_spares_widen(&x->home->spares, &x->news.body, view.n);
    enum ps_status st = ps_buf_append(&x->news.body, view);
    x->news.timings.body_in_bytes = x->call.timings.body_in_bytes;
    bool linked = st == PS_OK && !x->is_whole && link_ready(x);
    size_t waiting_n = ps_buf_n(&x->news.body);
    pthread_mutex_unlock(&x->home->lock);
    if (linked)
        bridge_announce(x->bridge, x->home, gather_ns(x, view.n));
    else if (waiting_n >= GATHERED_BYTES)
        x->home->due_ns = 0; /* enough has gathered */
    if (st == PS_NOMEM)
        return ps_err_nomem(err);
    if (st == PS_LIMIT)
        return ps_err_set(err, PS_LIMIT, PS_PHASE_BODY,
                          "the response body is longer than %zu bytes (body_bytes)",
                          x->news.body.limit_bytes);
    return PS_OK;
}

static enum ps_status on_trailers(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct ps_exchange *x = owner;
    (void)err;
    pthread_mutex_lock(&x->home->lock);
    struct ps_head *old = x->news.trailers;
    x->news.trailers = given;
    pthread_mutex_unlock(&x->home->lock);
    ps_head_free(old);
    return PS_OK;
}

static bool body_peek(void *owner, struct ps_bytes *view, bool *end)
{
    struct ps_exchange *x = owner;
    *view = ps_buf_view(&x->upload);
    *end = x->upload_ended;
    return view->n > 0 || x->upload_ended;
}

static void body_taken(void *owner, size_t n)
{
    struct ps_exchange *x = owner;
    ps_buf_consume(&x->upload, n);
    pthread_mutex_lock(&x->home->lock);
    x->news.upload_taken_n += n;
    x->news.timings.body_out_bytes = x->call.timings.body_out_bytes;
    bool linked = link_ready(x);
    pthread_mutex_unlock(&x->home->lock);
    if (linked)
        bridge_announce(x->bridge, x->home, 0);
}

static void finish(struct ps_exchange *x)
{
    x->is_running = false;
    atomic_fetch_sub(&x->bridge->live_n, 1);
    ps_list_push_back(&x->bridge->over, &x->over_node);
}

static void on_done(void *owner, const struct ps_err *err)
{
    struct ps_exchange *x = owner;
    pthread_mutex_lock(&x->home->lock);
    x->news.is_done = true;
    x->news.upload_closed = true;
    if (err != NULL)
        x->news.err = *err;
    x->news.maybe_processed = x->call.maybe_processed;
    x->news.timings = x->call.timings;
    bool linked = link_ready(x);
    pthread_mutex_unlock(&x->home->lock);
    if (linked)
        bridge_announce(x->bridge, x->home, 0);
    finish(x);
}

static const struct ps_call_ops call_ops = {
    .on_info = on_info,
    .on_head = on_head,
    .on_body = on_body,
    .on_trailers = on_trailers,
    .body_peek = body_peek,
    .body_taken = body_taken,
    .on_done = on_done,
};

/* -- io side: down -- */

/* Moves what the home queued to io's own buffer. Swaps when that is empty, so nothing is copied. */
static enum ps_status take_upload(struct ps_exchange *x)
{
    enum ps_status st = PS_OK;
    pthread_mutex_lock(&x->bridge->lock);
    if (ps_buf_n(&x->upload) == 0) {
        struct ps_buf was = x->upload;
        x->upload = x->upload_in;
        x->upload_in = was;
        ps_buf_clear(&x->upload_in);
    } else {
        st = ps_buf_append(&x->upload, ps_buf_view(&x->upload_in));
        ps_buf_clear(&x->upload_in);
    }
    x->upload_ended = x->upload_end;
    pthread_mutex_unlock(&x->bridge->lock);
    return st;
}

static void cancel(struct ps_exchange *x)
{
    ps_call_cancel(&x->call); /* harmless when it was never started */
    if (x->call.timings.end_ns == 0)
        x->call.timings.end_ns = uv_hrtime();
    pthread_mutex_lock(&x->home->lock);
    x->news.is_done = true;
    x->news.upload_closed = true;
    ps_err_set(&x->news.err, PS_CANCELLED, PS_PHASE_NONE, "the request was cancelled");
    x->news.maybe_processed = x->call.maybe_processed;
    x->news.timings = x->call.timings;
    bool linked = link_ready(x); /* a task may still wait for this one */
    pthread_mutex_unlock(&x->home->lock);
    if (linked)
        bridge_announce(x->bridge, x->home, 0);
    finish(x);
}

static void fail_upload(struct ps_exchange *x)
{
    struct ps_err err;
    ps_call_cancel(&x->call);
    ps_err_nomem(&err);
    on_done(x, &err);
}

void ps_exchange_take_mail(struct ps_exchange *x, unsigned wants, size_t credit_n)
{
    ps_assert_io();
    if (wants & PS_WANT_START) {
        x->is_running = true;
        atomic_fetch_add(&x->bridge->live_n, 1);
    }
    if ((wants & PS_WANT_START) && !(wants & PS_WANT_CANCEL)) {
        if (!x->is_streamed)
            x->upload_ended = true; /* asked for where a length of 0 was declared without a body */
        else if (take_upload(x) != PS_OK)
            x->upload_ended = true; /* cannot happen: io's buffer is empty, so they are swapped */
        ps_call_start(&x->call, &x->bridge->engine, &x->spec, &call_ops, x);
        wants &= ~(unsigned)PS_WANT_UPLOAD;
    }
    if (!x->is_running)
        return;
    if (wants & PS_WANT_CANCEL) {
        cancel(x);
        return;
    }
    if (wants & PS_WANT_UPLOAD) {
        if (take_upload(x) != PS_OK)
            fail_upload(x);
        else
            ps_call_kick(&x->call);
    }
    if (x->is_running && (wants & PS_WANT_CREDIT))
        ps_call_credit(&x->call, credit_n);
}

void ps_exchange_settle(struct ps_exchange *x)
{
    ps_exchange_unref(x);
}
