/* proto/request.h -- what to ask: method, target and fields, checked before anything is sent (rule 64).
 * Built on the caller's thread, sealed, then read-only and shared by every attempt. Thread: any. */
#ifndef PS_PROTO_REQUEST_H
#define PS_PROTO_REQUEST_H

#include "base/err.h"
#include "base/url.h"
#include "proto/head.h"

enum { PS_REQUEST_HEAD_BYTES = 262144, PS_REQUEST_FIELDS = 500 }; /* limits of the caller's fields */

enum ps_body_kind {
    PS_BODY_NONE,   /* no body */
    PS_BODY_FIXED,  /* body_bytes bytes, sent with Content-Length */
    PS_BODY_STREAM, /* length unknown: chunked in h1, DATA in h2 */
};

struct ps_request {
    char *method;        /* token; owned, NUL-terminated */
    char *target;        /* origin-form, starts with '/' (or '*' / verbatim when given); owned */
    char *authority;     /* value of Host / :authority; owned */
    struct ps_head *fields; /* the caller's fields, checked; no Host, Content-Length, Transfer-Encoding */
    enum ps_body_kind body_kind;
    uint64_t body_bytes; /* for PS_BODY_FIXED */
    bool is_https;
    bool expect_continue; /* the caller gave "Expect: 100-continue" and there is a body (rule 66) */
    bool is_head;         /* method is HEAD: the response has no body */
    bool is_connect;      /* method is CONNECT */
    bool is_idempotent;   /* GET HEAD PUT DELETE OPTIONS TRACE, or an Idempotency-Key field is present */
    bool wants_close;     /* the caller gave "Connection: close" */
    /* While building. */
    bool has_host;         /* a Host field replaced the authority */
    bool has_length;       /* a Content-Length field was given */
    bool is_sealed;        /* nothing may be added any more */
    uint64_t length_bytes; /* what that Content-Length said */
};

/* Starts a request for `url`. `method`: a token, case kept. PS_OK, PS_BAD_HEADER or PS_NOMEM.
 * `*out` is set only on PS_OK. */
PS_CHECK enum ps_status ps_request_new(struct ps_request **out, struct ps_bytes method,
                                       const struct ps_url *url, struct ps_err *err);
void ps_request_free(struct ps_request *r); /* accepts NULL */

/* Replaces the target, verbatim (httpx's "target" extension): visible ASCII, not empty. */
PS_CHECK enum ps_status ps_request_set_target(struct ps_request *r, struct ps_bytes target,
                                              struct ps_err *err);

/* Adds one field of the caller's. Checked: name is a token; value has no CR, LF, NUL or other control
 * but HTAB (bytes >= 0x80 pass), surrounding blanks are trimmed. Host sets the authority (once only);
 * Content-Length is remembered for ps_request_seal(); Transfer-Encoding is accepted only as "chunked"
 * and means nothing more; Connection only as "close" or "keep-alive"; Expect only as 100-continue;
 * TE only as "trailers"; Upgrade, Keep-Alive, Proxy-Connection, HTTP2-Settings are refused.
 * PS_OK, PS_BAD_HEADER (err names the field, never its value), PS_LIMIT or PS_NOMEM. */
PS_CHECK enum ps_status ps_request_add(struct ps_request *r, struct ps_bytes name,
                                       struct ps_bytes value, struct ps_err *err);

/* Declares the body and ends building. A Content-Length of the caller's must equal `body_bytes` of a
 * FIXED body (PS_BAD_HEADER otherwise); with a STREAM body it turns the body into FIXED of that length,
 * and the writer then checks the sum (PS_BODY_MISMATCH); without a body it must be 0, and is sent. */
PS_CHECK enum ps_status ps_request_seal(struct ps_request *r, enum ps_body_kind kind,
                                        uint64_t body_bytes, struct ps_err *err);

#endif
