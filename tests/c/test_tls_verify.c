/* Whose certificate is believed: each kind of certificate against each kind of name (rules 83, 84),
 * each handshake with each allocation refused as well. */
#include <openssl/x509_vfy.h>

#include "tls_swept.h"

enum cert {
    GOOD,
    CN_ONLY,
    EXPIRED,
    NOT_YET,
    WILD_TLD,
    PARTIAL_WILD,
    CLIENT_ONLY,
    OTHER_CA,
    SELF_SIGNED,
    NUL_NAME,
    BY_INTER,
    NO_INTER,
    BY_LEAF,
    IP_AS_DNS,
    WEAK_KEY,
    CERT_N
};

static const struct fake_cert_wants wants[CERT_N] = {
    [GOOD] = {.cn = "good", .san = "DNS:api.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1"},
    [CN_ONLY] = {.cn = "api.example"},
    [EXPIRED] = {.cn = "old", .san = "DNS:api.example", .from_days = -30, .to_days = -10},
    [NOT_YET] = {.cn = "new", .san = "DNS:api.example", .from_days = 10},
    [WILD_TLD] = {.cn = "tld", .san = "DNS:*.example"},
    [PARTIAL_WILD] = {.cn = "part", .san = "DNS:a*.wild.example"},
    [CLIENT_ONLY] = {.cn = "client", .san = "DNS:api.example", .eku = "clientAuth"},
    [OTHER_CA] = {.cn = "other", .san = "DNS:api.example"},
    [SELF_SIGNED] = {.cn = "self", .san = "DNS:api.example"},
    [NUL_NAME] = {.cn = "nul", .san_bytes = "api.example\0.evil.example", .san_bytes_n = 25},
    [BY_INTER] = {.cn = "inter leaf", .san = "DNS:api.example"},
    [NO_INTER] = {.cn = "inter leaf", .san = "DNS:api.example"},
    [BY_LEAF] = {.cn = "leaf of leaf", .san = "DNS:api.example"},
    [IP_AS_DNS] = {.cn = "127.0.0.1", .san = "DNS:127.0.0.1"},
    [WEAK_KEY] = {.cn = "weak", .san = "DNS:api.example", .rsa_bits = 1024},
};

static struct fake_id ids[CERT_N], other_ca, inter;

static void make_all(void)
{
    if (other_ca.cert != NULL)
        return;
    pair_certs();
    const struct fake_cert_wants ca = {.cn = "Unknown CA", .is_ca = true};
    other_ca = fake_cert_make(&ca, NULL);
    inter = fake_cert_make(&(struct fake_cert_wants){.cn = "Inter", .is_ca = true}, &pair_ca);
    for (int i = 0; i < CERT_N; i++) {
        const struct fake_id *issuer = &pair_ca;
        if (i == OTHER_CA)
            issuer = &other_ca;
        else if (i == SELF_SIGNED)
            issuer = NULL;
        else if (i == BY_INTER || i == NO_INTER)
            issuer = &inter;
        else if (i == BY_LEAF)
            issuer = &pair_leaf;
        ids[i] = fake_cert_make(&wants[i], issuer);
    }
}

static enum ps_status shake(const struct ps_tls_settings *settings, enum cert cert,
                            const char *name, const char *sni, int version, struct ps_err *err)
{
    const struct fake_tls_wants server_wants = {
        .leaf = &ids[cert],
        .intermediate = cert == BY_INTER  ? &inter
                        : cert == BY_LEAF ? &pair_leaf
                                          : NULL,
        .min_version = version,
        .max_version = version,
    };
    const struct ps_tls_peer peer = {.name = name, .sni = sni};
    struct pair p;
    enum ps_status st = pair_meet_swept(&p, settings, &server_wants, &peer);
    T_EQ(p.link.open, st == PS_OK);
    T_EQ(p.link.failed, st != PS_OK && st != PS_INVALID);
    *err = p.err;
    pair_fini(&p);
    return st;
}

struct verify_case {
    enum cert cert;
    const char *name;
    enum ps_status status;
    long result;
    const char *says[3];
};

/* clang-format off: one case is one line */
#define OK_FOR(cert, name)                                                                         \
    {                                                                                              \
        cert, name, PS_OK, 0,                                                                      \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }
#define WRONG_NAME(cert, name, ...)                                                                \
    {                                                                                              \
        cert, name, PS_CERT_REJECTED, X509_V_ERR_HOSTNAME_MISMATCH,                                \
        {                                                                                          \
            "certificate of " name " rejected: ", "ostname mismatch", __VA_ARGS__                  \
        }                                                                                          \
    }
