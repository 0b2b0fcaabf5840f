/* base/thread.c -- thread assertions of debug builds (see thread.h). */
#include "base/thread.h"

#ifdef PS_DEBUG
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

static _Thread_local bool is_io;
static atomic_int io_threads_n;

void ps_thread_enter_io(void)
{
    is_io = true;
    atomic_fetch_add(&io_threads_n, 1);
}

void ps_thread_leave_io(void)
{
    is_io = false;
    atomic_fetch_sub(&io_threads_n, 1);
}

void ps_assert_io(void)
{
    assert(is_io || atomic_load(&io_threads_n) == 0);
}

void ps_assert_home(void)
{
    assert(!is_io);
}
#else
typedef int ps_thread_is_empty; /* ISO C wants a declaration in every unit */
#endif
