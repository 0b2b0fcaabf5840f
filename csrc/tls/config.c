/* tls/config.c -- settings in, one SSL_CTX for all links with these settings out (rules 80-88).
 * An own context refuses all below TLS 1.2 and compression, and offers for TLS 1.2
 * only ephemeral AEAD suites, so nothing of RFC 9113 appendix A can be negotiated beside ALPN "h2".
 * A borrowed context keeps its own verify mode, CAs, versions and ciphers, and gets no callback: it
 * belongs to Python, whose callbacks need an interpreter that the io thread does not have.
 * Thread: made anywhere, then read-only; the count is atomic.  Owner: its users, by count. */
#include "tls/config.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tls/client_cert.h"
#include "tls/config_parts.h"
#include "tls/tls_err.h"
#include "tls/trust.h"

static const char default_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* Set once per process, constant afterwards. */
static CRYPTO_ONCE index_once = CRYPTO_ONCE_STATIC_INIT;
static int config_index = -1; /* SSL_CTX extra data: the ps_tls_config* */

static void make_index(void)
{
    config_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static enum ps_status check_versions(const struct ps_tls_settings *s, struct ps_err *err)
{
    int max = s->max_version == 0 ? TLS1_3_VERSION : s->max_version;
    int min = s->min_version == 0 ? TLS1_2_VERSION : s->min_version;
    if (min < TLS1_2_VERSION || max < TLS1_2_VERSION)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "TLS 1.2 is the lowest version that can be chosen");
    if (min > TLS1_3_VERSION || max > TLS1_3_VERSION)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "TLS 1.3 is the highest version that can be chosen");
    if (min > max)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "the lowest TLS version is above the highest");
    return PS_OK;
}

static enum ps_status set_versions(SSL_CTX *ctx, const struct ps_tls_settings *s,
                                   struct ps_err *err)
{
    enum ps_status st = check_versions(s, err);
    if (st != PS_OK)
        return st;
    if (!SSL_CTX_set_min_proto_version(ctx,
                                       s->min_version == 0 ? TLS1_2_VERSION : s->min_version) ||
        !SSL_CTX_set_max_proto_version(ctx, s->max_version))
        return ps_tls_err_setting(err, "the TLS versions cannot be set");
    return PS_OK;
}

static enum ps_status set_algorithms(SSL_CTX *ctx, const struct ps_tls_settings *s,
                                     struct ps_err *err)
{
    if (s->security_level > 5)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE,
                          "security_level is %d; it goes from 0 to 5", s->security_level);
    if (s->security_level >= 0)
        SSL_CTX_set_security_level(ctx, s->security_level);
    const char *ciphers = s->ciphers == NULL ? default_ciphers : s->ciphers;
    if (!SSL_CTX_set_cipher_list(ctx, ciphers))
        return ps_tls_err_setting(err, "ciphers \"%s\" cannot be used", ciphers);
    if (s->ciphersuites != NULL && !SSL_CTX_set_ciphersuites(ctx, s->ciphersuites))
        return ps_tls_err_setting(err, "ciphersuites \"%s\" cannot be used", s->ciphersuites);
    if (s->groups != NULL && !SSL_CTX_set1_groups_list(ctx, s->groups))
        return ps_tls_err_setting(err, "groups \"%s\" cannot be used", s->groups);
    return PS_OK;
}

/* Renegotiation and what an EOF means are set on each SSL, because a borrowed context needs them
 * too. Sessions are kept by ps_tls_sessions, never by the context. */
static void set_modes(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

/* One line is one write to a file opened for appending, so several processes may share it. */
static void on_keylog(const SSL *ssl, const char *line)
{
    const struct ps_tls_config *c = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), config_index);
    char text[512];
    int n = snprintf(text, sizeof text, "%s\n", line);
    if (c == NULL || n < 0 || (size_t)n >= sizeof text)
        return;
    ssize_t wrote = write(c->keylog_fd, text, (size_t)n);
    (void)wrote; /* a debugging aid must not break the connection */
    OPENSSL_cleanse(text, sizeof text);
}

