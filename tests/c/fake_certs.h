/* tests/c/fake_certs.h -- certificates made on the fly, good ones and every kind of bad one.
 * Needs OpenSSL only, no room of ours. A failure to make one aborts the test. Thread: any. */
#ifndef PS_TEST_FAKE_CERTS_H
#define PS_TEST_FAKE_CERTS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

struct fake_id {
    X509 *cert;
    EVP_PKEY *key;
};

/* Zero means the usual: valid from yesterday for 30 days, a leaf for TLS servers, key P-256. */
struct fake_cert_wants {
    const char *cn;
    const char *san;       /* OpenSSL's syntax: "DNS:a.example,IP:127.0.0.1"; NULL = no extension */
    const char *san_bytes; /* instead: one DNS name of san_bytes_n raw bytes, NUL allowed */
    size_t san_bytes_n;
    const char *eku; /* "serverAuth", "clientAuth"; NULL = serverAuth */
    int from_days;   /* relative to now; 0 = -1 */
    int to_days;     /* 0 = +30 */
    bool is_ca;
    int rsa_bits; /* 0 = P-256 */
};

/* `issuer` NULL = self-signed. */
struct fake_id fake_cert_make(const struct fake_cert_wants *wants, const struct fake_id *issuer);
void fake_cert_free(struct fake_id *id);

/* Certificates as PEM, all in one text, NULL-terminated list; to be freed with free(). */
char *fake_certs_pem(const struct fake_id *const *ids);
/* The key as PEM, encrypted when `password` is given. */
char *fake_key_pem(const struct fake_id *id, const char *password);
/* A CRL of `ca` as PEM; `revoked` may be NULL. */
char *fake_crl_pem(const struct fake_id *ca, const struct fake_id *revoked);

/* A new file that holds `text`; `path` gets its name (64 bytes). */
void fake_file_make(char *path, const char *text);

#endif