#define WRONG_IP(cert, name, ...)                                                                  \
    {                                                                                              \
        cert, name, PS_CERT_REJECTED, X509_V_ERR_IP_ADDRESS_MISMATCH,                              \
        {                                                                                          \
            "certificate of " name " rejected: ", "IP address mismatch", __VA_ARGS__               \
        }                                                                                          \
    }
#define BAD(cert, result, ...)                                                                     \
    {                                                                                              \
        cert, "api.example", PS_CERT_REJECTED, result,                                             \
        {                                                                                          \
            "certificate of api.example rejected: ", __VA_ARGS__                                   \
        }                                                                                          \
    }
#define REFUSED(name)                                                                              \
    {                                                                                              \
        GOOD, name, PS_INVALID, 0,                                                                 \
        {                                                                                          \
            "no TLS server name"                                                                   \
        }                                                                                          \
    }

static const struct verify_case cases[] = {
    OK_FOR(GOOD, "api.example"),
    OK_FOR(GOOD, "API.Example"),
    OK_FOR(GOOD, "api.example."), /* rule 83: the trailing dot is no part of the name */
    OK_FOR(GOOD, "one.wild.example"),
    OK_FOR(GOOD, "127.0.0.1"),
    OK_FOR(GOOD, "::1"),
    OK_FOR(GOOD, "0:0:0:0:0:0:0:1"),
    WRONG_NAME(GOOD, "db.example", "it is for api.example, *.wild.example, 127.0.0.1, ::1"),
    WRONG_NAME(GOOD, "wild.example", "depth 0"),
    WRONG_NAME(GOOD, "two.one.wild.example", "CN=good"),
    WRONG_NAME(GOOD, "sub.api.example", "depth 0"),
    WRONG_NAME(GOOD, "api.example.evil.example", "depth 0"),
    WRONG_IP(GOOD, "127.0.0.2", "it is for api.example"),
    WRONG_IP(GOOD, "::2", "depth 0"),
    WRONG_NAME(CN_ONLY, "api.example", "no subject alternative name"),
    WRONG_NAME(WILD_TLD, "api.example", "it is for *.example"),
    WRONG_NAME(PARTIAL_WILD, "ab.wild.example", "it is for a*.wild.example"),
    WRONG_NAME(NUL_NAME, "api.example", "it is for api.example?.evil.example"),
    WRONG_IP(IP_AS_DNS, "127.0.0.1", "it is for 127.0.0.1"),
    BAD(EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED, "has expired", "it ended 20"),
    BAD(NOT_YET, X509_V_ERR_CERT_NOT_YET_VALID, "not yet valid", "check the clock"),
    BAD(CLIENT_ONLY, X509_V_ERR_INVALID_PURPOSE, "purpose", "not meant for TLS servers"),
    BAD(OTHER_CA, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "local issuer", "TLS(ca_file=...)"),
    BAD(SELF_SIGNED, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "self-signed", "TLS(ca_file=...)"),
    OK_FOR(BY_INTER, "api.example"),
    BAD(NO_INTER, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "local issuer", "intermediates"),
    BAD(BY_LEAF, X509_V_ERR_INVALID_CA, "depth 1", "CN=leaf"),
    BAD(WEAK_KEY, X509_V_ERR_EE_KEY_TOO_SMALL, "key too weak", "the security level refuses it"),
    REFUSED(""),
    REFUSED("."),
    REFUSED(".example"),
    REFUSED("*.wild.example"),
    REFUSED("a..example"),
    REFUSED("api.example.."),
    REFUSED("api.example:443"),
    REFUSED("api example"),
    REFUSED("[::1]"),
    REFUSED("\xc3\xa4.example"),
};
/* clang-format on */

static void run_cases(int version)
{
    make_all();
    struct ps_tls_settings settings = pair_settings();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct verify_case *c = &cases[i];
        struct ps_err err = {0};
        enum ps_status st = shake(&settings, c->cert, c->name, NULL, version, &err);
        if (st != c->status || (st == PS_CERT_REJECTED && err.detail != c->result))
            fprintf(stderr, "case %zu, %s: %s\n", i, c->name, err.text);
        T_EQ(st, c->status);
        if (st == PS_CERT_REJECTED)
            T_EQ(err.detail, c->result);
        for (size_t k = 0; k < 3; k++)
            pair_wants_text(&err, c->says[k]);
    }
}

static void each_certificate_on_tls_1_2(void)
{
    run_cases(TLS1_2_VERSION);
}

static void each_certificate_on_tls_1_3(void)
{
    run_cases(TLS1_3_VERSION);
}

