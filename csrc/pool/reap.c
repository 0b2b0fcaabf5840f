/* pool/reap.c -- idle connections: kept newest first per origin, closed by idle limit, age, or the server's
 * own Keep-Alive hint less a margin (rules 39, 40, 78).
 * Thread: io. Owner: pool. One deadline per idle connection, in conn.retire. */
#include "pool/origin.h"

enum { HINT_MARGIN_MS = 1000 };

/* The age limit with +-10 % by connection id, so that not all expire at one instant. */
static uint64_t age_limit_ms(const struct ps_conn *c, uint64_t age_ms)
{
    uint64_t spread = age_ms / 5;
    uint64_t roll = (c->id * 2654435761u) & 0xffff;
    return age_ms - age_ms / 10 + spread * roll / 0xffff;
}

bool conn_is_aged(const struct ps_conn *c, uint64_t now_ms)
{
    const struct ps_origin *o = c->owner;
    uint64_t age_ms = o->pool->settings.age_ms;
    return age_ms > 0 && now_ms - c->opened_ms >= age_limit_ms(c, age_ms);
}

static void on_retire(struct ps_deadline *d, uint64_t now_ms)
{
    struct ps_conn *c = PS_ITEM(d, struct ps_conn, retire);
    struct ps_origin *o = c->owner;
    (void)now_ms;
    o->pool->closed_idle_n++;
    ps_conn_close(c, NULL);
}

/* When to close this connection if nobody wants it; UINT64_MAX = never. */
static uint64_t retire_due_ms(const struct ps_conn *c, const struct ps_pool_settings *s)
{
    uint64_t due = UINT64_MAX;
    if (s->idle_ms > 0)
        due = c->idle_since_ms + s->idle_ms;
    uint64_t hint_ms = ps_conn_keep_alive_ms(c);
    if (hint_ms > 0) {
        uint64_t usable = hint_ms > HINT_MARGIN_MS ? hint_ms - HINT_MARGIN_MS : hint_ms / 2;
        if (c->idle_since_ms + usable < due)
            due = c->idle_since_ms + usable;
    }
    if (s->age_ms > 0 && c->opened_ms + age_limit_ms(c, s->age_ms) < due)
        due = c->opened_ms + age_limit_ms(c, s->age_ms);
    return due;
}

/* The longest idle ones go, `c` too when none may stay. */
static void keep_within_limit(struct ps_pool *p)
{
    while (p->idle_n > p->settings.max_idle_n) {
        p->closed_idle_n++;
        ps_conn_close(PS_ITEM(ps_list_first(&p->idle), struct ps_conn, all_node), NULL);
    }
}

void idle_put(struct ps_origin *o, struct ps_conn *c)
{
    struct ps_pool *p = o->pool;
    uint64_t due = retire_due_ms(c, &p->settings);
    ps_node_unlink(&c->node);
    ps_list_push_front(&o->idle, &c->node);
    ps_list_push_back(&p->idle, &c->all_node);
    p->idle_n++;
    c->is_idle = true;
    c->retire.fire = on_retire;
    if (due != UINT64_MAX && ps_clock_set(p->env->clock, &c->retire, due) != PS_OK)
        ps_conn_close(c, NULL); /* an idle connection without a limit must not stay */
    keep_within_limit(p);
}

void idle_remove(struct ps_conn *c)
{
    struct ps_origin *o = c->owner;
    if (!c->is_idle)
        return;
    c->is_idle = false;
    o->pool->idle_n--;
    ps_clock_clear(o->pool->env->clock, &c->retire);
    ps_node_unlink(&c->all_node);
    ps_node_unlink(&c->node);
    ps_list_push_back(c->is_h2 ? &o->shared : &o->conns, &c->node);
}
