/* base/mem.c -- malloc with a test harness around it (see mem.h).
 * The counters are atomics because the bridge's tests allocate on two threads. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#ifdef PS_MEM_TEST
#include <stdatomic.h>
#include <stdbool.h>

static atomic_size_t asked_n;
static atomic_size_t fail_at;
static atomic_size_t live_n;

void ps_mem_fail_at(size_t nth)
{
    atomic_store(&asked_n, 0);
    atomic_store(&fail_at, nth);
}

size_t ps_mem_asked_n(void)
{
    return atomic_load(&asked_n);
}

size_t ps_mem_live_n(void)
{
    return atomic_load(&live_n);
}

static bool must_fail(void)
{
    size_t nth = atomic_fetch_add(&asked_n, 1) + 1;
    return nth == atomic_load(&fail_at);
}

static void count(const void *was, const void *is)
{
    if (was == NULL && is != NULL)
        atomic_fetch_add(&live_n, 1);
}

static void uncount(const void *p)
{
    if (p != NULL)
        atomic_fetch_sub(&live_n, 1);
}
#else
#define must_fail() 0
#define count(was, is) ((void)0)
#define uncount(p) ((void)(p))
#endif

void *ps_malloc(size_t n)
{
    if (must_fail())
        return NULL;
    void *p = malloc(n);
    count(NULL, p);
    return p;
}

void *ps_zalloc(size_t n)
{
    if (must_fail())
        return NULL;
    void *p = calloc(1, n);
    count(NULL, p);
    return p;
}

void *ps_realloc(void *was, size_t n)
{
    if (must_fail())
        return NULL;
    void *is = realloc(was, n);
    count(was, is);
    return is;
}

void ps_free(void *p)
{
    uncount(p);
    free(p);
}

char *ps_strndup(const char *s, size_t n)
{
    char *copy = ps_malloc(n + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}
