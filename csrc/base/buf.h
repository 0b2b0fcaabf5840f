/* base/buf.h -- a bounded byte queue: append at the end, consume from the front.
 * The limit is given at init and is never exceeded: an append past it is PS_LIMIT and changes nothing.
 * Zeroed memory is a valid empty buffer with limit 0. Thread: any, one at a time. */
#ifndef PS_BASE_BUF_H
#define PS_BASE_BUF_H

#include "base/bytes.h"
#include "base/status.h"

struct ps_buf {
    uint8_t *data;      /* owned; NULL while nothing was ever appended */
    size_t at;          /* first unread byte */
    size_t end;         /* one past the last byte */
    size_t cap;         /* bytes allocated */
    size_t limit_bytes; /* most unread bytes it may hold */
};

void ps_buf_init(struct ps_buf *b, size_t limit_bytes);
void ps_buf_fini(struct ps_buf *b); /* frees and zeroes but keeps the limit */

/* Copies `bytes` to the end. PS_OK, PS_NOMEM or PS_LIMIT; on error nothing changed. */
PS_CHECK enum ps_status ps_buf_append(struct ps_buf *b, struct ps_bytes bytes);

/* Makes room for `n` more bytes and stores where to write them; ps_buf_commit() then adds what was
 * written. The pointer dies with the next call on `b`. PS_OK, PS_NOMEM or PS_LIMIT. */
PS_CHECK enum ps_status ps_buf_reserve(struct ps_buf *b, size_t n, uint8_t **out);
void ps_buf_commit(struct ps_buf *b, size_t n);

void ps_buf_consume(struct ps_buf *b, size_t n);
void ps_buf_clear(struct ps_buf *b); /* keeps the memory for reuse */

/* Frees the memory when the buffer is empty and larger than `keep_bytes`. */
void ps_buf_shrink(struct ps_buf *b, size_t keep_bytes);

static inline size_t ps_buf_n(const struct ps_buf *b)
{
    return b->end - b->at;
}

static inline size_t ps_buf_room(const struct ps_buf *b)
{
    return b->limit_bytes - ps_buf_n(b);
}

static inline struct ps_bytes ps_buf_view(const struct ps_buf *b)
{
    return ps_bytes_of(b->data == NULL ? NULL : b->data + b->at, ps_buf_n(b));
}

#endif
