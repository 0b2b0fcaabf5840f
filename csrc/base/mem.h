/* base/mem.h -- the only door to the heap.
 * All rooms below py/ allocate here, so that tests can count live blocks and fail the n-th allocation
 * (compiled in with -DPS_MEM_TEST). Thread: any. */
#ifndef PS_BASE_MEM_H
#define PS_BASE_MEM_H

#include <stddef.h>

void *ps_malloc(size_t n) __attribute__((malloc));
void *ps_zalloc(size_t n) __attribute__((malloc));
void *ps_realloc(void *p, size_t n);
void ps_free(void *p); /* accepts NULL */

/* Copies `n` bytes and adds a NUL; NULL when out of memory. */
char *ps_strndup(const char *s, size_t n);

#ifdef PS_MEM_TEST
/* Fail the `nth` allocation from now (1 = the next one), once. 0 switches off. */
void ps_mem_fail_at(size_t nth);
/* How many allocations were asked for since the last ps_mem_fail_at(). */
size_t ps_mem_asked_n(void);
/* Blocks alive now. */
size_t ps_mem_live_n(void);
#endif

#endif
