/* base/bytes.h -- a view: somebody else's bytes. Dies with the call that passed it. Thread: any. */
#ifndef PS_BASE_BYTES_H
#define PS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ps_bytes {
    const uint8_t *p;
    size_t n;
};

static inline struct ps_bytes ps_bytes_of(const void *p, size_t n)
{
    return (struct ps_bytes){(const uint8_t *)p, n};
}

static inline struct ps_bytes ps_bytes_str(const char *s)
{
    return (struct ps_bytes){(const uint8_t *)s, strlen(s)};
}

static inline bool ps_bytes_eq(struct ps_bytes a, struct ps_bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Compares ASCII letters without case (field names, schemes, hosts). */
bool ps_bytes_ieq(struct ps_bytes a, struct ps_bytes b);
static inline bool ps_bytes_ieq_str(struct ps_bytes a, const char *s)
{
    return ps_bytes_ieq(a, ps_bytes_str(s));
}

#endif
