/* A request over HTTP/2 that was refused or lost: sent again or not, where and when (table B, rules 18
 * to 23). All requests are POSTs without a key unless a test says otherwise. */
#include "engine/replay.h"
#include "h2_world.h"

static const struct fake_h2_turn hold = {.deed = FAKE_H2_HOLD};
static const struct fake_h2_turn refuse = {.deed = FAKE_H2_RESET, .code = PS_H2_REFUSED_STREAM};

enum { INTERNAL_ERROR = 2, PROTOCOL_ERROR = 1, NO_ERROR = 0, CANCEL = 8 };

static bool says(const struct ask *a, const char *words)
{
    return strstr(a->err.text, words) != NULL;
}

static void goaway(struct fake_h2 *p, int conn, int32_t id, uint32_t code, const char *debug)
{
    tell(p, (struct fake_h2_order){
                .conn = conn, .kind = FAKE_H2_DO_GOAWAY, .id = id, .code = code, .debug = debug});
}

/* Not sent again: it failed at its first try, by the peer, who may have acted on it. */
static void want_lost(const struct ask *a, long code, const char *words)
{
    WANT(a->err.status == PS_DISCONNECTED || a->err.status == PS_TRUNCATED);
    WANT_EQ(a->err.detail, code);
    WANT(says(a, words));
    WANT_EQ(a->call.timings.attempts_n, 1);
    WANT(a->call.maybe_processed);
}

static void want_second_try(const struct ask *a)
{
    WANT(is_ok(a));
    WANT_EQ(a->call.timings.attempts_n, 2);
}

/* -- refused: REFUSED_STREAM -- */

static void a_refused_request_goes_to_another_connection(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {refuse}, .turns_n = 1});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    want_second_try(a);
    WANT_EQ(p->by_conn[0], 1);
    WANT_EQ(p->by_conn[1], 1);
    WANT_EQ(a->call.timings.body_out_bytes, 5);
    WANT_EQ(w->r->profile->replayed_n, 1);
}

/* Where there can be no other, the same one is better than none. */
static void a_refused_request_makes_do_with_the_same_connection(struct world *w)
{
    world_settings(w)->max_per_origin_n = 1;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {refuse}, .turns_n = 1});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    want_second_try(a);
    WANT_EQ(p->by_conn[0], 2);
}

static void await_hold(struct world *w, const struct ask *a, unsigned attempts_n)
{
    UNTIL(w, a->is_done || (a->call.state == PS_CALL_HOLD &&
                            a->call.timings.attempts_n == attempts_n));
}

static void refusals_are_bounded_and_slow_down(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.then = refuse});
    struct ask *a = world_ask(w, p);
    for (unsigned n = 2; n < PS_REPLAY_ATTEMPTS_MAX; n++) { /* the second try came at once */
        await_hold(w, a, n);
        WANT_EQ(ps_call_phase(&a->call), PS_PHASE_QUEUE);
        world_skip(w, PS_REPLAY_PAUSE_MS - 100);
        world_settle(w);
        WANT_EQ(a->call.timings.attempts_n, n);
        world_skip(w, PS_REPLAY_PAUSE_SPREAD_MS + 100);
    }
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_DISCONNECTED);
    WANT_EQ(a->err.detail, PS_H2_REFUSED_STREAM);
    WANT_EQ(a->call.timings.attempts_n, PS_REPLAY_ATTEMPTS_MAX);
    WANT_EQ(atomic_load(&p->requests_n), PS_REPLAY_ATTEMPTS_MAX);
    WANT(!a->call.maybe_processed);
}

/* Rule 21. */
static void the_budget_bounds_a_storm(struct world *w)
{
    struct fake_h2 *p =
        world_peer(w, &(struct fake_h2_wants){.turns = {{0}, refuse, {0}, {0}, {0}, {0}, {0}, refuse},
                                              .turns_n = 8});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    if (!world_is_hit())
        origin_of(w, a)->replay_tokens = 3; /* as if very many had been spent; the next makes it 4 */
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    WANT_EQ(b->err.detail, PS_H2_REFUSED_STREAM);
    WANT(says(b, "too many requests to this host were sent twice lately"));
    WANT_EQ(b->call.timings.attempts_n, 1);
    WANT(!b->call.maybe_processed); /* the caller may do it himself */
    for (int i = 0; i < 5; i++)
        world_ask(w, p);
    UNTIL(w, world_all_done(w));
    struct ask *c = world_ask(w, p); /* requests have earned it a second try */
    UNTIL(w, c->is_done);
    want_second_try(c);
}

