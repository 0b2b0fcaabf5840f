/* proto/proxy_connect.h -- CONNECT to an HTTP proxy, as bytes (RFC 9110 9.3.6, RFC 9112 3.2.3; rule 95).
 * Out: the request. In: the answer in any pieces, read as strictly as a response head: up to 16 1xx heads,
 * then any 2xx opens the tunnel, whatever framing it claims; all else is refused with its status.
 * Nothing is kept but counts, so it needs no memory. What follows the head belongs to the tunnel.
 * Thread: io. Owner: conn's tunnel, which embeds it. Limit: PS_CONNECT_HEAD_BYTES for all heads together. */
#ifndef PS_PROTO_PROXY_CONNECT_H
#define PS_PROTO_PROXY_CONNECT_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum { PS_CONNECT_HEAD_BYTES = 16384, PS_CONNECT_INFOS_N = 16 };

enum ps_connect_at {
    PS_CONNECT_AT_VERSION,  /* "HTTP/1." and a digit and a space */
    PS_CONNECT_AT_CODE,     /* three digits */
    PS_CONNECT_AT_GAP,      /* the space before the reason; some leave it out with the reason */
    PS_CONNECT_AT_REASON,
    PS_CONNECT_AT_LINE_END, /* LF of a status or field line */
    PS_CONNECT_AT_FIELD,    /* first byte of a line: a name, or the CR of the empty one */
    PS_CONNECT_AT_NAME,
    PS_CONNECT_AT_VALUE,
    PS_CONNECT_AT_HEAD_END, /* LF of the empty line */
    PS_CONNECT_OPEN,        /* the tunnel is open */
};

/* Zeroed memory is ready for the first byte. */
struct ps_connect_answer {
    enum ps_connect_at at;
    unsigned at_n;   /* bytes of VERSION or CODE seen */
    int status;
    unsigned infos_n;
    size_t head_n;   /* bytes of all heads */
};

/* Appends the request. `host` without brackets; `fields` are whole lines with CRLF, "" = none.
 * PS_OK, PS_NOMEM or PS_LIMIT. */
PS_CHECK enum ps_status ps_connect_write(struct ps_buf *out, const char *host, uint16_t port,
                                         const char *fields);

/* Reads on; `*used_n` bytes of `bytes` were of the answer. PS_OK: more is needed, or at is OPEN.
 * PS_PROXY_AUTH (407, 401), PS_PROXY_FAILED (any other status, no HTTP, too long); err->detail is the status
 * when there is one. */
PS_CHECK enum ps_status ps_connect_feed(struct ps_connect_answer *a, struct ps_bytes bytes,
                                        size_t *used_n, struct ps_err *err);

#endif
