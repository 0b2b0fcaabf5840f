/* Calls over TLS: resumption, refusals, ends without goodbye, dials that hang in the handshake. */
#include <sys/socket.h>

#include "rig.h"
#include "tls_serve.h"

static const char ok_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* What the server does. */
struct server {
    struct fake_tls_wants wants;
    SSL_CTX *ctx;
    const char *answer;      /* NULL = ok_answer */
    bool closes_after;       /* each answer */
    bool says_goodbye;       /* close_notify before closing */
    bool breaks_after;       /* sends no TLS after the answer */
    atomic_int resumed_n, hangs_n; /* connections that must wait for ... */
    atomic_int gate, is_over;      /* ... this before their handshake */
};

static void serve_tls(struct fake_peer *p, int fd, int nth, void *data)
{
    struct server *s = data;
    (void)p;
    while (nth < atomic_load(&s->hangs_n) && !atomic_load(&s->gate) && !atomic_load(&s->is_over))
        sched_yield();
    if (atomic_load(&s->is_over))
        return;
    SSL *ssl = tls_serve_open(s->ctx, fd);
    if (ssl == NULL)
        return;
    if (SSL_session_reused(ssl))
        rig_set(&s->resumed_n);
    const char *answer = s->answer == NULL ? ok_answer : s->answer;
    while (tls_serve_one(ssl, answer) && !s->closes_after && !s->breaks_after) {
    }
    if (s->breaks_after)
        fake_peer_write(fd, "this is no TLS record, and long enough to be looked at");
    tls_serve_close(ssl, s->says_goodbye);
}

static struct fake_peer *server_start(struct server *s)
{
    pair_certs();
    if (s->wants.leaf == NULL)
        s->wants.leaf = &pair_leaf;
    s->ctx = fake_tls_ctx(&s->wants);
    return fake_peer_start(serve_tls, s);
}

static void server_stop(struct server *s, struct fake_peer *peer)
{
    rig_set(&s->is_over);
    fake_peer_stop(peer);
    SSL_CTX_free(s->ctx);
}

static struct rig *tls_rig_once(void)
{
    struct rig *r = rig_open();
    struct ps_tls_settings settings = pair_settings();
    struct ps_err err;
    if (r != NULL) /* each request its own connection: here it is about TLS */
        r->profile->settings.conn.http2 = PS_HTTP2_OFF;
    if (r == NULL || ps_profile_set_tls(r->profile, &settings, &err) == PS_OK)
        return r;
    T_EQ(err.status, PS_NOMEM);
    rig_close(r);
    return NULL;
}

static struct rig *tls_rig(void)
{
    struct rig *r = tls_rig_once();
    return r == NULL && t_lame_test != NULL ? tls_rig_once() : r;
}

static struct rig_want at(const struct fake_peer *peer)
{
    return (struct rig_want){
        .method = "POST", .port = fake_peer_port(peer), .body = "hello", .is_https = true};
}

/* -- good -- */

static enum ps_status reuse_scenario(void)
{
    struct server s = {0};
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    enum ps_status st = r == NULL ? PS_NOMEM : PS_OK;
    for (int i = 0; i < 2 && st == PS_OK; i++) {
        struct ask *a = rig_get_and_wait(r, &want);
        st = a == NULL ? PS_NOMEM : a->err.status;
        if (st != PS_OK)
            break;
        T_EQ(a->status, 200);
        T_EQ(a->body_n, 2);
        T_STR(a->call.timings.tls, "TLSv1.3");
    }
    if (r != NULL)
        rig_close(r);
    server_stop(&s, peer);
    return st;
}

static void a_connection_is_reused_over_tls(void)
{
    t_each_alloc(reuse_scenario);
}

