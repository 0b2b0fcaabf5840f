/* tls/client_cert.c -- PEM files in, a client certificate chain with its key in the SSL_CTX out.
 * The password goes to OpenSSL through a callback that copies it and is gone afterwards; without
 * one, the callback refuses, because OpenSSL's own would stop the process with a prompt on the
 * terminal. Thread: any.  Owner: config.  Limit: a password fits OpenSSL's buffer (1 KiB). */
#include "tls/client_cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#include "tls/tls_err.h"

/* Lives on the stack of one load. */
struct password {
    const char *text; /* borrowed; NULL = none */
    bool asked;       /* the key is encrypted */
    bool too_long;
};

static int give_password(char *to, int cap, int writing, void *arg)
{
    (void)writing;
    struct password *pw = arg;
    if (pw == NULL)
        return -1;
    pw->asked = true;
    if (pw->text == NULL)
        return -1;
    size_t n = strlen(pw->text);
    if (cap < 0 || n > (size_t)cap) {
        pw->too_long = true;
        return -1;
    }
    memcpy(to, pw->text, n);
    return (int)n;
}

static enum ps_status key_refused(const struct password *pw, const char *path, struct ps_err *err)
{
    if (!pw->asked)
        return ps_tls_err_setting(err, "key file %s holds no private key that can be read", path);
    ERR_clear_error(); /* what failed inside the decryption helps nobody */
    if (pw->text == NULL)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "key file %s is encrypted; pass TLS(key_password=...)", path);
    if (pw->too_long)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "key_password is too long");
    return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                      "key file %s cannot be decrypted with the given key_password", path);
}

/* The key in `path`, to be freed by the caller. */
static enum ps_status read_key(EVP_PKEY **out, const char *path, const char *password,
                               struct ps_err *err)
{
    struct password pw = {.text = password};
    BIO *pem = BIO_new_file(path, "r");
    if (pem == NULL)
        return ps_tls_err_setting(err, "key file %s cannot be opened", path);
    *out = PEM_read_bio_PrivateKey(pem, NULL, give_password, &pw);
    BIO_free(pem);
    return *out == NULL ? key_refused(&pw, path, err) : PS_OK;
}

static enum ps_status use_key(SSL_CTX *ctx, EVP_PKEY *key, const char *cert_path,
                              const char *key_path, struct ps_err *err)
{
    X509 *cert = SSL_CTX_get0_certificate(ctx);
    if (cert == NULL || X509_check_private_key(cert, key) != 1) {
        ERR_clear_error();
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "key file %s does not belong to the certificate in %s", key_path,
                          cert_path);
    }
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        return ps_tls_err_setting(err, "key file %s cannot be used", key_path);
    return PS_OK;
}

enum ps_status ps_tls_client_cert_load(void *ssl_ctx, const struct ps_tls_settings *s,
                                       struct ps_err *err)
{
    SSL_CTX *ctx = ssl_ctx;
    SSL_CTX_set_default_passwd_cb(ctx, give_password); /* no argument: refuses, never prompts */
    if (s->cert_file == NULL && s->key_file == NULL)
        return PS_OK;
    if (s->cert_file == NULL)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "key file %s is given without cert_file",
                          s->key_file);
    BIO *probe = BIO_new_file(s->cert_file, "r"); /* tells "missing" from "not a certificate" */
    if (probe == NULL)
        return ps_tls_err_setting(err, "certificate file %s cannot be opened", s->cert_file);
    BIO_free(probe);
    if (SSL_CTX_use_certificate_chain_file(ctx, s->cert_file) != 1)
        return ps_tls_err_setting(err, "certificate file %s holds no usable certificate",
                                  s->cert_file);
    const char *key_path = s->key_file == NULL ? s->cert_file : s->key_file;
    EVP_PKEY *key;
    enum ps_status st = read_key(&key, key_path, s->key_password, err);
    if (st != PS_OK)
        return st;
    st = use_key(ctx, key, s->cert_file, key_path, err);
    EVP_PKEY_free(key);
    return st;
}
