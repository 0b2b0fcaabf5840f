/* upstream/request.h -- one request as it was received: method, target, fields, and the body's beginning.
 * Spans are places in `text`, which moves when it grows. Reused for the next request of a connection.
 * Thread: io. Owner: the reader (HTTP/1.1) or the stream (HTTP/2).
 * Limits: 64 KiB of names and values, 200 fields; of the body what the server keeps. */
#ifndef PS_UPSTREAM_REQUEST_H
#define PS_UPSTREAM_REQUEST_H

#include "base/buf.h"

enum {
    UP_HEAD_BYTES = 65536,
    UP_FIELDS_N = 200
};

struct up_span {
    uint32_t at, n;
};

struct up_field {
    struct up_span name, value;
};

struct up_request {
    struct ps_buf text;
    struct up_field *fields; /* owned */
    size_t fields_n, fields_cap;
    struct up_span method, target;
    struct ps_buf body;  /* its beginning, up to the limit given at init */
    uint64_t body_bytes; /* all of it that has come */
};

void up_request_init(struct up_request *r, size_t body_limit_bytes);
void up_request_fini(struct up_request *r);
void up_request_clear(struct up_request *r); /* for the next one; keeps memory within reason */

/* PS_OK, PS_NOMEM or PS_LIMIT. */
PS_CHECK enum ps_status up_request_add(struct up_request *r, struct ps_bytes name,
                                       struct ps_bytes value);
PS_CHECK enum ps_status up_request_put(struct up_request *r, struct up_span *span,
                                       struct ps_bytes bytes);
/* Keeps what the limit allows, counts all. PS_OK or PS_NOMEM. */
PS_CHECK enum ps_status up_request_body(struct up_request *r, struct ps_bytes bytes);

static inline struct ps_bytes up_request_view(const struct up_request *r, struct up_span s)
{
    return s.n == 0 ? ps_bytes_of(NULL, 0) : ps_bytes_of(r->text.data + s.at, s.n);
}

static inline bool up_request_is(const struct up_request *r, const char *method)
{
    return ps_bytes_eq(up_request_view(r, r->method), ps_bytes_str(method));
}

#endif
