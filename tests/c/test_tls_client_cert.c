/* Our certificate before a server that asks for one: shown, missing, of a CA that it does not know;
 * each handshake with each allocation refused as well. */
#include <unistd.h>

#include "tls_swept.h"

static const struct ps_tls_peer api = {.name = "api.example"};

struct client_files {
    struct fake_id id;
    char cert[64], key[64];
};

static void client_files_make(struct client_files *f, const struct fake_id *ca)
{
    f->id = fake_cert_make(&(struct fake_cert_wants){.cn = "me", .eku = "clientAuth"}, ca);
    char *cert = fake_certs_pem((const struct fake_id *const[]){&f->id, NULL});
    char *key = fake_key_pem(&f->id, NULL);
    fake_file_make(f->cert, cert);
    fake_file_make(f->key, key);
    free(cert);
    free(key);
}

static void client_files_drop(struct client_files *f)
{
    unlink(f->cert);
    unlink(f->key);
    fake_cert_free(&f->id);
}

/* In TLS 1.3 the server judges after our side is open, so its alert is met by the first read. */
static enum ps_status meet_and_read(struct pair *p, const struct ps_tls_settings *settings,
                                    const struct fake_tls_wants *wants)
{
    uint8_t got[8];
    size_t n;
    enum ps_status st = pair_meet_swept(p, settings, wants, &api);
    return st == PS_OK ? pair_read(p, got, sizeof got, &n) : st;
}

static void client_certificate_supplied(void)
{
    struct client_files f;
    struct ps_tls_settings settings = pair_settings();
    client_files_make(&f, &pair_ca);
    settings.cert_file = f.cert;
    settings.key_file = f.key;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        const struct fake_tls_wants wants = {.leaf = &pair_leaf,
                                             .client_ca = &pair_ca,
                                             .min_version = version,
                                             .max_version = version};
        struct pair p;
        T_EQ(meet_and_read(&p, &settings, &wants), PS_OK);
        X509 *seen = SSL_get1_peer_certificate(p.server.ssl);
        T_CHECK(seen != NULL && X509_cmp(seen, f.id.cert) == 0);
        X509_free(seen);
        pair_fini(&p);
    }
    client_files_drop(&f);
}

static void client_certificate_required_but_missing(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct fake_tls_wants wants = {.leaf = &pair_leaf, .client_ca = &pair_ca};
    struct pair p;
    T_EQ(meet_and_read(&p, &settings, &wants), PS_TLS_FAILED);
    pair_wants_text(&p.err, "api.example ended TLS: alert 116");
    pair_wants_text(&p.err, "pass TLS(cert_file=..., key_file=...)");
    T_EQ(p.err.phase, PS_PHASE_NONE); /* conn knows where the request was */
    pair_fini(&p);
    wants.max_version = TLS1_2_VERSION;
    T_EQ(meet_and_read(&p, &settings, &wants), PS_TLS_FAILED);
    pair_wants_text(&p.err, "api.example refused TLS: alert 40");
    pair_wants_text(&p.err, "client certificate");
    pair_fini(&p);
}

static void client_certificate_of_an_unknown_ca(void)
{
    struct client_files f;
    struct ps_tls_settings settings = pair_settings();
    struct fake_id other =
        fake_cert_make(&(struct fake_cert_wants){.cn = "Other", .is_ca = true}, NULL);
    client_files_make(&f, &other);
    settings.cert_file = f.cert;
    settings.key_file = f.key;
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .client_ca = &pair_ca};
    struct pair p;
    T_EQ(meet_and_read(&p, &settings, &wants), PS_TLS_FAILED);
    pair_wants_text(&p.err, "alert 48, unknown CA; it does not know the CA of the client");
    pair_fini(&p);
    client_files_drop(&f);
    fake_cert_free(&other);
}

static const struct t_test tests[] = {
    {"client_certificate_supplied", client_certificate_supplied},
    {"client_certificate_required_but_missing", client_certificate_required_but_missing},
    {"client_certificate_of_an_unknown_ca", client_certificate_of_an_unknown_ca},
};

T_MAIN(tests)
