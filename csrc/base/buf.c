/* base/buf.c -- the bounded byte queue (see buf.h).
 * Grows fast while it is small (a burst should not copy itself many times), then by doubling; slides the unread bytes to the front before it grows. */
#include "base/buf.h"

#include <assert.h>

#include "base/mem.h"

enum { BUF_FIRST_BYTES = 512, BUF_FAST_BYTES = 16384 };

void ps_buf_init(struct ps_buf *b, size_t limit_bytes)
{
    *b = (struct ps_buf){.limit_bytes = limit_bytes};
}

void ps_buf_fini(struct ps_buf *b)
{
    ps_free(b->data);
    ps_buf_init(b, b->limit_bytes);
}

static void slide(struct ps_buf *b)
{
    if (b->at == 0)
        return;
    memmove(b->data, b->data + b->at, ps_buf_n(b));
    b->end -= b->at;
    b->at = 0;
}

static enum ps_status grow(struct ps_buf *b, size_t need)
{
    size_t cap = b->cap < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : b->cap;
    while (cap < need)
        cap *= cap < BUF_FAST_BYTES ? 4 : 2;
    uint8_t *data = ps_realloc(b->data, cap);
    if (data == NULL)
        return PS_NOMEM;
    b->data = data;
    b->cap = cap;
    return PS_OK;
}

enum ps_status ps_buf_reserve(struct ps_buf *b, size_t n, uint8_t **out)
{
    if (n > ps_buf_room(b))
        return PS_LIMIT;
    if (b->cap - b->end < n) {
        slide(b);
        if (b->cap - b->end < n && grow(b, b->end + n) != PS_OK)
            return PS_NOMEM;
    }
    *out = b->data + b->end;
    return PS_OK;
}

void ps_buf_commit(struct ps_buf *b, size_t n)
{
    assert(n <= b->cap - b->end);
    b->end += n;
}

enum ps_status ps_buf_append(struct ps_buf *b, struct ps_bytes bytes)
{
    if (bytes.n == 0)
        return PS_OK;
    uint8_t *to;
    enum ps_status st = ps_buf_reserve(b, bytes.n, &to);
    if (st != PS_OK)
        return st;
    memcpy(to, bytes.p, bytes.n);
    ps_buf_commit(b, bytes.n);
    return PS_OK;
}

void ps_buf_consume(struct ps_buf *b, size_t n)
{
    assert(n <= ps_buf_n(b));
    b->at += n;
    if (b->at == b->end)
        b->at = b->end = 0;
}

void ps_buf_clear(struct ps_buf *b)
{
    b->at = b->end = 0;
}

void ps_buf_shrink(struct ps_buf *b, size_t keep_bytes)
{
    if (ps_buf_n(b) == 0 && b->cap > keep_bytes)
        ps_buf_fini(b);
}
