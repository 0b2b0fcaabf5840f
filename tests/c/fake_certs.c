/* tests/c/fake_certs.c -- see fake_certs.h. */
#include "fake_certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DAY_S = 86400
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fake_certs: %s failed\n", what);
    abort();
}

static void add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(ext != NULL && X509_add_ext(cert, ext, -1), value);
    X509_EXTENSION_free(ext);
}

static void add_raw_san(X509 *cert, const char *bytes, size_t n)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    must(names != NULL && name != NULL && text != NULL, "names");
    must(ASN1_STRING_set(text, bytes, (int)n), "name bytes");
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    must(sk_GENERAL_NAME_push(names, name) > 0, "push");
    must(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1, "raw SAN");
    GENERAL_NAMES_free(names);
}

static void add_exts(X509 *cert, X509 *issuer, const struct fake_cert_wants *w)
{
    add_ext(cert, issuer, NID_subject_key_identifier, "hash");
    add_ext(cert, issuer, NID_authority_key_identifier, "keyid:always");
    if (w->is_ca) {
        add_ext(cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
        add_ext(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
        return;
    }
    add_ext(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_ext(cert, issuer, NID_ext_key_usage, w->eku == NULL ? "serverAuth" : w->eku);
    if (w->san_bytes != NULL)
        add_raw_san(cert, w->san_bytes, w->san_bytes_n);
    else if (w->san != NULL)
        add_ext(cert, issuer, NID_subject_alt_name, w->san);
}

struct fake_id fake_cert_make(const struct fake_cert_wants *w, const struct fake_id *issuer)
{
    static long serial = 1000;
    struct fake_id id = {.cert = X509_new()};
    id.key = w->rsa_bits > 0 ? EVP_RSA_gen((unsigned)w->rsa_bits) : EVP_EC_gen("P-256");
    must(id.cert != NULL && id.key != NULL, "key");
    X509 *signer = issuer == NULL ? id.cert : issuer->cert;
    X509_NAME *name = X509_get_subject_name(id.cert);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)w->cn, -1, -1,
                                    0),
         "subject");
    X509_set_version(id.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), (w->from_days == 0 ? -1L : w->from_days) * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), (w->to_days == 0 ? 30L : w->to_days) * DAY_S);
    X509_set_pubkey(id.cert, id.key);
    X509_set_issuer_name(id.cert, X509_get_subject_name(signer));
    add_exts(id.cert, signer, w);
    must(X509_sign(id.cert, issuer == NULL ? id.key : issuer->key, EVP_sha256()) > 0, "signature");
    return id;
}

void fake_cert_free(struct fake_id *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
    *id = (struct fake_id){0};
}

/* Frees the BIO. */
static char *text_of(BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    char *text = malloc((size_t)n + 1);
    must(text != NULL, "malloc");
    memcpy(text, p, (size_t)n);
    text[n] = '\0';
    BIO_free(bio);
    return text;
}

char *fake_certs_pem(const struct fake_id *const *ids)
{
    BIO *bio = BIO_new(BIO_s_mem());
    for (; *ids != NULL; ids++)
        must(PEM_write_bio_X509(bio, (*ids)->cert), "PEM");
    return text_of(bio);
}

char *fake_key_pem(const struct fake_id *id, const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password == NULL ? NULL : EVP_aes_128_cbc();
    int n = password == NULL ? 0 : (int)strlen(password);
    must(PEM_write_bio_PKCS8PrivateKey(bio, id->key, cipher, password, n, NULL, NULL), "key PEM");
    return text_of(bio);
}

char *fake_crl_pem(const struct fake_id *ca, const struct fake_id *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *at = X509_gmtime_adj(NULL, -DAY_S);
    must(crl != NULL && at != NULL, "CRL");
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert));
    X509_CRL_set1_lastUpdate(crl, at);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->cert));
        X509_REVOKED_set_revocationDate(entry, at);
        must(X509_CRL_add0_revoked(crl, entry), "revoked");
    }
    X509_gmtime_adj(at, 7 * DAY_S);
    X509_CRL_set1_nextUpdate(crl, at);
    must(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0, "CRL signature");
    BIO *bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_X509_CRL(bio, crl), "CRL PEM");
    ASN1_TIME_free(at);
    X509_CRL_free(crl);
    return text_of(bio);
}

void fake_file_make(char *path, const char *text)
{
    strcpy(path, "/tmp/penstock-test-XXXXXX");
    int fd = mkstemp(path);
    size_t n = strlen(text);
    must(fd >= 0 && write(fd, text, n) == (ssize_t)n, "temporary file");
    close(fd);
}
