/* Certificates made on the fly: a chain that OpenSSL verifies as strictly as it can, and what cannot be made. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "t.h"
#include "upstream/tls_certificate.h"

static const int64_t now_s = 1800000000;

struct pair {
    struct ps_buf cert, key;
};

static enum ps_status issue(struct pair *p, const char *alt_names, const struct pair *issuer)
{
    struct up_certificate_wish wish = {.name = "test", .alt_names = alt_names, .not_before_s = now_s - 10,
                                       .not_after_s = now_s + 10};
    if (issuer != NULL) {
        wish.issuer_cert = ps_buf_view(&issuer->cert);
        wish.issuer_key = ps_buf_view(&issuer->key);
    }
    ps_buf_init(&p->cert, 65536);
    ps_buf_init(&p->key, 65536);
    return up_certificate_make(&wish, &p->cert, &p->key, NULL);
}

static void pair_fini(struct pair *p)
{
    ps_buf_fini(&p->cert);
    ps_buf_fini(&p->key);
}

static X509 *parsed(const struct pair *p)
{
    BIO *bio = BIO_new_mem_buf(ps_buf_view(&p->cert).p, (int)ps_buf_n(&p->cert));
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    T_CHECK(cert != NULL);
    return cert;
}

/* X509_V_OK, or what is wrong with `leaf` at that time. */
static int verified(const struct pair *leaf, const struct pair *ca, const char *ip, int64_t at_s)
{
    X509 *cert = parsed(leaf), *root = parsed(ca);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, root);
    T_EQ(X509_STORE_CTX_init(c, store, cert, NULL), 1);
    X509_VERIFY_PARAM *how = X509_STORE_CTX_get0_param(c);
    X509_VERIFY_PARAM_set_time(how, (time_t)at_s);
    X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set1_ip_asc(how, ip);
    int told = X509_verify_cert(c) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(c);
    X509_STORE_CTX_free(c);
    X509_STORE_free(store);
    X509_free(cert);
    X509_free(root);
    return told;
}

static enum ps_status make_chain(void)
{
    struct pair ca, leaf, other;
    enum ps_status st = issue(&ca, NULL, NULL);
    if (st == PS_OK) {
        st = issue(&leaf, "DNS:localhost,IP:127.0.0.1,IP:::1", &ca);
        if (st == PS_OK) {
            T_EQ(verified(&leaf, &ca, "127.0.0.1", now_s), X509_V_OK);
            T_EQ(verified(&leaf, &ca, "::1", now_s), X509_V_OK);
            T_EQ(verified(&leaf, &ca, "127.0.0.2", now_s), X509_V_ERR_IP_ADDRESS_MISMATCH);
            T_EQ(verified(&leaf, &ca, "::1", now_s + 11), X509_V_ERR_CERT_HAS_EXPIRED);
            st = issue(&other, "IP:::1", NULL);
            if (st == PS_OK)
                T_EQ(verified(&other, &ca, "::1", now_s), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
            pair_fini(&other);
        }
        pair_fini(&leaf);
    }
    pair_fini(&ca);
    return st;
}

static void test_a_chain_is_good(void)
{
    t_each_alloc(make_chain);
}

static void test_what_cannot_be(void)
{
    struct pair p, ca = {0};
    T_EQ(issue(&p, "IP:nowhere", NULL), PS_INVALID);
    pair_fini(&p);
    ps_buf_init(&ca.cert, 100);
    ps_buf_init(&ca.key, 100);
    T_EQ(ps_buf_append(&ca.cert, ps_bytes_str("no PEM")), PS_OK);
    T_EQ(issue(&p, NULL, &ca), PS_INVALID);
    pair_fini(&p);
    pair_fini(&ca);
}

static const struct t_test tests[] = {
    {"a_chain_is_good", test_a_chain_is_good},
    {"what_cannot_be", test_what_cannot_be},
};

T_MAIN(tests)
