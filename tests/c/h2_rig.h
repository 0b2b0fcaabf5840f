/* A client codec on a bench: requests go in, a server's bytes go in, what it tells and what it
 * sends is written down as text. Body pieces that follow each other are joined, so the text must
 * not depend on how the bytes were cut. */
#ifndef PS_TEST_H2_RIG_H
#define PS_TEST_H2_RIG_H

#include <stdarg.h>

#include "h2_frames.h"
#include "proto/h2.h"
#include "t_lame.h"

enum {
    H2_RIG_STREAMS = 4
};

struct h2_rig {
    struct ps_codec *c;
    struct ps_request *req; /* all requests of the rig are this one */
    struct h2_wire log;     /* events, NUL-terminated by h2_rig_log() */
    struct h2_wire sent;    /* RST_STREAM, GOAWAY, PING as text */
    struct h2_wire out;     /* client bytes whose frame is not whole yet */
    bool preface_was_read;
    uint32_t body_id;     /* 0: the last line is not a body */
    bool keeps_credit;    /* do not credit body bytes at once */
    bool is_quiet;        /* no BODY in the log */
    enum ps_status worst; /* PS_NOMEM if any call or event said so */
    size_t ends_n, resets_n, body_n, upload_n, refused_n /* not processed */;
    size_t upload_of[H2_RIG_STREAMS]; /* the same for each of the first exchanges */
    bool has_failed;
    uint64_t windows_n, window_sum; /* WINDOW_UPDATEs the client sent on streams */
    uint64_t conn_window_sum;
    char err[232]; /* text of the last RESET, GOAWAY or FAIL */
};

static const struct ps_codec_limits h2_test_limits = {
    .head = {.bytes = 131072, .fields_n = 500},
    .trailer = {.bytes = 16384, .fields_n = 100},
    .line_bytes = 16384,
    .chunk_ext_bytes = 256,
    .info_n = 16,
    .window_bytes = 524288,
};

