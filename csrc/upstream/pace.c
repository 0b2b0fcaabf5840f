/* upstream/pace.c -- the heap of alarms and the system's timer (see pace.h).
 * The timer is moved only towards the present; one that fires too early finds nothing due and is set anew. */
#include "upstream/pace.h"

#include <string.h>

#ifdef __linux__
#include <sys/timerfd.h>
#endif
#include <unistd.h>

static void on_due(struct up_pace *p);

#ifdef __linux__
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct up_pace *p = poll->data;
    uint64_t times_n;
    (void)status, (void)events;
    ssize_t n = read(p->fd, &times_n, sizeof times_n);
    (void)n; /* nothing to read: it was set anew in this turn */
    on_due(p);
}

static int open_timer(struct up_pace *p, uv_loop_t *loop)
{
    p->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (p->fd < 0)
        return -1;
    int sys = uv_poll_init(loop, &p->uv.poll, p->fd);
    if (sys == 0)
        sys = uv_poll_start(&p->uv.poll, UV_READABLE, on_readable);
    return sys;
}

static void set_timer(struct up_pace *p, uint64_t due_ns)
{
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due_ns / 1000000000),
                                         .tv_nsec = (long)(due_ns % 1000000000)}};
    timerfd_settime(p->fd, TFD_TIMER_ABSTIME, &at, NULL); /* cannot fail with such values */
}
#else
static void on_timer(uv_timer_t *timer)
{
    on_due(timer->data);
}

static int open_timer(struct up_pace *p, uv_loop_t *loop)
{
    return uv_timer_init(loop, &p->uv.timer);
}

static void set_timer(struct up_pace *p, uint64_t due_ns)
{
    uint64_t now_ns = uv_hrtime();
    uv_timer_start(&p->uv.timer, on_timer, due_ns > now_ns ? (due_ns - now_ns + 999999) / 1000000 : 0, 0);
}
#endif

int up_pace_open(struct up_pace *p, uv_loop_t *loop)
{
    memset(p, 0, sizeof *p);
    p->fd = -1;
    p->armed = UINT64_MAX;
    ps_deadlines_init(&p->heap);
    int sys = open_timer(p, loop);
    if (sys != 0) {
        if (p->fd >= 0)
            close(p->fd);
        return sys;
    }
    p->uv.handle.data = p;
    p->is_open = true;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct up_pace *p = handle->data;
    if (p->fd >= 0)
        close(p->fd);
}

void up_pace_close(struct up_pace *p)
{
    if (!p->is_open)
        return;
    p->is_open = false;
    uv_close(&p->uv.handle, on_closed);
}

void up_pace_fini(struct up_pace *p)
{
    ps_deadlines_fini(&p->heap);
}

static void arm(struct up_pace *p)
{
    uint64_t due = ps_deadlines_next_ms(&p->heap);
    if (!p->is_open || due >= p->armed)
        return;
    p->armed = due;
    set_timer(p, due * UP_GRID_NS);
}

static void on_due(struct up_pace *p)
{
    uint64_t now = uv_hrtime() / UP_GRID_NS;
    size_t most_n = p->heap.n; /* one that sets itself to "now" waits for the next turn */
    p->armed = 0;
    while (most_n-- > 0 && p->is_open) {
        struct ps_deadline *d = ps_deadlines_pop(&p->heap, now);
        if (d == NULL)
            break;
        struct up_alarm *a = (struct up_alarm *)d;
        a->ring(a);
    }
    p->armed = UINT64_MAX;
    arm(p);
}

enum ps_status up_pace_set(struct up_pace *p, struct up_alarm *a, uint64_t due_ns)
{
    enum ps_status st = ps_deadlines_set(&p->heap, &a->in_heap, due_ns / UP_GRID_NS + 1);
    if (st == PS_OK)
        arm(p);
    return st;
}

void up_pace_clear(struct up_pace *p, struct up_alarm *a)
{
    ps_deadlines_clear(&p->heap, &a->in_heap);
}
