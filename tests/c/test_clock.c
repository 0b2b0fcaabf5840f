/* The loop's one timer: deadlines fire in order and in time, whatever their callbacks do. */
#include "base/list.h"
#include "net_world.h"

struct alarm_clock {
    struct ps_deadline d;
    struct world *w;
    size_t fired_n;
    size_t *order;      /* counts all that fire */
    size_t place;       /* its own value of *order */
    uint64_t fired_ms;
    void (*then)(struct alarm_clock *a); /* NULL: nothing */
    struct alarm_clock *other;
};

static void on_fire(struct ps_deadline *d, uint64_t now_ms)
{
    struct alarm_clock *a = PS_ITEM(d, struct alarm_clock, d);
    T_CHECK(!ps_deadline_is_set(d));
    T_CHECK(d->due_ms <= now_ms);
    a->fired_n++;
    a->fired_ms = now_ms;
    if (a->order != NULL)
        a->place = ++*a->order;
    if (a->then != NULL)
        a->then(a);
}

static void set_in(struct alarm_clock *a, struct world *w, uint64_t ms)
{
    a->d.fire = on_fire;
    a->w = w;
    T_EQ(ps_clock_set(&w->clock, &a->d, ps_clock_now_ms(&w->clock) + ms), PS_OK);
}

static void fire_in_order(void)
{
    struct world *w = world_open();
    size_t order = 0;
    struct alarm_clock a[3] = {{.order = &order}, {.order = &order}, {.order = &order}};
    set_in(&a[0], w, 300000);
    set_in(&a[1], w, 100000);
    set_in(&a[2], w, 200000);
    world_turn(w);
    T_EQ(order, 0);
    world_skip(w, 99000);
    T_EQ(order, 0);
    world_skip(w, 1000);
    T_EQ(order, 1);
    T_EQ(a[1].place, 1);
    world_skip(w, 1000000);
    T_EQ(a[2].place, 2);
    T_EQ(a[0].place, 3);
    world_close(w);
}

static void real_time_fires_too(void)
{
    struct world *w = world_open();
    struct alarm_clock a = {0}, b = {0};
    set_in(&a, w, 5);
    set_in(&b, w, 1); /* earlier than the armed one */
    world_until(w, &a.fired_n, 1);
    T_EQ(b.fired_n, 1);
    T_CHECK(b.fired_ms <= a.fired_ms);
    T_CHECK(w->clock.armed_ms == UINT64_MAX);
    world_close(w);
}

static void a_cleared_deadline_does_not_hold_the_loop(void)
{
    struct world *w = world_open();
    struct alarm_clock a = {0}, b = {0};
    set_in(&a, w, 3600000);
    set_in(&b, w, 1800000);
    ps_clock_clear(&w->clock, &b.d);
    ps_clock_clear(&w->clock, &b.d);
    ps_clock_clear(&w->clock, &a.d);
    T_EQ(uv_run(&w->loop, UV_RUN_DEFAULT), 0); /* returns: nothing is armed */
    T_EQ(a.fired_n + b.fired_n, 0);
    world_close(w);
}

static void moved_later_fires_only_then(void)
{
    struct world *w = world_open();
    struct alarm_clock a = {0};
    set_in(&a, w, 1000);
    set_in(&a, w, 500000);
    world_skip(w, 2000);
    T_EQ(a.fired_n, 0);
    world_skip(w, 500000);
    T_EQ(a.fired_n, 1);
    world_close(w);
}

static void clear_other(struct alarm_clock *a)
{
    ps_clock_clear(&a->w->clock, &a->other->d);
}

static void a_callback_may_clear_what_is_due_too(void)
{
    struct world *w = world_open();
    struct alarm_clock b = {0}, a = {.then = clear_other, .other = &b};
    set_in(&a, w, 10);
    set_in(&b, w, 20);
    world_skip(w, 1000);
    T_EQ(a.fired_n, 1);
    T_EQ(b.fired_n, 0);
    world_close(w);
}

static void set_other(struct alarm_clock *a)
{
    set_in(a->other, a->w, 50000);
    set_in(a, a->w, 70000);
}

