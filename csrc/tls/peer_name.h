/* tls/peer_name.h -- the name a server must prove, in the one form that is compared and sent.
 * Room-internal. A plain value, owned by whoever embeds it. Thread: any. */
#ifndef PS_TLS_PEER_NAME_H
#define PS_TLS_PEER_NAME_H

#include "base/err.h"

enum {
    PS_PEER_NAME_BYTES = 256
};

struct ps_peer_name {
    char text[PS_PEER_NAME_BYTES]; /* lower case, no trailing dot, no IPv6 zone; NUL-terminated */
    bool is_ip;
};

/* Rules 82 and 83: takes off the trailing dot and the zone, folds case, and refuses what is neither
 * an IP literal nor a plain DNS name (a leading dot or a wildcard would widen what OpenSSL
 * accepts). */
PS_CHECK enum ps_status ps_peer_name_set(struct ps_peer_name *out, const char *name,
                                         struct ps_err *err);

/* Does the certificate (X509*) belong to the name, with these X509_CHECK_FLAG_s? */
bool ps_peer_name_matches(const struct ps_peer_name *name, void *cert, unsigned hostflags);

#endif
