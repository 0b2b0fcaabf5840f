/* tests/c/tls_swept.h -- a handshake with each of its allocations refused in turn, then once more
 * without. However it ends when nothing is refused, with one allocation less it ends the same way
 * or for want of memory: no certificate passes, and no server is blamed, because memory was short.
 */
#ifndef PS_TEST_TLS_SWEPT_H
#define PS_TEST_TLS_SWEPT_H

#include "tls_pair.h"

struct swept_handshake {
    const struct ps_tls_settings *settings;
    const struct fake_tls_wants *wants;
    const struct ps_tls_peer *peer;
    bool has_run; /* the first run sets the rest */
    bool was_open;
    enum ps_status st; /* of handshake and a read: a server may judge us after our side is open */
    struct ps_err err;
};

static struct swept_handshake swept_handshake; /* the runner's scenarios take no argument */

static inline enum ps_status swept_config(struct ps_tls_config **out, struct ps_err *err)
{
    *out = NULL;
    enum ps_status st = ps_tls_config_new(out, swept_handshake.settings, err);
    T_EQ(err->status, st);
    return st;
}

static inline void compare_swept(enum ps_status st, const struct pair *p)
{
    struct swept_handshake *h = &swept_handshake;
    if (!h->has_run) {
        h->has_run = true;
        h->st = st;
        h->was_open = p->link.open;
        h->err = p->err;
    }
    T_CHECK(!p->link.open || h->was_open);
    if (st == PS_NOMEM)
        return;
    T_EQ(st, h->st);
    T_EQ(p->link.open, h->was_open);
    T_EQ(p->err.status, h->err.status);
    T_EQ(p->err.detail, h->err.detail);
    T_STR(p->err.text, h->err.text);
}

static inline enum ps_status handshake_scenario(void)
{
    const struct swept_handshake *h = &swept_handshake;
    struct pair p = {0};
    struct ps_tls_config *config;
    uint8_t got[8];
    size_t n;
    enum ps_status st = swept_config(&config, &p.err);
    if (st != PS_OK)
        return st;
    SSL_CTX *server = fake_tls_ctx(h->wants);
    st = pair_init(&p, config, server, h->peer, NULL);
    if (st == PS_OK)
        st = pair_shake(&p);
    if (st == PS_OK)
        st = pair_read(&p, got, sizeof got, &n);
    compare_swept(st, &p);
    pair_fini(&p);
    ps_tls_config_unref(config);
    SSL_CTX_free(server);
    return st == PS_NOMEM ? PS_NOMEM : PS_OK;
}

/* As pair_meet(), after the sweep; nothing of ours may be alive. */
static inline enum ps_status pair_meet_swept(struct pair *p, const struct ps_tls_settings *settings,
                                             const struct fake_tls_wants *wants,
                                             const struct ps_tls_peer *peer)
{
    swept_handshake = (struct swept_handshake){.settings = settings, .wants = wants, .peer = peer};
    t_each_alloc(handshake_scenario);
    return pair_meet(p, settings, wants, peer, 0);
}

#endif
