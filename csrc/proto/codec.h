/* proto/codec.h -- HTTP as a value: feed bytes, pull events, pull bytes. No I/O, no clock, no up-calls.
 *
 *   in:  feed(bytes) or feed_eof(), then next() until PS_EV_NONE; a BODY view dies with the following
 *        next() or feed(). feed() takes a view that must live until next() said PS_EV_NONE.
 *   out: open(request) -> id, send(id, bytes, end) -> how much was taken, pull(buf) -> wire bytes.
 *   credit(id, n): the consumer has eaten n body bytes. drop(id): forget this exchange.
 *
 * Shared by HTTP/1.1 (one exchange at a time, id 1, 2, 3...) and HTTP/2 (many, stream ids).
 * The first member of every codec is `struct ps_codec`. Thread: io. Owner: conn, by pointer; fini frees it. */
#ifndef PS_PROTO_CODEC_H
#define PS_PROTO_CODEC_H

#include "base/buf.h"
#include "base/err.h"
#include "proto/head.h"
#include "proto/request.h"

enum ps_event_kind {
    PS_EV_NONE = 0, /* nothing more until the next feed() */
    PS_EV_INFO,     /* 1xx head (101 included when it was asked for); `head` given */
    PS_EV_HEAD,     /* final response head; `head` given */
    PS_EV_BODY,     /* body bytes; `body` is a view, never empty */
    PS_EV_TRAILERS, /* `head` given */
    PS_EV_END,      /* the response is complete; nothing more comes for `id` */
    PS_EV_RESET,    /* this exchange failed, the connection goes on (h2); `err` given */
    PS_EV_GOAWAY,   /* the peer takes no new exchanges (h2) */
    PS_EV_FAIL,     /* the connection is lost, with every open exchange; `err` given; final */
};

struct ps_event {
    enum ps_event_kind kind;
    uint32_t id;
    struct ps_head *head; /* given: the receiver frees it */
    struct ps_bytes body;
    const struct ps_err *err; /* RESET, GOAWAY, FAIL: dies with the following next(); else NULL */
    bool not_processed; /* RESET, FAIL: proof that the peer did not process this exchange */
    void *tag;          /* h2: what ps_h2_tag() said of this exchange; else NULL */
};

struct ps_codec_limits {
    struct ps_head_limits head;    /* response head: 128 KiB, 500 fields */
    struct ps_head_limits trailer; /* 16 KiB, 100 fields */
    size_t line_bytes;             /* longest status, header or trailer line in h1 */
    size_t chunk_ext_bytes;        /* longest chunk extension: 256 */
    size_t info_n;                 /* most 1xx heads before the final one: 16 */
    size_t window_bytes;           /* most unread body bytes per exchange before reading stops */
};

struct ps_codec;

struct ps_codec_ops {
    void (*fini)(struct ps_codec *c);
    void (*feed)(struct ps_codec *c, struct ps_bytes bytes);
    /* The peer closed. `clean`: plain TCP FIN, or TLS with close_notify (rules 74, 75). */
    void (*feed_eof)(struct ps_codec *c, bool clean);
    void (*next)(struct ps_codec *c, struct ps_event *ev);
    enum ps_status (*open)(struct ps_codec *c, const struct ps_request *req, uint32_t *id,
                           struct ps_err *err);
    enum ps_status (*send)(struct ps_codec *c, uint32_t id, struct ps_bytes bytes, bool end,
                           size_t *taken_n, struct ps_err *err);
    enum ps_status (*pull)(struct ps_codec *c, struct ps_buf *out, struct ps_err *err);
    void (*credit)(struct ps_codec *c, uint32_t id, size_t n);
    void (*drop)(struct ps_codec *c, uint32_t id);
    size_t (*free_slots)(const struct ps_codec *c); /* exchanges that may be opened now */
    bool (*wants_read)(const struct ps_codec *c);   /* false: stop reading the socket */
    bool (*is_reusable)(const struct ps_codec *c);  /* may carry another exchange, now or later */
    /* Optional (h2): has pull() anything to give? */
    bool (*wants_write)(const struct ps_codec *c);
    /* Expect: 100-continue (rule 66): does the body wait for the peer's word? It may go now. */
    bool (*is_waiting)(const struct ps_codec *c, uint32_t id);
    void (*stop_waiting)(struct ps_codec *c, uint32_t id);
};

struct ps_codec {
    const struct ps_codec_ops *ops; /* static table */
};

/* Names for the calls above, so that call sites read well. */
static inline void ps_codec_fini(struct ps_codec *c)
{
    if (c->ops != NULL)
        c->ops->fini(c);
}
static inline void ps_codec_feed(struct ps_codec *c, struct ps_bytes bytes)
{
    c->ops->feed(c, bytes);
}
static inline void ps_codec_feed_eof(struct ps_codec *c, bool clean)
{
    c->ops->feed_eof(c, clean);
}
static inline void ps_codec_next(struct ps_codec *c, struct ps_event *ev)
{
    c->ops->next(c, ev);
}
/* Starts an exchange; the request must outlive it. Its head is queued for pull(). PS_OK, PS_NOMEM,
 * PS_LIMIT, PS_CLOSED (no slot). */
PS_CHECK static inline enum ps_status ps_codec_open(struct ps_codec *c, const struct ps_request *req,
                                                    uint32_t *id, struct ps_err *err)
{
    return c->ops->open(c, req, id, err);
}
/* Queues body bytes, as many as there is room for (`*taken_n`, may be 0: pull and come again).
 * `end` counts only when everything was taken. PS_OK, PS_NOMEM, PS_BODY_MISMATCH. */
PS_CHECK static inline enum ps_status ps_codec_send(struct ps_codec *c, uint32_t id,
                                                    struct ps_bytes bytes, bool end, size_t *taken_n,
                                                    struct ps_err *err)
{
    return c->ops->send(c, id, bytes, end, taken_n, err);
}
/* Moves wire bytes to `out`, as many as fit its limit. PS_OK (also when nothing moved) or PS_NOMEM. */
PS_CHECK static inline enum ps_status ps_codec_pull(struct ps_codec *c, struct ps_buf *out,
                                                    struct ps_err *err)
{
    return c->ops->pull(c, out, err);
}
static inline void ps_codec_credit(struct ps_codec *c, uint32_t id, size_t n)
{
    c->ops->credit(c, id, n);
}
static inline void ps_codec_drop(struct ps_codec *c, uint32_t id)
{
    c->ops->drop(c, id);
}
static inline size_t ps_codec_free_slots(const struct ps_codec *c)
{
    return c->ops->free_slots(c);
}
static inline bool ps_codec_wants_read(const struct ps_codec *c)
{
    return c->ops->wants_read(c);
}
static inline bool ps_codec_is_reusable(const struct ps_codec *c)
{
    return c->ops->is_reusable(c);
}

static inline bool ps_codec_is_waiting(const struct ps_codec *c, uint32_t id)
{
    return c->ops->is_waiting(c, id);
}
static inline void ps_codec_stop_waiting(struct ps_codec *c, uint32_t id)
{
    c->ops->stop_waiting(c, id);
}

/* May pull() have bytes now? True also when the codec cannot tell: then pull and see. */
static inline bool ps_codec_wants_write(const struct ps_codec *c)
{
    return c->ops->wants_write == NULL || c->ops->wants_write(c);
}

#endif
