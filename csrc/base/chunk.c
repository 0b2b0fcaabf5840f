/* base/chunk.c -- counted payload (see chunk.h). */
#include "base/chunk.h"

#include <assert.h>

#include "base/mem.h"

#ifdef PS_MEM_TEST
static atomic_size_t live_n;

size_t ps_chunk_live_n(void)
{
    return atomic_load(&live_n);
}

static void count_live(int by)
{
    atomic_fetch_add(&live_n, (size_t)by);
}
#else
#define count_live(by) ((void)0)
#endif

struct ps_chunk *ps_chunk_new(size_t n)
{
    struct ps_chunk *c = ps_malloc(sizeof *c + n);
    if (c == NULL)
        return NULL;
    atomic_init(&c->refs_n, 1);
    c->n = n;
    count_live(1);
    return c;
}

struct ps_chunk *ps_chunk_ref(struct ps_chunk *c)
{
    atomic_fetch_add_explicit(&c->refs_n, 1, memory_order_relaxed);
    return c;
}

void ps_chunk_unref(struct ps_chunk *c)
{
    if (c == NULL)
        return;
    unsigned was = atomic_fetch_sub_explicit(&c->refs_n, 1, memory_order_acq_rel);
    assert(was > 0);
    if (was == 1) {
        count_live(-1);
        ps_free(c);
    }
}
