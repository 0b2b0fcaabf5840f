/* tls/link_open.c -- a link's birth and death, and the checks that OpenSSL leaves to its user.
 * In: a config, a peer, maybe a session.  Out: an SSL in connect state over two memory BIOs; after
 * the handshake, a verdict.  What is set here is set on the SSL, never on the context, which may be
 * borrowed. Thread: io.  Owner: conn, through the link.  Limit: ALPN 64 bytes, name 253. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "tls/config_parts.h"
#include "tls/link_parts.h"
#include "tls/tls_err.h"

/* Set once per process, constant afterwards. */
static CRYPTO_ONCE index_once = CRYPTO_ONCE_STATIC_INIT;
static int parts_index = -1; /* SSL extra data: the ps_link_parts* */

static void make_index(void)
{
    parts_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

struct ps_link_parts *ps_link_parts_of(const struct ps_tls_link *l)
{
    return SSL_get_ex_data(l->ssl, parts_index);
}

/* Changes no verdict; it is the only place that knows which certificate failed (rule 84). */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    if (ok)
        return ok;
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct ps_link_parts *parts = ssl == NULL ? NULL : SSL_get_ex_data(ssl, parts_index);
    if (parts != NULL && parts->why.status == PS_OK)
        ps_tls_err_verify(&parts->why, ctx, parts->peer.text);
    return ok;
}

static enum ps_status set_verify(SSL *ssl, struct ps_link_parts *parts, struct ps_err *err)
{
    int mode = SSL_get_verify_mode(ssl);
    parts->has_verify = (mode & SSL_VERIFY_PEER) != 0;
    parts->has_name_check = parts->has_verify && parts->config->check_hostname;
    if (parts->has_verify)
        SSL_set_verify(ssl, mode, on_verify);
    if (!parts->has_name_check)
        return PS_OK;
    /* Rule 83: an IP literal is compared with IP names only, a DNS name with DNS names only. The
     * flags for wildcards and subjects come with the context (see trust.c). */
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    int ok = parts->peer.is_ip ? X509_VERIFY_PARAM_set1_ip_asc(param, parts->peer.text)
                               : X509_VERIFY_PARAM_set1_host(param, parts->peer.text, 0);
    if (!ok)
        return ps_tls_err_setting(err, "\"%.100s\" cannot be verified as a server name",
                                  parts->peer.text);
    return PS_OK;
}

static bool is_alpn(const uint8_t *list, size_t n)
{
    size_t at = 0;
    while (at < n && list[at] != 0)
        at += 1u + list[at];
    return at == n;
}

static enum ps_status set_alpn(SSL *ssl, struct ps_link_parts *parts,
                               const struct ps_tls_peer *peer, struct ps_err *err)
{
    if (peer->alpn == NULL || peer->alpn_n == 0)
        return PS_OK;
    if (peer->alpn_n > sizeof parts->alpn || !is_alpn(peer->alpn, peer->alpn_n))
        return ps_err_set(err, PS_INVALID, PS_PHASE_TLS, "the ALPN list is malformed or too long");
    memcpy(parts->alpn, peer->alpn, peer->alpn_n);
    parts->alpn_n = peer->alpn_n;
    if (SSL_set_alpn_protos(ssl, parts->alpn, (unsigned)parts->alpn_n) != 0)
        return ps_tls_err_setting(err, "the ALPN list cannot be set");
    return PS_OK;
}

/* Rules 75 and 88. The message and PSK callbacks of a borrowed context would need a Python object
 * behind the SSL, and cannot be seen on the context: they are taken off this SSL. */
static void set_modes(SSL *ssl)
{
    SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_clear_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_clear_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_set_read_ahead(ssl, 1); /* takes a feed in one go: 10 % less for batches of 150 bytes */
    SSL_set_msg_callback(ssl, NULL);
#ifndef OPENSSL_NO_PSK
    SSL_set_psk_client_callback(ssl, NULL);
    SSL_set_psk_use_session_callback(ssl, NULL);
#endif
}

static enum ps_status set_bios(struct ps_tls_link *l, struct ps_err *err)
{
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        return ps_err_nomem(err);
    }
    SSL_set_bio(l->ssl, in, out);
    l->in = in;
    l->out = out;
    return PS_OK;
}

/* Gives the SSL its parts; from here on fini frees them. */
static enum ps_status set_parts(struct ps_tls_link *l, struct ps_tls_config *config,
                                struct ps_err *err)
{
    if (!CRYPTO_THREAD_run_once(&index_once, make_index) || parts_index < 0)
        return ps_err_nomem(err);
    struct ps_link_parts *parts = ps_zalloc(sizeof *parts);
    if (parts == NULL)
        return ps_err_nomem(err);
    if (!SSL_set_ex_data(l->ssl, parts_index, parts)) {
        ps_free(parts);
        return ps_err_nomem(err);
    }
    parts->config = ps_tls_config_ref(config);
    return PS_OK;
}

/* A certificate that ended since is not offered for resumption: a full handshake shows the new one,
 * or says what is wrong. */
