/* First connections of an origin that may speak HTTP/2: one for all, and what becomes of those who
 * wait for it (rules 43, 44, 81). */
#include "h2_world.h"

static int load(int n)
{
    return world_is_swept() ? 4 : n;
}

static bool is_in_handshake(const struct ask *a)
{
    const struct ps_conn *dial = a->call.waiter.dial;
    return dial != NULL && dial->state == PS_CONN_TLS;
}

static void ask_many(struct world *w, const struct fake_h2 *p, int n)
{
    for (int i = 0; i < n; i++)
        world_ask(w, p);
}

static void want_all_ok(const struct world *w)
{
    for (size_t i = 0; i < w->r->asks_n; i++)
        WANT(is_ok(&w->r->asks[i]));
}

/* -- one for all (rule 43) -- */

static void all_wait_for_the_first_connection(struct world *w)
{
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){0});
    ask_many(w, p, load(20));
    WANT_EQ(world_pool(w)->opened_n, 1);
    WANT_EQ(ps_call_phase(&w->r->asks[3].call), PS_PHASE_CONNECT); /* not held up by limits */
    UNTIL(w, world_all_done(w));
    want_all_ok(w);
    WANT_EQ(accepted_n(p), 1);
    WANT_EQ(atomic_load(&p->requests_n), load(20));
}

static void all_wait_for_the_first_connection_over_tls(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls});
    ask_many(w, p, load(20));
    UNTIL(w, world_all_done(w));
    want_all_ok(w);
    WANT_EQ(accepted_n(p), 1);
    WANT_EQ(atomic_load(&p->requests_n), load(20));
}

/* Once it is known what the peer speaks, the others get what they need: their own. */
static void when_it_speaks_http1_the_rest_dial(struct world *w)
{
    if (!world_use_tls(w, "http/1.1"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls});
    ask_many(w, p, load(8));
    WANT_EQ(world_pool(w)->opened_n, 1);
    UNTIL(w, world_all_done(w));
    want_all_ok(w);
    WANT_EQ(world_pool(w)->opened_n, load(8));
    WANT_EQ(atomic_load(&p->h1_n), load(8));
}

/* Rule 81; the origin keeps its memory without any connection. */
static void that_it_speaks_http1_is_remembered(struct world *w)
{
    if (!world_use_tls(w, "http/1.1"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls});
    world_ask(w, p);
    UNTIL(w, world_all_done(w));
    world_skip(w, world_settings(w)->idle_ms + 1);
    UNTIL(w, world_pool(w)->conns_n == 0);
    WANT_EQ(world_pool(w)->resting_n, 1);
    ask_many(w, p, 3);
    WANT_EQ(world_pool(w)->opened_n, 1 + 3);
    UNTIL(w, world_all_done(w));
    want_all_ok(w);
}

/* Likewise HTTP/2: a second connection waits for no answer of the first. */
static void that_it_speaks_http2_is_remembered(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls});
    struct ask *a = world_ask(w, p);
    UNTIL(w, a->is_done);
    world_skip(w, world_settings(w)->idle_ms + 1);
    UNTIL(w, world_pool(w)->conns_n == 0);
    WANT_EQ(origin_of(w, a)->speaks, PS_SPEAKS_H2);
    ask_many(w, p, 3);
    UNTIL(w, world_all_done(w));
    want_all_ok(w);
    WANT_EQ(accepted_n(p), 2);
}

/* -- failures (rule 44) -- */

static void a_refused_connection_fails_all_who_wait(struct world *w)
{
    struct fake_h2 *gone = fake_h2_start(&(struct fake_h2_wants){0});
    struct rig_want want = want_of(gone);
    fake_h2_stop(gone);
    for (int i = 0; i < 5; i++)
        world_start(w, world_ask_of(w, &want));
    UNTIL(w, world_all_done(w));
    for (size_t i = 0; i < w->r->asks_n; i++) {
        const struct ask *a = &w->r->asks[i];
        WANT_EQ(a->err.status, PS_CONNECT_FAILED);
        WANT(strstr(a->err.text, "127.0.0.1") != NULL);
        WANT(!a->call.maybe_processed);
    }
    WANT_EQ(world_pool(w)->opened_n, 1);
    WANT_EQ(world_pool(w)->failed_dials_n, 1);
}

static void a_rejected_certificate_fails_all_who_wait(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls});
    struct rig_want want = want_of(p);
    want.sni = "other.example";
    for (int i = 0; i < 3; i++)
        world_start(w, world_ask_of(w, &want));
    UNTIL(w, world_all_done(w));
    for (size_t i = 0; i < w->r->asks_n; i++)
        WANT_EQ(w->r->asks[i].err.status, PS_CERT_REJECTED);
    WANT_EQ(world_pool(w)->opened_n, 1);
}

static struct ask *ask_within(struct world *w, const struct fake_h2 *p, uint64_t connect_ms)
{
    struct rig_want want = want_of(p);
    struct ask *a = world_ask_of(w, &want);
    a->spec.clocks_ms[PS_CLOCK_CONNECT] = connect_ms;
    world_start(w, a);
    return a;
}

