/* OpenSSL's allocations refused, one at a time, while it judges a certificate: whatever it then
 * says, no bad certificate passes. Its own allocator is replaced, so this program stands alone. */
#include <openssl/crypto.h>

#include "tls_pair.h"

enum {
    LAST_N = 200
}; /* allocations from some way before the verification to the end */

static bool is_armed; /* our side is at work; the fake server is never refused */
static size_t asked_n, fail_at;

static bool must_fail(void)
{
    return is_armed && ++asked_n == fail_at;
}

static void *lend(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : malloc(n);
}

static void *lend_more(void *was, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : realloc(was, n);
}

static void take_back(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static enum ps_status step(struct pair *p)
{
    static uint8_t bytes[65536];
    is_armed = true;
    enum ps_status st = ps_tls_link_step(&p->link, &p->err);
    is_armed = false;
    bool moved = false;
    if (st == PS_OK)
        st = pair_forward(p, &moved);
    fake_tls_step(&p->server);
    size_t n = fake_tls_pull(&p->server, bytes, sizeof bytes);
    if (st == PS_OK && n > 0)
        st = ps_tls_link_feed(&p->link, ps_bytes_of(bytes, n), &p->err);
    return st;
}

/* A handshake with the `nth` allocation refused. */
static enum ps_status shake(struct ps_tls_config *config, SSL_CTX *server, const char *name,
                            size_t nth)
{
    struct pair p;
    T_EQ(pair_init(&p, config, server, &(struct ps_tls_peer){.name = name}, NULL), PS_OK);
    fail_at = nth;
    asked_n = 0;
    enum ps_status st = PS_OK;
    for (int i = 0; i < 4 && st == PS_OK; i++)
        st = step(&p);
    T_EQ(p.link.open, st == PS_OK);
    pair_fini(&p);
    return st;
}

static void refuse_each(const char *name, enum ps_status wanted, int version)
{
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {
        .leaf = &pair_leaf, .min_version = version, .max_version = version};
    struct ps_tls_config *config = pair_config(&settings);
    SSL_CTX *server = fake_tls_ctx(&wants);
    T_EQ(shake(config, server, name, 0), wanted);
    T_EQ(shake(config, server, name, 0), wanted); /* now all that OpenSSL keeps is there */
    size_t all_n = asked_n, refused_n = 0;
    T_CHECK(all_n > LAST_N);
    for (size_t nth = all_n - LAST_N; nth <= all_n; nth++) {
        enum ps_status st = shake(config, server, name, nth);
        T_CHECK(st != PS_OK || wanted == PS_OK);
        refused_n += asked_n >= nth;
    }
    T_CHECK(refused_n > LAST_N / 2); /* not every handshake needs exactly as many */
    SSL_CTX_free(server);
    ps_tls_config_unref(config);
}

static void no_certificate_passes_for_want_of_memory(void)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        refuse_each("api.example", PS_OK, version);
        refuse_each("db.example", PS_CERT_REJECTED, version);
        refuse_each("127.0.0.2", PS_CERT_REJECTED, version);
    }
}

static const struct t_test tests[] = {
    {"no_certificate_passes_for_want_of_memory", no_certificate_passes_for_want_of_memory},
};

int main(int argc, char **argv)
{
    T_CHECK(CRYPTO_set_mem_functions(lend, lend_more, take_back) == 1); /* before its first use */
    return t_main(tests, sizeof tests / sizeof tests[0], t_run, argc, argv);
}
