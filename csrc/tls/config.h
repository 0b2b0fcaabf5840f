/* tls/config.h -- one TLS configuration: settings in, a shared SSL_CTX out.
 * Loading a CA bundle costs about 24 ms of CPU, so a config is made once per distinct settings and
 * counted by its users (rules 80-88). Thread: made anywhere, used on io; refs are atomic. */
#ifndef PS_TLS_CONFIG_H
#define PS_TLS_CONFIG_H

#include "base/bytes.h"
#include "base/err.h"

/* NULL or 0 = not given. Strings are copied. */
struct ps_tls_settings {
    bool verify;              /* check chain and name; the default is true */
    const char *ca_file;      /* PEM bundle */
    const char *ca_dir;       /* hashed folder */
    const char *ca_pem;       /* PEM text, ca_pem_n bytes */
    size_t ca_pem_n;
    bool use_system_ca;       /* also OpenSSL's default paths */
    const char *cert_file;    /* client certificate chain, PEM */
    const char *key_file;     /* its key; NULL = in cert_file */
    const char *key_password; /* never logged */
    const char *ciphers;      /* TLS 1.2 list */
    const char *ciphersuites; /* TLS 1.3 list */
    const char *groups;       /* curves, e.g. "X25519:P-256" */
    int security_level;       /* -1 = library default */
    int min_version;          /* 0x0303 = TLS 1.2 (default and lowest), 0x0304 = TLS 1.3 */
    int max_version;          /* 0 = highest */
    bool check_hostname;      /* with verify; default true */
    bool crl_check;           /* X509_V_FLAG_CRL_CHECK; CRLs are taken from the CA sources */
    bool partial_chain;
    bool x509_strict;
    const char *keylog_file;  /* NSS key log, appended; only when the caller asks */

    /* An SSL_CTX* of Python's ssl module that shares our libssl: used as it is (verify, CA,
     * versions... are its own; of the settings above only check_hostname counts). A reference is
     * taken. */
    void *borrowed_ctx;
};

struct ps_tls_config;

PS_CHECK enum ps_status ps_tls_config_new(struct ps_tls_config **out,
                                          const struct ps_tls_settings *settings,
                                          struct ps_err *err);
struct ps_tls_config *ps_tls_config_ref(struct ps_tls_config *c);
void ps_tls_config_unref(struct ps_tls_config *c); /* accepts NULL */

/* Why this SSL_CTX cannot be used as it is (a key log, verify, info, session or client certificate
 * callback that needs Python), as a sentence; NULL when it can. A message callback cannot be seen
 * from outside; links take it off their own SSL. Links ask again: the owner may add one later. */
const char *ps_tls_config_borrow_objection(void *ssl_ctx);

/* Facts of an SSL_CTX, to compare with what Python reports before trusting the pointer. */
struct ps_tls_facts {
    unsigned long options;
    int verify_mode;
    long min_version;
};
void ps_tls_config_facts(void *ssl_ctx, struct ps_tls_facts *out);

#endif
