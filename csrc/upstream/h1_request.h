/* upstream/h1_request.h -- a strict reader of HTTP/1.1 requests: bytes in, HEAD, BODY pieces and END out.
 *
 * Stricter than RFC 9112 asks, because a test server is a judge: lines end in CRLF, one space between method,
 * target and version, no folded fields, no space before a colon, exactly one Host, at most one Content-Length,
 * "chunked" as the only transfer coding and never beside a Content-Length, no empty line before a request.
 * Thread: io. Owner: the connection. No I/O. What comes out does not depend on how the bytes were cut.
 * Limits: head and trailer 64 KiB and 200 fields each, a chunk-size line 1 KiB, all extensions 4 KiB. */
#ifndef PS_UPSTREAM_H1_REQUEST_H
#define PS_UPSTREAM_H1_REQUEST_H

#include "upstream/request.h"

enum up_h1_event {
    UP_H1_MORE, /* the input is used up */
    UP_H1_HEAD, /* `request` is filled, but for the body */
    UP_H1_BODY, /* a piece */
    UP_H1_END,  /* the message is whole; nothing more until up_h1_reader_next_message() */
    UP_H1_BAD,  /* malformed, `why` says how; nothing more ever */
    UP_H1_NOMEM /* as BAD */
};

enum up_h1_state {
    UP_H1_AT_LINE,
    UP_H1_AT_FIELD,
    UP_H1_AT_HEAD_END,
    UP_H1_AT_LENGTH, /* a body of known length */
    UP_H1_AT_CHUNK,  /* a chunk-size line */
    UP_H1_AT_CHUNK_DATA,
    UP_H1_AT_CHUNK_END,
    UP_H1_AT_TRAILER,
    UP_H1_AT_END,
    UP_H1_FAILED
};

struct up_h1_reader {
    struct up_request request;
    enum up_h1_state state;
    struct ps_buf line; /* the beginning of a line whose end has not come */
    size_t head_bytes;  /* of this head, or of the trailer */
    size_t trailers_n;
    size_t ext_bytes;
    uint64_t left_bytes; /* of the body or the chunk */
    uint64_t length;
    unsigned hosts_n, lengths_n, codings_n;
    bool closes;       /* Connection: close */
    bool wants_continue; /* Expect: 100-continue */
    const char *why;
};

void up_h1_reader_init(struct up_h1_reader *r, size_t body_limit_bytes);
void up_h1_reader_fini(struct up_h1_reader *r);
void up_h1_reader_next_message(struct up_h1_reader *r);

/* Uses up a part of `input`; `piece` is a view into it. */
enum up_h1_event up_h1_read(struct up_h1_reader *r, struct ps_bytes *input, struct ps_bytes *piece);

/* Has the head announced a body? Valid from HEAD on. */
static inline bool up_h1_has_body(const struct up_h1_reader *r)
{
    return r->codings_n > 0 || r->length > 0;
}

/* -- for h1_line.c and h1_request.c -- */

/* Each takes a line without its CRLF; NULL, or why it is malformed. "" stands for no memory. */
const char *up_h1_request_line(struct up_h1_reader *r, struct ps_bytes line);
const char *up_h1_field_line(struct up_h1_reader *r, struct ps_bytes line);
const char *up_h1_trailer_line(struct up_h1_reader *r, struct ps_bytes line);
const char *up_h1_chunk_line(struct up_h1_reader *r, struct ps_bytes line);
bool up_h1_is_token(struct ps_bytes name);

#endif