static inline enum ps_status h2_test_request(struct ps_request **out, const char *method,
                                             enum ps_body_kind kind, uint64_t body_bytes)
{
    struct ps_url url;
    struct ps_request *r = NULL;
    enum ps_status st = ps_url_split(&url, ps_bytes_str("https://a.example/x"), NULL);
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

/* A refused part is made at the second try when a whole test is swept. */
static inline enum ps_status h2_rig_init(struct h2_rig *r, const char *method,
                                         enum ps_body_kind kind, uint64_t body_bytes,
                                         const struct ps_codec_limits *limits)
{
    *r = (struct h2_rig){0};
    limits = limits == NULL ? &h2_test_limits : limits;
    enum ps_status st = h2_test_request(&r->req, method, kind, body_bytes);
    if (st == PS_NOMEM && t_lame_test != NULL)
        st = h2_test_request(&r->req, method, kind, body_bytes);
    if (st == PS_OK)
        st = ps_h2_new(&r->c, limits, NULL);
    if (st == PS_NOMEM && t_lame_test != NULL)
        st = ps_h2_new(&r->c, limits, NULL);
    return st;
}

static inline void h2_rig_note_nomem(struct h2_rig *r)
{
    r->worst = PS_NOMEM;
    (void)t_told(PS_NOMEM);
}

static inline void h2_rig_fini(struct h2_rig *r)
{
    if (r->c != NULL)
        ps_codec_fini(r->c);
    ps_request_free(r->req);
    h2_wire_free(&r->log);
    h2_wire_free(&r->sent);
    h2_wire_free(&r->out);
}

static inline const char *h2_text(struct h2_wire *w)
{
    h2_byte(w, 0);
    w->n--;
    return (const char *)w->p;
}

static inline void h2_print(struct h2_wire *w, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    h2_raw(w, line, (size_t)n);
}

static inline void h2_log_head(struct h2_rig *r, const char *kind, uint32_t id,
                               const struct ps_head *head)
{
    h2_print(&r->log, "%s %u", kind, (unsigned)id);
    if (head->status != 0) {
        T_EQ(head->http_major, 2);
        h2_print(&r->log, " %d", head->status);
    }
    for (size_t i = 0; i < head->fields_n; i++) {
        struct ps_bytes name = ps_head_name(head, i), value = ps_head_value(head, i);
        h2_print(&r->log, " %.*s=%.*s", (int)name.n, (const char *)name.p,
                 value.n < 100 ? (int)value.n : 100, value.n > 0 ? (const char *)value.p : "");
    }
    h2_print(&r->log, "\n");
}

static inline void h2_log_err(struct h2_rig *r, const char *kind, const struct ps_event *ev)
{
    char name[24];
    T_CHECK(ev->err->text[0] != '\0');
    memcpy(r->err, ev->err->text, sizeof r->err);
    if (ev->err->status == PS_NOMEM)
        h2_rig_note_nomem(r);
    h2_print(&r->log, "%s", kind);
    if (ev->kind != PS_EV_FAIL)
        h2_print(&r->log, " %u", (unsigned)ev->id);
    h2_print(&r->log, " %s %s%s\n", ps_status_name(ev->err->status),
             ps_h2_code_name((uint32_t)ev->err->detail, name),
             ev->not_processed ? " not processed" : "");
}

static inline void h2_log_body(struct h2_rig *r, const struct ps_event *ev)
{
    T_CHECK(ev->body.n > 0);
    r->body_n += ev->body.n;
    if (!r->is_quiet) {
        if (r->body_id != ev->id)
            h2_print(&r->log, "BODY %u ", (unsigned)ev->id);
        h2_raw(&r->log, ev->body.p, ev->body.n);
        r->body_id = ev->id;
    }
    if (!r->keeps_credit)
        ps_codec_credit(r->c, ev->id, ev->body.n);
}

static inline void h2_log_event(struct h2_rig *r, const struct ps_event *ev)
{
    if (r->body_id != 0 && (ev->kind != PS_EV_BODY || ev->id != r->body_id)) {
        h2_print(&r->log, "\n");
        r->body_id = 0;
    }
    T_CHECK(!r->has_failed); /* FAIL is final */
    switch (ev->kind) {
    case PS_EV_NONE:
        break;
    case PS_EV_INFO:
        h2_log_head(r, "INFO", ev->id, ev->head);
        break;
    case PS_EV_HEAD:
        h2_log_head(r, "HEAD", ev->id, ev->head);
        break;
    case PS_EV_TRAILERS:
        h2_log_head(r, "TRAILERS", ev->id, ev->head);
        break;
    case PS_EV_BODY:
        h2_log_body(r, ev);
        break;
    case PS_EV_END:
        r->ends_n++;
        h2_print(&r->log, "END %u\n", (unsigned)ev->id);
        break;
    case PS_EV_RESET:
        r->resets_n++;
        r->refused_n += ev->not_processed;
        h2_log_err(r, "RESET", ev);
        break;
    case PS_EV_GOAWAY:
        h2_log_err(r, "GOAWAY", ev);
        break;
    case PS_EV_FAIL:
        r->has_failed = true;
        h2_log_err(r, "FAIL", ev);
        break;
    }
}

/* Tells whether anything came. */
static inline bool h2_rig_events(struct h2_rig *r)
{
    for (bool any = false;; any = true) {
        struct ps_event ev;
        ps_codec_next(r->c, &ev);
        if (ev.kind == PS_EV_NONE)
            return any;
        h2_log_event(r, &ev);
        ps_head_free(ev.head);
    }
}

static inline void h2_note_sent(struct h2_rig *r, unsigned type, unsigned flags, uint32_t id,
                                const uint8_t *p, size_t n)
{
    char name[24];
    if (type == F_RST)
        h2_print(&r->sent, "RST %u %s\n", (unsigned)id, ps_h2_code_name(h2_get_u32(p), name));
    if (type == F_GOAWAY)
        h2_print(&r->sent, "GOAWAY %s\n", ps_h2_code_name(h2_get_u32(p + 4), name));
    if (type == F_PING)
        h2_print(&r->sent, "PING%s\n", flags & ACK ? " ACK" : "");
    if (type == F_WINDOW && id != 0) {
        r->windows_n++;
        r->window_sum += h2_get_u32(p);
    }
    if (type == F_WINDOW && id == 0)
        r->conn_window_sum += h2_get_u32(p);
    if (type == F_DATA)
        r->upload_n += n;
    if (type == F_DATA && id / 2 < H2_RIG_STREAMS)
        r->upload_of[id / 2] += n;
    if (type == F_DATA && (flags & END_STREAM))
        h2_print(&r->sent, "DATA END %u\n", (unsigned)id);
}

static inline void h2_read_sent(struct h2_rig *r)
{
    size_t at = 0;
    if (!r->preface_was_read && r->out.n >= 24) {
        T_CHECK(r->worst == PS_NOMEM ||
                memcmp(r->out.p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24) == 0);
        r->preface_was_read = true;
        at = 24;
    }
    while (r->preface_was_read && r->out.n - at >= 9) {
        const uint8_t *p = r->out.p + at;
        size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        if (r->out.n - at < 9 + n)
            break;
        h2_note_sent(r, p[3], p[4], h2_get_u32(p + 5), p + 9, n);
        at += 9 + n;
    }
    if (at > 0)
        memmove(r->out.p, r->out.p + at, r->out.n - at);
    r->out.n -= at;
}

/* Pulls into `keep` when given (the peer is a session), else reads the frames. Any bytes? */
static inline bool h2_rig_pull(struct h2_rig *r, struct h2_wire *keep)
{
    struct ps_buf out;
    size_t total_n = 0, n;
    ps_buf_init(&out, 20000);
    do {
        bool was_wanted = ps_codec_wants_write(r->c);
        enum ps_status st = ps_codec_pull(r->c, &out, NULL);
        T_CHECK(st == PS_OK || st == PS_NOMEM);
        if (st == PS_NOMEM)
            h2_rig_note_nomem(r);
        n = ps_buf_n(&out);
        T_CHECK(was_wanted || n == 0 || r->worst == PS_NOMEM);
        total_n += n;
        h2_raw(&r->out, ps_buf_view(&out).p, n);
        if (keep != NULL)
            h2_raw(keep, ps_buf_view(&out).p, n);
        ps_buf_clear(&out);
    } while (n > 0 && r->worst == PS_OK);
    ps_buf_fini(&out);
    h2_read_sent(r);
    return total_n > 0;
}

/* Until nothing moves, as conn does it. */
static inline void h2_rig_settle(struct h2_rig *r)
{
    do
        (void)h2_rig_events(r);
    while (h2_rig_pull(r, NULL));
    (void)h2_rig_events(r);
}

static inline uint32_t h2_rig_open(struct h2_rig *r)
{
    uint32_t id = 0;
    enum ps_status st = ps_codec_open(r->c, r->req, &id, NULL);
    if (st == PS_NOMEM)
        h2_rig_note_nomem(r);
    else if (st != PS_OK && r->worst == PS_OK)
        r->worst = st;
    return id;
}

/* A heap copy of exact size, freed afterwards: reading beside or after it is caught. */
static inline void h2_rig_feed(struct h2_rig *r, const uint8_t *p, size_t n)
{
    uint8_t *piece = malloc(n + (n == 0));
    T_CHECK(piece != NULL);
    if (n > 0)
        memcpy(piece, p, n);
    ps_codec_feed(r->c, ps_bytes_of(piece, n));
    (void)h2_rig_events(r);
    free(piece);
    h2_rig_settle(r);
}

/* Feeds what was built and empties it. */
static inline void h2_rig_say(struct h2_rig *r, struct h2_wire *w)
{
    h2_rig_feed(r, w->p, w->n);
    w->n = 0;
}

/* A scenario: requests, then a server's bytes after its SETTINGS, then perhaps the end. */
struct h2_case {
    const char *name;
    void (*build)(struct h2_wire *w);
    const char *log;              /* events */
    const char *sent;             /* RST_STREAM, GOAWAY, PING of the client */
    const char *or_log, *or_sent; /* with a newer library; NULL: the same */
    size_t streams_n;             /* 0: one */
    const char *method;
    bool has_eof;
    bool is_cut_sensitive;  /* a fault inside DATA: what came before it may or may not be told */
    enum ps_body_kind body; /* never sent in full */
    const struct ps_codec_limits *limits;
};

/* 0: whole; SIZE_MAX: byte by byte; else: cut once there. */
static inline void h2_feed_cut(struct h2_rig *r, const struct h2_wire *w, size_t cut)
{
    if (cut == SIZE_MAX) {
        for (size_t i = 0; i < w->n; i++)
            h2_rig_feed(r, w->p + i, 1);
        return;
    }
    if (cut > 0)
        h2_rig_feed(r, w->p, cut);
    h2_rig_feed(r, w->p + cut, w->n - cut);
}

static inline void h2_case_wire(const struct h2_case *k, struct h2_wire *w)
{
    h2_settings(w, 0, 0);
    k->build(w);
}

static bool h2_refuses_memory;

static inline const char *h2_one_of(const char *got, const char *want, const char *or_want)
{
    return or_want != NULL && strcmp(got, or_want) == 0 ? or_want : want;
}

static inline enum ps_status h2_case_run(const struct h2_case *k, size_t cut, bool is_checked)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    enum ps_status st = h2_rig_init(&r, k->method == NULL ? "GET" : k->method, k->body,
                                    k->body == PS_BODY_FIXED ? 1000 : 0, k->limits);
    h2_case_wire(k, &w);
    for (size_t i = 0; st == PS_OK && i < (k->streams_n == 0 ? 1 : k->streams_n); i++) {
        (void)h2_rig_open(&r);
        st = r.worst;
    }
    if (st == PS_OK) {
        h2_rig_settle(&r);
        h2_feed_cut(&r, &w, cut);
        if (k->has_eof) {
            ps_codec_feed_eof(r.c, true);
            h2_rig_settle(&r);
        }
        st = r.worst;
    }
    /* Without memory for the last GOAWAY the peer just sees the connection close. */
    bool is_mute = h2_refuses_memory && r.has_failed && r.sent.n == 0;
    if (is_checked && st == PS_OK && !is_mute) {
        const char *log = h2_one_of(h2_text(&r.log), k->log, k->or_log);
        const char *sent = h2_one_of(h2_text(&r.sent), k->sent, k->or_sent);
        if (strcmp(h2_text(&r.log), log) != 0 || strcmp(h2_text(&r.sent), sent) != 0)
            fprintf(stderr, "%s, cut %zu (%s):\n", k->name, cut, r.err);
        T_STR(h2_text(&r.log), log);
        T_STR(h2_text(&r.sent), sent);
    }
    h2_wire_free(&w);
    h2_rig_fini(&r);
    return st;
}

static const struct h2_case *h2_case_now;

static inline enum ps_status h2_case_scenario(void)
{
    return h2_case_run(h2_case_now, 0, true);
}

/* Whole, cut at every byte (or at 400 places), byte by byte, and with each allocation refused. */
static inline void h2_case_all(const struct h2_case *k)
{
    struct h2_wire w = {0};
    h2_case_wire(k, &w);
    size_t n = w.n;
    h2_wire_free(&w);
    T_EQ(h2_case_run(k, 0, true), PS_OK);
    size_t step = n < 400 ? 1 : n / 400;
    for (size_t cut = 1; cut < n; cut += step)
        T_EQ(h2_case_run(k, cut, !k->is_cut_sensitive), PS_OK);
    if (n < 20000)
        T_EQ(h2_case_run(k, SIZE_MAX, !k->is_cut_sensitive), PS_OK);
    h2_case_now = k;
    h2_refuses_memory = true;
    t_each_alloc(h2_case_scenario);
    h2_refuses_memory = false;
}

static inline void h2_cases(const struct h2_case *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h2_case_all(&table[i]);
}

#define H2_CASES(table) h2_cases(table, sizeof(table) / sizeof((table)[0]))

#endif
