/* proto/socks5.h -- SOCKS version 5 as bytes (RFC 1928; user and password RFC 1929; rule 97).
 *
 *   greeting -> method -> (user, password -> verdict) -> CONNECT -> reply -> open
 *
 * Each message is sent when the answer to the last has come. In: answers in any pieces. Out: messages appended
 * to a buffer. What follows the reply belongs to the tunnel. Thread: io. Owner: conn's tunnel, which embeds it.
 * Limit: the longest answer is 262 bytes; only its first five are looked at. */
#ifndef PS_PROTO_SOCKS5_H
#define PS_PROTO_SOCKS5_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum { PS_SOCKS5_TEXT_BYTES = 255 }; /* longest user, password and host name */

enum ps_socks5_kind { PS_SOCKS5_NAME, PS_SOCKS5_IPV4, PS_SOCKS5_IPV6 };

/* Where to; all borrowed until the tunnel is open. */
struct ps_socks5_wants {
    const char *user;     /* NULL = offer no password */
    const char *password; /* NULL = "" */
    enum ps_socks5_kind kind;
    struct ps_bytes host; /* 1 to 255 bytes of a name, 4 or 16 of an address */
    uint16_t port;
};

enum ps_socks5_at {
    PS_SOCKS5_AT_METHOD,
    PS_SOCKS5_AT_VERDICT,
    PS_SOCKS5_AT_REPLY,
    PS_SOCKS5_OPEN,
};

struct ps_socks5 {
    struct ps_socks5_wants wants;
    enum ps_socks5_at at;
    size_t in_n;   /* bytes of the answer at hand seen */
    size_t want_n; /* its length as far as it is known */
};

/* Appends the greeting. PS_OK, PS_NOMEM, PS_LIMIT (out is full), PS_INVALID (a text is too long or empty). */
PS_CHECK enum ps_status ps_socks5_start(struct ps_socks5 *s, const struct ps_socks5_wants *wants,
                                        struct ps_buf *out, struct ps_err *err);

/* Reads on and appends what is to be said next. PS_OK: more is needed, or at is OPEN; then `*used_n` tells
 * where the tunnel's bytes begin. PS_PROXY_AUTH, PS_PROXY_FAILED (err->detail is the reply code), PS_NOMEM. */
PS_CHECK enum ps_status ps_socks5_feed(struct ps_socks5 *s, struct ps_bytes bytes, size_t *used_n,
                                       struct ps_buf *out, struct ps_err *err);

#endif