static enum ps_status offer_session(SSL *ssl, SSL_SESSION *given, struct ps_err *err)
{
    if (given == NULL)
        return PS_OK;
    const X509 *cert = SSL_SESSION_get0_peer(given);
    if (cert != NULL && X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
        return PS_OK;
    if (!SSL_set_session(ssl, given))
        return ps_tls_err_setting(err, "the TLS session cannot be offered again");
    return PS_OK;
}

static enum ps_status set_up(struct ps_tls_link *l, const struct ps_tls_peer *peer,
                             struct ps_err *err)
{
    SSL *ssl = l->ssl;
    struct ps_link_parts *parts = ps_link_parts_of(l);
    enum ps_status st =
        ps_peer_name_set(&parts->peer, peer->sni != NULL ? peer->sni : peer->name, err);
    if (st == PS_OK)
        st = set_verify(ssl, parts, err);
    if (st == PS_OK)
        st = set_alpn(ssl, parts, peer, err);
    if (st != PS_OK)
        return st;
    if (!parts->peer.is_ip && !SSL_set_tlsext_host_name(ssl, parts->peer.text)) /* rule 82 */
        return ps_tls_err_setting(err, "\"%.100s\" cannot be sent as SNI", parts->peer.text);
    set_modes(ssl);
    st = set_bios(l, err);
    if (st == PS_OK)
        SSL_set_connect_state(ssl);
    return st;
}

/* A borrowed context can be changed by its Python owner at any time, so it is looked at each time.
 */
static enum ps_status check_context(const struct ps_tls_config *config, struct ps_err *err)
{
    const char *objection =
        config->is_borrowed ? ps_tls_config_borrow_objection(config->ctx) : NULL;
    if (objection == NULL)
        return PS_OK;
    return ps_err_set(err, PS_INVALID, PS_PHASE_TLS, "%s", objection);
}

enum ps_status ps_tls_link_init(struct ps_tls_link *l, struct ps_tls_config *config,
                                const struct ps_tls_peer *peer, struct ps_tls_session *given,
                                struct ps_err *err)
{
    *l = (struct ps_tls_link){0};
    enum ps_status st = check_context(config, err);
    if (st != PS_OK)
        return st;
    ERR_clear_error();
    l->ssl = SSL_new(config->ctx);
    if (l->ssl == NULL)
        return ps_tls_err_take(err, PS_PHASE_TLS, peer->name == NULL ? "" : peer->name);
    st = set_parts(l, config, err);
    if (st == PS_OK)
        st = set_up(l, peer, err);
    if (st == PS_OK)
        st = offer_session(l->ssl, (SSL_SESSION *)given, err);
    if (st != PS_OK)
        goto fail;
    ps_link_parts_of(l)->spent = given;
    return PS_OK;
fail:
    ps_tls_link_fini(l);
    return st;
}

void ps_tls_link_fini(struct ps_tls_link *l)
{
    if (l->ssl != NULL) {
        struct ps_link_parts *parts = ps_link_parts_of(l);
        /* Without this OpenSSL takes a missing close_notify for an attack and marks the session,
         * which the cache may hold, as not resumable; TLS 1.1 and later do not ask for that. */
        if (!l->failed && (parts == NULL || !parts->is_untold))
            SSL_set_shutdown(l->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(l->ssl);
        if (parts != NULL) {
            SSL_SESSION_free(parts->spent);
            ps_tls_config_unref(parts->config);
            ps_free(parts);
        }
    }
    *l = (struct ps_tls_link){0};
}

static bool was_offered(const struct ps_link_parts *parts, const uint8_t *name, size_t n)
{
    for (size_t at = 0; at < parts->alpn_n; at += 1u + parts->alpn[at])
        if (ps_bytes_eq(ps_bytes_of(parts->alpn + at + 1, parts->alpn[at]), ps_bytes_of(name, n)))
            return true;
    return false;
}

/* Rule 81, and rule 80 for h2: over TLS 1.2 only ephemeral AEAD suites (RFC 9113 appendix A). */
static enum ps_status check_alpn(const SSL *ssl, const struct ps_link_parts *parts,
                                 struct ps_err *err)
{
    const uint8_t *name;
    unsigned n;
    SSL_get0_alpn_selected(ssl, &name, &n);
    if (n == 0)
        return PS_OK;
    if (!was_offered(parts, name, n))
        return ps_err_set(err, PS_TLS_FAILED, PS_PHASE_TLS,
                          "%.80s chose an ALPN protocol that was not offered", parts->peer.text);
    if (!ps_bytes_eq(ps_bytes_of(name, n), ps_bytes_str("h2")) ||
        SSL_version(ssl) != TLS1_2_VERSION)
        return PS_OK;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    int kx = SSL_CIPHER_get_kx_nid(cipher);
    if (SSL_CIPHER_is_aead(cipher) && (kx == NID_kx_ecdhe || kx == NID_kx_dhe))
        return PS_OK;
    return ps_err_set(err, PS_TLS_FAILED, PS_PHASE_TLS,
                      "%.80s chose the cipher %s, which HTTP/2 forbids (RFC 9113 appendix A)",
                      parts->peer.text, SSL_CIPHER_get_name(cipher));
}

/* Rule 87: resumption shows no certificate, so the one of the first handshake is asked again. After a
 * full handshake, too: OpenSSL copies the name to look for, and when it finds no memory for the copy it
 * goes on without and takes a certificate for any name. */
static enum ps_status check_cert(SSL *ssl, const struct ps_link_parts *parts, struct ps_err *err)
{
    if (!parts->has_verify)
        return PS_OK;
    X509 *cert = SSL_SESSION_get0_peer(SSL_get0_session(ssl));
    long result = SSL_get_verify_result(ssl);
    if (result != X509_V_OK)
        return ps_tls_err_cert(err, cert, result, 0, parts->peer.text);
    unsigned flags = X509_VERIFY_PARAM_get_hostflags(SSL_get0_param(ssl));
    if (!parts->has_name_check || ps_peer_name_matches(&parts->peer, cert, flags))
        return PS_OK;
    result = parts->peer.is_ip ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH;
    return ps_tls_err_cert(err, cert, result, 0, parts->peer.text);
}

enum ps_status ps_link_accept(const struct ps_tls_link *l, struct ps_err *err)
{
    const struct ps_link_parts *parts = ps_link_parts_of(l);
    enum ps_status st = check_cert(l->ssl, parts, err);
    return st == PS_OK ? check_alpn(l->ssl, parts, err) : st;
}
