/* tls/link.c -- moving bytes through one TLS connection (see link.h).
 * In: cipher bytes as they come from a socket, plain bytes to send.  Out: plain bytes, cipher bytes
 * to write, one error.  No I/O and no up-calls: OpenSSL reads and writes two memory BIOs, so
 * WANT_READ only means "feed more". A failure is found once, kept, and told on every later call.
 * Thread: io.  Owner: conn.  Limit: conn bounds what it feeds and writes between two pulls. */
#include "tls/link.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls/link_parts.h"
#include "tls/tls_err.h"

enum {
    BIO_KEEP_BYTES = 32768, /* memory that an empty BIO may hold */
    SMALL_BYTES = 4096,     /* a transfer of less than this is no bulk */
};

/* Ends the link; the first reason stays. Returns it. */
static enum ps_status fail_with(struct ps_tls_link *l, const struct ps_err *why, struct ps_err *err)
{
    struct ps_link_parts *parts = ps_link_parts_of(l);
    l->failed = true;
    if (parts->why.status == PS_OK)
        parts->why = *why;
    if (err != NULL)
        *err = parts->why;
    return parts->why.status;
}

/* Has the link failed, told or not? */
static bool is_over(const struct ps_tls_link *l)
{
    return l->failed || ps_link_parts_of(l)->is_untold;
}

static enum ps_status tell_again(struct ps_tls_link *l, struct ps_err *err)
{
    const struct ps_link_parts *parts = ps_link_parts_of(l);
    l->failed = true;
    if (err != NULL)
        *err = parts->why;
    return parts->why.status;
}

/* An SSL call failed for good: the reason is the verify callback's, if it has one, or in the queue.
 */
static enum ps_status fail_ssl(struct ps_tls_link *l, enum ps_phase phase, struct ps_err *err)
{
    const struct ps_link_parts *parts = ps_link_parts_of(l);
    struct ps_err why;
    long result = SSL_get_verify_result(l->ssl);
    bool is_cert = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    if (is_cert && parts->why.status == PS_OK)
        ps_tls_err_cert(&why, NULL, result, 0, parts->peer.text);
    else
        ps_tls_err_take(&why, phase, parts->peer.text);
    ERR_clear_error();
    return fail_with(l, &why, err);
}

static enum ps_status not_open(struct ps_err *err)
{
    return ps_err_set(err, PS_INTERNAL, PS_PHASE_TLS,
                      "TLS link used before its handshake was done");
}

/* Is this BIO empty, but still holding the memory of a bulk transfer? */
static bool is_bloated(BIO *bio)
{
    BUF_MEM *memory = NULL;
    BIO_get_mem_ptr(bio, &memory);
    return BIO_ctrl_pending(bio) == 0 && memory != NULL && memory->max > BIO_KEEP_BYTES;
}

/* A memory BIO never shrinks. The first small transfer after a bulk one swaps it for a new one, so
 * that idle connections do not hold what their largest response needed. Not done while data flows.
 */
static void slim_in(struct ps_tls_link *l)
{
    BIO *fresh = is_bloated(l->in) ? BIO_new(BIO_s_mem()) : NULL;
    if (fresh == NULL)
        return;
    SSL_set0_rbio(l->ssl, fresh);
    l->in = fresh;
}

static void slim_out(struct ps_tls_link *l)
{
    BIO *fresh = is_bloated(l->out) ? BIO_new(BIO_s_mem()) : NULL;
    if (fresh == NULL)
        return;
    SSL_set0_wbio(l->ssl, fresh);
    l->out = fresh;
}

enum ps_status ps_tls_link_feed(struct ps_tls_link *l, struct ps_bytes cipher, struct ps_err *err)
{
    if (is_over(l))
        return tell_again(l, err);
    if (l->open && cipher.n < SMALL_BYTES)
        slim_in(l);
    while (cipher.n > 0) {
        int n = cipher.n > INT_MAX ? INT_MAX : (int)cipher.n;
        ERR_clear_error();
        if (BIO_write(l->in, cipher.p, n) != n) {
            struct ps_err why;
            ERR_clear_error();
            ps_err_nomem(&why);
            return fail_with(l, &why, err);
        }
        cipher = ps_bytes_of(cipher.p + n, cipher.n - (size_t)n);
    }
    return PS_OK;
}

enum ps_status ps_tls_link_step(struct ps_tls_link *l, struct ps_err *err)
{
    if (is_over(l))
        return tell_again(l, err);
    if (l->open)
        return PS_OK;
    ERR_clear_error();
    int rc = SSL_do_handshake(l->ssl);
    if (rc != 1)
        return SSL_get_error(l->ssl, rc) == SSL_ERROR_WANT_READ ? PS_OK
                                                                : fail_ssl(l, PS_PHASE_TLS, err);
    struct ps_err why;
    if (ps_link_accept(l, &why) != PS_OK)
        return fail_with(l, &why, err);
    l->open = true;
    return PS_OK;
}

