/* conn/proxy.h -- one proxy as a value: where it is, how it is spoken to, and with which credentials.
 * Made on any thread, then read-only. Owner: the profile whose connections go through it; they borrow it.
 *
 * An http or https proxy forwards plain requests and opens tunnels for https ones; a SOCKS proxy opens tunnels
 * for both. Credentials are in `fields`, `user` and `password`, and in no error text. */
#ifndef PS_CONN_PROXY_H
#define PS_CONN_PROXY_H

#include "base/bytes.h"
#include "base/err.h"
#include "tls/config.h"

enum ps_proxy_kind {
    PS_PROXY_HTTP = 1,    /* numbers are shared with Python */
    PS_PROXY_HTTPS = 2,   /* TLS to the proxy */
    PS_PROXY_SOCKS5 = 3,  /* names are resolved here */
    PS_PROXY_SOCKS5H = 4, /* the proxy resolves them */
};

struct ps_proxy {
    enum ps_proxy_kind kind;
    char *host;     /* lower case, no brackets; owned */
    uint16_t port;
    char *fields;   /* whole lines with CRLF for its eyes alone; "" = none; owned */
    char *user;     /* SOCKS5; NULL = none; owned */
    char *password; /* owned; may be NULL */
    struct ps_tls_config *tls; /* HTTPS; one reference */
};

/* Copies the strings; takes `tls` (NULL but for HTTPS) on PS_OK only. PS_OK, PS_NOMEM or PS_INVALID: no host, a
 * port of 0, HTTPS without `tls`, a field that no head may have, SOCKS credentials that are too long. */
PS_CHECK enum ps_status ps_proxy_new(struct ps_proxy **out, const struct ps_proxy *wants,
                                     struct ps_err *err);
void ps_proxy_free(struct ps_proxy *p); /* accepts NULL */

static inline bool ps_proxy_is_http(const struct ps_proxy *p)
{
    return p->kind == PS_PROXY_HTTP || p->kind == PS_PROXY_HTTPS;
}

/* Does it get this origin's requests to pass on, instead of opening a tunnel? `p` may be NULL. */
static inline bool ps_proxy_forwards(const struct ps_proxy *p, bool is_https)
{
    return p != NULL && ps_proxy_is_http(p) && !is_https;
}

#endif
