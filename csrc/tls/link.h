/* tls/link.h -- one TLS client connection as bytes in / bytes out, over a pair of memory BIOs.
 *
 *   feed(cipher bytes) -> step() until it says it needs more -> read(plain) / write(plain)
 *   -> pull(cipher bytes for the socket).
 *
 * Thread: io. Owner: conn, which embeds it. Zeroed memory is a valid link for fini.
 * Limit: it holds what was fed and not yet read; conn feeds at most 64 KiB before it reads. */
#ifndef PS_TLS_LINK_H
#define PS_TLS_LINK_H

#include "base/buf.h"
#include "base/err.h"
#include "tls/config.h"
#include "tls/session_cache.h"

struct ps_tls_link {
    void *ssl;  /* SSL*, owned */
    void *in;   /* BIO*, owned by ssl: cipher bytes from the peer */
    void *out;  /* BIO*, owned by ssl: cipher bytes for the peer */
    bool open;        /* handshake done, name verified */
    bool peer_closed; /* close_notify received */
    bool failed;      /* no further call but pull and fini makes sense */
};

struct ps_tls_peer {
    const char *name;    /* DNS name or IP literal (no brackets) to verify; also SNI when it is a
                          * DNS name (rule 82) */
    const char *sni;     /* overrides both SNI and the name to verify; NULL = as name */
    const uint8_t *alpn; /* wire format: length-prefixed names; NULL = offer none */
    size_t alpn_n;
};

/* Ready to step(). `given` (may be NULL) is taken on PS_OK only. PS_OK, PS_NOMEM, PS_TLS_FAILED,
 * PS_INVALID (no usable name or ALPN list, or a borrowed context that has got a callback since). */
PS_CHECK enum ps_status ps_tls_link_init(struct ps_tls_link *l, struct ps_tls_config *config,
                                         const struct ps_tls_peer *peer,
                                         struct ps_tls_session *given, struct ps_err *err);
void ps_tls_link_fini(struct ps_tls_link *l);

PS_CHECK enum ps_status ps_tls_link_feed(struct ps_tls_link *l, struct ps_bytes cipher,
                                         struct ps_err *err);
/* Drives the handshake; sets `open`. PS_OK also while more bytes are needed. PS_TLS_FAILED,
 * PS_CERT_REJECTED (err->detail = X509 verify result; text says which certificate and depth). */
PS_CHECK enum ps_status ps_tls_link_step(struct ps_tls_link *l, struct ps_err *err);
/* Up to `cap` plain bytes; *n == 0 means more cipher bytes are needed, or peer_closed. What came
 * before a failure is given first with PS_OK; the next call tells the failure, and leaves its phase
 * to conn. May queue cipher bytes of its own (a key update, an alert). */
PS_CHECK enum ps_status ps_tls_link_read(struct ps_tls_link *l, uint8_t *to, size_t cap, size_t *n,
                                         struct ps_err *err);
/* Encrypts all of `plain` (conn bounds its size). */
PS_CHECK enum ps_status ps_tls_link_write(struct ps_tls_link *l, struct ps_bytes plain,
                                          struct ps_err *err);
/* Moves cipher bytes to `out`, as many as fit its limit. PS_OK or PS_NOMEM. */
PS_CHECK enum ps_status ps_tls_link_pull(struct ps_tls_link *l, struct ps_buf *out);
size_t ps_tls_link_pending(const struct ps_tls_link *l); /* cipher bytes waiting for pull */
/* Queues close_notify; harmless before open or after a failure. */
void ps_tls_link_close(struct ps_tls_link *l);

/* The newest session worth keeping; NULL when there is none (TLS 1.3: until a ticket was read, and
 * each ticket once; also after a failure). The caller owns it. */
struct ps_tls_session *ps_tls_link_session(struct ps_tls_link *l);

struct ps_tls_info {
    char version[16];     /* "TLSv1.3" */
    char cipher[48];
    char alpn[16];        /* negotiated protocol, "" when none */
    bool resumed;
};
void ps_tls_link_info(const struct ps_tls_link *l, struct ps_tls_info *out);

#endif
