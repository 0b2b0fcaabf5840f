/* bridge/waits.c -- see waits.h. macOS has no conditions on the monotonic clock. */
#include "bridge/waits.h"

#ifdef __APPLE__
enum { CLOCK = CLOCK_REALTIME };

void bridge_init_cond(pthread_cond_t *cond)
{
    pthread_cond_init(cond, NULL);
}
#else
enum { CLOCK = CLOCK_MONOTONIC };

void bridge_init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}
#endif

enum { SECOND_NS = 1000000000 };

struct timespec bridge_after_ns(uint64_t ns)
{
    struct timespec at;
    clock_gettime(CLOCK, &at);
    at.tv_sec += (time_t)(ns / SECOND_NS);
    at.tv_nsec += (long)(ns % SECOND_NS);
    if (at.tv_nsec >= SECOND_NS) {
        at.tv_sec++;
        at.tv_nsec -= SECOND_NS;
    }
    return at;
}
