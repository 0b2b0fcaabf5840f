/* proto/h1.c -- the HTTP/1.1 codec: its ops table, its life, the loop of next() (see h1.h).
 * In: bytes, requests.  Out: events, bytes.  Thread: io.  Owner: conn.  Limits: ps_codec_limits.
 *
 * next() takes steps until one yields an event or the input is used up. Each step reads as much as
 * it can, and judges only what is whole, so the events do not depend on how the input was cut. */
#include "proto/h1_state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "proto/field.h"

/* An idle connection keeps no more than this of its buffers. */
enum {
    IDLE_KEEP_BYTES = 4096
};

static void die(struct ps_h1 *h)
{
    h->state = H1_DEAD;
    h->is_kept = false;
    h->in = ps_bytes_of(NULL, 0);
    ps_head_free(h->head);
    h->head = NULL;
    h->out.is_waiting = h->out.end_is_due = false;
    ps_buf_fini(&h->line);
    ps_buf_fini(&h->out.queue);
}

static enum h1_step fail_with(struct ps_h1 *h, struct ps_event *ev)
{
    bool is_idle = h->state == H1_BETWEEN;
    ev->kind = PS_EV_FAIL;
    ev->err = &h->why;
    ev->id = is_idle ? 0 : h->id;
    ev->not_processed = is_idle || !h->out.has_pulled;
    die(h);
    return H1_EVENT;
}

enum h1_step ps_h1_fail(struct ps_h1 *h, struct ps_event *ev, enum ps_status st,
                        enum ps_phase phase, const char *fmt, ...)
{
    char text[sizeof h->why.text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)ps_err_set(&h->why, st, phase, "%s", text);
    return fail_with(h, ev);
}

enum h1_step ps_h1_fail_nomem(struct ps_h1 *h, struct ps_event *ev)
{
    (void)ps_err_nomem(&h->why);
    return fail_with(h, ev);
}

static void h1_fini(struct ps_codec *c)
{
    struct ps_h1 *h = ps_h1_of(c);
    die(h);
    ps_free(h);
}

static void h1_feed(struct ps_codec *c, struct ps_bytes bytes)
{
    struct ps_h1 *h = ps_h1_of(c);
    assert(h->in.n == 0 && !h->has_eof);
    if (h->state != H1_DEAD)
        h->in = bytes;
}

static void h1_feed_eof(struct ps_codec *c, bool clean)
{
    struct ps_h1 *h = ps_h1_of(c);
    h->has_eof = true;
    h->eof_is_clean = clean;
}

/* Bytes when nothing was asked: a stale answer, or one smuggled behind the last (rule 76). */
static enum h1_step refuse_stray(struct ps_h1 *h, struct ps_event *ev)
{
    char quoted[PS_QUOTE_BYTES];
    if (h->in.n == 0)
        return H1_MORE;
    return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_NONE, "the peer sent %s outside any exchange",
                      ps_quote(quoted, h->in));
}

static enum h1_step tell_end(struct ps_h1 *h, struct ps_event *ev)
{
    if (!h->out.is_done && !h->out.is_stopped) /* rule 62: a whole answer to half a request */
        ps_h1_stop_body(h);
    ev->kind = PS_EV_END;
    ev->id = h->id;
    h->state = H1_BETWEEN;
    h->line_was_taken = false;
    ps_buf_clear(&h->line);
    ps_buf_shrink(&h->line, IDLE_KEEP_BYTES);
    ps_buf_shrink(&h->out.queue, IDLE_KEEP_BYTES);
    return H1_EVENT;
}

static enum h1_step fail_truncated(struct ps_h1 *h, struct ps_event *ev, const char *where)
{
    return ps_h1_fail(h, ev, PS_TRUNCATED, PS_PHASE_BODY,
                      "the peer closed %s after %llu body bytes, the body is incomplete", where,
                      (unsigned long long)h->read_bytes);
}

