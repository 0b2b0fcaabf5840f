/* tls/library.c -- see library.h. */
#include "tls/library.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <string.h>

const char *ps_tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

void *ps_tls_library_mark(void)
{
    SSL_CTX *(*at)(const SSL_METHOD *) = SSL_CTX_new;
    void *mark;
    memcpy(&mark, &at, sizeof mark); /* ISO C has no cast from a function pointer */
    return mark;
}
