/* tests/c/t_swept.h -- whole tests with each allocation refused in turn.
 * The test's helpers repeat what was refused, so it goes on to its end and must find all as it
 * would be had nothing been refused: a call that fails for want of memory changes nothing. */
#ifndef PS_TEST_T_SWEPT_H
#define PS_TEST_T_SWEPT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "t.h"

static atomic_size_t t_refused_n; /* how often this run was told PS_NOMEM, on any thread */
static void (*t_swept)(void);     /* the test; NULL while nothing is refused */

/* For a test that does the same with less load then. */
static inline bool t_is_swept(void)
{
    return t_swept != NULL;
}

/* Does `st` tell that memory was refused? Then the caller repeats the call, or does without. */
static inline bool t_refused(enum ps_status st)
{
    if (st != PS_NOMEM)
        return false;
    T_CHECK(t_is_swept());
    atomic_fetch_add(&t_refused_n, 1);
    return true;
}

/* The same for a call that returns what it made. */
static inline bool t_refused_null(const void *made)
{
    return t_refused(made == NULL ? PS_NOMEM : PS_OK);
}

/* One allocation is refused, so one call at most may say so. */
static inline enum ps_status t_swept_scenario(void)
{
    atomic_store(&t_refused_n, 0);
    t_swept();
    T_CHECK(atomic_load(&t_refused_n) <= 1);
    return atomic_load(&t_refused_n) == 0 ? PS_OK : PS_NOMEM;
}

/* Runs the test as it is, then with allocation 1, 2, 3... refused. */
static inline void t_sweep(void (*test)(void))
{
    test();
    t_swept = test;
    t_each_alloc(t_swept_scenario);
    t_swept = NULL;
}

#define T_MAIN_SWEPT(tests)                                                                        \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return t_main(tests, sizeof(tests) / sizeof((tests)[0]), t_sweep, argc, argv);             \
    }

#endif
