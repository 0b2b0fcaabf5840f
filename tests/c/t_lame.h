/* tests/c/t_lame.h -- whole tests with each allocation refused in turn, for tests whose requests fail then.
 * Where a refusal is told (PS_NOMEM) the test goes lame: it cannot find what it wants any more, so its checks
 * pass and its waits give up after many turns, but it runs to its end. It must end, crash nowhere and leave
 * nothing behind. Where a refusal is told to nobody, all must be as if it had not happened. */
#ifndef PS_TEST_T_LAME_H
#define PS_TEST_T_LAME_H

#include "t.h"

enum { T_LAME_TURNS = 3000 }; /* of a wait, once lame */

static void (*t_lame_test)(void); /* NULL while nothing is refused */

/* Something under test said `st`. True: it was for want of memory, which is what this run is about. */
static inline bool t_told(enum ps_status st)
{
    if (st != PS_NOMEM || t_lame_test == NULL)
        return false;
    t_is_lame = true;
    return true;
}

/* `call` must say PS_OK; a refused one is repeated, so that what it makes is there. */
#define T_OK(call)                                                                                 \
    do {                                                                                           \
        enum ps_status t_st = (call);                                                              \
        if (t_told(t_st))                                                                          \
            t_st = (call);                                                                         \
        T_EQ(t_st, PS_OK);                                                                         \
    } while (0)

/* How often a test does something: less while it is run again for each allocation. */
static inline size_t t_times(size_t n, size_t swept_n)
{
    return t_lame_test == NULL ? n : swept_n;
}

/* Should a wait that has turned so often give up? */
static inline bool t_gives_up(size_t turns_n)
{
    return t_is_lame && turns_n > T_LAME_TURNS;
}

static inline enum ps_status t_lame_scenario(void)
{
    t_lame_test();
    return t_is_lame ? PS_NOMEM : PS_OK;
}

/* Runs the test as it is, then with allocation 1, 2, 3... refused. */
static inline void t_lame_sweep(void (*test)(void))
{
    t_refuses_itself = false;
    test();
    if (t_refuses_itself)
        return;
    t_lame_test = test;
    t_each_alloc(t_lame_scenario);
    t_lame_test = NULL;
}

#define T_MAIN_LAME(tests)                                                                         \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return t_main(tests, sizeof(tests) / sizeof((tests)[0]), t_lame_sweep, argc, argv);        \
    }

#endif
