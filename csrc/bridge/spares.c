/* bridge/spares.c -- see spares.h. The last one put is the next one taken: its memory is still in the caches. */
#include "bridge/spares.h"

#include <assert.h>

void ps_spares_fini(struct ps_spares *s)
{
    while (s->n > 0)
        ps_buf_fini(&s->bufs[--s->n]);
}

void ps_spares_put(struct ps_spares *s, struct ps_buf *b)
{
    if (s->n == SPARES_N || b->cap < SPARE_LEAST_BYTES || b->cap > SPARE_MOST_BYTES)
        return;
    s->bufs[s->n++] = *b;
    *b = (struct ps_buf){.limit_bytes = b->limit_bytes};
}

void ps_spares_widen(struct ps_spares *s, struct ps_buf *b, size_t n)
{
    size_t need = ps_buf_n(b) + n;
    if (s->n == 0 || need <= b->cap || need < SPARE_LEAST_BYTES / 2 || need > b->limit_bytes)
        return;
    struct ps_buf *spare = &s->bufs[s->n - 1];
    if (spare->cap < need)
        return;
    spare->limit_bytes = b->limit_bytes;
    ps_buf_clear(spare);
    enum ps_status st = ps_buf_append(spare, ps_buf_view(b));
    assert(st == PS_OK); /* it has room */
    (void)st;
    struct ps_buf was = *b;
    *b = *spare;
    s->n--;
    ps_buf_fini(&was);
}