/* -- refused: GOAWAY -- */

/* Rule 18 too: what the peer took runs on, whatever comes after. */
static void above_the_last_id_it_is_sent_again(struct world *w)
{
    static const uint32_t codes[] = {NO_ERROR, INTERNAL_ERROR};
    for (size_t i = 0; i < 2; i++) {
        struct fake_h2 *p =
            world_peer(w, &(struct fake_h2_wants){.turns = {hold, hold}, .turns_n = 2});
        struct ask *a = world_ask(w, p), *b = world_ask(w, p);
        UNTIL(w, atomic_load(&p->requests_n) == 2);
        goaway(p, 0, 0x7fffffff, codes[i], NULL);
        goaway(p, 0, 1, codes[i], NULL);
        UNTIL(w, b->is_done);
        want_second_try(b);
        WANT(!a->is_done);
        WANT_EQ(p->by_conn[1], 1);
        release(p, 0);
        UNTIL(w, a->is_done);
        WANT(is_ok(a));
        WANT_EQ(a->call.timings.attempts_n, 1);
    }
}

static void a_fresh_connection_that_ends_without_an_error_is_tried_again(struct world *w)
{
    struct fake_h2 *p = world_peer(
        w, &(struct fake_h2_wants){.turns = {{.deed = FAKE_H2_GOAWAY}}, .turns_n = 1});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    want_second_try(a);
}

/* Another one would fare likewise. */
static void a_fresh_connection_that_ends_with_an_error_is_not(struct world *w)
{
    struct fake_h2_turn turn = {
        .deed = FAKE_H2_GOAWAY, .code = INTERNAL_ERROR, .debug = "go\x01 away"};
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {turn}, .turns_n = 1});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    WANT_EQ(a->err.status, PS_DISCONNECTED);
    WANT_EQ(a->err.detail, INTERNAL_ERROR);
    WANT(says(a, "GOAWAY (INTERNAL_ERROR: go? away)"));
    WANT(!a->call.maybe_processed); /* it was not even looked at */
    WANT_EQ(accepted_n(p), 1);
}

/* Rule 19: what the GOAWAY said is the reason, not how the connection ended. */
static void what_the_peer_took_and_lost_is_not_sent_again(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold}, .turns_n = 1});
    struct ask *a = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 1);
    goaway(p, 0, 1, INTERNAL_ERROR, "overloaded");
    goaway(p, 0, 1, NO_ERROR, "bye");
    tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_CLOSE});
    UNTIL(w, a->is_done);
    want_lost(a, INTERNAL_ERROR, "overloaded");
    WANT_EQ(world_pool(w)->goaways_n, 1);
}

/* A connection that just ends proves nothing: only what may be done twice is. */
static void an_end_without_a_word(struct world *w)
{
    static const char *const methods[] = {"POST", "PUT"};
    for (size_t i = 0; i < 2; i++) {
        struct fake_h2 *p =
            world_peer(w, &(struct fake_h2_wants){.turns = {{0}, hold}, .turns_n = 2});
        struct ask *first = world_ask(w, p);
        UNTIL(w, first->is_done);
        struct rig_want want = want_of(p);
        want.method = methods[i];
        struct ask *a = world_ask_of(w, &want);
        world_start(w, a);
        UNTIL(w, atomic_load(&p->requests_n) == 2);
        tell(p, (struct fake_h2_order){.kind = FAKE_H2_DO_CLOSE});
        UNTIL(w, a->is_done);
        if (i == 0)
            want_lost(a, 0, "closed before the response was complete");
        else
            want_second_try(a);
    }
}

/* -- other codes -- */

/* Over HTTP/1.1, as every later one to this host, and on a connection of its own. */
static void http11_required_is_obeyed_and_remembered(struct world *w)
{
    struct fake_h2_turn turn = {.deed = FAKE_H2_RESET, .code = PS_H2_HTTP_1_1_REQUIRED};
    struct fake_h2 *p =
        world_peer(w, &(struct fake_h2_wants){.turns = {hold, turn}, .turns_n = 2});
    struct ask *a = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 1);
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    want_second_try(b);
    WANT_EQ(atomic_load(&p->h1_n), 1);
    release(p, 0);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT(!a->call.maybe_processed || a->call.timings.attempts_n == 1);
    world_skip(w, world_settings(w)->idle_ms + 1);
    UNTIL(w, world_pool(w)->conns_n == 0);
    struct ask *c = world_ask(w, p);
    UNTIL(w, c->is_done);
    WANT(is_ok(c));
    WANT_EQ(atomic_load(&p->h1_n), 2);
    WANT_EQ(atomic_load(&p->requests_n), 2);
}