static void a_session_is_resumed(void)
{
    struct server s = {.closes_after = true, .says_goodbye = true};
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    for (int i = 0; i < 3; i++) {
        T_EQ(rig_get_and_wait(r, &want)->err.status, PS_OK);
        RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    }
    rig_close(r);
    int resumed_n = atomic_load(&s.resumed_n); /* without memory for a session there is one less */
    T_CHECK(resumed_n == 2 || (t_lame_test != NULL && resumed_n == 1));
    server_stop(&s, peer);
}

static void a_large_body_goes_through(void)
{
    struct server s = {0};
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    want.body = NULL;
    want.body_n = 8 << 20;
    struct rig *r = tls_rig();
    struct ask *a = rig_get_and_wait(r, &want);
    T_EQ(a->err.status, PS_OK);
    T_EQ(a->call.timings.body_out_bytes, 8 << 20);
    rig_close(r);
    server_stop(&s, peer);
}

/* -- refusals -- */

static void check_refused(struct server *s, const char *sni, enum ps_status want_st)
{
    struct fake_peer *peer = server_start(s);
    struct rig_want want = at(peer);
    want.sni = sni;
    struct rig *r = tls_rig();
    struct ask *a = rig_get_and_wait(r, &want);
    T_EQ(a->err.status, want_st);
    T_EQ(a->err.phase, PS_PHASE_TLS);
    T_CHECK(!a->call.maybe_processed);
    T_EQ(r->profile->pool.failed_dials_n, 1);
    RIG_UNTIL(r, r->profile->pool.conns_n == 0);
    rig_close(r);
    server_stop(s, peer);
}

static void a_wrong_name_is_refused(void)
{
    struct server s = {0};
    check_refused(&s, "other.example", PS_CERT_REJECTED);
}

static void an_alert_in_the_handshake_is_told(void)
{
    struct server s = {.wants = {.alpn_refuses = true}};
    check_refused(&s, NULL, PS_TLS_FAILED);
}

static void a_protocol_that_was_not_offered_is_refused(void)
{
    struct server s = {.wants = {.alpn = "spdy/1"}};
    check_refused(&s, NULL, PS_TLS_FAILED);
}

static void close_at_once(struct fake_peer *p, int fd, int nth, void *data)
{
    char bytes[4096];
    (void)p, (void)nth, (void)data;
    T_CHECK(recv(fd, bytes, sizeof bytes, 0) > 0);
}

static void an_end_in_the_handshake_is_told(void)
{
    struct fake_peer *peer = fake_peer_start(close_at_once, NULL);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    struct ask *a = rig_get_and_wait(r, &want);
    T_EQ(a->err.status, PS_TLS_FAILED);
    T_EQ(a->err.phase, PS_PHASE_TLS);
    T_CHECK(!a->call.maybe_processed);
    rig_close(r);
    fake_peer_stop(peer);
}

static void https_without_settings_is_refused(void)
{
    struct rig_want want = {.port = 443, .is_https = true};
    struct rig *r = rig_open();
    T_EQ(rig_get_and_wait(r, &want)->err.status, PS_INVALID);
    rig_close(r);
}

/* -- ends: rules 74, 75 -- */

static struct server *end_server;
static enum ps_status end_wanted;

static enum ps_status end_scenario(void)
{
    struct server s = *end_server;
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    struct ask *a = r == NULL ? NULL : rig_get_and_wait(r, &want);
    enum ps_status st = a == NULL || a->err.status == PS_NOMEM ? PS_NOMEM : PS_OK;
    if (st == PS_OK) {
        T_EQ(a->err.status, end_wanted);
        T_EQ(a->status, 200);
    }
    if (r != NULL)
        rig_close(r);
    server_stop(&s, peer);
    return st;
}

static void check_end(struct server s, enum ps_status want)
{
    end_server = &s;
    end_wanted = want;
    t_each_alloc(end_scenario);
}

static const char until_close[] = "HTTP/1.1 200 OK\r\n\r\nall of it";

static void a_body_until_close_ends_with_close_notify(void)
{
    check_end((struct server){.answer = until_close, .closes_after = true, .says_goodbye = true},
              PS_OK);
}

