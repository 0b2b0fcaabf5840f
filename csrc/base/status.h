/* base/status.h -- what can go wrong, as stable codes.
 * Every fallible function returns `enum ps_status`; PS_OK is zero. The numbers are part of the
 * contract with Python (python/penstock/errors.py maps each to one exception), so append only.
 * Thread: any. */
#ifndef PS_BASE_STATUS_H
#define PS_BASE_STATUS_H

#define PS_CHECK __attribute__((warn_unused_result))

enum ps_status {
    PS_OK = 0,
    PS_NOMEM = 1,           /* an allocation failed */
    PS_INVALID = 2,         /* the caller's argument is wrong; nothing was sent */
    PS_BAD_URL = 3,         /* the URL cannot be used; nothing was sent */
    PS_BAD_HEADER = 4,      /* method, target or a field is illegal; nothing was sent */
    PS_BAD_SCHEME = 5,      /* neither http nor https */
    PS_RESOLVE_FAILED = 6,  /* name resolution */
    PS_CONNECT_FAILED = 7,  /* every address refused or unreachable */
    PS_TLS_FAILED = 8,      /* handshake or record layer */
    PS_CERT_REJECTED = 9,   /* the peer's certificate did not verify */
    PS_TIMED_OUT = 10,      /* a clock ran out; ps_err.clock says which */
    PS_READ_FAILED = 11,    /* the socket failed while reading */
    PS_WRITE_FAILED = 12,   /* the socket failed while writing */
    PS_DISCONNECTED = 13,   /* the peer closed before any byte of a response */
    PS_TRUNCATED = 14,      /* the peer closed inside a response */
    PS_PROTOCOL = 15,       /* the response is malformed */
    PS_LIMIT = 16,          /* the peer exceeded a configured limit */
    PS_BODY_MISMATCH = 17,  /* the request body disagrees with its declared length */
    PS_CANCELLED = 18,      /* the caller gave up */
    PS_CLOSED = 19,         /* transport or engine is closed */
    PS_FORKED = 20,         /* made before a fork, used in the child */
    PS_INTERNAL = 21,       /* a bug of ours */
    PS_PROXY_FAILED = 22,   /* the proxy opened no way to the origin; ps_err.detail is its code */
    PS_PROXY_AUTH = 23,     /* the proxy wants credentials, or refuses those it got */
};

/* A short stable name ("TIMED_OUT"); never NULL. */
const char *ps_status_name(enum ps_status st);

#endif