/* It sees a fault in us: no more requests there, but those that run are not harmed. */
static void protocol_error_retires_the_connection(struct world *w)
{
    struct fake_h2_turn turn = {.deed = FAKE_H2_RESET, .code = PROTOCOL_ERROR};
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.turns = {hold, turn}, .turns_n = 2});
    struct ask *a = world_ask(w, p);
    UNTIL(w, atomic_load(&p->requests_n) == 1);
    struct ask *b = world_ask(w, p);
    UNTIL(w, b->is_done);
    want_lost(b, PROTOCOL_ERROR, "PROTOCOL_ERROR");
    struct ask *c = world_ask(w, p);
    UNTIL(w, c->is_done);
    WANT(is_ok(c));
    WANT_EQ(p->by_conn[1], 1);
    release(p, 0);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
}

static void other_codes_are_told_and_the_connection_stays(struct world *w)
{
    static const uint32_t codes[] = {INTERNAL_ERROR, CANCEL, PS_H2_ENHANCE_YOUR_CALM, NO_ERROR, 77};
    static const char *const words[] = {"INTERNAL_ERROR", "CANCEL", "ENHANCE_YOUR_CALM",
                                        "NO_ERROR before the response was complete", "code 77"};
    struct fake_h2_wants wants = {.turns_n = 5};
    for (size_t i = 0; i < 5; i++)
        wants.turns[i] = (struct fake_h2_turn){.deed = FAKE_H2_RESET, .code = codes[i]};
    struct fake_h2 *p = world_peer(w, &wants);
    for (size_t i = 0; i < 5; i++) {
        struct ask *a = world_ask(w, p);
        UNTIL(w, a->is_done);
        want_lost(a, codes[i], words[i]);
        WANT_EQ(a->err.status, PS_DISCONNECTED);
    }
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    WANT(is_ok(a));
    WANT_EQ(accepted_n(p), 1);
}

/* Whatever the code says: an answer was seen. */
static void what_was_answered_in_part_is_never_sent_again(struct world *w)
{
    static const uint32_t codes[] = {PS_H2_REFUSED_STREAM, PS_H2_HTTP_1_1_REQUIRED, NO_ERROR};
    for (size_t i = 0; i < 3; i++) {
        struct fake_h2 *p = world_peer(
            w, &(struct fake_h2_wants){.turns = {{.deed = FAKE_H2_BEGIN}}, .turns_n = 1});
        struct ask *a = world_ask(w, p);
        UNTIL(w, a->body_n == 2);
        tell(p,
             (struct fake_h2_order){.kind = FAKE_H2_DO_RESET, .id = 1, .code = codes[i]});
        UNTIL(w, a->is_done);
        WANT_EQ(a->err.status, PS_TRUNCATED);
        WANT_EQ(a->err.phase, PS_PHASE_BODY);
        WANT_EQ(a->call.timings.attempts_n, 1);
        WANT_EQ(a->err.detail, codes[i]);
    }
}

static const struct world_test tests[] = {
    {"a_refused_request_goes_to_another_connection", a_refused_request_goes_to_another_connection},
    {"a_refused_request_makes_do_with_the_same_connection",
     a_refused_request_makes_do_with_the_same_connection},
    {"refusals_are_bounded_and_slow_down", refusals_are_bounded_and_slow_down},
    {"the_budget_bounds_a_storm", the_budget_bounds_a_storm},
    {"above_the_last_id_it_is_sent_again", above_the_last_id_it_is_sent_again},
    {"a_fresh_connection_that_ends_without_an_error_is_tried_again",
     a_fresh_connection_that_ends_without_an_error_is_tried_again},
    {"a_fresh_connection_that_ends_with_an_error_is_not",
     a_fresh_connection_that_ends_with_an_error_is_not},
    {"what_the_peer_took_and_lost_is_not_sent_again",
     what_the_peer_took_and_lost_is_not_sent_again},
    {"an_end_without_a_word", an_end_without_a_word},
    {"http11_required_is_obeyed_and_remembered", http11_required_is_obeyed_and_remembered},
    {"protocol_error_retires_the_connection", protocol_error_retires_the_connection},
    {"other_codes_are_told_and_the_connection_stays",
     other_codes_are_told_and_the_connection_stays},
    {"what_was_answered_in_part_is_never_sent_again",
     what_was_answered_in_part_is_never_sent_again},
};

WORLD_MAIN(tests)