static void without_close_notify_it_is_truncated(void)
{
    check_end((struct server){.answer = until_close, .closes_after = true}, PS_TRUNCATED);
}

static void a_body_with_a_length_needs_no_close_notify(void)
{
    check_end((struct server){.closes_after = true}, PS_OK);
}

/* Even after close_notify: the last chunk is what ends it. */
static void chunks_without_the_last_are_truncated(void)
{
    check_end((struct server){.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                        "2\r\nok\r\n",
                              .closes_after = true,
                              .says_goodbye = true},
              PS_TRUNCATED);
}

static void a_broken_record_ends_the_body(void)
{
    check_end((struct server){.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
                              .breaks_after = true},
              PS_TLS_FAILED);
}

static void a_broken_record_after_the_body_harms_nobody(void)
{
    check_end((struct server){.breaks_after = true}, PS_OK);
}

/* -- dials that take their time: the handshake hangs until the gate opens -- */

static bool is_in_handshake(const struct ask *a)
{
    const struct ps_conn *dial = a->call.waiter.dial;
    return dial != NULL && dial->state == PS_CONN_TLS;
}

static void the_connect_clock_covers_the_handshake(void)
{
    struct server s = {.hangs_n = 1};
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    struct ask *a;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.clocks_ms[PS_CLOCK_CONNECT] = 5000;
    rig_start(a);
    ps_clock_skip(&r->engine->clock, 4000); /* of the connect itself: TLS has its own 5 s */
    RIG_UNTIL(r, is_in_handshake(a));
    ps_clock_skip(&r->engine->clock, 4000);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    T_CHECK(!a->is_done);
    ps_clock_skip(&r->engine->clock, 1001);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_TIMED_OUT);
    T_EQ(a->err.clock, PS_CLOCK_CONNECT);
    T_EQ(a->err.phase, PS_PHASE_TLS);
    T_CHECK(!a->call.maybe_processed);
    rig_close(r);
    server_stop(&s, peer);
}

static uint64_t orphan_opened_n;

static enum ps_status orphan_scenario(void)
{
    struct server s = {.hangs_n = 1};
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    struct ask *first = NULL, *second = NULL;
    enum ps_status st = r == NULL ? PS_NOMEM : PS_OK;
    if (st == PS_OK) {
        r->profile->settings.max_per_origin_n = 1;
        first = rig_get(r, &want);
        if (first != NULL)
            RIG_UNTIL(r, first->is_done || is_in_handshake(first));
        st = first == NULL ? PS_NOMEM : first->err.status;
    }
    if (st == PS_OK) {
        rig_cancel(first); /* its dial is an orphan now */
        second = rig_get(r, &want);
        rig_set(&s.gate);
        if (second != NULL)
            RIG_UNTIL(r, second->is_done);
        st = second == NULL ? PS_NOMEM : second->err.status;
    }
    if (r != NULL) {
        orphan_opened_n = r->profile->pool.opened_n;
        rig_close(r);
    }
    server_stop(&s, peer);
    return st;
}

static void an_orphaned_dial_is_inherited(void)
{
    T_EQ(orphan_scenario(), PS_OK);
    T_EQ(orphan_opened_n, 1);
    t_each_alloc(orphan_scenario);
}

static void the_first_in_line_gets_the_first_connection(void)
{
    struct server s = {.hangs_n = 1};
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    struct ask *first = rig_get(r, &want);
    RIG_UNTIL(r, is_in_handshake(first)); /* the one that hangs */
    struct ask *second = rig_get(r, &want);
    RIG_UNTIL(r, first->is_done); /* on the connection made for the second */
    T_EQ(first->err.status, PS_OK);
    RIG_UNTIL(r, second->is_done);
    T_EQ(second->err.status, PS_OK);
    rig_close(r);
    server_stop(&s, peer);
}

