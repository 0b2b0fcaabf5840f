/* base/deadlines.c -- the binary heap of due times (see deadlines.h).
 * Each node keeps its own place (slot = index + 1), so every move of a pointer writes the slot too.
 * The array grows by doubling and is bounded by the number of owners that have a node. */
#include "base/deadlines.h"

#include <assert.h>

#include "base/mem.h"

enum { HEAP_FIRST_N = 16 };

void ps_deadlines_init(struct ps_deadlines *h)
{
    *h = (struct ps_deadlines){0};
}

void ps_deadlines_fini(struct ps_deadlines *h)
{
    /* A node that outlives the heap must not believe that it is still in it. */
    for (size_t i = 0; i < h->n; i++)
        h->heap[i]->slot = 0;
    ps_free(h->heap);
    ps_deadlines_init(h);
}

enum ps_status ps_deadlines_reserve(struct ps_deadlines *h, size_t n)
{
    if (n <= h->cap)
        return PS_OK;
    struct ps_deadline **heap = ps_realloc(h->heap, n * sizeof *heap);
    if (heap == NULL)
        return PS_NOMEM;
    h->heap = heap;
    h->cap = n;
    return PS_OK;
}

static void put(struct ps_deadlines *h, size_t i, struct ps_deadline *d)
{
    h->heap[i] = d;
    d->slot = i + 1;
}

/* Moves `d` from the free place `i` towards the root, as far as it is due earlier. */
static size_t sift_up(struct ps_deadlines *h, size_t i, const struct ps_deadline *d)
{
    while (i > 0 && d->due_ms < h->heap[(i - 1) / 2]->due_ms) {
        put(h, i, h->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    return i;
}

static size_t sift_down(struct ps_deadlines *h, size_t i, const struct ps_deadline *d)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->n)
            return i;
        if (child + 1 < h->n && h->heap[child + 1]->due_ms < h->heap[child]->due_ms)
            child++;
        if (d->due_ms <= h->heap[child]->due_ms)
            return i;
        put(h, i, h->heap[child]);
        i = child;
    }
}

/* Finds the place of `d`, starting at the free place `i`. */
static void settle(struct ps_deadlines *h, size_t i, struct ps_deadline *d)
{
    size_t up = sift_up(h, i, d);
    put(h, up == i ? sift_down(h, i, d) : up, d);
}

enum ps_status ps_deadlines_set(struct ps_deadlines *h, struct ps_deadline *d, uint64_t due_ms)
{
    if (d->slot == 0) {
        if (h->n == h->cap &&
            ps_deadlines_reserve(h, h->cap == 0 ? HEAP_FIRST_N : h->cap * 2) != PS_OK)
            return PS_NOMEM;
        put(h, h->n, d);
        h->n++;
    }
    assert(d->slot <= h->n && h->heap[d->slot - 1] == d);
    d->due_ms = due_ms;
    settle(h, d->slot - 1, d);
    return PS_OK;
}

void ps_deadlines_clear(struct ps_deadlines *h, struct ps_deadline *d)
{
    if (d->slot == 0)
        return;
    assert(d->slot <= h->n && h->heap[d->slot - 1] == d);
    size_t i = d->slot - 1;
    d->slot = 0;
    struct ps_deadline *last = h->heap[--h->n];
    if (last != d)
        settle(h, i, last);
}

uint64_t ps_deadlines_next_ms(const struct ps_deadlines *h)
{
    return h->n == 0 ? UINT64_MAX : h->heap[0]->due_ms;
}

struct ps_deadline *ps_deadlines_pop(struct ps_deadlines *h, uint64_t now_ms)
{
    if (h->n == 0 || h->heap[0]->due_ms > now_ms)
        return NULL;
    struct ps_deadline *d = h->heap[0];
    ps_deadlines_clear(h, d);
    return d;
}
