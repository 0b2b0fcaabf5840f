/* base/thread.h -- which thread is this? Debug builds assert it at every entry (ARCHITECTURE 3). */
#ifndef PS_BASE_THREAD_H
#define PS_BASE_THREAD_H

#ifdef PS_DEBUG
/* The calling thread is from now on (or no longer) the io thread. */
void ps_thread_enter_io(void);
void ps_thread_leave_io(void);
/* Fails on any other thread once some thread has entered; plain C tests of the engine enter none. */
void ps_assert_io(void);
/* Fails on the io thread. */
void ps_assert_home(void);
#else
static inline void ps_thread_enter_io(void)
{
}
static inline void ps_thread_leave_io(void)
{
}
static inline void ps_assert_io(void)
{
}
static inline void ps_assert_home(void)
{
}
#endif

#endif
