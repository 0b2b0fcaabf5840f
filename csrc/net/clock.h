/* net/clock.h -- the loop's time and its one timer, driving a heap of deadlines.
 * One uv_timer_t serves every deadline of the engine, so requests are freed at once, without a
 * close callback. Tests move time with ps_clock_skip() instead of sleeping.
 * Thread: io. Owner: engine. */
#ifndef PS_NET_CLOCK_H
#define PS_NET_CLOCK_H

#include <uv.h>

#include "base/deadlines.h"

struct ps_clock {
    uv_timer_t timer;
    struct ps_deadlines due;
    uint64_t armed_ms; /* due time the uv timer is set to; UINT64_MAX = stopped */
    uint64_t skew_ms;  /* added to the loop's time by ps_clock_skip() */
    bool is_open;
};

PS_CHECK enum ps_status ps_clock_open(struct ps_clock *k, uv_loop_t *loop);
void ps_clock_close(struct ps_clock *k); /* asynchronous; may be called twice */
void ps_clock_fini(struct ps_clock *k);  /* after the loop ran dry, because the timer is embedded */

uint64_t ps_clock_now_ms(const struct ps_clock *k); /* uv_now + skew */
PS_CHECK enum ps_status ps_clock_set(struct ps_clock *k, struct ps_deadline *d, uint64_t due_ms);
void ps_clock_clear(struct ps_clock *k, struct ps_deadline *d);
void ps_clock_skip(struct ps_clock *k, uint64_t ms); /* tests only: let time pass at once */

#endif
