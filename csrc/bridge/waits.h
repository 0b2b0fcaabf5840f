/* bridge/waits.h -- conditions with a time limit, on the clock that does not jump.
 * Thread: any. */
#ifndef PS_BRIDGE_WAITS_H
#define PS_BRIDGE_WAITS_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

void bridge_init_cond(pthread_cond_t *cond);
struct timespec bridge_after_ns(uint64_t ns); /* for pthread_cond_timedwait() on such a condition */

#endif
