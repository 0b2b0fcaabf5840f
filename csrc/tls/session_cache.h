/* tls/session_cache.h -- resumable TLS sessions by peer, newest first, each used once (rule 87).
 * One cache per pool, so a key is only host, port and SNI; the TLS settings are the pool's own.
 * Thread: io. Owner: pool. Limit: `peers_n` peers, 4 sessions each, oldest dropped. */
#ifndef PS_TLS_SESSION_CACHE_H
#define PS_TLS_SESSION_CACHE_H

#include "base/bytes.h"
#include "base/status.h"

struct ps_tls_session; /* an SSL_SESSION */
struct ps_tls_sessions;

struct ps_tls_sessions *ps_tls_sessions_new(size_t peers_n); /* NULL: no memory */
void ps_tls_sessions_free(struct ps_tls_sessions *s);        /* accepts NULL */

/* Takes the session (freed when it cannot be kept). */
void ps_tls_sessions_put(struct ps_tls_sessions *s, const char *peer, struct ps_tls_session *given);
/* Gives the newest that has not expired, out of the cache; NULL when there is none. */
struct ps_tls_session *ps_tls_sessions_take(struct ps_tls_sessions *s, const char *peer);
void ps_tls_session_free(struct ps_tls_session *given); /* accepts NULL */

#endif
