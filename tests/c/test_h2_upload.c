/* Request bodies over HTTP/2 through the engine: uploads that stand still, that move slowly, that wait for
 * the peer's word (rules 32, 62, 66). */
#include "h2_world.h"

enum { BODY_BYTES = 100000, WINDOW_BYTES = 65535 };

/* -- the WRITE clock (rule 32) -- */

static struct ask *ask_upload(struct world *w, const struct fake_h2 *p)
{
    struct rig_want want = want_of(p);
    want.body = NULL;
    want.body_n = BODY_BYTES;
    struct ask *a = world_ask_of(w, &want);
    a->spec.clocks_ms[PS_CLOCK_WRITE] = 5000;
    world_start(w, a);
    return a;
}

static void open_window(struct fake_h2 *p, uint32_t n)
{
    tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_WINDOW, .id = 1, .n = n});
}

static void a_peer_without_window_stops_an_upload(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.keeps_window = true});
    struct ask *a = ask_upload(w, p);
    UNTIL(w, a->is_done || atomic_load(&p->body_bytes) == WINDOW_BYTES);
    world_skip(w, 4000);
    world_settle(w);
    WANT(!a->is_done);
    world_skip(w, 2001);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_TIMED_OUT);
    WANT_EQ(a->err.clock, PS_CLOCK_WRITE);
    WANT_EQ(a->err.phase, PS_PHASE_SEND);
    WANT(a->call.maybe_processed);
    UNTIL(w, atomic_load(&p->resets_n) == 1);
    struct ask *b = world_ask(w, p); /* the connection's window is gone as well: not for uploads */
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
    WANT_EQ(p->by_conn[1], 1);
}

static void a_slow_upload_is_not_a_stalled_one(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.keeps_window = true});
    struct ask *a = ask_upload(w, p);
    UNTIL(w, a->is_done || atomic_load(&p->body_bytes) == WINDOW_BYTES);
    for (size_t i = 1; i <= 4; i++) { /* 16 s in all */
        world_skip(w, 4000);
        open_window(p, 100);
        UNTIL(w, a->is_done || atomic_load(&p->body_bytes) == WINDOW_BYTES + i * 100);
        world_settle(w);
        WANT(!a->is_done);
    }
    open_window(p, BODY_BYTES);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(atomic_load(&p->body_bytes), BODY_BYTES);
}

/* Rule 29, the other way round: what a peer does not give back for what it did not read. */
static void a_given_up_upload_may_leave_no_window_for_others(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.keeps_window = true});
    struct ask *a = ask_upload(w, p);
    UNTIL(w, a->is_done || atomic_load(&p->body_bytes) == WINDOW_BYTES);
    world_cancel(a);
    UNTIL(w, atomic_load(&p->resets_n) == 1);
    struct rig_want get = {.port = fake_peer_port(p->peer)};
    struct ask *b = world_ask_of(w, &get);
    world_start(w, b);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
    WANT_EQ(accepted_n(p), 1); /* who uploads nothing may use it */
    struct ask *c = world_ask(w, p);
    UNTIL(w, c->is_done);
    WANT(is_ok(c));
    WANT_EQ(p->by_conn[1], 1);
}

/* A neighbour without a body is not held up by it. */
static void a_blocked_upload_blocks_nobody_else(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.keeps_window = true});
    struct ask *a = ask_upload(w, p);
    UNTIL(w, a->is_done || atomic_load(&p->body_bytes) == WINDOW_BYTES);
    struct rig_want get = {.port = fake_peer_port(p->peer)};
    struct ask *b = world_ask_of(w, &get);
    world_start(w, b);
    UNTIL(w, b->is_done);
    WANT(is_ok(b) && !a->is_done);
    open_window(p, BODY_BYTES);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(accepted_n(p), 1);
}

/* -- Expect: 100-continue (rule 66) -- */

static struct ask *ask_expecting(struct world *w, const struct fake_h2 *p)
{
    struct rig_want want = want_of(p);
    want.expect_continue = true;
    struct ask *a = world_ask_of(w, &want);
    world_start(w, a);
    return a;
}

/* Each stream has its own word and its own second. */
static void each_stream_waits_for_its_own_word(struct world *w)
{
    struct fake_h2 *p = world_peer(
        w, &(struct fake_h2_wants){.turns = {{.deed = FAKE_H2_HOLD}, {.deed = FAKE_H2_CONTINUE}},
                                   .turns_n = 2});
    struct ask *a = ask_expecting(w, p);
    UNTIL(w, a->is_done || atomic_load(&p->requests_n) == 1);
    struct ask *b = ask_expecting(w, p);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
    WANT_EQ(b->infos_n, 1);
    WANT_EQ(atomic_load(&p->body_bytes), 5); /* of b alone */
    WANT(!a->call.is_sent);
    world_skip(w, world_settings(w)->conn.expect_ms + 1);
    UNTIL(w, a->is_done || atomic_load(&p->body_bytes) == 10);
    release(p, 0);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(a->infos_n, 0);
}

/* The body is not sent after an answer; the connection serves on (rule 63). */
static void an_answer_instead_of_the_word_keeps_the_body_here(struct world *w)
{
    struct fake_h2 *p = world_peer(
        w, &(struct fake_h2_wants){.turns = {{.deed = FAKE_H2_EARLY}}, .turns_n = 1});
    struct ask *a = ask_expecting(w, p);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    world_skip(w, world_settings(w)->conn.expect_ms + 1);
    world_settle(w);
    WANT_EQ(atomic_load(&p->body_bytes), 0);
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
    WANT_EQ(accepted_n(p), 1);
}

static void a_cancel_while_it_waits_for_the_word(struct world *w)
{
    struct fake_h2 *p = world_peer(
        w, &(struct fake_h2_wants){.turns = {{.deed = FAKE_H2_HOLD}}, .turns_n = 1});
    struct ask *a = ask_expecting(w, p);
    UNTIL(w, a->is_done || atomic_load(&p->requests_n) == 1);
    world_cancel(a);
    world_skip(w, world_settings(w)->conn.expect_ms + 1);
    world_settle(w);
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    WANT(is_ok(b));
    WANT_EQ(atomic_load(&p->body_bytes), 5);
    WANT_EQ(accepted_n(p), 1);
}

static const struct world_test tests[] = {
    {"a_peer_without_window_stops_an_upload", a_peer_without_window_stops_an_upload},
    {"a_slow_upload_is_not_a_stalled_one", a_slow_upload_is_not_a_stalled_one},
    {"a_given_up_upload_may_leave_no_window_for_others",
     a_given_up_upload_may_leave_no_window_for_others},
    {"a_blocked_upload_blocks_nobody_else", a_blocked_upload_blocks_nobody_else},
    {"each_stream_waits_for_its_own_word", each_stream_waits_for_its_own_word},
    {"an_answer_instead_of_the_word_keeps_the_body_here",
     an_answer_instead_of_the_word_keeps_the_body_here},
    {"a_cancel_while_it_waits_for_the_word", a_cancel_while_it_waits_for_the_word},
};

WORLD_MAIN(tests)
