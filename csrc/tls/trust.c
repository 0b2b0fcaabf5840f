/* tls/trust.c -- CA sources in, a loaded X509_STORE and its verify parameters out.
 * A source that is named but empty is an error at once: without it every later handshake would fail
 * with "unable to get local issuer certificate", which does not tell anybody where to look.
 * Certificates and CRLs are taken from the same PEM text. A folder is only looked into by OpenSSL
 * when a chain needs it, so it costs nothing here. Thread: any.  Owner: config.  Limit: none of its
 * own; the files are the user's. */
#include "tls/trust.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tls/tls_err.h"

/* CA text may hold an encrypted key by mistake; OpenSSL must not ask the terminal for it. */
static int no_password(char *to, int cap, int writing, void *arg)
{
    (void)to, (void)cap, (void)writing, (void)arg;
    return -1;
}

static enum ps_status add_items(X509_STORE *store, STACK_OF(X509_INFO) * items, size_t *certs_n,
                                size_t *crls_n)
{
    for (int i = 0; i < sk_X509_INFO_num(items); i++) {
        X509_INFO *item = sk_X509_INFO_value(items, i);
        if (item->x509 != NULL) {
            if (!X509_STORE_add_cert(store, item->x509))
                return PS_INVALID;
            ++*certs_n;
        }
        if (item->crl != NULL) {
            if (!X509_STORE_add_crl(store, item->crl))
                return PS_INVALID;
            ++*crls_n;
        }
    }
    return PS_OK;
}

/* Takes all certificates and CRLs of `pem`; `what` and `name` say whose text it is. */
static enum ps_status load_pem(X509_STORE *store, BIO *pem, const char *what, const char *name,
                               size_t *certs_n, struct ps_err *err)
{
    size_t had_n = *certs_n, crls_n = 0;
    STACK_OF(X509_INFO) *items = PEM_X509_INFO_read_bio(pem, NULL, no_password, NULL);
    if (items == NULL)
        return ps_tls_err_setting(err, "%s %s holds a broken certificate", what, name);
    enum ps_status st = add_items(store, items, certs_n, &crls_n);
    sk_X509_INFO_pop_free(items, X509_INFO_free);
    if (st != PS_OK)
        return ps_tls_err_setting(err, "%s %s holds a certificate that cannot be used", what, name);
    ERR_clear_error(); /* the end of the text is reported as "no start line" */
    if (*certs_n == had_n && crls_n == 0)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "%s %s holds no PEM certificate (-----BEGIN CERTIFICATE-----)", what,
                          name);
    return PS_OK;
}

static enum ps_status load_file(X509_STORE *store, const char *path, size_t *certs_n,
                                struct ps_err *err)
{
    BIO *pem = BIO_new_file(path, "r");
    if (pem == NULL)
        return ps_tls_err_setting(err, "CA file %s cannot be opened", path);
    struct stat sb;
    enum ps_status st;
    if (stat(path, &sb) == 0 && S_ISDIR(sb.st_mode))
        st = ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "CA file %s is a folder; pass it as ca_dir",
                        path);
    else
        st = load_pem(store, pem, "CA file", path, certs_n, err);
    BIO_free(pem);
    return st;
}

static enum ps_status load_text(X509_STORE *store, const char *text, size_t n, size_t *certs_n,
                                struct ps_err *err)
{
    if (n > INT32_MAX)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "CA text is too long");
    BIO *pem = BIO_new_mem_buf(text, (int)n);
    if (pem == NULL)
        return ps_tls_err_setting(err, "CA text cannot be read");
    enum ps_status st = load_pem(store, pem, "CA text", "given as ca_pem", certs_n, err);
    BIO_free(pem);
    return st;
}

/* A hashed folder holds names like 5ed36f99.0; anything visible counts, OpenSSL sorts it out. */
static bool dir_has_entries(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return false;
    struct dirent *entry;
    bool found = false;
    while (!found && (entry = readdir(dir)) != NULL)
        found = entry->d_name[0] != '.';
    closedir(dir);
    return found;
}

static enum ps_status load_dir(SSL_CTX *ctx, const char *path, struct ps_err *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "CA folder %s cannot be opened: %s", path,
                          strerror(errno));
    closedir(dir);
    if (!dir_has_entries(path))
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "CA folder %s is empty", path);
    if (!SSL_CTX_load_verify_dir(ctx, path))
        return ps_tls_err_setting(err, "CA folder %s cannot be used", path);
    return PS_OK;
}

static const char *env_or(const char *name, const char *otherwise)
{
    const char *given = getenv(name);
    return given != NULL && given[0] != '\0' ? given : otherwise;
}

/* OpenSSL's own default places; they may be missing in a slim container, and it would not say so.
 */
static enum ps_status load_system(SSL_CTX *ctx, struct ps_err *err)
{
    if (!SSL_CTX_set_default_verify_paths(ctx))
        return ps_tls_err_setting(err, "the system's CA certificates cannot be loaded");
    ERR_clear_error(); /* a missing default file is no failure to OpenSSL, yet leaves an entry */
    const char *file = env_or(X509_get_default_cert_file_env(), X509_get_default_cert_file());
    const char *dir = env_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    struct stat sb;
    bool has_file = stat(file, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0;
    if (has_file || dir_has_entries(dir))
        return PS_OK;
    return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                      "this system has no CA certificates (neither %s nor %s); install "
                      "ca-certificates or pass TLS(ca_file=...)",
                      file, dir);
}

/* Rule 83: only full wildcards of the left-most label, names only from subjectAltName, a
 * certificate for TLS servers. SSL_new() copies these into each connection. */
static enum ps_status set_checks(SSL_CTX *ctx, const struct ps_tls_settings *s, struct ps_err *err)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    unsigned long flags = X509_V_FLAG_TRUSTED_FIRST;
    if (s->crl_check)
        flags |= X509_V_FLAG_CRL_CHECK;
    if (s->partial_chain)
        flags |= X509_V_FLAG_PARTIAL_CHAIN;
    if (s->x509_strict)
        flags |= X509_V_FLAG_X509_STRICT;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (!X509_VERIFY_PARAM_set_flags(param, flags) ||
        !X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER))
        return ps_tls_err_setting(err, "the certificate checks cannot be set");
    return PS_OK;
}

enum ps_status ps_tls_trust_load(void *ssl_ctx, const struct ps_tls_settings *s, struct ps_err *err)
{
    SSL_CTX *ctx = ssl_ctx;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    size_t certs_n = 0;
    enum ps_status st = PS_OK;
    if (!s->verify) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        return PS_OK;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (s->ca_file != NULL)
        st = load_file(store, s->ca_file, &certs_n, err);
    if (st == PS_OK && s->ca_pem != NULL)
        st = load_text(store, s->ca_pem, s->ca_pem_n, &certs_n, err);
    if (st == PS_OK && s->ca_dir != NULL)
        st = load_dir(ctx, s->ca_dir, err);
    if (st == PS_OK && s->use_system_ca)
        st = load_system(ctx, err);
    if (st != PS_OK)
        return st;
    if (certs_n == 0 && s->ca_dir == NULL && !s->use_system_ca)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "nothing is trusted: verify is on but no CA is given; pass "
                          "TLS(ca_file=...) or use the system's CAs");
    return set_checks(ctx, s, err);
}
