/* tls/client_cert.h -- the certificate and key that a context shows to servers. Room-internal. */
#ifndef PS_TLS_CLIENT_CERT_H
#define PS_TLS_CLIENT_CERT_H

#include "tls/config.h"

/* Loads cert_file and key_file into an SSL_CTX*; nothing to do when neither is given. Never asks
 * the terminal for a password. PS_OK, PS_INVALID (the text names the file), PS_NOMEM. */
PS_CHECK enum ps_status ps_tls_client_cert_load(void *ssl_ctx, const struct ps_tls_settings *s,
                                                struct ps_err *err);

#endif