/* The peer closed, and all it had sent is read (rules 74, 75). */
static enum h1_step end_of_input(struct ps_h1 *h, struct ps_event *ev)
{
    switch (h->state) {
    case H1_BETWEEN:
        return ps_h1_fail(h, ev, PS_DISCONNECTED, PS_PHASE_NONE,
                          "the peer closed the idle connection");
    case H1_STATUS_LINE:
        if (!h->has_response)
            return ps_h1_fail(h, ev, PS_DISCONNECTED,
                              h->out.has_pulled && ps_buf_n(&h->out.queue) == 0 && h->out.is_done
                                  ? PS_PHASE_WAIT
                                  : PS_PHASE_SEND,
                              "the peer closed without sending a response");
        return ps_h1_fail(h, ev, PS_TRUNCATED, PS_PHASE_HEAD,
                          "the peer closed before the response head was complete");
    case H1_FIELDS:
        return ps_h1_fail(h, ev, PS_TRUNCATED, PS_PHASE_HEAD,
                          "the peer closed inside the response head");
    case H1_BODY_LENGTH:
        return ps_h1_fail(
            h, ev, PS_TRUNCATED, PS_PHASE_BODY, "the peer closed after %llu of %llu body bytes",
            (unsigned long long)h->read_bytes, (unsigned long long)(h->read_bytes + h->left_bytes));
    case H1_BODY_CLOSE:
        if (!h->eof_is_clean)
            return fail_truncated(h, ev, "without TLS close_notify");
        h->state = H1_END; /* legal: a body without length ends so (RFC 9112 6.3) */
        return H1_AGAIN;
    case H1_CHUNK_SIZE:
        return fail_truncated(h, ev, "before the last chunk");
    case H1_CHUNK_DATA:
    case H1_CHUNK_CRLF:
        return fail_truncated(h, ev, "inside a chunk");
    case H1_TRAILER:
        return fail_truncated(h, ev, "before the end of the trailers");
    case H1_END:
    case H1_DEAD:
        break;
    }
    return H1_MORE;
}

static enum h1_step take_step(struct ps_h1 *h, struct ps_event *ev)
{
    switch (h->state) {
    case H1_BETWEEN:
        return refuse_stray(h, ev);
    case H1_STATUS_LINE:
        return ps_h1_read_status_line(h, ev);
    case H1_FIELDS:
        return ps_h1_read_fields(h, ev);
    case H1_BODY_LENGTH:
    case H1_BODY_CLOSE:
    case H1_CHUNK_DATA:
        return ps_h1_read_body(h, ev);
    case H1_CHUNK_SIZE:
        return ps_h1_read_chunk_size(h, ev);
    case H1_CHUNK_CRLF:
        return ps_h1_read_chunk_crlf(h, ev);
    case H1_TRAILER:
        return ps_h1_read_trailer(h, ev);
    case H1_END:
        return tell_end(h, ev);
    case H1_DEAD:
        break;
    }
    h->in = ps_bytes_of(NULL, 0);
    return H1_MORE;
}

static void h1_next(struct ps_codec *c, struct ps_event *ev)
{
    struct ps_h1 *h = ps_h1_of(c);
    *ev = (struct ps_event){.kind = PS_EV_NONE};
    enum h1_step step;
    do {
        step = take_step(h, ev);
        if (step == H1_MORE && h->has_eof)
            step = end_of_input(h, ev);
    } while (step == H1_AGAIN);
}

static size_t h1_free_slots(const struct ps_codec *c)
{
    const struct ps_h1 *h = ps_h1_of_const(c);
    return h->state == H1_BETWEEN && h->is_kept && !h->has_eof && h->in.n == 0 &&
                   ps_buf_n(&h->out.queue) == 0
               ? 1
               : 0;
}

