/* The replay decision, every combination of facts (HTTP-RULES table B, the rows of HTTP/1.1). */
#include "engine/replay.h"
#include "t.h"

/* A POST of fixed bytes whose reused connection died before any answer. */
static struct ps_replay_facts lost_post(void)
{
    return (struct ps_replay_facts){.status = PS_DISCONNECTED,
                                    .attempts_n = 1,
                                    .reused = true,
                                    .body_is_repeatable = true};
}

static void a_post_needs_proof(void)
{
    struct ps_replay_facts f = lost_post();
    T_CHECK(!ps_replay_allowed(&f));
    f.not_processed = true;
    T_CHECK(ps_replay_allowed(&f));
    f.reused = false; /* proof is proof, on a new connection too */
    T_CHECK(ps_replay_allowed(&f));
}

static void an_idempotent_request_needs_a_stale_connection(void)
{
    struct ps_replay_facts f = lost_post();
    f.is_idempotent = true;
    T_CHECK(ps_replay_allowed(&f));
    f.reused = false; /* a fresh connection that dies is no idle close that crossed the request */
    T_CHECK(!ps_replay_allowed(&f));
}

static void only_a_lost_connection_is_a_reason(void)
{
    struct ps_replay_facts f = lost_post();
    f.is_idempotent = f.not_processed = true;
    for (int st = PS_NOMEM; st <= PS_INTERNAL; st++) {
        f.status = (enum ps_status)st;
        bool is_loss = st == PS_DISCONNECTED || st == PS_READ_FAILED || st == PS_WRITE_FAILED ||
                       st == PS_CLOSED;
        T_EQ(ps_replay_allowed(&f), is_loss);
    }
}

static void never_after(const char *what)
{
    struct ps_replay_facts f = lost_post();
    f.is_idempotent = f.not_processed = true;
    T_CHECK(ps_replay_allowed(&f));
    if (strcmp(what, "a byte of the answer") == 0)
        f.answer_begun = true;
    else if (strcmp(what, "a part of a streamed body") == 0)
        f.body_is_repeatable = false;
    else
        f.attempts_n = PS_REPLAY_ATTEMPTS_MAX;
    T_CHECK(!ps_replay_allowed(&f));
}

static void never_after_an_answer_a_taken_body_or_the_last_attempt(void)
{
    never_after("a byte of the answer");
    never_after("a part of a streamed body");
    never_after("the last attempt");
}

static const struct t_test tests[] = {
    {"a_post_needs_proof", a_post_needs_proof},
    {"an_idempotent_request_needs_a_stale_connection",
     an_idempotent_request_needs_a_stale_connection},
    {"only_a_lost_connection_is_a_reason", only_a_lost_connection_is_a_reason},
    {"never_after_an_answer_a_taken_body_or_the_last_attempt",
     never_after_an_answer_a_taken_body_or_the_last_attempt},
};

T_MAIN(tests)
