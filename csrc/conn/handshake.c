/* conn/handshake.c -- from a pipe to the origin to OPEN: TLS and ALPN, then the codec.
 * Thread: io. Limit: the conn's connect deadline, armed anew for TLS. */
#include "base/mem.h"
#include "conn/conn_internal.h"
#include "proto/h1.h"
#include "proto/h2.h"

static const uint8_t alpn_both[] = "\x02h2\x08http/1.1";
static const uint8_t alpn_h1[] = "\x08http/1.1";

static bool offers_h2(const struct ps_conn *c)
{
    return c->settings->http2 != PS_HTTP2_OFF && !c->target.h1_only;
}

static void conn_ready(struct ps_conn *c, bool is_h2)
{
    struct ps_err err;
    enum ps_status st = is_h2 ? ps_h2_new(&c->codec, &c->settings->codec, &err)
                              : ps_h1_new(&c->codec, &c->settings->codec, &err);
    c->is_h2 = is_h2 && st == PS_OK;
    c->target.is_wary = c->target.is_wary && c->is_h2;
    if (st == PS_OK && ps_proxy_forwards(c->settings->proxy, c->target.is_https))
        ps_h1_set_via(c->codec, &(struct ps_h1_via){.host = c->target.host,
                                                    .port = c->target.port,
                                                    .fields = c->settings->proxy->fields});
    c->opened_ms = c->idle_since_ms = c->cancels_ms = ps_clock_now_ms(c->env->clock);
    c->cancels_left = CONN_CANCELS_N * CONN_CANCEL;
    if (st == PS_OK && is_h2 && live_start(c) != PS_OK)
        st = ps_err_nomem(&err);
    if (st != PS_OK) {
        conn_fail(c, &err);
        return;
    }
    ps_clock_clear(c->env->clock, &c->deadline);
    conn_set_state(c, PS_CONN_OPEN);
    c->ops->on_open(c->owner, c);
    if (c->state != PS_CONN_OPEN)
        return;
    c->slots_n = ps_conn_free_slots(c);
    conn_pump_soon(c); /* the preface, when nobody asked for anything */
}

/* Rule 81: no answer means HTTP/1.1; a protocol that was not offered is an error. */
static void check_alpn(struct ps_conn *c)
{
    struct ps_tls_info info;
    ps_tls_link_info(&c->tls, &info);
    if (info.alpn[0] == '\0' || strcmp(info.alpn, "http/1.1") == 0) {
        conn_ready(c, false);
        return;
    }
    if (strcmp(info.alpn, "h2") == 0 && offers_h2(c)) {
        conn_ready(c, true);
        return;
    }
    struct ps_err err;
    ps_err_set(&err, PS_TLS_FAILED, PS_PHASE_TLS, "%s:%u chose the protocol \"%s\", not offered",
               c->target.host, c->target.port, info.alpn);
    conn_fail(c, &err);
}

enum ps_status conn_write_tls(struct ps_conn *c, struct ps_bytes plain, struct ps_err *err)
{
    struct ps_buf *out = &c->env->cipher_out;
    if (plain.n > 0) {
        enum ps_status st = ps_tls_link_write(&c->tls, plain, err);
        if (st != PS_OK)
            return st;
    }
    while (ps_tls_link_pending(&c->tls) > 0) {
        enum ps_status st = ps_tls_link_pull(&c->tls, out);
        if (st != PS_OK)
            return ps_err_nomem(err);
        st = conn_write_sock(c, ps_buf_view(out), err);
        ps_buf_clear(out);
        if (st != PS_OK)
            return st;
    }
    return PS_OK;
}

void conn_handshake(struct ps_conn *c)
{
    struct ps_err err, write_err;
    enum ps_status st = ps_tls_link_step(&c->tls, &err);
    /* Flush first, also after a failure: the peer should learn why (the alert). */
    enum ps_status wrote = conn_write_tls(c, ps_bytes_of(NULL, 0), &write_err);
    if (st != PS_OK) {
        conn_mention_proxy(c, &err);
        conn_fail(c, &err);
        return;
    }
    if (wrote != PS_OK) {
        write_err.phase = PS_PHASE_TLS;
        conn_mention_proxy(c, &write_err);
        conn_fail(c, &write_err);
        return;
    }
    if (c->tls.open) {
        c->tls_us = conn_lap_us(c);
        check_alpn(c);
    }
}

static enum ps_status start_tls(struct ps_conn *c, struct ps_err *err)
{
    struct ps_tls_session *session =
        c->settings->sessions == NULL
            ? NULL
            : ps_tls_sessions_take(c->settings->sessions, c->target.key);
    struct ps_tls_peer peer = {.name = c->target.host,
                               .sni = c->target.sni,
                               .alpn = offers_h2(c) ? alpn_both : alpn_h1,
                               .alpn_n = offers_h2(c) ? sizeof alpn_both - 1 : sizeof alpn_h1 - 1};
    enum ps_status st = ps_tls_link_init(&c->tls, c->settings->tls, &peer, session, err);
    if (st != PS_OK)
        ps_tls_session_free(session);
    return st;
}

void conn_secure(struct ps_conn *c)
{
    struct ps_err err;
    if (!c->is_tls) {
        bool is_prior = c->settings->http2 == PS_HTTP2_PRIOR && !c->target.h1_only;
        conn_ready(c, is_prior && !ps_proxy_forwards(c->settings->proxy, c->target.is_https));
        return;
    }
    if (start_tls(c, &err) != PS_OK) {
        conn_fail(c, &err);
        return;
    }
    if (c->connect_ms > 0) { /* it was set, so moving it cannot fail */
        uint64_t due = ps_clock_now_ms(c->env->clock) + c->connect_ms;
        enum ps_status st = ps_clock_set(c->env->clock, &c->deadline, due);
        (void)st;
    }
    conn_set_state(c, PS_CONN_TLS);
    conn_handshake(c);
}

void conn_begin(struct ps_conn *c, struct ps_sock *given)
{
    struct ps_err err;
    c->sock = given;
    ps_sock_adopt(c->sock, &conn_sock_ops, c);
    if (ps_sock_read_start(c->sock, &err) != PS_OK)
        conn_fail(c, &err);
    else if (c->settings->proxy != NULL)
        conn_tunnel_start(c);
    else
        conn_secure(c);
}
