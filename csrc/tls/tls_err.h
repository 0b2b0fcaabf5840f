/* tls/tls_err.h -- OpenSSL's error queue and verify results as sentences a person can act on.
 * Room-internal. The queue is emptied by every function that reads it. Thread: the caller's,
 * because OpenSSL keeps one queue per thread. */
#ifndef PS_TLS_ERR_H
#define PS_TLS_ERR_H

#include "base/err.h"

/* A failed SSL call with `host`: PS_TLS_FAILED, or PS_NOMEM when OpenSSL ran out of memory. A
 * peer's alert is named; detail = OpenSSL's reason code (1000 + alert number for an alert). */
enum ps_status ps_tls_err_take(struct ps_err *err, enum ps_phase phase, const char *host);

/* A setting that cannot be used: PS_INVALID with "<sentence>: <OpenSSL's reason>", or PS_NOMEM. */
enum ps_status ps_tls_err_setting(struct ps_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* PS_CERT_REJECTED with what failed, the depth and the subject. `store_ctx` is the X509_STORE_CTX*
 * of a verify callback that was told of a failure; `host` is the name that was expected. */
enum ps_status ps_tls_err_verify(struct ps_err *err, void *store_ctx, const char *host);

/* The same for a known certificate (X509*, may be NULL) and verify result. */
enum ps_status ps_tls_err_cert(struct ps_err *err, void *cert, long result, int depth,
                               const char *host);

#endif
