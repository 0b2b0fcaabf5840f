/* upstream/tls_server.h -- the server's side of TLS as bytes in / bytes out, over a pair of memory BIOs.
 * Thread: a context is made anywhere; links are io's. Owner: listener (context, counted by its links), peer (link). */
#ifndef PS_UPSTREAM_TLS_SERVER_H
#define PS_UPSTREAM_TLS_SERVER_H

#include "base/buf.h"
#include "base/err.h"

struct up_tls_context;
struct up_tls;

/* `alpn` in wire format, the server's order; n 0: no ALPN. */
PS_CHECK enum ps_status up_tls_context_new(struct up_tls_context **out, const char *cert_file,
                                           const char *key_file, struct ps_bytes alpn, struct ps_err *err);
void up_tls_context_free(struct up_tls_context *c); /* accepts NULL; only after its links */

PS_CHECK enum ps_status up_tls_new(struct up_tls **out, struct up_tls_context *c);
void up_tls_free(struct up_tls *t); /* accepts NULL */

enum up_tls_state {
    UP_TLS_HANDSHAKE,
    UP_TLS_OPEN,
    UP_TLS_CLOSED, /* close_notify came */
    UP_TLS_FAILED  /* an alert may wait for pull */
};

/* Cipher bytes from the peer; drives the handshake. */
enum up_tls_state up_tls_feed(struct up_tls *t, struct ps_bytes cipher);
/* Plain bytes; 0: none, and `state` tells why. */
size_t up_tls_read(struct up_tls *t, uint8_t *to, size_t cap, enum up_tls_state *state);
/* Encrypts all; false when it failed. */
bool up_tls_write(struct up_tls *t, struct ps_bytes plain);
/* Moves cipher bytes to `out`. */
PS_CHECK enum ps_status up_tls_pull(struct up_tls *t, struct ps_buf *out);
void up_tls_close(struct up_tls *t); /* queues close_notify */
/* "" when none was agreed on. A view. */
struct ps_bytes up_tls_alpn(const struct up_tls *t);

#endif
