/* base/deadlines.h -- a binary heap of due times.
 * Nodes are embedded in their owners and know their place, so that set and clear are O(log n) and
 * freeing an owner is immediate. No clock in here: `now_ms` is an argument. Thread: the owner's. */
#ifndef PS_BASE_DEADLINES_H
#define PS_BASE_DEADLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct ps_deadline {
    uint64_t due_ms;
    size_t slot;                                 /* index in the heap + 1; 0 = not set */
    void (*fire)(struct ps_deadline *d, uint64_t now_ms); /* set by the owner before the first set */
};

struct ps_deadlines {
    struct ps_deadline **heap; /* owned array of borrowed nodes */
    size_t n;
    size_t cap;
};

void ps_deadlines_init(struct ps_deadlines *h);
void ps_deadlines_fini(struct ps_deadlines *h);

/* Room for `n` nodes in total, so that later sets of up to `n` nodes cannot fail. */
PS_CHECK enum ps_status ps_deadlines_reserve(struct ps_deadlines *h, size_t n);

/* Sets or moves `d`. PS_NOMEM only when it was not set and the heap had to grow. */
PS_CHECK enum ps_status ps_deadlines_set(struct ps_deadlines *h, struct ps_deadline *d,
                                         uint64_t due_ms);
void ps_deadlines_clear(struct ps_deadlines *h, struct ps_deadline *d); /* harmless if not set */

static inline bool ps_deadline_is_set(const struct ps_deadline *d)
{
    return d->slot != 0;
}

/* Earliest due time; UINT64_MAX when none is set. */
uint64_t ps_deadlines_next_ms(const struct ps_deadlines *h);

/* Takes out the earliest node that is due at `now_ms`; NULL when none is. */
struct ps_deadline *ps_deadlines_pop(struct ps_deadlines *h, uint64_t now_ms);

#endif
