/* proto/h1_write.c -- requests as HTTP/1.1 bytes (RFC 9112 3, 6, 7.1; rules 62, 64, 66).
 * In: a sealed request, then its body in pieces.  Out: wire bytes through pull().  Thread: io.
 * Limit: H1_QUEUE_BYTES wait for pull(), or the head alone when it is longer; send() takes what
 * there is room for.
 *
 * The head is measured, then written into one reserved piece: no field can be half there. */
#include <assert.h>
#include <stdio.h>

#include "proto/h1_state.h"

/* "ffff\r\n" before and "\r\n" after a piece of at most H1_QUEUE_BYTES, and "0\r\n\r\n" at the end.
 */
enum {
    PIECE_FRAME_BYTES = 9,
    LAST_CHUNK_BYTES = 5,
    FRAMING_LINE_BYTES = 48,
    ORIGIN_BYTES = 280
};

static const char last_chunk[] = "0\r\n\r\n";

/* A method that is expected to carry content says so when it has none (RFC 9110 8.6). */
static bool expects_content(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

/* Writes the field that frames the body, or nothing; returns its length. */
static size_t framing_line(const struct ps_request *req, char out[FRAMING_LINE_BYTES])
{
    switch (req->body_kind) {
    case PS_BODY_NONE:
        if (!expects_content(req->method))
            return 0;
        break;
    case PS_BODY_FIXED:
        break;
    case PS_BODY_STREAM:
        return (size_t)snprintf(out, FRAMING_LINE_BYTES, "Transfer-Encoding: chunked\r\n");
    }
    unsigned long long n = req->body_kind == PS_BODY_FIXED ? req->body_bytes : 0;
    return (size_t)snprintf(out, FRAMING_LINE_BYTES, "Content-Length: %llu\r\n", n);
}

/* An Expect that lost its body is not sent; all else is. */
static bool is_sent(const struct ps_request *req, struct ps_bytes name)
{
    return req->expect_continue || !ps_bytes_ieq_str(name, "Expect");
}

/* Only paths are made absolute; a target that the caller gave in another form is his affair. */
static bool has_path(const struct ps_request *req)
{
    return req->target[0] == '/';
}

/* "http://host:port" in front of a path for a proxy; returns its length. */
static size_t origin_text(const struct ps_h1_via *via, const struct ps_request *req,
                          char out[ORIGIN_BYTES])
{
    out[0] = '\0';
    if (via->host == NULL || (!has_path(req) && strcmp(req->target, "*") != 0))
        return 0;
    bool is_v6 = strchr(via->host, ':') != NULL;
    char port[8] = "";
    if (via->port != 80)
        snprintf(port, sizeof port, ":%u", via->port);
    int n = snprintf(out, ORIGIN_BYTES, "http://%s%s%s%s", is_v6 ? "[" : "", via->host,
                     is_v6 ? "]" : "", port);
    assert(n > 0 && n < ORIGIN_BYTES); /* a host has at most 253 bytes */
    return (size_t)n;
}

/* Behind the origin: nothing for an OPTIONS of the server itself (RFC 9112 3.2.4). */
static const char *rest_of_target(const struct ps_request *req, size_t origin_n)
{
    return origin_n > 0 && !has_path(req) ? "" : req->target;
}

static size_t head_n(const struct ps_request *req, size_t framing_n)
{
    size_t n = strlen(req->method) + strlen(" ") + strlen(req->target) +
               strlen(" HTTP/1.1\r\nHost: ") + strlen(req->authority) + strlen("\r\n") + framing_n +
               strlen("\r\n");
    for (size_t i = 0; i < req->fields->fields_n; i++)
        n += ps_head_name(req->fields, i).n + ps_head_value(req->fields, i).n + strlen(": \r\n");
    return n;
}

static uint8_t *put(uint8_t *to, struct ps_bytes b)
{
    if (b.n > 0)
        memcpy(to, b.p, b.n);
    return to + b.n;
}

static uint8_t *put_str(uint8_t *to, const char *s)
{
    return put(to, ps_bytes_str(s));
}

static uint8_t *put_head(uint8_t *to, const struct ps_request *req, const struct ps_h1_via *via,
                         struct ps_bytes origin, struct ps_bytes framing)
{
    to = put_str(to, req->method);
    to = put_str(to, " ");
    to = put(to, origin);
    to = put_str(to, rest_of_target(req, origin.n));
    to = put_str(to, " HTTP/1.1\r\nHost: ");
    to = put_str(to, req->authority);
    to = put_str(to, "\r\n");
    if (via->host != NULL)
        to = put_str(to, via->fields);
    for (size_t i = 0; i < req->fields->fields_n; i++) {
        struct ps_bytes name = ps_head_name(req->fields, i);
        if (!is_sent(req, name))
            continue;
        to = put(to, name);
        to = put_str(to, ": ");
        to = put(to, ps_head_value(req->fields, i));
        to = put_str(to, "\r\n");
    }
    to = put(to, framing);
    return put_str(to, "\r\n");
}

void ps_h1_set_via(struct ps_codec *c, const struct ps_h1_via *via)
{
    ps_h1_of(c)->via = *via;
}

enum ps_status ps_h1_write_head(struct ps_h1 *h, const struct ps_request *req, struct ps_err *err)
{
    struct h1_writer *w = &h->out;
    char framing[FRAMING_LINE_BYTES];
    char origin_at[ORIGIN_BYTES];
    struct ps_bytes line = ps_bytes_of(framing, framing_line(req, framing));
    struct ps_bytes origin = ps_bytes_of(origin_at, origin_text(&h->via, req, origin_at));
    size_t n = head_n(req, line.n) + origin.n + (h->via.host == NULL ? 0 : strlen(h->via.fields));
    uint8_t *to = NULL;
    w->queue.limit_bytes = n + H1_QUEUE_BYTES;
    if (ps_buf_reserve(&w->queue, n, &to) != PS_OK)
        return ps_err_nomem(err);
    size_t put_n = (size_t)(put_head(to, req, &h->via, origin, line) - to);
    assert(put_n <= n);
    ps_buf_commit(&w->queue, put_n);
    w->kind = req->body_kind;
    w->left_bytes = w->kind == PS_BODY_FIXED ? req->body_bytes : 0;
    w->is_done = w->kind != PS_BODY_STREAM && w->left_bytes == 0;
    w->is_waiting = req->expect_continue && !w->is_done;
    w->is_stopped = w->end_is_due = w->has_pulled = false;
    return PS_OK;
}

void ps_h1_stop_body(struct ps_h1 *h)
{
    h->out.is_stopped = true;
    h->out.is_waiting = false;
    h->is_kept = false;
    ps_buf_clear(&h->out.queue);
}

/* Room for body bytes, a head not yet pulled counted in; what the last chunk needs is kept free. */
static size_t body_room(const struct h1_writer *w)
{
    size_t used = ps_buf_n(&w->queue);
    if (w->kind == PS_BODY_STREAM)
        used += PIECE_FRAME_BYTES + LAST_CHUNK_BYTES;
    return used < H1_QUEUE_BYTES ? H1_QUEUE_BYTES - used : 0;
}

static enum ps_status put_last_chunk(struct h1_writer *w, struct ps_err *err)
{
    if (ps_buf_append(&w->queue, ps_bytes_str(last_chunk)) != PS_OK)
        return ps_err_nomem(err);
    w->is_done = true;
    w->end_is_due = false;
    return PS_OK;
}

/* One chunk around `bytes`, and the last one when `end`: all or nothing. */
static enum ps_status put_chunk(struct h1_writer *w, struct ps_bytes bytes, bool end,
                                struct ps_err *err)
{
    char size[2 * sizeof bytes.n + 3]; /* hex digits, CRLF, NUL */
    uint8_t *to = NULL;
    if (ps_buf_reserve(&w->queue, bytes.n + PIECE_FRAME_BYTES + LAST_CHUNK_BYTES, &to) != PS_OK)
        return ps_err_nomem(err);
    snprintf(size, sizeof size, "%zx\r\n", bytes.n);
    uint8_t *at = put_str(to, size);
    at = put(at, bytes);
    at = put_str(at, "\r\n");
    if (end)
        at = put_str(at, last_chunk);
    ps_buf_commit(&w->queue, (size_t)(at - to));
    w->is_done = end;
    return PS_OK;
}

static enum ps_status check_length(const struct h1_writer *w, size_t n, bool end,
                                   struct ps_err *err)
{
    if (n > w->left_bytes)
        return ps_err_set(
            err, PS_BODY_MISMATCH, PS_PHASE_SEND,
            "the request body is longer than its Content-Length by %llu bytes or more",
            (unsigned long long)(n - w->left_bytes));
    if (end && n < w->left_bytes)
        return ps_err_set(err, PS_BODY_MISMATCH, PS_PHASE_SEND,
                          "the request body ends %llu bytes before its Content-Length",
                          (unsigned long long)(w->left_bytes - n));
    return PS_OK;
}

static enum ps_status send_fixed(struct h1_writer *w, struct ps_bytes bytes, bool end,
                                 size_t *taken_n, struct ps_err *err)
{
    enum ps_status st = check_length(w, bytes.n, end, err);
    if (st != PS_OK || w->is_waiting)
        return st;
    size_t room = body_room(w);
    bytes.n = bytes.n < room ? bytes.n : room;
    if (ps_buf_append(&w->queue, bytes) != PS_OK)
        return ps_err_nomem(err);
    *taken_n = bytes.n;
    w->left_bytes -= bytes.n;
    w->is_done = w->left_bytes == 0;
    return PS_OK;
}

static enum ps_status send_stream(struct h1_writer *w, struct ps_bytes bytes, bool end,
                                  size_t *taken_n, struct ps_err *err)
{
    if (w->is_done || w->end_is_due)
        return bytes.n == 0 ? PS_OK
                            : ps_err_set(err, PS_BODY_MISMATCH, PS_PHASE_SEND,
                                         "the request body goes on after its end");
    if (bytes.n == 0 && end && w->is_waiting)
        w->end_is_due = true; /* pull() writes it when the wait is over */
    if (w->is_waiting)
        return PS_OK;
    if (bytes.n == 0)
        return end ? put_last_chunk(w, err) : PS_OK;
    size_t room = body_room(w);
    size_t n = bytes.n < room ? bytes.n : room;
    if (n == 0)
        return PS_OK;
    enum ps_status st = put_chunk(w, ps_bytes_of(bytes.p, n), end && n == bytes.n, err);
    if (st == PS_OK)
        *taken_n = n;
    return st;
}

enum ps_status ps_h1_send(struct ps_codec *c, uint32_t id, struct ps_bytes bytes, bool end,
                          size_t *taken_n, struct ps_err *err)
{
    struct ps_h1 *h = ps_h1_of(c);
    *taken_n = 0;
    bool is_over = id != h->id || h->state == H1_BETWEEN || h->state == H1_DEAD;
    if (is_over || h->out.is_stopped) {
        *taken_n =
            bytes.n; /* nobody will read it: swallowed, so that the sender comes to its end */
        return PS_OK;
    }
    switch (h->out.kind) {
    case PS_BODY_NONE:
    case PS_BODY_FIXED:
        return send_fixed(&h->out, bytes, end, taken_n, err);
    case PS_BODY_STREAM:
        return send_stream(&h->out, bytes, end, taken_n, err);
    }
    return PS_OK;
}

enum ps_status ps_h1_pull(struct ps_codec *c, struct ps_buf *out, struct ps_err *err)
{
    struct ps_h1 *h = ps_h1_of(c);
    struct h1_writer *w = &h->out;
    if (w->end_is_due && !w->is_waiting) {
        enum ps_status st = put_last_chunk(w, err);
        if (st != PS_OK)
            return st;
    }
    struct ps_bytes ready = ps_buf_view(&w->queue);
    size_t room = ps_buf_room(out);
    ready.n = ready.n < room ? ready.n : room;
    if (ready.n == 0)
        return PS_OK;
    if (ps_buf_append(out, ready) != PS_OK)
        return ps_err_nomem(err);
    ps_buf_consume(&w->queue, ready.n);
    w->has_pulled = true;
    return PS_OK;
}
