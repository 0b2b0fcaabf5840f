/* net/dial.h -- connect to the best of several addresses: happy eyeballs (RFC 8305, rule 91).
 * In: addresses in order. Out: one connected sock, or one error that lists every address tried.
 * The next address is tried `eyeballs_ms` after the last, or at once when it fails; the first to
 * connect wins; losers are closed. The deadline of the whole dial is the owner's.
 * Thread: io. Owner: conn, which embeds it; after ps_dial_cancel() or on_done it may be freed. */
#ifndef PS_NET_DIAL_H
#define PS_NET_DIAL_H

#include "base/err.h"
#include "net/addr.h"
#include "net/clock.h"
#include "net/sock.h"

/* One setsockopt(); the owner's own, set after those below. */
struct ps_sock_option {
    int level, name;
    unsigned value_n;
    unsigned char value[64];
};

struct ps_dial_settings {
    const char *local_address; /* IP literal to bind to; NULL = any */
    const char *uds_path;      /* a Unix socket instead ('@' first = abstract); NULL = TCP */
    bool nodelay;              /* TCP_NODELAY; default on (rule 90) */
    unsigned keepalive_s;      /* TCP keep-alive idle and interval; 0 = off */
    unsigned user_timeout_ms;  /* TCP_USER_TIMEOUT; 0 = system's */
    const struct ps_sock_option *options; /* set before connect(); one that is refused fails the try */
    size_t options_n;
    uint64_t eyeballs_ms;      /* 250 */
    size_t queue_limit_bytes;  /* unsent bytes a sock may hold */
};

struct ps_dial_try;

struct ps_dial {
    uv_loop_t *loop;
    struct ps_clock *clock;
    struct ps_sock_share *share;
    const struct ps_dial_settings *settings; /* borrowed from the pool; outlives the dial */
    struct ps_addrs addrs;
    size_t next;                /* index of the next address to try */
    struct ps_dial_try *tries;  /* in flight; each freed by its own connect callback */
    struct ps_deadline pace;    /* the eyeballs timer */
    struct ps_err last_err;
    char tried_text[200];       /* "127.0.0.1:80 connection refused; [::1]:80 no answer" */
    size_t failed_n;            /* bytes of it that are about failed addresses */
    size_t unnamed_n;           /* failed addresses that it has no room for */
    void *owner;
    /* Once, from the loop, never from inside ps_dial_start(). Gives `sock` or an error. */
    void (*on_done)(void *owner, struct ps_sock *given, const struct ps_err *err);
    bool active;
};

/* `addrs` carries ports. Ignored with uds_path. PS_OK or an error that makes any try pointless
 * (PS_INVALID: bad local_address or path; PS_NOMEM). */
PS_CHECK enum ps_status ps_dial_start(struct ps_dial *d, const struct ps_addrs *addrs,
                                      struct ps_err *err);
void ps_dial_cancel(struct ps_dial *d); /* no on_done afterwards; harmless when not active */

#endif
