/* Streams that this side cuts of its own accord: a RST_STREAM is one more for the peer's counter, whoever
 * wanted it (rules 36, 53). */
#include "conn/conn_internal.h"
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};

/* A request of five bytes whose owner brings two, and when those are sent ten more; NULL: no memory. */
static struct ask *ask_that_breaks_its_word(struct world *w, const struct fake_h2 *p)
{
    struct rig_want want = {.method = "POST", .port = fake_peer_port(p->peer), .body_n = 5};
    struct ask *a = world_ask_of(w, &want);
    if (a == &w->none)
        return NULL;
    ps_chunk_unref(a->spec.body);
    a->spec.body = NULL;
    a->up_n = 2;
    world_start(w, a);
    while (!a->is_done && atomic_load(&p->body_bytes) < 2)
        world_turn(w);
    return a->is_done ? NULL : a;
}

static void a_request_that_breaks_its_word_counts_as_a_cancel(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold, hold}, .turns_n = 2});
    struct ask *runs = world_ask(w, p);
    UNTIL(w, is_sent(runs) && atomic_load(&p->bodies_n) == 1);
    atomic_store(&p->body_bytes, 0);
    struct ask *a = ask_that_breaks_its_word(w, p);
    if (a == NULL || conn_of(runs) == NULL || conn_of(a) != conn_of(runs))
        return;
    a->up_n = 10;
    ps_call_kick(&a->call);
    UNTIL(w, a->is_done && atomic_load(&p->resets_n) == 1);
    WANT_EQ(a->err.status, PS_BODY_MISMATCH);
    WANT_EQ(conn_of(runs)->cancels_left, (CONN_CANCELS_N - 1) * CONN_CANCEL);
    fake_h2_free(p);
    UNTIL(w, runs->is_done);
    WANT(is_ok(runs));
}

/* Rule 7: its slot comes back with the peer's next sign of life, which it is asked for. */
static void its_slot_comes_back(struct world *w)
{
    world_settings(w)->is_strict = true;
    struct fake_h2 *p =
        world_peer(w, &(struct fake_h2_wants){.max_streams = 1, .turns_n = 1, .then = hold});
    struct ask *warm = world_ask(w, p);
    UNTIL(w, warm->is_done && atomic_load(&p->bodies_n) == 1);
    atomic_store(&p->body_bytes, 0);
    struct ask *a = ask_that_breaks_its_word(w, p);
    if (a == NULL)
        return;
    struct ask *next = world_ask(w, p);
    a->up_n = 10;
    ps_call_kick(&a->call);
    UNTIL(w, a->is_done);
    UNTIL(w, next->is_done || is_sent(next));
    WANT_EQ(world_pool(w)->opened_n, 1);
    fake_h2_free(p);
    UNTIL(w, next->is_done);
    WANT(is_ok(next));
}

static const struct world_test tests[] = {
    {"a_request_that_breaks_its_word_counts_as_a_cancel",
     a_request_that_breaks_its_word_counts_as_a_cancel},
    {"its_slot_comes_back", its_slot_comes_back},
};

WORLD_MAIN(tests)
