/* proto/h1_state.h -- what the files h1*.c share: the codec's state and its inner doors.
 * Private to proto/. Thread: io.
 *
 * h1.c owns the ops table and the loop of next(); h1_line.c cuts lines and fields out of the input;
 * h1_head.c reads heads and decides the framing; h1_body.c reads bodies; h1_write.c writes
 * requests. */
#ifndef PS_PROTO_H1_STATE_H
#define PS_PROTO_H1_STATE_H

#include "proto/h1.h"

enum {
    H1_QUEUE_BYTES = 65536
}; /* most body bytes, framing included, waiting for pull() */

enum h1_read {
    H1_BETWEEN,     /* no exchange; any byte is an error (rule 76) */
    H1_STATUS_LINE, /* of a final or an interim head */
    H1_FIELDS,
    H1_BODY_LENGTH, /* left_bytes to come */
    H1_BODY_CLOSE,  /* until the peer closes */
    H1_CHUNK_SIZE,
    H1_CHUNK_DATA, /* left_bytes of this chunk to come */
    H1_CHUNK_CRLF, /* the line end after a chunk's data */
    H1_TRAILER,
    H1_END,  /* all read, PS_EV_END not yet told */
    H1_DEAD, /* failed or dropped: input is thrown away, no event comes */
};

/* What the fields of the head being read say about the message after it. */
struct h1_framing {
    bool has_length, has_chunked; /* Content-Length, Transfer-Encoding: chunked */
    bool says_close, says_keep_alive;
    uint64_t length_bytes;
    uint64_t keep_alive_ms; /* Keep-Alive: timeout=; UINT64_MAX = not given */
};

struct h1_writer {
    struct ps_buf queue; /* wire bytes for pull() */
    enum ps_body_kind kind;
    uint64_t left_bytes; /* PS_BODY_FIXED: not yet taken by send() */
    bool is_done;        /* the whole message is queued or pulled */
    bool is_stopped;     /* the rest will never be sent (rules 62, 66) */
    bool is_waiting;     /* for 100 Continue */
    bool end_is_due;     /* send(end) came while waiting, the last chunk is to be written */
    bool has_pulled;     /* the peer may have seen a byte of this request */
};

struct ps_h1 {
    struct ps_codec codec; /* first */
    struct ps_codec_limits limits;
    struct ps_err why; /* of FAIL */
    struct h1_writer out;
    struct ps_h1_via via; /* host is NULL: none */

    /* Input. */
    struct ps_bytes in;  /* borrowed: the unread rest of the view given to feed() */
    struct ps_buf line;  /* beginning of a line whose end has not come */
    bool line_was_taken; /* `line` holds a whole line that was handed out: clear before the next */
    bool has_eof, eof_is_clean;

    /* The exchange. */
    enum h1_read state;
    uint32_t id;  /* of the current or the last one */
    bool is_head; /* method HEAD, CONNECT of its request */
    bool is_connect;
    bool has_response; /* a response byte came */
    size_t info_n;     /* 1xx heads so far, and their cost */
    size_t info_bytes;
    struct ps_head *head; /* owned: head or trailers being read */
    struct h1_framing framing;
    uint64_t left_bytes;   /* of the body or the chunk */
    uint64_t read_bytes;   /* body bytes passed on */
    uint64_t unread_bytes; /* passed on, not yet credited */
    bool has_cr;           /* H1_CHUNK_CRLF: the CR came */

    /* The connection. */
    bool is_kept;           /* may carry another exchange */
    uint64_t keep_alive_ms; /* what the last final head promised; 0 = nothing */
};

/* What a step of next() did. */
enum h1_step {
    H1_AGAIN, /* the state moved: take the next step */
    H1_EVENT, /* `ev` is filled */
    H1_MORE,  /* the input is used up */
};

static inline struct ps_h1 *ps_h1_of(struct ps_codec *c)
{
    return (struct ps_h1 *)(void *)c;
}

static inline const struct ps_h1 *ps_h1_of_const(const struct ps_codec *c)
{
    return (const struct ps_h1 *)(const void *)c;
}

/* h1.c: the connection is lost. Fills `ev`, frees what the exchange held; returns H1_EVENT. */
enum h1_step ps_h1_fail(struct ps_h1 *h, struct ps_event *ev, enum ps_status st,
                        enum ps_phase phase, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
enum h1_step ps_h1_fail_nomem(struct ps_h1 *h, struct ps_event *ev);

/* h1_line.c */
enum h1_line {
    H1_LINE_WHOLE,
    H1_LINE_PART,
    H1_LINE_LONG,
    H1_LINE_NOMEM
};

/* Takes one line of at most `limit_bytes` off the input. WHOLE: `*line` is all before LF, CR
 * included, and lives until the next call or feed(). PART: the input is used up. */
enum h1_line ps_h1_take_line(struct ps_h1 *h, size_t limit_bytes, struct ps_bytes *line);

/* Takes a field or trailer line. H1_AGAIN: `*name` and `*value` are legal, or both empty at the
 * empty line. H1_MORE, or H1_EVENT when it failed. */
enum h1_step ps_h1_take_field(struct ps_h1 *h, struct ps_event *ev, enum ps_phase phase,
                              struct ps_bytes *name, struct ps_bytes *value);

/* Removes the CR at the end of a line; H1_EVENT when there is none or another one inside (rule 68).
 */
enum h1_step ps_h1_strip_cr(struct ps_h1 *h, struct ps_event *ev, enum ps_phase phase,
                            const char *what, struct ps_bytes *line);

/* h1_head.c */
void ps_h1_expect_head(struct ps_h1 *h);
enum h1_step ps_h1_read_status_line(struct ps_h1 *h, struct ps_event *ev);
enum h1_step ps_h1_read_fields(struct ps_h1 *h, struct ps_event *ev);

/* h1_body.c */
enum h1_step ps_h1_read_body(struct ps_h1 *h, struct ps_event *ev); /* LENGTH, CLOSE, CHUNK_DATA */
enum h1_step ps_h1_read_chunk_size(struct ps_h1 *h, struct ps_event *ev);
enum h1_step ps_h1_read_chunk_crlf(struct ps_h1 *h, struct ps_event *ev);
enum h1_step ps_h1_read_trailer(struct ps_h1 *h, struct ps_event *ev);

/* h1_write.c */
enum ps_status ps_h1_write_head(struct ps_h1 *h, const struct ps_request *req, struct ps_err *err);
enum ps_status ps_h1_send(struct ps_codec *c, uint32_t id, struct ps_bytes bytes, bool end,
                          size_t *taken_n, struct ps_err *err);
enum ps_status ps_h1_pull(struct ps_codec *c, struct ps_buf *out, struct ps_err *err);
void ps_h1_stop_body(struct ps_h1 *h); /* nothing more is sent; the connection is not kept */

#endif
