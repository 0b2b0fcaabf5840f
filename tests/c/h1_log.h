/* Runs bytes through a codec and writes down what came out, as text.
 * Body pieces that follow each other are joined, so the text must not depend on how the bytes were
 * cut. Error texts are left out: an excerpt shows what had arrived. Used by tests and fuzz targets;
 * takes its own memory from malloc, so that failing ps_malloc leaves the log alone. */
#ifndef PS_TEST_H1_LOG_H
#define PS_TEST_H1_LOG_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/h1.h"
#include "t.h"

struct h1_log {
    char *text;
    size_t n, cap;
    bool in_body;
    enum ps_status failed; /* of the first FAIL */
    enum ps_phase phase;
    bool not_processed;
    bool ended, reusable; /* END was told; is_reusable() when all was read */
    size_t body_n;
    char err[232];
};

static inline void h1_log_free(struct h1_log *l)
{
    free(l->text);
    *l = (struct h1_log){0};
}

static inline void h1_log_raw(struct h1_log *l, const void *p, size_t n)
{
    if (l->cap - l->n < n + 1) {
        l->cap = (l->cap + n + 1) * 2;
        l->text = realloc(l->text, l->cap);
        if (l->text == NULL)
            abort();
    }
    if (n > 0)
        memcpy(l->text + l->n, p, n);
    l->n += n;
    l->text[l->n] = '\0';
}

static inline void h1_log_bytes(struct h1_log *l, struct ps_bytes b)
{
    h1_log_raw(l, b.p, b.n);
}