/* Whoever has more time than the first dial was given tries again. */
static void a_time_out_fails_those_without_more_time(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls, .hangs_n = 1});
    struct ask *a = ask_within(w, p, 5000), *b = ask_within(w, p, 5000);
    struct ask *patient = ask_within(w, p, 60000), *endless = ask_within(w, p, 0);
    UNTIL(w, is_in_handshake(a));
    world_skip(w, 5001);
    UNTIL(w, a->is_done && b->is_done);
    WANT_EQ(a->err.status, PS_TIMED_OUT);
    WANT_EQ(a->err.clock, PS_CLOCK_CONNECT);
    WANT_EQ(b->err.status, PS_TIMED_OUT);
    WANT_EQ(b->err.clock, PS_CLOCK_CONNECT);
    UNTIL(w, patient->is_done && endless->is_done);
    WANT(is_ok(patient) && is_ok(endless));
    WANT_EQ(accepted_n(p), 2);
}

static void serve_http1_only(struct fake_peer *peer, int fd, int nth, void *data)
{
    char head[4096];
    (void)peer, (void)nth, (void)data;
    while (fake_peer_read_request(fd, head, sizeof head, NULL)) /* the preface has an empty line too */
        fake_peer_write(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

/* Prior knowledge that is wrong: told so, and not tried again and again. */
static void a_peer_that_speaks_only_http1_is_told_of(struct world *w)
{
    struct fake_peer *peer = fake_peer_start(serve_http1_only, NULL);
    struct rig_want want = {.method = "POST", .port = fake_peer_port(peer), .body = "hello"};
    struct ask *a = world_ask_of(w, &want), *b = world_ask_of(w, &want);
    world_start(w, a);
    world_start(w, b);
    while (!a->is_done || !b->is_done)
        world_turn(w);
    WANT_EQ(a->err.status, PS_PROTOCOL);
    WANT(strstr(a->err.text, "answered in HTTP/1") != NULL);
    WANT_EQ(a->call.timings.attempts_n, 1);
    WANT_EQ(b->err.status, PS_PROTOCOL);
    WANT_EQ(fake_peer_accepted_n(peer), 1);
    fake_peer_stop(peer);
}

/* -- dials that take their time -- */

static void a_hanging_dial_is_joined_by_another(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls, .hangs_n = 1});
    struct ask *first = world_ask(w, p);
    UNTIL(w, is_in_handshake(first));
    struct ask *second = world_ask(w, p);
    world_settle(w);
    WANT_EQ(world_pool(w)->opened_n, 1); /* the first may still come */
    world_skip(w, 1001);
    struct ask *third = world_ask(w, p);
    WANT_EQ(world_pool(w)->opened_n, 2);
    UNTIL(w, first->is_done && second->is_done && third->is_done);
    want_all_ok(w);
    WANT_EQ(p->by_conn[1], 3);
}

static void an_orphaned_dial_is_inherited(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls, .hangs_n = 1});
    struct ask *first = world_ask(w, p);
    UNTIL(w, is_in_handshake(first));
    world_cancel(first);
    struct ask *second = world_ask(w, p);
    WANT_EQ(world_pool(w)->opened_n, 1);
    release(p, 0);
    UNTIL(w, second->is_done);
    WANT(is_ok(second));
    WANT_EQ(accepted_n(p), 1);
}

/* One that waits beside the owner of the dial takes it over when he leaves. */
static void the_next_in_line_inherits_a_dial(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls, .hangs_n = 1});
    struct ask *first = world_ask(w, p), *second = world_ask(w, p), *third = world_ask(w, p);
    UNTIL(w, is_in_handshake(first));
    world_cancel(first);
    release(p, 0);
    UNTIL(w, second->is_done && third->is_done);
    WANT(is_ok(second) && is_ok(third));
    WANT_EQ(accepted_n(p), 1);
}

/* Nobody is left to hear of it: it must not stay a wait for those who come later. */
static void who_comes_after_a_failed_orphan_dials_anew(struct world *w)
{
    if (!world_use_tls(w, "h2"))
        return;
    struct fake_h2 *p = world_peer(w, &(struct fake_h2_wants){.tls = &w->tls, .hangs_n = 1});
    struct ask *first = ask_within(w, p, 5000);
    UNTIL(w, is_in_handshake(first));
    world_cancel(first);
    world_skip(w, 5001);
    UNTIL(w, world_pool(w)->conns_n == 0);
    struct ask *second = world_ask(w, p);
    UNTIL(w, second->is_done);
    WANT(is_ok(second));
    WANT_EQ(accepted_n(p), 2);
}

static const struct world_test tests[] = {
    {"all_wait_for_the_first_connection", all_wait_for_the_first_connection},
    {"all_wait_for_the_first_connection_over_tls", all_wait_for_the_first_connection_over_tls},
    {"when_it_speaks_http1_the_rest_dial", when_it_speaks_http1_the_rest_dial},
    {"that_it_speaks_http1_is_remembered", that_it_speaks_http1_is_remembered},
    {"that_it_speaks_http2_is_remembered", that_it_speaks_http2_is_remembered},
    {"a_refused_connection_fails_all_who_wait", a_refused_connection_fails_all_who_wait},
    {"a_rejected_certificate_fails_all_who_wait", a_rejected_certificate_fails_all_who_wait},
    {"a_peer_that_speaks_only_http1_is_told_of", a_peer_that_speaks_only_http1_is_told_of},
    {"a_time_out_fails_those_without_more_time", a_time_out_fails_those_without_more_time},
    {"a_hanging_dial_is_joined_by_another", a_hanging_dial_is_joined_by_another},
    {"an_orphaned_dial_is_inherited", an_orphaned_dial_is_inherited},
    {"the_next_in_line_inherits_a_dial", the_next_in_line_inherits_a_dial},
    {"who_comes_after_a_failed_orphan_dials_anew", who_comes_after_a_failed_orphan_dials_anew},
};

WORLD_MAIN(tests)