static void a_callback_may_set_itself_and_others(void)
{
    struct world *w = world_open();
    struct alarm_clock b = {0}, a = {.then = set_other, .other = &b};
    set_in(&a, w, 10);
    world_skip(w, 10);
    T_EQ(a.fired_n, 1);
    world_skip(w, 50000);
    T_EQ(b.fired_n, 1);
    T_EQ(a.fired_n, 1);
    world_skip(w, 20000);
    T_EQ(a.fired_n, 2);
    ps_clock_clear(&w->clock, &a.d);
    ps_clock_clear(&w->clock, &b.d);
    world_close(w);
}

static void free_self(struct alarm_clock *a)
{
    ps_free(a);
}

static void a_callback_may_free_its_owner(void)
{
    struct world *w = world_open();
    struct alarm_clock after = {0}, *a = ps_zalloc(sizeof *a);
    a->then = free_self;
    set_in(a, w, 10);
    set_in(&after, w, 20);
    world_skip(w, 30);
    T_EQ(after.fired_n, 1);
    world_close(w);
}

static void set_now(struct alarm_clock *a)
{
    set_in(a, a->w, 0);
}

static void on_idle(uv_idle_t *idle)
{
    ++*(size_t *)idle->data;
}

/* One that always sets itself to "now" must leave the loop its turns. */
static void now_in_a_callback_does_not_starve_the_loop(void)
{
    struct world *w = world_open();
    struct alarm_clock a = {.then = set_now};
    size_t turns_n = 0;
    uv_idle_t idle;
    uv_idle_init(&w->loop, &idle);
    idle.data = &turns_n;
    uv_idle_start(&idle, on_idle);
    set_in(&a, w, 0);
    world_until(w, &turns_n, 10);
    T_CHECK(a.fired_n >= 1 && a.fired_n <= 2 * turns_n);
    world_until(w, &a.fired_n, 3);
    ps_clock_clear(&w->clock, &a.d);
    uv_close((uv_handle_t *)&idle, NULL);
    world_close(w);
}

static void close_clock(struct alarm_clock *a)
{
    ps_clock_close(&a->w->clock);
}

static void a_callback_may_close_the_clock(void)
{
    struct world *w = world_open();
    struct alarm_clock b = {0}, a = {.then = close_clock};
    set_in(&a, w, 10);
    set_in(&b, w, 10);
    world_skip(w, 10);
    T_EQ(a.fired_n, 1);
    T_EQ(b.fired_n, 0);
    set_in(&b, w, 0); /* harmless, and never fires */
    ps_clock_close(&w->clock);
    world_close(w);
    T_EQ(b.fired_n, 0);
    T_CHECK(!ps_deadline_is_set(&b.d));
}

static enum ps_status scenario(void)
{
    struct world *w = world_open();
    struct alarm_clock a[40] = {0};
    enum ps_status st = PS_OK;
    for (size_t i = 0; i < 40 && st == PS_OK; i++) {
        a[i].d.fire = on_fire;
        st = ps_clock_set(&w->clock, &a[i].d, ps_clock_now_ms(&w->clock) + 1000 + i);
    }
    world_skip(w, 2000);
    T_CHECK(st != PS_OK || a[39].fired_n == 1);
    world_close(w);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(scenario);
}

static const struct t_test tests[] = {
    {"fire_in_order", fire_in_order},
    {"real_time_fires_too", real_time_fires_too},
    {"a_cleared_deadline_does_not_hold_the_loop", a_cleared_deadline_does_not_hold_the_loop},
    {"moved_later_fires_only_then", moved_later_fires_only_then},
    {"a_callback_may_clear_what_is_due_too", a_callback_may_clear_what_is_due_too},
    {"a_callback_may_set_itself_and_others", a_callback_may_set_itself_and_others},
    {"a_callback_may_free_its_owner", a_callback_may_free_its_owner},
    {"now_in_a_callback_does_not_starve_the_loop", now_in_a_callback_does_not_starve_the_loop},
    {"a_callback_may_close_the_clock", a_callback_may_close_the_clock},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
};

T_MAIN(tests)
