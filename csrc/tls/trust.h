/* tls/trust.h -- which CAs a context trusts: file, folder, text, system. Room-internal. */
#ifndef PS_TLS_TRUST_H
#define PS_TLS_TRUST_H

#include "tls/config.h"

/* Loads the CA sources of `s` into an SSL_CTX* and sets verify mode, purpose and flags (rules 83,
 * 85). PS_INVALID when nothing would be trusted or a source cannot be used; the text names it. */
PS_CHECK enum ps_status ps_tls_trust_load(void *ssl_ctx, const struct ps_tls_settings *s,
                                          struct ps_err *err);

#endif