static void sni_overrides_the_name(void)
{
    make_all();
    struct ps_tls_settings settings = pair_settings();
    struct ps_err err;
    T_EQ(shake(&settings, GOOD, "10.0.0.7", "api.example", 0, &err), PS_OK);
    T_EQ(shake(&settings, GOOD, "api.example", "db.example", 0, &err), PS_CERT_REJECTED);
    pair_wants_text(&err, "certificate of db.example");
}

static void name_check_can_be_switched_off_alone(void)
{
    make_all();
    struct ps_tls_settings settings = pair_settings();
    settings.check_hostname = false;
    struct ps_err err;
    T_EQ(shake(&settings, GOOD, "db.example", NULL, 0, &err), PS_OK);
    T_EQ(shake(&settings, OTHER_CA, "db.example", NULL, 0, &err), PS_CERT_REJECTED);
}

static void without_verify_any_certificate_passes(void)
{
    make_all();
    const struct ps_tls_settings settings = {.security_level = -1, .check_hostname = true};
    struct ps_err err;
    for (int i = 0; i < CERT_N; i++)
        if (i != WEAK_KEY) /* the security level stays */
            T_EQ(shake(&settings, i, "db.example", NULL, 0, &err), PS_OK);
}

static void a_long_hostile_name_is_cut(void)
{
    char san[] = "DNS:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example,"
                 "DNS:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy.example,"
                 "DNS:z.example,IP:1.2.3.4,email:a@b.example";
    make_all();
    struct fake_id was = ids[GOOD];
    ids[GOOD] = fake_cert_make(
        &(struct fake_cert_wants){
            .cn = "evil\r\n\x1b[31m name that is quite a bit longer than usual", .san = san},
        &pair_ca);
    char host[254];
    memset(host, 'h', sizeof host);
    for (size_t i = 50; i < sizeof host; i += 50)
        host[i] = '.';
    host[253] = '\0';
    struct ps_tls_settings settings = pair_settings();
    struct ps_err err;
    T_EQ(shake(&settings, GOOD, host, NULL, 0, &err), PS_CERT_REJECTED);
    for (const char *p = err.text; *p != '\0'; p++)
        T_CHECK(*p >= ' ' && *p < 127);
    pair_wants_text(&err, "ostname mismatch");
    pair_wants_text(&err, "...");
    fake_cert_free(&ids[GOOD]);
    ids[GOOD] = was;
}

static void crl_check_sees_revocation(void)
{
    make_all();
    struct ps_tls_settings settings = pair_settings();
    settings.crl_check = true;
    struct ps_err err;
    T_EQ(shake(&settings, GOOD, "api.example", NULL, 0, &err), PS_CERT_REJECTED);
    T_EQ(err.detail, X509_V_ERR_UNABLE_TO_GET_CRL);
    pair_wants_text(&err, "crl_check is on");

    for (int revoked = 0; revoked < 2; revoked++) {
        char *crl = fake_crl_pem(&pair_ca, revoked ? &ids[GOOD] : NULL);
        char text[8192];
        snprintf(text, sizeof text, "%s%s", pair_ca_pem, crl);
        free(crl);
        settings.ca_pem = text;
        settings.ca_pem_n = strlen(text);
        enum ps_status st = shake(&settings, GOOD, "api.example", NULL, 0, &err);
        T_EQ(st, revoked ? PS_CERT_REJECTED : PS_OK);
        if (revoked)
            T_EQ(err.detail, X509_V_ERR_CERT_REVOKED);
    }
}

static void partial_chain_trusts_an_intermediate(void)
{
    make_all();
    char *pem = fake_certs_pem((const struct fake_id *const[]){&inter, NULL});
    struct ps_tls_settings settings = pair_settings();
    settings.ca_pem = pem;
    settings.ca_pem_n = strlen(pem);
    struct ps_err err;
    T_EQ(shake(&settings, NO_INTER, "api.example", NULL, 0, &err), PS_CERT_REJECTED);
    settings.partial_chain = true;
    T_EQ(shake(&settings, NO_INTER, "api.example", NULL, 0, &err), PS_OK);
    free(pem);
}

static const struct t_test tests[] = {
    {"each_certificate_on_tls_1_2", each_certificate_on_tls_1_2},
    {"each_certificate_on_tls_1_3", each_certificate_on_tls_1_3},
    {"sni_overrides_the_name", sni_overrides_the_name},
    {"name_check_can_be_switched_off_alone", name_check_can_be_switched_off_alone},
    {"without_verify_any_certificate_passes", without_verify_any_certificate_passes},
    {"a_long_hostile_name_is_cut", a_long_hostile_name_is_cut},
    {"crl_check_sees_revocation", crl_check_sees_revocation},
    {"partial_chain_trusts_an_intermediate", partial_chain_trusts_an_intermediate},
};

T_MAIN(tests)
