/* bridge/spares.h -- large body buffers between two uses.
 * A response that comes faster than it is read grows a buffer of up to some 100 KiB. Made and freed for each response
 * it would cost more in page faults (the allocator gives such memory back to the system at once) than the copying
 * through it. So a home keeps a few and hands them to the next body that outgrows a small buffer.
 * Owner: the home, which embeds it. Thread: any, with the home's lock held. Limit: SPARES_N of SPARE_MOST_BYTES. */
#ifndef PS_BRIDGE_SPARES_H
#define PS_BRIDGE_SPARES_H

#include "base/buf.h"

enum { SPARES_N = 8, SPARE_LEAST_BYTES = 32768, SPARE_MOST_BYTES = 262144 };

struct ps_spares {
    struct ps_buf bufs[SPARES_N]; /* the first `n` have memory */
    unsigned n;
};

void ps_spares_fini(struct ps_spares *s);

/* Keeps the memory of `b`, which becomes empty; or gives it a smaller one that was kept until now; or leaves it where
 * it is when all that is kept is as large, or it is too small or too large. The caller frees what `b` then has, best
 * without the lock. */
void ps_spares_put(struct ps_spares *s, struct ps_buf *b);

/* When `n` more bytes would make `b` grow to a size that is kept here, it moves to a spare that has room. Never
 * fails: without one nothing changes. */
void ps_spares_widen(struct ps_spares *s, struct ps_buf *b, size_t n);

#endif
