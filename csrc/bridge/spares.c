/* bridge/spares.c -- see spares.h. The last one put that has room is the next one taken: its memory is still in the
 * caches. Small ones must not fill the places: then every large one would be freed and made anew. */
#include "bridge/spares.h"

#include <assert.h>

void ps_spares_fini(struct ps_spares *s)
{
    while (s->n > 0)
        ps_buf_fini(&s->bufs[--s->n]);
}

static bool is_worth_keeping(const struct ps_buf *b)
{
    return b->cap >= SPARE_LEAST_BYTES && b->cap <= SPARE_MOST_BYTES;
}

static struct ps_buf *smallest(struct ps_spares *s)
{
    struct ps_buf *found = &s->bufs[0];
    for (unsigned i = 1; i < s->n; i++)
        if (s->bufs[i].cap < found->cap)
            found = &s->bufs[i];
    return found;
}

void ps_spares_put(struct ps_spares *s, struct ps_buf *b)
{
    if (!is_worth_keeping(b))
        return;
    if (s->n < SPARES_N) {
        s->bufs[s->n++] = *b;
        *b = (struct ps_buf){.limit_bytes = b->limit_bytes};
        return;
    }
    struct ps_buf *least = smallest(s);
    if (least->cap >= b->cap)
        return;
    struct ps_buf smaller = *least;
    *least = *b;
    *b = smaller;
    ps_buf_clear(b);
}

static struct ps_buf *with_room(struct ps_spares *s, size_t n)
{
    for (unsigned i = s->n; i > 0; i--)
        if (s->bufs[i - 1].cap >= n)
            return &s->bufs[i - 1];
    return NULL;
}

void ps_spares_widen(struct ps_spares *s, struct ps_buf *b, size_t n)
{
    size_t need = ps_buf_n(b) + n;
    if (s->n == 0 || need <= b->cap || need < SPARE_LEAST_BYTES / 2 || need > b->limit_bytes)
        return;
    struct ps_buf *spare = with_room(s, need);
    if (spare == NULL)
        return;
    spare->limit_bytes = b->limit_bytes;
    ps_buf_clear(spare);
    enum ps_status st = ps_buf_append(spare, ps_buf_view(b));
    assert(st == PS_OK); /* it has room */
    (void)st;
    struct ps_buf was = *b;
    *b = *spare;
    *spare = s->bufs[--s->n];
    ps_spares_put(s, &was);
    ps_buf_fini(&was);
}
