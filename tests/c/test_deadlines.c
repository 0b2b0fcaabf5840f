/* The heap of due times: order, moving, clearing, and no failure after a reserve. */
#include "base/deadlines.h"
#include "t.h"

static void never_fires(struct ps_deadline *d, uint64_t now_ms)
{
    (void)d;
    (void)now_ms;
    abort(); /* the heap hands nodes out, it calls nobody */
}

static void set(struct ps_deadlines *h, struct ps_deadline *d, uint64_t due_ms)
{
    d->fire = never_fires;
    T_EQ(ps_deadlines_set(h, d, due_ms), PS_OK);
    T_CHECK(ps_deadline_is_set(d));
}

static void earliest_comes_first(void)
{
    struct ps_deadlines h;
    struct ps_deadline d[5] = {0};
    const uint64_t due_ms[] = {50, 10, 40, 10, 30};
    ps_deadlines_init(&h);
    T_CHECK(ps_deadlines_next_ms(&h) == UINT64_MAX);
    T_CHECK(ps_deadlines_pop(&h, UINT64_MAX) == NULL);
    for (size_t i = 0; i < 5; i++)
        set(&h, &d[i], due_ms[i]);
    T_EQ(ps_deadlines_next_ms(&h), 10);
    T_CHECK(ps_deadlines_pop(&h, 9) == NULL);
    T_EQ(ps_deadlines_pop(&h, 10)->due_ms, 10);
    T_EQ(ps_deadlines_pop(&h, 10)->due_ms, 10);
    T_CHECK(ps_deadlines_pop(&h, 10) == NULL);
    T_CHECK(ps_deadlines_pop(&h, 1000) == &d[4]);
    T_CHECK(!ps_deadline_is_set(&d[4]));
    T_CHECK(ps_deadlines_pop(&h, 1000) == &d[2]);
    T_CHECK(ps_deadlines_pop(&h, 1000) == &d[0]);
    T_EQ(h.n, 0);
    ps_deadlines_fini(&h);
}

static void a_node_moves_both_ways(void)
{
    struct ps_deadlines h;
    struct ps_deadline d[3] = {0};
    ps_deadlines_init(&h);
    for (size_t i = 0; i < 3; i++)
        set(&h, &d[i], 10 * (i + 1));
    set(&h, &d[2], 5);
    T_EQ(ps_deadlines_next_ms(&h), 5);
    set(&h, &d[2], 50);
    set(&h, &d[0], 60);
    T_EQ(h.n, 3);
    T_CHECK(ps_deadlines_pop(&h, 100) == &d[1]);
    T_CHECK(ps_deadlines_pop(&h, 100) == &d[2]);
    T_CHECK(ps_deadlines_pop(&h, 100) == &d[0]);
    ps_deadlines_fini(&h);
}

static void clearing_twice_is_harmless(void)
{
    struct ps_deadlines h;
    struct ps_deadline a = {0}, b = {0};
    ps_deadlines_init(&h);
    ps_deadlines_clear(&h, &a);
    set(&h, &a, 1);
    set(&h, &b, 2);
    ps_deadlines_clear(&h, &a);
    ps_deadlines_clear(&h, &a);
    T_CHECK(!ps_deadline_is_set(&a));
    T_EQ(ps_deadlines_next_ms(&h), 2);
    ps_deadlines_fini(&h);
    T_CHECK(!ps_deadline_is_set(&b));
    ps_deadlines_clear(&h, &b); /* an owner may come late */
}

enum { NODES_N = 64, STEPS_N = 20000 };

/* Each node knows its place, and no child is due before its parent. */
static void check_heap(const struct ps_deadlines *h)
{
    for (size_t i = 0; i < h->n; i++) {
        T_EQ(h->heap[i]->slot, i + 1);
        T_CHECK(i == 0 || h->heap[(i - 1) / 2]->due_ms <= h->heap[i]->due_ms);
    }
}

static uint64_t naive_next_ms(const struct ps_deadline *d)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < NODES_N; i++) {
        if (ps_deadline_is_set(&d[i]) && d[i].due_ms < least)
            least = d[i].due_ms;
    }
    return least;
}

static void agrees_with_a_plain_search(void)
{
    struct ps_deadlines h;
    struct ps_deadline d[NODES_N] = {0};
    uint64_t seed = 7;
    ps_deadlines_init(&h);
    for (int step = 0; step < STEPS_N; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct ps_deadline *one = &d[(seed >> 33) % NODES_N];
        uint64_t due_ms = (seed >> 40) % 100;
        if (seed >> 62 == 0) {
            ps_deadlines_clear(&h, one);
        } else if (seed >> 62 == 1) {
            uint64_t least = naive_next_ms(d);
            struct ps_deadline *popped = ps_deadlines_pop(&h, due_ms);
            T_CHECK((popped == NULL) == (least > due_ms));
            T_CHECK(popped == NULL || (popped->due_ms == least && !ps_deadline_is_set(popped)));
        } else {
            set(&h, one, due_ms);
        }
        check_heap(&h);
        T_CHECK(ps_deadlines_next_ms(&h) == naive_next_ms(d));
    }
    ps_deadlines_fini(&h);
}

static void a_reserved_place_needs_no_memory(void)
{
    struct ps_deadlines h;
    struct ps_deadline d[40] = {0};
    ps_deadlines_init(&h);
    T_EQ(ps_deadlines_reserve(&h, 40), PS_OK);
    T_EQ(ps_deadlines_reserve(&h, 4), PS_OK); /* never shrinks */
    ps_mem_fail_at(1);
    for (size_t i = 0; i < 40; i++)
        set(&h, &d[i], 40 - i);
    T_EQ(ps_mem_asked_n(), 0);
    ps_mem_fail_at(0);
    ps_deadlines_fini(&h);
}

static enum ps_status grow_scenario(void)
{
    struct ps_deadlines h;
    struct ps_deadline d[100] = {0};
    enum ps_status st = PS_OK;
    ps_deadlines_init(&h);
    for (size_t i = 0; i < 100 && st == PS_OK; i++) {
        st = ps_deadlines_set(&h, &d[i], 1000 - i);
        T_CHECK((st == PS_OK) == ps_deadline_is_set(&d[i]));
        check_heap(&h);
        if (st != PS_OK) /* moving one that is set works all the same */
            T_CHECK(i == 0 || ps_deadlines_set(&h, &d[i - 1], 5000) == PS_OK);
    }
    ps_deadlines_fini(&h);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(grow_scenario);
}

static const struct t_test tests[] = {
    {"earliest_comes_first", earliest_comes_first},
    {"a_node_moves_both_ways", a_node_moves_both_ways},
    {"clearing_twice_is_harmless", clearing_twice_is_harmless},
    {"agrees_with_a_plain_search", agrees_with_a_plain_search},
    {"a_reserved_place_needs_no_memory", a_reserved_place_needs_no_memory},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
};

T_MAIN(tests)
