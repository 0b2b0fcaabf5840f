/* tests/c/fake_tls.c -- see fake_tls.h. */
#include "fake_tls.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fake_tls: %s failed\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    (void)ssl, (void)in, (void)in_n;
    const struct fake_tls_wants *wants = arg;
    if (wants->alpn_refuses)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    if (wants->alpn == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    *out = (const unsigned char *)wants->alpn;
    *out_n = (unsigned char)strlen(wants->alpn);
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *fake_tls_ctx(const struct fake_tls_wants *wants)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    must(ctx != NULL, "context");
    SSL_CTX_set_security_level(ctx, 0); /* a test may want what a real server should not do */
    if (wants->min_version != 0)
        must(SSL_CTX_set_min_proto_version(ctx, wants->min_version), "lowest version");
    if (wants->max_version != 0)
        must(SSL_CTX_set_max_proto_version(ctx, wants->max_version), "highest version");
    if (wants->ciphers != NULL)
        must(SSL_CTX_set_cipher_list(ctx, wants->ciphers), "ciphers");
    must(SSL_CTX_use_certificate(ctx, wants->leaf->cert) == 1, "certificate");
    must(SSL_CTX_use_PrivateKey(ctx, wants->leaf->key) == 1, "key");
    if (wants->intermediate != NULL)
        must(SSL_CTX_add1_chain_cert(ctx, wants->intermediate->cert), "intermediate");
    if (wants->client_ca != NULL) {
        must(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), wants->client_ca->cert), "client CA");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (wants->no_tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    must(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1), "session context");
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, (void *)wants);
    return ctx;
}

void fake_tls_init(struct fake_tls *s, SSL_CTX *ctx)
{
    *s = (struct fake_tls){
        .ssl = SSL_new(ctx), .in = BIO_new(BIO_s_mem()), .out = BIO_new(BIO_s_mem())};
    must(s->ssl != NULL && s->in != NULL && s->out != NULL, "server");
    BIO_set_mem_eof_return(s->in, -1);
    SSL_set_bio(s->ssl, s->in, s->out);
    SSL_set_accept_state(s->ssl);
}

void fake_tls_fini(struct fake_tls *s)
{
    if (s->ssl != NULL)
        SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s->ssl);
    *s = (struct fake_tls){0};
    ERR_clear_error();
}

void fake_tls_feed(struct fake_tls *s, const void *p, size_t n)
{
    if (n > 0)
        must(BIO_write(s->in, p, (int)n) == (int)n, "feed");
}

bool fake_tls_step(struct fake_tls *s)
{
    ERR_clear_error();
    if (!s->open && SSL_do_handshake(s->ssl) == 1)
        s->open = true;
    ERR_clear_error();
    return s->open;
}

size_t fake_tls_pull(struct fake_tls *s, void *to, size_t cap)
{
    int n = BIO_read(s->out, to, (int)cap);
    return n > 0 ? (size_t)n : 0;
}

size_t fake_tls_read(struct fake_tls *s, void *to, size_t cap)
{
    size_t n = 0, got;
    ERR_clear_error();
    while (n < cap && SSL_read_ex(s->ssl, (char *)to + n, cap - n, &got))
        n += got;
    ERR_clear_error();
    return n;
}

void fake_tls_write(struct fake_tls *s, const void *p, size_t n)
{
    size_t wrote;
    ERR_clear_error();
    must(SSL_write_ex(s->ssl, p, n, &wrote) && wrote == n, "write");
}
