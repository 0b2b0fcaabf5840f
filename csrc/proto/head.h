/* proto/head.h -- a block of header or trailer fields, with its limits.
 * One growing text and an array of offsets into it: two allocations however many fields. Order and
 * duplicates are kept; names keep the case they came in (h2 gives lower case).
 * A head moves: codec -> event -> exchange -> Python; one owner at a time. Thread: moves. */
#ifndef PS_PROTO_HEAD_H
#define PS_PROTO_HEAD_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

struct ps_head_limits {
    size_t bytes;    /* sum of name + value + 32 over all fields (RFC 9113 6.5.2), and the reason */
    size_t fields_n; /* most fields */
};

struct ps_field {
    uint32_t name_at, name_n;   /* offsets into ps_head.text */
    uint32_t value_at, value_n;
};

struct ps_head {
    struct ps_buf text;
    struct ps_field *fields; /* owned */
    size_t fields_n;
    size_t fields_cap;
    size_t cost_bytes;       /* what the limit counts */
    struct ps_head_limits limits;
    /* Response line, 0/empty in a request or in trailers. */
    int status;
    int http_major, http_minor;
    uint32_t reason_at, reason_n; /* h1 reason phrase inside text */
};

struct ps_head *ps_head_new(const struct ps_head_limits *limits); /* NULL: no memory */
void ps_head_free(struct ps_head *h);                             /* accepts NULL */

/* Copies one field in. PS_OK, PS_NOMEM or PS_LIMIT (rule C45); on error nothing changed. */
PS_CHECK enum ps_status ps_head_add(struct ps_head *h, struct ps_bytes name, struct ps_bytes value);
PS_CHECK enum ps_status ps_head_set_reason(struct ps_head *h, struct ps_bytes reason);

struct ps_bytes ps_head_name(const struct ps_head *h, size_t i);
struct ps_bytes ps_head_value(const struct ps_head *h, size_t i);
struct ps_bytes ps_head_reason(const struct ps_head *h);

/* Index of the next field with that name (any case) at or after `from`; fields_n when there is none. */
size_t ps_head_find(const struct ps_head *h, const char *name, size_t from);

#endif
