/* The replay decision, row by row (HTTP-RULES table B). */
#include "engine/replay.h"
#include "proto/h2.h"
#include "t.h"

/* A POST of fixed bytes whose reused connection died before any answer. */
static struct ps_replay_facts lost_post(void)
{
    return (struct ps_replay_facts){.status = PS_DISCONNECTED,
                                    .attempts_n = 1,
                                    .conn_lost = true,
                                    .reused = true,
                                    .body_is_repeatable = true};
}

/* The same over HTTP/2, and what the peer's code said of the one exchange. */
static struct ps_replay_facts reset_post(long code)
{
    struct ps_replay_facts f = lost_post();
    f.is_h2 = true;
    f.conn_lost = false;
    f.code = code;
    return f;
}

static void a_post_needs_proof(void)
{
    struct ps_replay_facts f = lost_post();
    for (int is_h2 = 0; is_h2 < 2; is_h2++) {
        f.is_h2 = is_h2;
        f.not_processed = false;
        T_EQ(ps_replay_decide(&f), PS_REPLAY_NO);
        f.not_processed = f.reused = true;
        T_EQ(ps_replay_decide(&f), PS_REPLAY_YES);
        f.reused = false; /* proof is proof, on a new connection too */
        T_EQ(ps_replay_decide(&f), PS_REPLAY_YES);
    }
}

static void an_idempotent_request_needs_a_stale_connection(void)
{
    struct ps_replay_facts f = lost_post();
    f.is_idempotent = true;
    for (int is_h2 = 0; is_h2 < 2; is_h2++) {
        f.is_h2 = is_h2;
        f.reused = true;
        T_EQ(ps_replay_decide(&f), PS_REPLAY_YES);
        f.reused = false; /* a fresh connection that dies is no idle close that crossed the request */
        T_EQ(ps_replay_decide(&f), PS_REPLAY_NO);
    }
}

/* HTTP/1.1: only a lost connection. HTTP/2: also a connection that fell while this was not sent. */
static void only_a_lost_connection_is_a_reason(void)
{
    struct ps_replay_facts f = lost_post();
    f.is_idempotent = f.not_processed = true;
    for (int st = PS_NOMEM; st <= PS_INTERNAL; st++) {
        f.status = (enum ps_status)st;
        bool is_loss = st == PS_DISCONNECTED || st == PS_READ_FAILED || st == PS_WRITE_FAILED ||
                       st == PS_CLOSED;
        bool is_fault = st == PS_PROTOCOL || st == PS_LIMIT;
        f.is_h2 = false;
        T_EQ(ps_replay_decide(&f), is_loss ? PS_REPLAY_YES : PS_REPLAY_NO);
        f.is_h2 = true;
        T_EQ(ps_replay_decide(&f), is_loss || is_fault ? PS_REPLAY_YES : PS_REPLAY_NO);
    }
}

/* The peer's code alone: the codec has said whether it proves anything. */
static void each_reset_code(void)
{
    for (long code = 0; code <= 13; code++) {
        struct ps_replay_facts f = reset_post(code);
        f.not_processed = code == PS_H2_REFUSED_STREAM;
        enum ps_replay wanted = code == PS_H2_REFUSED_STREAM      ? PS_REPLAY_YES
                                : code == PS_H2_HTTP_1_1_REQUIRED ? PS_REPLAY_ON_H1
                                                                  : PS_REPLAY_NO;
        T_EQ(ps_replay_decide(&f), wanted);
        f.is_idempotent = true; /* it was looked at: the caller's policy, not ours */
        T_EQ(ps_replay_decide(&f), wanted);
    }
}

static void a_connection_that_turns_its_first_request_away_is_no_accident(void)
{
    struct ps_replay_facts f = reset_post(2); /* GOAWAY INTERNAL_ERROR below the request */
    f.not_processed = true;
    T_EQ(ps_replay_decide(&f), PS_REPLAY_YES);
    f.is_first = true;
    T_EQ(ps_replay_decide(&f), PS_REPLAY_NO);
    f.code = 0; /* a graceful end */
    T_EQ(ps_replay_decide(&f), PS_REPLAY_YES);
    f.code = PS_H2_REFUSED_STREAM;
    T_EQ(ps_replay_decide(&f), PS_REPLAY_YES);
}

static void never_after_an_answer_or_the_last_attempt(void)
{
    long codes[] = {PS_H2_REFUSED_STREAM, PS_H2_HTTP_1_1_REQUIRED};
    for (size_t i = 0; i < 2; i++) {
        struct ps_replay_facts f = reset_post(codes[i]);
        f.is_idempotent = f.not_processed = true;
        f.attempts_n = PS_REPLAY_ATTEMPTS_MAX - 1;
        T_CHECK(ps_replay_decide(&f) != PS_REPLAY_NO);
        f.attempts_n = PS_REPLAY_ATTEMPTS_MAX;
        T_EQ(ps_replay_decide(&f), PS_REPLAY_NO);
        f.attempts_n = 1;
        f.answer_begun = true;
        T_EQ(ps_replay_decide(&f), PS_REPLAY_NO);
    }
}

static void a_taken_body_is_named_only_where_it_is_the_reason(void)
{
    struct ps_replay_facts f = reset_post(PS_H2_REFUSED_STREAM);
    f.body_is_repeatable = false;
    T_EQ(ps_replay_decide(&f), PS_REPLAY_NO);
    f.not_processed = true;
    T_EQ(ps_replay_decide(&f), PS_REPLAY_BODY_GONE);
    f.code = PS_H2_HTTP_1_1_REQUIRED;
    f.not_processed = false;
    T_EQ(ps_replay_decide(&f), PS_REPLAY_BODY_GONE);
}

static void the_second_refusal_waits(void)
{
    struct ps_replay_facts f = reset_post(PS_H2_REFUSED_STREAM);
    T_EQ(ps_replay_pause_ms(&f, 7), 0);
    f.attempts_n = 2;
    for (uint64_t roll = 0; roll < 4000; roll += 13) {
        uint64_t pause_ms = ps_replay_pause_ms(&f, roll);
        T_CHECK(pause_ms >= PS_REPLAY_PAUSE_MS);
        T_CHECK(pause_ms < PS_REPLAY_PAUSE_MS + PS_REPLAY_PAUSE_SPREAD_MS);
    }
    f.code = 0; /* a graceful GOAWAY: somewhere else there is room */
    T_EQ(ps_replay_pause_ms(&f, 7), 0);
    f.is_h2 = false;
    T_EQ(ps_replay_pause_ms(&f, 7), 0);
}

static const struct t_test tests[] = {
    {"a_post_needs_proof", a_post_needs_proof},
    {"an_idempotent_request_needs_a_stale_connection",
     an_idempotent_request_needs_a_stale_connection},
    {"only_a_lost_connection_is_a_reason", only_a_lost_connection_is_a_reason},
    {"each_reset_code", each_reset_code},
    {"a_connection_that_turns_its_first_request_away_is_no_accident",
     a_connection_that_turns_its_first_request_away_is_no_accident},
    {"never_after_an_answer_or_the_last_attempt", never_after_an_answer_or_the_last_attempt},
    {"a_taken_body_is_named_only_where_it_is_the_reason",
     a_taken_body_is_named_only_where_it_is_the_reason},
    {"the_second_refusal_waits", the_second_refusal_waits},
};

T_MAIN(tests)
