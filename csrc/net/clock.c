/* net/clock.c -- the loop's time and its one timer (see clock.h).
 * The timer is moved only towards the present: a deadline that is cleared or moved later leaves it
 * as it is, and it then fires for nothing and is set to the next due time. So the usual
 * set-and-clear of a request costs the heap alone. An empty heap stops it, so that it never keeps
 * a loop alive by itself. */
#include "net/clock.h"

#include "base/thread.h"

static void on_timer(uv_timer_t *timer);

/* Sets the timer to the earliest deadline. `least_ms` keeps the loop turning, see on_timer(). */
static void arm(struct ps_clock *k, uint64_t least_ms)
{
    uint64_t due_ms = ps_deadlines_next_ms(&k->due);
    k->armed_ms = due_ms;
    if (!k->is_open)
        return;
    if (due_ms == UINT64_MAX) {
        uv_timer_stop(&k->timer);
        return;
    }
    uint64_t now_ms = ps_clock_now_ms(k);
    uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    /* Fails only on a closing timer, which is_open excludes. */
    uv_timer_start(&k->timer, on_timer, wait_ms < least_ms ? least_ms : wait_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct ps_clock *k = timer->data;
    uint64_t now_ms = ps_clock_now_ms(k);
    /* No more than were set when it fired: a callback that sets itself to "now" must not keep the
     * loop from its sockets. For the same reason the timer is then set to 1 ms at least, because
     * libuv would run one of 0 ms before it polls. */
    size_t most_n = k->due.n;
    k->armed_ms = 0; /* sets inside the callbacks need not arm: it happens once, below */
    while (most_n-- > 0 && k->is_open) {
        struct ps_deadline *d = ps_deadlines_pop(&k->due, now_ms);
        if (d == NULL)
            break;
        d->fire(d, now_ms); /* may free the owner of `d` and close the clock */
    }
    arm(k, 1);
}

enum ps_status ps_clock_open(struct ps_clock *k, uv_loop_t *loop)
{
    *k = (struct ps_clock){.armed_ms = UINT64_MAX};
    ps_deadlines_init(&k->due);
    uv_timer_init(loop, &k->timer); /* always 0 */
    k->timer.data = k;
    k->is_open = true;
    return PS_OK;
}

void ps_clock_close(struct ps_clock *k)
{
    if (!k->is_open)
        return;
    k->is_open = false;
    uv_close((uv_handle_t *)&k->timer, NULL);
}

void ps_clock_fini(struct ps_clock *k)
{
    ps_deadlines_fini(&k->due);
}

uint64_t ps_clock_now_ms(const struct ps_clock *k)
{
    return uv_now(k->timer.loop) + k->skew_ms;
}

enum ps_status ps_clock_set(struct ps_clock *k, struct ps_deadline *d, uint64_t due_ms)
{
    ps_assert_io();
    enum ps_status st = ps_deadlines_set(&k->due, d, due_ms);
    if (st == PS_OK && due_ms < k->armed_ms)
        arm(k, 0);
    return st;
}

void ps_clock_clear(struct ps_clock *k, struct ps_deadline *d)
{
    ps_assert_io();
    if (!ps_deadline_is_set(d))
        return;
    ps_deadlines_clear(&k->due, d);
    if (k->due.n == 0 && k->armed_ms != 0)
        arm(k, 0);
}

void ps_clock_skip(struct ps_clock *k, uint64_t ms)
{
    k->skew_ms += ms;
    if (k->armed_ms != 0)
        arm(k, 0);
}