/* Rule 44, for connections: one that fails has one waiter to answer to. */
static void a_failed_dial_fails_its_waiter_only(void)
{
    struct server s = {.hangs_n = 2};
    struct fake_peer *peer = server_start(&s);
    struct rig_want want = at(peer);
    struct rig *r = tls_rig();
    struct ask *a, *b;
    T_EQ(rig_ask(r, &want, &a), PS_OK);
    a->spec.clocks_ms[PS_CLOCK_CONNECT] = 5000;
    rig_start(a);
    T_EQ(rig_ask(r, &want, &b), PS_OK);
    b->spec.clocks_ms[PS_CLOCK_CONNECT] = 60000;
    rig_start(b);
    RIG_UNTIL(r, is_in_handshake(a) && is_in_handshake(b));
    ps_clock_skip(&r->engine->clock, 5001);
    RIG_UNTIL(r, a->is_done);
    T_EQ(a->err.status, PS_TIMED_OUT);
    T_CHECK(!b->is_done);
    rig_set(&s.gate);
    RIG_UNTIL(r, b->is_done);
    T_EQ(b->err.status, PS_OK);
    rig_close(r);
    server_stop(&s, peer);
}

/* Nobody waits for them, so they must hold up neither a profile's end nor the engine's. */
static void orphaned_dials_do_not_delay_the_stop(void)
{
    for (int order = 0; order < 2; order++) {
        struct server s = {.hangs_n = 2};
        struct fake_peer *peer = server_start(&s);
        struct rig_want want = at(peer);
        struct rig *r = tls_rig();
        for (int i = 0; i < 2; i++) {
            struct ask *a = rig_get(r, &want);
            RIG_UNTIL(r, is_in_handshake(a));
        }
        for (int i = 0; i < 2 && order == 0; i++)
            rig_cancel(&r->asks[i]);
        ps_engine_stop(r->engine, 3600000);
        for (int i = 0; i < 2 && order == 1; i++)
            rig_cancel(&r->asks[i]);
        RIG_UNTIL(r, r->engine->told_stopped);
        rig_close(r);
        server_stop(&s, peer);
    }
}

static const struct t_test tests[] = {
    {"a_connection_is_reused_over_tls", a_connection_is_reused_over_tls},
    {"a_session_is_resumed", a_session_is_resumed},
    {"a_large_body_goes_through", a_large_body_goes_through},
    {"a_wrong_name_is_refused", a_wrong_name_is_refused},
    {"an_alert_in_the_handshake_is_told", an_alert_in_the_handshake_is_told},
    {"a_protocol_that_was_not_offered_is_refused", a_protocol_that_was_not_offered_is_refused},
    {"an_end_in_the_handshake_is_told", an_end_in_the_handshake_is_told},
    {"https_without_settings_is_refused", https_without_settings_is_refused},
    {"a_body_until_close_ends_with_close_notify", a_body_until_close_ends_with_close_notify},
    {"without_close_notify_it_is_truncated", without_close_notify_it_is_truncated},
    {"a_body_with_a_length_needs_no_close_notify", a_body_with_a_length_needs_no_close_notify},
    {"chunks_without_the_last_are_truncated", chunks_without_the_last_are_truncated},
    {"a_broken_record_ends_the_body", a_broken_record_ends_the_body},
    {"a_broken_record_after_the_body_harms_nobody", a_broken_record_after_the_body_harms_nobody},
    {"the_connect_clock_covers_the_handshake", the_connect_clock_covers_the_handshake},
    {"an_orphaned_dial_is_inherited", an_orphaned_dial_is_inherited},
    {"the_first_in_line_gets_the_first_connection", the_first_in_line_gets_the_first_connection},
    {"a_failed_dial_fails_its_waiter_only", a_failed_dial_fails_its_waiter_only},
    {"orphaned_dials_do_not_delay_the_stop", orphaned_dials_do_not_delay_the_stop},
};

T_MAIN_LAME(tests)
