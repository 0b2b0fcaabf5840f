/* tests/c/fake_tls.h -- a TLS server over memory BIOs, as strict or as odd as a test wants.
 * Needs OpenSSL only, no room of ours. Thread: any. */
#ifndef PS_TEST_FAKE_TLS_H
#define PS_TEST_FAKE_TLS_H

#include <openssl/ssl.h>

#include "fake_certs.h"

struct fake_tls_wants {
    const struct fake_id *leaf;
    const struct fake_id *intermediate; /* also sent; NULL = none */
    int min_version, max_version;       /* 0 = OpenSSL's default */
    const char *ciphers;                /* TLS 1.2 list */
    const char *alpn;                   /* chosen whatever is offered; NULL = no ALPN answer */
    bool alpn_refuses;                  /* answers with the alert no_application_protocol */
    const struct fake_id *client_ca;    /* a client certificate of this CA is required */
    bool no_tickets;                    /* TLS 1.2 session ids instead of tickets */
};

struct fake_tls {
    SSL *ssl;
    BIO *in, *out;
    bool open;
};

SSL_CTX *fake_tls_ctx(const struct fake_tls_wants *wants); /* `wants` must live as long */
void fake_tls_init(struct fake_tls *s, SSL_CTX *ctx);
void fake_tls_fini(struct fake_tls *s);
void fake_tls_feed(struct fake_tls *s, const void *p, size_t n);
/* Drives the handshake; true when it is done. */
bool fake_tls_step(struct fake_tls *s);
/* Cipher bytes for the client; 0 = none. */
size_t fake_tls_pull(struct fake_tls *s, void *to, size_t cap);
/* Plain bytes from the client; 0 = none. */
size_t fake_tls_read(struct fake_tls *s, void *to, size_t cap);
void fake_tls_write(struct fake_tls *s, const void *p, size_t n);

#endif
