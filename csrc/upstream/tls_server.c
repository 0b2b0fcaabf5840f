/* upstream/tls_server.c -- the server's side of TLS (see tls_server.h).
 * TLS 1.2 and newer, OpenSSL's default ciphers, stateless tickets. A client that offers only protocols the server
 * does not have goes on without one, as most servers do. */
#include "upstream/tls_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"

struct up_tls_context {
    SSL_CTX *ctx;
    size_t alpn_n;
    uint8_t alpn[];
};

struct up_tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    bool is_open, has_failed;
};

static enum ps_status refuse(struct ps_err *err, const char *what)
{
    char reason[120] = "";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "%.90s cannot be used: %s", what, reason);
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *offered, unsigned offered_n, void *arg)
{
    const struct up_tls_context *c = arg;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_n, c->alpn, (unsigned)c->alpn_n, offered, offered_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum ps_status up_tls_context_new(struct up_tls_context **out, const char *cert_file,
                                  const char *key_file, struct ps_bytes alpn, struct ps_err *err)
{
    struct up_tls_context *c = ps_zalloc(sizeof *c + alpn.n);
    if (c == NULL)
        return ps_err_nomem(err);
    enum ps_status st = PS_OK;
    ERR_clear_error();
    c->ctx = SSL_CTX_new(TLS_server_method());
    c->alpn_n = alpn.n;
    if (alpn.n > 0)
        memcpy(c->alpn, alpn.p, alpn.n);
    if (c->ctx == NULL || !SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION))
        st = refuse(err, "a TLS context");
    else if (SSL_CTX_use_certificate_chain_file(c->ctx, cert_file) != 1)
        st = refuse(err, cert_file);
    else if (SSL_CTX_use_PrivateKey_file(c->ctx, key_file, SSL_FILETYPE_PEM) != 1)
        st = refuse(err, key_file);
    if (st != PS_OK) {
        up_tls_context_free(c);
        return st;
    }
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(c->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    if (alpn.n > 0)
        SSL_CTX_set_alpn_select_cb(c->ctx, choose_alpn, c);
    *out = c;
    return PS_OK;
}

void up_tls_context_free(struct up_tls_context *c)
{
    if (c == NULL)
        return;
    SSL_CTX_free(c->ctx);
    ps_free(c);
}

enum ps_status up_tls_new(struct up_tls **out, struct up_tls_context *c)
{
    struct up_tls *t = ps_zalloc(sizeof *t);
    if (t == NULL)
        return PS_NOMEM;
    t->ssl = SSL_new(c->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (t->ssl == NULL || t->in == NULL || t->out == NULL) {
        BIO_free(t->in);
        BIO_free(t->out);
        t->in = t->out = NULL;
        up_tls_free(t);
        return PS_NOMEM;
    }
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_accept_state(t->ssl);
    *out = t;
    return PS_OK;
}

void up_tls_free(struct up_tls *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    ps_free(t);
}

/* What a call that returned `rc` <= 0 means. */
static enum up_tls_state judge(struct up_tls *t, int rc)
{
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return t->is_open ? UP_TLS_OPEN : UP_TLS_HANDSHAKE;
    case SSL_ERROR_ZERO_RETURN:
        return UP_TLS_CLOSED;
    default:
        t->has_failed = true;
        ERR_clear_error();
        return UP_TLS_FAILED;
    }
}

enum up_tls_state up_tls_feed(struct up_tls *t, struct ps_bytes cipher)
{
    if (t->has_failed || BIO_write(t->in, cipher.p, (int)cipher.n) != (int)cipher.n)
        return UP_TLS_FAILED;
    if (t->is_open)
        return UP_TLS_OPEN;
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    if (rc != 1)
        return judge(t, rc);
    t->is_open = true;
    return UP_TLS_OPEN;
}

size_t up_tls_read(struct up_tls *t, uint8_t *to, size_t cap, enum up_tls_state *state)
{
    size_t n = 0;
    *state = UP_TLS_FAILED;
    if (t->has_failed)
        return 0;
    ERR_clear_error();
    int rc = SSL_read_ex(t->ssl, to, cap, &n);
    *state = rc == 1 ? UP_TLS_OPEN : judge(t, rc);
    return rc == 1 ? n : 0;
}

bool up_tls_write(struct up_tls *t, struct ps_bytes plain)
{
    size_t n;
    if (t->has_failed || !t->is_open)
        return false;
    ERR_clear_error();
    if (plain.n == 0 || SSL_write_ex(t->ssl, plain.p, plain.n, &n) == 1)
        return true;
    t->has_failed = true;
    ERR_clear_error();
    return false;
}

enum ps_status up_tls_pull(struct up_tls *t, struct ps_buf *out)
{
    size_t n = BIO_ctrl_pending(t->out);
    uint8_t *to;
    if (n == 0)
        return PS_OK;
    enum ps_status st = ps_buf_reserve(out, n, &to);
    if (st != PS_OK)
        return st;
    int got = BIO_read(t->out, to, (int)n);
    ps_buf_commit(out, got > 0 ? (size_t)got : 0);
    return PS_OK;
}

void up_tls_close(struct up_tls *t)
{
    if (t->is_open && !t->has_failed)
        SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct ps_bytes up_tls_alpn(const struct up_tls *t)
{
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(t->ssl, &name, &n);
    return ps_bytes_of(name, n);
}
