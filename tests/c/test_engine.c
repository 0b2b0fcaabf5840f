/* The engine on a plain uv_run: connect, reuse, waiting, clocks, cancel, stop. No interpreter. */
#include "rig.h"

static struct rig_want post_to(const struct fake_peer *peer)
{
    return (struct rig_want){.method = "POST", .port = fake_peer_port(peer), .body = "hello"};
}

static enum ps_status reuse_scenario(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    enum ps_status st = r == NULL ? PS_NOMEM : PS_OK;
    for (int i = 0; i < 3 && st == PS_OK; i++) {
        struct ask *a = rig_get_and_wait(r, &want);
        st = a == NULL ? PS_NOMEM : a->err.status;
        if (st != PS_OK)
            break;
        T_EQ(a->status, 200);
        T_EQ(a->body_n, 2);
        T_EQ(a->call.timings.reused, i > 0);
    }
    if (st == PS_OK)
        T_EQ(r->profile->pool.opened_n, 1);
    if (r != NULL)
        rig_close(r);
    fake_peer_stop(peer);
    return st;
}

static void a_connection_is_reused(void)
{
    T_EQ(reuse_scenario(), PS_OK);
}

static void reuse_survives_each_allocation_failure(void)
{
    t_each_alloc(reuse_scenario);
}

static void requests_wait_for_the_origin_limit(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 3;
    for (int i = 0; i < 40; i++)
        rig_get(r, &want);
    T_EQ(r->profile->pool.waiting_n, 40);
    rig_wait(r);
    for (int i = 0; i < 40; i++)
        T_EQ(r->asks[i].err.status, PS_OK);
    RIG_ACCEPTED(peer, 3);
    rig_close(r);
    fake_peer_stop(peer);
}

static void a_refused_connection_fails_its_request(void)
{
    struct fake_peer *gone = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = post_to(gone);
    fake_peer_stop(gone);
    struct rig *r = rig_open();
    struct ask *a = rig_get_and_wait(r, &want);
    T_EQ(a->err.status, PS_CONNECT_FAILED);
    T_EQ(a->err.phase, PS_PHASE_CONNECT);
    T_CHECK(!a->call.maybe_processed);
    T_CHECK(strstr(a->err.text, "127.0.0.1") != NULL);
    T_EQ(r->profile->pool.failed_dials_n, 1);
    rig_close(r);
}

/* -- stop -- */

static void stop_answers_what_still_runs(void)
{
    struct fake_peer *silent = fake_peer_start(rig_serve_silence, NULL);
    struct rig_want want = post_to(silent);
    struct rig *r = rig_open();
    struct ask *a = NULL;
    for (int i = 0; i < 5; i++)
        a = rig_get(r, &want);
    RIG_UNTIL(r, a->call.is_sent);
    ps_engine_stop(r->engine, 60000);
    T_EQ(r->done_n, 0);
    ps_clock_skip(&r->engine->clock, 60001);
    rig_wait(r);
    for (int i = 0; i < 5; i++)
        T_EQ(r->asks[i].err.status, PS_CLOSED);
    rig_close(r);
    fake_peer_stop(silent);
}

/* The header promises: a shorter drain wins, so a longer one must not prolong it. */
static void a_second_stop_does_not_prolong_the_first(void)
{
    struct fake_peer *silent = fake_peer_start(rig_serve_silence, NULL);
    struct rig_want want = post_to(silent);
    struct rig *r = rig_open();
    struct ask *a = rig_get(r, &want);
    RIG_UNTIL(r, a->call.is_sent);
    ps_engine_stop(r->engine, 1000);
    ps_engine_stop(r->engine, 600000);
    ps_clock_skip(&r->engine->clock, 1001);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    T_CHECK(a->is_done);
    T_EQ(a->err.status, PS_CLOSED);
    rig_close(r);
    fake_peer_stop(silent);
}

static void running_requests_finish_while_draining(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    r->profile->settings.max_per_origin_n = 1;
    for (int i = 0; i < 4; i++)
        rig_get(r, &want);
    ps_engine_stop(r->engine, 60000);
    while (uv_run(&r->loop, UV_RUN_DEFAULT) != 0) {
    }
    for (int i = 0; i < 4; i++)
        T_EQ(r->asks[i].err.status, PS_OK); /* also those that were waiting */
    T_CHECK(r->engine->told_stopped);
    rig_close(r);
    fake_peer_stop(peer);
}

/* A profile whose first call comes after stop() must not keep the engine alive. */
static void a_call_on_a_stopping_engine_is_refused(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    ps_engine_stop(r->engine, 60000);
    rig_start(a);
    while (uv_run(&r->loop, UV_RUN_DEFAULT) != 0) {
    }
    T_EQ(a->err.status, PS_CLOSED);
    T_CHECK(r->engine->told_stopped);
    rig_close(r);
    fake_peer_stop(peer);
}

static void a_refused_call_can_be_cancelled(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct rig_want want = post_to(peer);
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    ps_engine_stop(r->engine, 60000);
    rig_start(a);
    rig_cancel(a); /* before the loop could tell the refusal */
    T_EQ(r->engine->calls_n, 0);
    T_CHECK(!ps_deadline_is_set(&a->call.deadline));
    rig_close(r);
    fake_peer_stop(peer);
}

/* Nobody waits for it any more, so it must not hold up the end. */
static void an_orphaned_dial_does_not_delay_the_stop(void)
{
    struct rig_want want = {.port = 9};
    struct rig *r = rig_open();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.host = "192.0.2.1"; /* TEST-NET-1: the connect hangs or fails, both are good here */
    rig_start(a);
    rig_cancel(a);
    ps_engine_stop(r->engine, 3600000);
    while (uv_run(&r->loop, UV_RUN_DEFAULT) != 0) {
    }
    T_CHECK(r->engine->told_stopped);
    rig_close(r);
}

static const struct t_test tests[] = {
    {"a_connection_is_reused", a_connection_is_reused},
    {"reuse_survives_each_allocation_failure", reuse_survives_each_allocation_failure},
    {"requests_wait_for_the_origin_limit", requests_wait_for_the_origin_limit},
    {"a_refused_connection_fails_its_request", a_refused_connection_fails_its_request},
    {"stop_answers_what_still_runs", stop_answers_what_still_runs},
    {"a_second_stop_does_not_prolong_the_first", a_second_stop_does_not_prolong_the_first},
    {"running_requests_finish_while_draining", running_requests_finish_while_draining},
    {"a_call_on_a_stopping_engine_is_refused", a_call_on_a_stopping_engine_is_refused},
    {"a_refused_call_can_be_cancelled", a_refused_call_can_be_cancelled},
    {"an_orphaned_dial_does_not_delay_the_stop", an_orphaned_dial_does_not_delay_the_stop},
};

T_MAIN_LAME(tests)