static enum ps_status open_keylog(struct ps_tls_config *c, const char *path, struct ps_err *err)
{
    if (path == NULL)
        return PS_OK;
    if (!CRYPTO_THREAD_run_once(&index_once, make_index) || config_index < 0 ||
        !SSL_CTX_set_ex_data(c->ctx, config_index, c))
        return ps_tls_err_setting(err, "the key log cannot be set up");
    c->keylog_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (c->keylog_fd < 0)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "key log file %s cannot be opened: %s",
                          path, strerror(errno));
    SSL_CTX_set_keylog_callback(c->ctx, on_keylog);
    return PS_OK;
}

static enum ps_status make_context(struct ps_tls_config *c, const struct ps_tls_settings *s,
                                   struct ps_err *err)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    if (c->ctx == NULL)
        return ps_tls_err_setting(err, "OpenSSL cannot make a TLS context");
    enum ps_status st = set_versions(c->ctx, s, err);
    if (st == PS_OK)
        st = set_algorithms(c->ctx, s, err);
    if (st == PS_OK)
        st = ps_tls_trust_load(c->ctx, s, err);
    if (st == PS_OK)
        st = ps_tls_client_cert_load(c->ctx, s, err);
    if (st == PS_OK)
        st = open_keylog(c, s->keylog_file, err);
    if (st == PS_OK)
        set_modes(c->ctx);
    return st;
}

static enum ps_status borrow_context(struct ps_tls_config *c, const struct ps_tls_settings *s,
                                     struct ps_err *err)
{
    const char *objection = ps_tls_config_borrow_objection(s->borrowed_ctx);
    if (objection != NULL)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "%s", objection);
    if (!SSL_CTX_up_ref(s->borrowed_ctx))
        return ps_tls_err_setting(err, "the given SSL context cannot be shared");
    c->ctx = s->borrowed_ctx;
    c->is_borrowed = true;
    return PS_OK;
}

enum ps_status ps_tls_config_new(struct ps_tls_config **out, const struct ps_tls_settings *settings,
                                 struct ps_err *err)
{
    struct ps_tls_config *c = ps_zalloc(sizeof *c);
    if (c == NULL)
        return ps_err_nomem(err);
    atomic_init(&c->refs_n, 1);
    c->keylog_fd = -1;
    c->check_hostname = settings->check_hostname;
    ERR_clear_error();
    enum ps_status st = settings->borrowed_ctx == NULL ? make_context(c, settings, err)
                                                       : borrow_context(c, settings, err);
    if (st != PS_OK)
        goto fail;
    *out = c;
    return PS_OK;
fail:
    ps_tls_config_unref(c);
    return st;
}

struct ps_tls_config *ps_tls_config_ref(struct ps_tls_config *c)
{
    atomic_fetch_add_explicit(&c->refs_n, 1, memory_order_relaxed);
    return c;
}

void ps_tls_config_unref(struct ps_tls_config *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs_n, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(c->ctx);
    if (c->keylog_fd >= 0)
        close(c->keylog_fd);
    ps_free(c);
}

/* A message callback cannot be seen from outside; a link takes it off its own SSL instead. */
const char *ps_tls_config_borrow_objection(void *ssl_ctx)
{
    SSL_CTX *ctx = ssl_ctx;
    if (SSL_CTX_get_keylog_callback(ctx) != NULL)
        return "this SSLContext has a key log (keylog_filename), which only Python's own sockets "
               "can "
               "write; take it off, or pass TLS(keylog_file=...) instead of a context";
    if (SSL_CTX_get_verify_callback(ctx) != NULL)
        return "this SSLContext has a verify callback, which cannot run without Python";
    if (SSL_CTX_get_info_callback(ctx) != NULL)
        return "this SSLContext has an info callback, which cannot run without Python";
    if (SSL_CTX_get_client_cert_cb(ctx) != NULL)
        return "this SSLContext has a client certificate callback, which cannot run without Python";
    if (SSL_CTX_sess_get_new_cb(ctx) != NULL)
        return "this SSLContext has a session callback, which cannot run without Python";
    return NULL;
}

void ps_tls_config_facts(void *ssl_ctx, struct ps_tls_facts *out)
{
    SSL_CTX *ctx = ssl_ctx;
    out->options = (unsigned long)SSL_CTX_get_options(ctx);
    out->verify_mode = SSL_CTX_get_verify_mode(ctx);
    out->min_version = SSL_CTX_get_min_proto_version(ctx);
}