static inline void h1_log_line(struct h1_log *l, const char *fmt, ...)
{
    char line[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (l->in_body)
        h1_log_raw(l, "\n", 1);
    l->in_body = false;
    h1_log_raw(l, line, strlen(line));
}

static inline void h1_log_head(struct h1_log *l, const char *kind, const struct ps_head *head)
{
    T_CHECK(head->fields_n <= head->limits.fields_n && head->cost_bytes <= head->limits.bytes);
    h1_log_line(l, "%s", kind);
    if (head->status != 0) {
        h1_log_line(l, " %d.%d %d ", head->http_major, head->http_minor, head->status);
        h1_log_bytes(l, ps_head_reason(head));
    }
    for (size_t i = 0; i < head->fields_n; i++) {
        h1_log_line(l, "\n  ");
        h1_log_bytes(l, ps_head_name(head, i));
        h1_log_line(l, "=");
        h1_log_bytes(l, ps_head_value(head, i));
    }
    h1_log_line(l, "\n");
}

/* Pulls events until NONE. */
static inline void h1_log_events(struct h1_log *l, struct ps_codec *c)
{
    for (;;) {
        struct ps_event ev;
        ps_codec_next(c, &ev);
        switch (ev.kind) {
        case PS_EV_NONE:
            return;
        case PS_EV_INFO:
            h1_log_head(l, "INFO", ev.head);
            break;
        case PS_EV_HEAD:
            h1_log_head(l, "HEAD", ev.head);
            break;
        case PS_EV_TRAILERS:
            h1_log_head(l, "TRAILERS", ev.head);
            break;
        case PS_EV_BODY:
            T_CHECK(ev.body.n > 0);
            if (!l->in_body)
                h1_log_line(l, "BODY ");
            l->in_body = true;
            l->body_n += ev.body.n;
            h1_log_bytes(l, ev.body);
            break;
        case PS_EV_END:
            h1_log_line(l, "END\n");
            l->ended = true;
            break;
        case PS_EV_FAIL:
            h1_log_line(l, "FAIL %s %s%s\n", ps_status_name(ev.err->status),
                        ps_phase_name(ev.err->phase), ev.not_processed ? " not processed" : "");
            T_CHECK(ev.err->text[0] != '\0');
            memcpy(l->err, ev.err->text, sizeof l->err);
            l->failed = ev.err->status;
            l->phase = ev.err->phase;
            l->not_processed = ev.not_processed;
            break;
        case PS_EV_RESET:
        case PS_EV_GOAWAY:
            T_CHECK(!"an event of h2");
        }
        ps_head_free(ev.head);
    }
}

static const struct ps_codec_limits h1_test_limits = {
    .head = {.bytes = 131072, .fields_n = 500},
    .trailer = {.bytes = 16384, .fields_n = 100},
    .line_bytes = 16384,
    .chunk_ext_bytes = 256,
    .info_n = 16,
    .window_bytes = 65536,
};

static inline enum ps_status h1_test_request(struct ps_request **out, const char *method,
                                             enum ps_body_kind kind, uint64_t body_bytes)
{
    struct ps_url url;
    struct ps_request *r = NULL;
    enum ps_status st = ps_url_split(&url, ps_bytes_str("http://a.example/x"), NULL);
    if (st == PS_OK)
        st = ps_request_new(&r, ps_bytes_str(method), &url, NULL);
    if (st == PS_OK)
        st = ps_request_seal(r, kind, body_bytes, NULL);
    if (st != PS_OK) {
        ps_request_free(r);
        return st;
    }
    *out = r;
    return PS_OK;
}

/* Pulls all there is and throws it away. */
static inline enum ps_status h1_test_drain(struct ps_codec *c)
{
    struct ps_buf out;
    ps_buf_init(&out, 1u << 22);
    enum ps_status st = ps_codec_pull(c, &out, NULL);
    ps_buf_fini(&out);
    return st;
}

struct h1_run {
    const char *method; /* NULL: GET */
    struct ps_bytes wire;
    char eof;                             /* 0 none, 'c' clean, 'd' dirty */
    const struct ps_codec_limits *limits; /* NULL: h1_test_limits */
};

/* Where to cut: returns how many of the `left_n` bytes at `at` come in the next feed. */
typedef size_t (*h1_cut)(size_t at, size_t left_n, const void *arg);

static inline size_t h1_cut_whole(size_t at, size_t left_n, const void *arg)
{
    (void)at, (void)arg;
    return left_n;
}

static inline size_t h1_cut_bytes(size_t at, size_t left_n, const void *arg)
{
    (void)at, (void)left_n, (void)arg;
    return 1;
}

static inline size_t h1_cut_once(size_t at, size_t left_n, const void *arg)
{
    size_t where = *(const size_t *)arg;
    return at < where ? where - at : left_n;
}

static inline void h1_feed_cut(struct ps_codec *c, const struct h1_run *run, h1_cut cut,
                               const void *arg, struct h1_log *log)
{
    for (size_t at = 0; at < run->wire.n;) {
        size_t n = cut(at, run->wire.n - at, arg);
        /* A heap copy of exact size, freed afterwards: reading beside or after it is caught. */
        uint8_t *piece = malloc(n + (n == 0));
        if (piece == NULL)
            abort();
        memcpy(piece, run->wire.p + at, n);
        ps_codec_feed(c, ps_bytes_of(piece, n));
        h1_log_events(log, c);
        free(piece);
        at += n;
    }
    if (run->eof != 0) {
        ps_codec_feed_eof(c, run->eof == 'c');
        h1_log_events(log, c);
    }
    log->reusable = ps_codec_is_reusable(c);
}

/* One exchange on a fresh codec. Errors are only those of set-up; what the codec says is in `log`.
 */
static inline enum ps_status h1_run_cut(const struct h1_run *run, h1_cut cut, const void *arg,
                                        struct h1_log *log)
{
    struct ps_request *req = NULL;
    struct ps_codec *c = NULL;
    uint32_t id;
    const struct ps_codec_limits *limits = run->limits == NULL ? &h1_test_limits : run->limits;
    enum ps_status st =
        h1_test_request(&req, run->method == NULL ? "GET" : run->method, PS_BODY_NONE, 0);
    if (st == PS_OK)
        st = ps_h1_new(&c, limits, NULL);
    if (st == PS_OK)
        st = ps_codec_open(c, req, &id, NULL);
    if (st == PS_OK)
        st = h1_test_drain(c);
    if (st == PS_OK)
        h1_feed_cut(c, run, cut, arg, log);
    if (c != NULL)
        ps_codec_fini(c);
    ps_request_free(req);
    return st;
}

static inline struct h1_log h1_run_whole(const struct h1_run *run)
{
    struct h1_log log = {0};
    T_EQ(h1_run_cut(run, h1_cut_whole, NULL, &log), PS_OK);
    return log;
}

/* Whole, cut once at every place, and byte by byte: always the same. Returns the log. */
static inline struct h1_log h1_run_all_cuts(const struct h1_run *run)
{
    struct h1_log whole = h1_run_whole(run);
    for (size_t at = 0; at <= run->wire.n; at++) {
        struct h1_log cut = {0};
        bool is_last = at == run->wire.n; /* in its place: one byte at a time */
        T_EQ(h1_run_cut(run, is_last ? h1_cut_bytes : h1_cut_once, &at, &cut), PS_OK);
        if (!ps_bytes_eq(ps_bytes_of(whole.text, whole.n), ps_bytes_of(cut.text, cut.n)) ||
            whole.reusable != cut.reusable) {
            fprintf(stderr, "cut at %zu of %zu:\n%s\nwhole:\n%s\n", at, run->wire.n, cut.text,
                    whole.text);
            abort();
        }
        h1_log_free(&cut);
    }
    return whole;
}

#endif
