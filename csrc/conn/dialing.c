/* conn/dialing.c -- from a name to a connected socket: lookups, happy eyeballs, and the clock over them.
 * Through a proxy it is the proxy's name that is looked up, after the origin's own where the proxy wants an
 * address. Thread: io. Limit: the conn's connect deadline, over lookups, dial and the talk with the proxy. */
#include <stdio.h>

#include "conn/conn_internal.h"

/* Where the socket goes. */
static const char *dial_host(const struct ps_conn *c)
{
    return c->settings->proxy == NULL ? c->target.host : c->settings->proxy->host;
}

static uint16_t dial_port(const struct ps_conn *c)
{
    return c->settings->proxy == NULL ? c->target.port : c->settings->proxy->port;
}

/* -- the clock -- */

struct doing {
    const char *text;
    enum ps_phase phase;
};

static struct doing doing_of(const struct ps_conn *c)
{
    if (c->state == PS_CONN_TLS)
        return (struct doing){"the TLS handshake", PS_PHASE_TLS};
    if (c->state == PS_CONN_TUNNEL && c->has_outer && !c->outer.open)
        return (struct doing){"the TLS handshake with the proxy", PS_PHASE_TLS};
    if (c->state == PS_CONN_TUNNEL)
        return (struct doing){"asking the proxy for the way", PS_PHASE_PROXY};
    if (c->dns_us == UINT64_MAX)
        return (struct doing){"resolving the name", PS_PHASE_RESOLVE};
    return (struct doing){"connecting", PS_PHASE_CONNECT};
}

static void on_deadline(struct ps_deadline *d, uint64_t now_ms)
{
    struct ps_conn *c = PS_ITEM(d, struct ps_conn, deadline);
    (void)now_ms;
    struct ps_err err;
    struct doing doing = doing_of(c);
    char via[CONN_VIA_BYTES] = "";
    const char *tried = c->state == PS_CONN_DIAL ? c->dial.tried_text : "";
    if (c->settings->proxy != NULL)
        snprintf(via, sizeof via, " through the proxy %.60s:%u", dial_host(c), dial_port(c));
    ps_err_set(&err, PS_TIMED_OUT, doing.phase, "%s to %.100s:%u%s did not finish within %.3g s%s%s",
               doing.text, c->target.host, c->target.port, via, (double)c->connect_ms / 1000.0,
               tried[0] != '\0' ? "; tried " : "", tried);
    err.clock = PS_CLOCK_CONNECT;
    conn_fail(c, &err);
}

static enum ps_status arm_deadline(struct ps_conn *c, struct ps_err *err)
{
    c->deadline.fire = on_deadline;
    if (c->connect_ms == 0)
        return PS_OK;
    uint64_t due = ps_clock_now_ms(c->env->clock) + c->connect_ms;
    return ps_clock_set(c->env->clock, &c->deadline, due) == PS_OK ? PS_OK : ps_err_nomem(err);
}

void conn_blame_proxy(const struct ps_conn *c, struct ps_err *err)
{
    const struct ps_proxy *proxy = c->settings->proxy;
    if (proxy == NULL || err->status == PS_NOMEM)
        return;
    char text[sizeof err->text];
    memcpy(text, err->text, sizeof text);
    snprintf(err->text, sizeof err->text, "the proxy %.60s:%u: ", proxy->host, proxy->port);
    ps_err_add(err, text);
}

void conn_mention_proxy(const struct ps_conn *c, struct ps_err *err)
{
    const struct ps_proxy *proxy = c->settings->proxy;
    char words[CONN_VIA_BYTES];
    if (proxy == NULL || err->status == PS_NOMEM)
        return;
    snprintf(words, sizeof words, " (through the proxy %.60s:%u)", proxy->host, proxy->port);
    ps_err_add(err, words);
}

/* -- the dial -- */

static void on_dialed(void *owner, struct ps_sock *given, const struct ps_err *err)
{
    struct ps_conn *c = owner;
    if (given == NULL) {
        struct ps_err why = *err;
        conn_blame_proxy(c, &why);
        conn_fail(c, &why);
        return;
    }
    c->connect_us = conn_lap_us(c);
    conn_begin(c, given);
}

static enum ps_status start_dial(struct ps_conn *c, const struct ps_addrs *addrs, struct ps_err *err)
{
    struct ps_addrs at = {0};
    if (addrs != NULL)
        at = *addrs;
    for (size_t i = 0; i < at.n; i++) {
        struct sockaddr *sa = (struct sockaddr *)&at.at[i].sa;
        if (sa->sa_family == AF_INET6)
            ((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(dial_port(c));
        else
            ((struct sockaddr_in *)(void *)sa)->sin_port = htons(dial_port(c));
    }
    ps_addrs_interleave(&at, (unsigned)c->id);
    return ps_dial_start(&c->dial, &at, err);
}

/* -- names -- */

/* The next name that is wanted, until one has to be waited for; then the dial. */
static enum ps_status look_up(struct ps_conn *c, struct ps_err *err)
{
    for (;;) {
        struct ps_addrs cached = {0};
        bool is_own = conn_tunnel_wants_address(c);
        enum ps_status st = ps_resolver_ask(
            c->env->resolver, is_own ? c->target.host : dial_host(c), c->settings->family,
            c->settings->dns_ttl_ms, &c->lookup, &cached, err);
        if (st != PS_OK && !is_own)
            conn_blame_proxy(c, err);
        if (st != PS_OK || cached.n == 0)
            return st;
        if (!is_own) {
            c->dns_us = conn_lap_us(c);
            return start_dial(c, &cached, err);
        }
        conn_tunnel_take_address(c, &cached);
    }
}

static void on_resolved(void *owner, const struct ps_addrs *addrs, const struct ps_err *err)
{
    struct ps_conn *c = owner;
    struct ps_err why;
    bool is_own = conn_tunnel_wants_address(c);
    enum ps_status st;
    if (addrs == NULL) {
        why = *err;
        st = why.status;
        if (!is_own)
            conn_blame_proxy(c, &why);
    } else if (is_own) {
        conn_tunnel_take_address(c, addrs);
        st = look_up(c, &why);
    } else {
        c->dns_us = conn_lap_us(c);
        st = start_dial(c, addrs, &why);
    }
    if (st != PS_OK)
        conn_fail(c, &why);
}

enum ps_status conn_dial(struct ps_conn *c, struct ps_err *err)
{
    c->lookup.owner = c;
    c->lookup.on_done = on_resolved;
    c->dial = (struct ps_dial){.loop = c->env->loop,
                               .clock = c->env->clock,
                               .share = c->env->sock_share,
                               .settings = &c->settings->dial,
                               .owner = c,
                               .on_done = on_dialed};
    enum ps_status st = arm_deadline(c, err);
    if (st != PS_OK)
        return st;
    c->mark_ns = uv_hrtime();
    return c->settings->dial.uds_path != NULL ? start_dial(c, NULL, err) : look_up(c, err);
}
