/* base/chunk.h -- counted, immutable payload: a request body or a piece of one.
 * Made with one reference; whoever keeps it takes another. The bytes never change after the maker
 * has filled them, so both threads may read them. Thread: any (the count is atomic). */
#ifndef PS_BASE_CHUNK_H
#define PS_BASE_CHUNK_H

#include <stdatomic.h>

#include "base/bytes.h"

struct ps_chunk {
    atomic_uint refs_n;
    size_t n;
    uint8_t data[];
};

/* A chunk with room for `n` bytes, to be filled by the maker before it is shared. NULL: no memory. */
struct ps_chunk *ps_chunk_new(size_t n);
struct ps_chunk *ps_chunk_ref(struct ps_chunk *c);
void ps_chunk_unref(struct ps_chunk *c); /* accepts NULL */

#ifdef PS_MEM_TEST
size_t ps_chunk_live_n(void);
#endif

#endif
