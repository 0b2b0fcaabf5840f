/* tests/c/tls_pair.h -- our link against a fake server, and certificates that tests share.
 * The certificates are made once per program and live until it ends. */
#ifndef PS_TEST_TLS_PAIR_H
#define PS_TEST_TLS_PAIR_H

#include "base/buf.h"
#include "fake_tls.h"
#include "t.h"
#include "tls/link.h"

static struct fake_id pair_ca, pair_leaf;
static char *pair_ca_pem;

/* A CA and a leaf for api.example, *.wild.example, 127.0.0.1 and ::1. */
static inline void pair_certs(void)
{
    if (pair_ca.cert != NULL)
        return;
    pair_ca = fake_cert_make(&(struct fake_cert_wants){.cn = "Test CA", .is_ca = true}, NULL);
    pair_leaf = fake_cert_make(
        &(struct fake_cert_wants){.cn = "leaf",
                                  .san = "DNS:api.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1"},
        &pair_ca);
    pair_ca_pem = fake_certs_pem((const struct fake_id *const[]){&pair_ca, NULL});
}

/* What most tests want: verify against the test CA. */
static inline struct ps_tls_settings pair_settings(void)
{
    pair_certs();
    return (struct ps_tls_settings){.verify = true,
                                    .check_hostname = true,
                                    .ca_pem = pair_ca_pem,
                                    .ca_pem_n = strlen(pair_ca_pem),
                                    .security_level = -1};
}

static inline struct ps_tls_config *pair_config(const struct ps_tls_settings *settings)
{
    struct ps_tls_config *config = NULL;
    struct ps_err err = {0};
    if (ps_tls_config_new(&config, settings, &err) != PS_OK)
        fprintf(stderr, "%s\n", err.text);
    T_CHECK(config != NULL);
    return config;
}

struct pair {
    struct ps_tls_link link;
    struct fake_tls server;
    struct ps_buf out;  /* client to server */
    struct ps_err err;  /* the link's first failure */
    size_t piece_bytes; /* feed the link this much at a time; 0 = all at once */
};

static inline enum ps_status pair_init(struct pair *p, struct ps_tls_config *config,
                                       SSL_CTX *server, const struct ps_tls_peer *peer,
                                       struct ps_tls_session *given)
{
    *p = (struct pair){0};
    ps_buf_init(&p->out, 1u << 24);
    fake_tls_init(&p->server, server);
    return ps_tls_link_init(&p->link, config, peer, given, &p->err);
}

static inline void pair_fini(struct pair *p)
{
    ps_tls_link_fini(&p->link);
    fake_tls_fini(&p->server);
    ps_buf_fini(&p->out);
}

/* Client bytes to the server. True when there were some. */
static inline enum ps_status pair_forward(struct pair *p, bool *moved)
{
    enum ps_status st = ps_tls_link_pull(&p->link, &p->out);
    if (st != PS_OK)
        return st;
    *moved = *moved || ps_buf_n(&p->out) > 0;
    fake_tls_feed(&p->server, ps_buf_view(&p->out).p, ps_buf_n(&p->out));
    ps_buf_clear(&p->out);
    return PS_OK;
}

/* Server bytes to the link, in pieces. */
static inline enum ps_status pair_back(struct pair *p, bool *moved)
{
    static uint8_t bytes[65536];
    size_t n;
    while ((n = fake_tls_pull(&p->server, bytes, sizeof bytes)) > 0) {
        *moved = true;
        size_t piece = p->piece_bytes == 0 ? n : p->piece_bytes;
        for (size_t at = 0; at < n; at += piece) {
            size_t now = n - at < piece ? n - at : piece;
            enum ps_status st = ps_tls_link_feed(&p->link, ps_bytes_of(bytes + at, now), &p->err);
            if (st == PS_OK)
                st = ps_tls_link_step(&p->link, &p->err);
            if (st != PS_OK)
                return st;
        }
    }
    return PS_OK;
}

/* Moves bytes both ways until nothing moves or the link fails. */
static inline enum ps_status pair_shake(struct pair *p)
{
    enum ps_status st = ps_tls_link_step(&p->link, &p->err);
    bool moved = st == PS_OK;
    while (moved && st == PS_OK) {
        moved = false;
        st = pair_forward(p, &moved);
        fake_tls_step(&p->server);
        if (st == PS_OK)
            st = pair_back(p, &moved);
    }
    return st;
}

/* Everything that the link can read now. */
static inline enum ps_status pair_read(struct pair *p, uint8_t *to, size_t cap, size_t *n)
{
    return ps_tls_link_read(&p->link, to, cap, n, &p->err);
}

/* A handshake of these two; the pair is to be ended by the caller. */
static inline enum ps_status pair_meet(struct pair *p, const struct ps_tls_settings *settings,
                                       const struct fake_tls_wants *wants,
                                       const struct ps_tls_peer *peer, size_t piece_bytes)
{
    SSL_CTX *server = fake_tls_ctx(wants);
    struct ps_tls_config *config = pair_config(settings);
    enum ps_status st = pair_init(p, config, server, peer, NULL);
    p->piece_bytes = piece_bytes;
    ps_tls_config_unref(config); /* the link keeps its own reference */
    SSL_CTX_free(server);
    return st == PS_OK ? pair_shake(p) : st;
}

static inline void pair_open(struct pair *p, int version)
{
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {
        .leaf = &pair_leaf, .min_version = version, .max_version = version};
    T_EQ(pair_meet(p, &settings, &wants, &(struct ps_tls_peer){.name = "api.example"}, 0), PS_OK);
    T_CHECK(p->link.open && p->server.open);
}

static inline void pair_wants_text(const struct ps_err *err, const char *part)
{
    if (part == NULL || strstr(err->text, part) != NULL)
        return;
    fprintf(stderr, "\"%s\" does not say \"%s\"\n", err->text, part);
    abort();
}

#endif
