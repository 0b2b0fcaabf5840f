/* base/url.h -- split an absolute http/https URL into what a request needs (RFC 3986, RFC 9110 4.2).
 * Strict: only visible ASCII without space; no userinfo (credentials in URLs leak into logs); no empty
 * host; port 1..65535; a fragment is cut off; everything else is refused with a sentence that says why.
 * IDNA is the caller's business. Thread: any. */
#ifndef PS_BASE_URL_H
#define PS_BASE_URL_H

#include "base/bytes.h"
#include "base/err.h"

enum { PS_URL_MAX_BYTES = 65536, PS_HOST_MAX_BYTES = 253 };

/* All members view the string that was split. */
struct ps_url {
    bool is_https;
    bool host_is_ip;       /* IPv4 literal, or IPv6 in brackets */
    struct ps_bytes host;  /* as written, without brackets; not lower-cased; trailing dot kept */
    struct ps_bytes authority; /* host[:port] as it belongs in Host; default port dropped; brackets kept */
    uint16_t port;         /* explicit, or 80/443 */
    struct ps_bytes path;  /* path and query as written; may be empty or start with '?': the target is
                            * then "/" + path */
};

/* PS_OK, PS_BAD_URL or PS_BAD_SCHEME. */
PS_CHECK enum ps_status ps_url_split(struct ps_url *out, struct ps_bytes text, struct ps_err *err);

#endif
