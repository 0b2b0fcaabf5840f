/* upstream/tls_certificate.c -- see tls_certificate.h. Extensions are those of RFC 5280 that strict verifiers ask for:
 * an authority may sign and nothing else, a leaf is a server's and names who signed it. */
#include "upstream/tls_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

/* What is being made; all owned. `signer` and `signer_key` are the certificate's own when it signs itself. */
struct making {
    X509 *cert, *issuer;
    EVP_PKEY *key, *issuer_key;
    X509 *signer;         /* borrowed */
    EVP_PKEY *signer_key; /* borrowed */
};

static bool read_issuer(struct making *m, const struct up_certificate_wish *wish)
{
    m->signer = m->cert;
    m->signer_key = m->key;
    if (wish->issuer_cert.n == 0 && wish->issuer_key.n == 0)
        return true;
    BIO *cert = BIO_new_mem_buf(wish->issuer_cert.p, (int)wish->issuer_cert.n);
    BIO *key = BIO_new_mem_buf(wish->issuer_key.p, (int)wish->issuer_key.n);
    if (cert != NULL && key != NULL) {
        m->signer = m->issuer = PEM_read_bio_X509(cert, NULL, NULL, NULL);
        m->signer_key = m->issuer_key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    }
    BIO_free(cert);
    BIO_free(key);
    return m->issuer != NULL && m->issuer_key != NULL;
}

static bool set_names(struct making *m, const char *name)
{
    X509_NAME *own = X509_get_subject_name(m->cert);
    return X509_NAME_add_entry_by_txt(own, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(m->cert, X509_get_subject_name(m->signer)) == 1;
}

static bool set_serial(X509 *cert)
{
    uint64_t serial = 0;
    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) == 1;
}

static bool set_times(X509 *cert, int64_t not_before_s, int64_t not_after_s)
{
    return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)not_before_s) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)not_after_s) != NULL;
}

static bool extend(struct making *m, int nid, const char *value)
{
    X509V3_CTX at;
    X509V3_set_ctx(&at, m->signer, m->cert, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &at, nid, value);
    bool is_good = made != NULL && X509_add_ext(m->cert, made, -1) == 1;
    X509_EXTENSION_free(made);
    return is_good;
}

static bool set_extensions(struct making *m, const char *alt_names)
{
    if (!extend(m, NID_subject_key_identifier, "hash"))
        return false;
    if (m->signer != m->cert && !extend(m, NID_authority_key_identifier, "keyid:always"))
        return false;
    if (alt_names == NULL)
        return extend(m, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
               extend(m, NID_key_usage, "critical,keyCertSign,cRLSign");
    return extend(m, NID_basic_constraints, "critical,CA:FALSE") &&
           extend(m, NID_key_usage, "critical,digitalSignature") &&
           extend(m, NID_ext_key_usage, "serverAuth") && extend(m, NID_subject_alt_name, alt_names);
}

static bool make(struct making *m, const struct up_certificate_wish *wish)
{
    m->cert = X509_new();
    m->key = EVP_EC_gen("P-256");
    return m->cert != NULL && m->key != NULL && X509_set_version(m->cert, X509_VERSION_3) == 1 &&
           read_issuer(m, wish) && set_serial(m->cert) && set_names(m, wish->name) &&
           set_times(m->cert, wish->not_before_s, wish->not_after_s) && X509_set_pubkey(m->cert, m->key) == 1 &&
           set_extensions(m, wish->alt_names) && X509_sign(m->cert, m->signer_key, EVP_sha256()) > 0;
}

static bool move(BIO *from, struct ps_buf *to)
{
    char *text;
    long n = BIO_get_mem_data(from, &text);
    return n > 0 && ps_buf_append(to, ps_bytes_of(text, (size_t)n)) == PS_OK;
}

/* What is missing here is memory. */
static bool write_out(const struct making *m, struct ps_buf *cert_pem, struct ps_buf *key_pem)
{
    BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    bool is_good = cert != NULL && key != NULL && PEM_write_bio_X509(cert, m->cert) == 1 &&
                   PEM_write_bio_PrivateKey(key, m->key, NULL, NULL, 0, NULL, NULL) == 1 &&
                   move(cert, cert_pem) && move(key, key_pem);
    BIO_free(cert);
    BIO_free(key);
    return is_good;
}

static enum ps_status refuse(struct ps_err *err, const char *name)
{
    char reason[120] = "";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, reason, sizeof reason);
    return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "no certificate \"%.60s\": %s", name, reason);
}

enum ps_status up_certificate_make(const struct up_certificate_wish *wish, struct ps_buf *cert_pem,
                                   struct ps_buf *key_pem, struct ps_err *err)
{
    struct making m = {0};
    enum ps_status st = PS_OK;
    ERR_clear_error();
    if (!make(&m, wish))
        st = refuse(err, wish->name);
    else if (!write_out(&m, cert_pem, key_pem))
        st = ps_err_nomem(err);
    ERR_clear_error();
    X509_free(m.cert);
    X509_free(m.issuer);
    EVP_PKEY_free(m.key);
    EVP_PKEY_free(m.issuer_key);
    return st;
}