/* Could SSL_read_ex() find anything? Saves the call that only says WANT_READ. */
static bool has_input(const struct ps_tls_link *l)
{
    return BIO_ctrl_pending(l->in) > 0 || SSL_has_pending(l->ssl);
}

/* What came before a failure is given first, so the failure is left for the next call to tell. */
static enum ps_status postpone(struct ps_tls_link *l, struct ps_err *err)
{
    ps_link_parts_of(l)->is_untold = true;
    l->failed = false;
    ps_err_clear(err);
    return PS_OK;
}

enum ps_status ps_tls_link_read(struct ps_tls_link *l, uint8_t *to, size_t cap, size_t *n,
                                struct ps_err *err)
{
    *n = 0;
    if (is_over(l))
        return tell_again(l, err);
    if (!l->open)
        return not_open(err);
    while (*n < cap && !l->peer_closed && has_input(l)) {
        size_t got = 0;
        ERR_clear_error();
        if (SSL_read_ex(l->ssl, to + *n, cap - *n, &got)) {
            *n += got;
            continue;
        }
        int why = SSL_get_error(l->ssl, 0);
        if (why == SSL_ERROR_WANT_READ)
            break;
        if (why == SSL_ERROR_ZERO_RETURN) {
            l->peer_closed = true;
            break;
        }
        enum ps_status st = fail_ssl(l, PS_PHASE_NONE, err);
        return *n > 0 ? postpone(l, err) : st;
    }
    return PS_OK;
}

enum ps_status ps_tls_link_write(struct ps_tls_link *l, struct ps_bytes plain, struct ps_err *err)
{
    if (is_over(l))
        return tell_again(l, err);
    if (!l->open)
        return not_open(err);
    if (plain.n == 0)
        return PS_OK;
    size_t wrote = 0;
    ERR_clear_error();
    if (SSL_write_ex(l->ssl, plain.p, plain.n, &wrote) && wrote == plain.n)
        return PS_OK;
    return fail_ssl(l, PS_PHASE_NONE, err); /* a memory BIO takes all, there is no "later" */
}

enum ps_status ps_tls_link_pull(struct ps_tls_link *l, struct ps_buf *out)
{
    size_t n = ps_tls_link_pending(l);
    if (n > ps_buf_room(out))
        n = ps_buf_room(out);
    if (n > INT_MAX)
        n = INT_MAX;
    if (n == 0)
        return PS_OK;
    uint8_t *to;
    enum ps_status st = ps_buf_reserve(out, n, &to);
    if (st != PS_OK)
        return st;
    int got = BIO_read(l->out, to, (int)n);
    ps_buf_commit(out, got > 0 ? (size_t)got : 0);
    if (l->open && n < SMALL_BYTES)
        slim_out(l);
    return PS_OK;
}

size_t ps_tls_link_pending(const struct ps_tls_link *l)
{
    return l->out == NULL ? 0 : BIO_ctrl_pending(l->out);
}

void ps_tls_link_close(struct ps_tls_link *l)
{
    if (!l->open || is_over(l) || (SSL_get_shutdown(l->ssl) & SSL_SENT_SHUTDOWN) != 0)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(l->ssl); /* 0: ours is queued; the peer's is reported by read() */
    ERR_clear_error();
}

struct ps_tls_session *ps_tls_link_session(struct ps_tls_link *l)
{
    if (!l->open || is_over(l))
        return NULL;
    SSL_SESSION *session = SSL_get1_session(l->ssl);
    if (session == NULL)
        return NULL;
    struct ps_link_parts *parts = ps_link_parts_of(l);
    bool is_spent = session == parts->spent && SSL_version(l->ssl) >= TLS1_3_VERSION;
    if (is_spent || !SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        return NULL;
    }
    /* Rule 87, single use: counted as well, so that a later ticket cannot get the same address. */
    SSL_SESSION_up_ref(session);
    SSL_SESSION_free(parts->spent);
    parts->spent = session;
    return (struct ps_tls_session *)session;
}

static void copy_cut(char *to, size_t cap, const char *from)
{
    size_t n = strlen(from);
    if (n >= cap)
        n = cap - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

void ps_tls_link_info(const struct ps_tls_link *l, struct ps_tls_info *out)
{
    *out = (struct ps_tls_info){0};
    if (l->ssl == NULL || !l->open)
        return;
    const uint8_t *alpn;
    unsigned alpn_n;
    SSL_get0_alpn_selected(l->ssl, &alpn, &alpn_n);
    if (alpn_n < sizeof out->alpn)
        memcpy(out->alpn, alpn == NULL ? (const uint8_t *)"" : alpn, alpn_n);
    copy_cut(out->version, sizeof out->version, SSL_get_version(l->ssl));
    copy_cut(out->cipher, sizeof out->cipher, SSL_get_cipher_name(l->ssl));
    out->resumed = SSL_session_reused(l->ssl);
}
