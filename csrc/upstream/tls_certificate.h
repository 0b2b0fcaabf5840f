/* upstream/tls_certificate.h -- certificates made on the fly, so that tests over TLS need nothing else.
 * Thread: any. Keys are P-256; nothing here is meant to outlive a test run. */
#ifndef PS_UPSTREAM_TLS_CERTIFICATE_H
#define PS_UPSTREAM_TLS_CERTIFICATE_H

#include "base/buf.h"
#include "base/err.h"

struct up_certificate_wish {
    const char *name;      /* its common name */
    const char *alt_names; /* as OpenSSL writes them, "DNS:localhost,IP:127.0.0.1"; NULL: an authority */
    int64_t not_before_s, not_after_s;       /* Unix time */
    struct ps_bytes issuer_cert, issuer_key; /* PEM; both empty: signed by itself */
};

/* PEM, appended. PS_OK, PS_INVALID (the issuer is none, a name cannot be), PS_NOMEM. */
PS_CHECK enum ps_status up_certificate_make(const struct up_certificate_wish *wish, struct ps_buf *cert_pem,
                                            struct ps_buf *key_pem, struct ps_err *err);

#endif
