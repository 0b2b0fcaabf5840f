/* tests/c/t.h -- the C tests' harness: a list of named tests, checks, and a scenario runner that fails
 * each allocation in turn. A test ends with no live block, chunk or exchange of ours. */
#ifndef PS_TEST_T_H
#define PS_TEST_T_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/chunk.h"
#include "base/mem.h"
#include "base/status.h"

/* Set by t_lame.h's sweep when something under test was told PS_NOMEM: the test cannot find what it wants any
 * more. It goes on to its end all the same, and checks mean nothing. */
static atomic_bool t_is_lame;
static bool t_refuses_itself; /* the test at hand refuses allocations by its own plan: no sweep over it */

#define T_CHECK(cond)                                                                              \
    do {                                                                                           \
        if (!(cond) && !t_is_lame) {                                                                             \
            fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #cond);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define T_EQ(a, b)                                                                                 \
    do {                                                                                           \
        long long t_a = (long long)(a), t_b = (long long)(b);                                      \
        if (t_a != t_b && !t_is_lame) {                                                                          \
            fprintf(stderr, "%s:%d: %s is %lld, wanted %s = %lld\n", __FILE__, __LINE__, #a, t_a,  \
                    #b, t_b);                                                                      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define T_STR(a, b)                                                                                \
    do {                                                                                           \
        const char *t_a = (a), *t_b = (b);                                                         \
        if (strcmp(t_a, t_b) != 0 && !t_is_lame) {                                                               \
            fprintf(stderr, "%s:%d: %s is \"%s\", wanted \"%s\"\n", __FILE__, __LINE__, #a, t_a,   \
                    t_b);                                                                          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct t_test {
    const char *name;
    void (*run)(void);
};

/* A scenario that may fail only by PS_NOMEM when an allocation is refused; it must clean up in any
 * case. Runs once without failures, then with allocation 1, 2, 3... refused, until it gets through. */
static inline void t_each_alloc(enum ps_status (*scenario)(void))
{
    t_is_lame = false;
    t_refuses_itself = true;
    ps_mem_fail_at(0);
    T_EQ(scenario(), PS_OK);
    T_EQ(ps_mem_live_n(), 0);
    for (size_t nth = 1;; nth++) {
        ps_mem_fail_at(nth);
        enum ps_status st = scenario();
        size_t asked = ps_mem_asked_n();
        t_is_lame = false;
        ps_mem_fail_at(0);
        T_EQ(ps_mem_live_n(), 0);
        if (asked < nth) { /* this run needed fewer than nth: every allocation has failed once */
            T_EQ(st, PS_OK);
            return;
        }
        T_CHECK(st == PS_NOMEM || st == PS_OK);
    }
}

static inline void t_run(void (*test)(void))
{
    test();
}

/* Runs each test, or the one that is named, by `by`. */
static inline int t_main(const struct t_test *tests, size_t n, void (*by)(void (*test)(void)),
                         int argc, char **argv)
{
    size_t ran = 0;
    for (size_t i = 0; i < n; i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
            continue;
        fprintf(stderr, "  %s\n", tests[i].name);
        by(tests[i].run);
        T_EQ(ps_mem_live_n(), 0);
        T_EQ(ps_chunk_live_n(), 0);
        ran++;
    }
    T_CHECK(ran > 0);
    printf("%s: %zu passed, 0 failed\n", argv[0], ran);
    return 0;
}

#define T_MAIN(tests)                                                                              \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return t_main(tests, sizeof(tests) / sizeof((tests)[0]), t_run, argc, argv);               \
    }

#endif
