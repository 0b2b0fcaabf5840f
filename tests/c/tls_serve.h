/* tests/c/tls_serve.h -- a TLS server on a fake peer's blocking socket, and settings that trust it. */
#ifndef PS_TEST_TLS_SERVE_H
#define PS_TEST_TLS_SERVE_H

#include "tls_pair.h"

/* A handshake as server on `fd`; NULL when it failed. */
static inline SSL *tls_serve_open(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

static inline void tls_serve_close(SSL *ssl, bool says_goodbye)
{
    if (says_goodbye)
        SSL_shutdown(ssl);
    SSL_free(ssl);
}

/* Reads a head, and a body of its Content-Length; false at the end. */
static inline bool tls_serve_read(SSL *ssl)
{
    char head[4096];
    size_t n = 0, left = 0;
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        if (n == sizeof head - 1 || SSL_read(ssl, head + n, 1) != 1)
            return false;
        n++;
    }
    head[n] = '\0';
    const char *at = strstr(head, "Content-Length: ");
    if (at != NULL)
        left = strtoul(at + 16, NULL, 10);
    while (left > 0) {
        char sink[4096];
        int got = SSL_read(ssl, sink, (int)(left < sizeof sink ? left : sizeof sink));
        if (got <= 0)
            return false;
        left -= (size_t)got;
    }
    return true;
}

static inline bool tls_serve_one(SSL *ssl, const char *answer)
{
    return tls_serve_read(ssl) && SSL_write(ssl, answer, (int)strlen(answer)) > 0;
}

#endif