static enum ps_status h1_open(struct ps_codec *c, const struct ps_request *req, uint32_t *id,
                              struct ps_err *err)
{
    struct ps_h1 *h = ps_h1_of(c);
    assert(req->is_sealed);
    if (h1_free_slots(c) == 0)
        return ps_err_set(err, PS_CLOSED, PS_PHASE_QUEUE,
                          "the connection cannot carry another exchange");
    enum ps_status st = ps_h1_write_head(h, req, err);
    if (st != PS_OK)
        return st;
    h->is_head = req->is_head;
    h->is_connect = req->is_connect;
    h->is_kept = !req->wants_close;
    h->has_response = h->has_cr = false;
    h->info_n = h->info_bytes = 0;
    h->left_bytes = h->read_bytes = h->unread_bytes = 0;
    ps_h1_expect_head(h);
    *id = ++h->id;
    return PS_OK;
}

static void h1_credit(struct ps_codec *c, uint32_t id, size_t n)
{
    struct ps_h1 *h = ps_h1_of(c);
    if (id == h->id)
        h->unread_bytes -= n < h->unread_bytes ? n : h->unread_bytes;
}

static void h1_drop(struct ps_codec *c, uint32_t id)
{
    struct ps_h1 *h = ps_h1_of(c);
    if (id != h->id || h->state == H1_BETWEEN || h->state == H1_DEAD)
        return;
    if (h->out.has_pulled) {
        die(h);
        return;
    }
    /* The peer has not seen a byte: as if it had never been opened. */
    ps_buf_clear(&h->out.queue);
    h->out.is_waiting = h->out.end_is_due = false;
    h->state = H1_BETWEEN;
    h->is_kept = true;
}

static bool h1_wants_read(const struct ps_codec *c)
{
    const struct ps_h1 *h = ps_h1_of_const(c);
    if (h->state == H1_DEAD || h->has_eof)
        return false;
    /* When idle too: a close must be noticed before the connection is used again (rule 41). */
    return h->state == H1_BETWEEN || h->unread_bytes <= h->limits.window_bytes;
}

static bool h1_is_reusable(const struct ps_codec *c)
{
    const struct ps_h1 *h = ps_h1_of_const(c);
    bool has_stray = h->state == H1_BETWEEN && h->in.n > 0; /* next() is about to fail */
    return h->is_kept && !h->has_eof && !has_stray;
}

static bool h1_is_waiting(const struct ps_codec *c, uint32_t id)
{
    (void)id;
    return ps_h1_of_const(c)->out.is_waiting;
}

static void h1_stop_waiting(struct ps_codec *c, uint32_t id)
{
    (void)id;
    ps_h1_of(c)->out.is_waiting = false;
}

enum ps_status ps_h1_new(struct ps_codec **out, const struct ps_codec_limits *limits,
                         struct ps_err *err)
{
    static const struct ps_codec_ops ops = {
        .fini = h1_fini,
        .feed = h1_feed,
        .feed_eof = h1_feed_eof,
        .next = h1_next,
        .open = h1_open,
        .send = ps_h1_send,
        .pull = ps_h1_pull,
        .credit = h1_credit,
        .drop = h1_drop,
        .free_slots = h1_free_slots,
        .wants_read = h1_wants_read,
        .is_reusable = h1_is_reusable,
        .is_waiting = h1_is_waiting,
        .stop_waiting = h1_stop_waiting,
    };
    struct ps_h1 *h = ps_zalloc(sizeof *h);
    if (h == NULL)
        return ps_err_nomem(err);
    h->codec.ops = &ops;
    h->limits = *limits;
    h->is_kept = true;
    /* A chunk size line may be longer than a header line; one buffer gathers both. */
    size_t chunk_line_bytes = 16 + limits->chunk_ext_bytes;
    size_t line_bytes =
        limits->line_bytes > chunk_line_bytes ? limits->line_bytes : chunk_line_bytes;
    ps_buf_init(&h->line, line_bytes + 1);
    ps_buf_init(&h->out.queue, H1_QUEUE_BYTES);
    *out = &h->codec;
    return PS_OK;
}

uint64_t ps_h1_keep_alive_ms(const struct ps_codec *c)
{
    return ps_h1_of_const(c)->keep_alive_ms;
}
