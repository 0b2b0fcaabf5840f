/* tls/link_parts.h -- what a link keeps beside its SSL. Room-internal. */
#ifndef PS_TLS_LINK_PARTS_H
#define PS_TLS_LINK_PARTS_H

#include "tls/link.h"
#include "tls/peer_name.h"

enum {
    PS_ALPN_MAX_BYTES = 64
};

/* Owner: the SSL, as extra data, until ps_tls_link_fini(). */
struct ps_link_parts {
    struct ps_tls_config *config; /* counted: its key log must outlive the SSL */
    void *spent;                  /* SSL_SESSION*, counted: the one offered or handed out last */
    struct ps_peer_name peer;     /* the name to verify */
    bool has_verify;              /* the context verifies the chain */
    bool has_name_check;          /* and the name */
    uint8_t alpn[PS_ALPN_MAX_BYTES];
    size_t alpn_n;
    struct ps_err why; /* the first failure; the verify callback may set it before the call fails */
    bool is_untold;    /* a read met the failure behind bytes that it had to give first */
};

struct ps_link_parts *ps_link_parts_of(const struct ps_tls_link *l);

/* After the handshake: was what OpenSSL agreed to acceptable (ALPN, appendix A, resumed name)? */
PS_CHECK enum ps_status ps_link_accept(const struct ps_tls_link *l, struct ps_err *err);

#endif
