/* upstream/pace.h -- alarms by an absolute clock, finer than libuv's timers of whole milliseconds.
 * One heap, one timer of the system. Alarms are rounded up to a grid of 1/4 ms, so that what is due at nearly the
 * same time shares a wake-up and its writes.
 * Thread: io. Owner: server. Alarms are embedded in their owners. */
#ifndef PS_UPSTREAM_PACE_H
#define PS_UPSTREAM_PACE_H

#include <uv.h>

#include "base/deadlines.h"

enum { UP_GRID_NS = 250000 };

struct up_alarm {
    struct ps_deadline in_heap; /* counted in steps of the grid, whatever its name says */
    void (*ring)(struct up_alarm *a); /* set by the owner */
};

struct up_pace {
    union {
        uv_handle_t handle;
        uv_poll_t poll;   /* Linux: of `fd` */
        uv_timer_t timer; /* elsewhere */
    } uv;
    int fd;
    struct ps_deadlines heap;
    uint64_t armed; /* in steps; UINT64_MAX: not */
    bool is_open;
};

PS_CHECK int up_pace_open(struct up_pace *p, uv_loop_t *loop); /* 0 or a negative errno */
void up_pace_close(struct up_pace *p);                         /* asynchronous */
void up_pace_fini(struct up_pace *p);                          /* after the loop ran dry */

/* Not before `due_ns` of uv_hrtime(). */
PS_CHECK enum ps_status up_pace_set(struct up_pace *p, struct up_alarm *a, uint64_t due_ns);
void up_pace_clear(struct up_pace *p, struct up_alarm *a);

static inline bool up_alarm_is_set(const struct up_alarm *a)
{
    return ps_deadline_is_set(&a->in_heap);
}

#endif
