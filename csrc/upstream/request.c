/* upstream/request.c -- one request as it was received (see request.h). */
#include "upstream/request.h"

#include "base/mem.h"

enum {
    KEEP_BYTES = 16384,
    FIRST_FIELDS_N = 16
};

void up_request_init(struct up_request *r, size_t body_limit_bytes)
{
    *r = (struct up_request){0};
    ps_buf_init(&r->text, UP_HEAD_BYTES);
    ps_buf_init(&r->body, body_limit_bytes);
}

void up_request_fini(struct up_request *r)
{
    ps_buf_fini(&r->text);
    ps_buf_fini(&r->body);
    ps_free(r->fields);
    up_request_init(r, r->body.limit_bytes);
}

void up_request_clear(struct up_request *r)
{
    ps_buf_clear(&r->text);
    ps_buf_clear(&r->body);
    ps_buf_shrink(&r->text, KEEP_BYTES);
    ps_buf_shrink(&r->body, KEEP_BYTES);
    r->fields_n = 0;
    r->method = r->target = (struct up_span){0};
    r->body_bytes = 0;
}

enum ps_status up_request_put(struct up_request *r, struct up_span *span, struct ps_bytes bytes)
{
    size_t at = r->text.end;
    enum ps_status st = ps_buf_append(&r->text, bytes);
    if (st == PS_OK)
        *span = (struct up_span){(uint32_t)at, (uint32_t)bytes.n};
    return st;
}

static enum ps_status grow_fields(struct up_request *r)
{
    if (r->fields_n < r->fields_cap)
        return PS_OK;
    size_t cap = r->fields_cap == 0 ? FIRST_FIELDS_N : r->fields_cap * 2;
    struct up_field *fields = ps_realloc(r->fields, cap * sizeof *fields);
    if (fields == NULL)
        return PS_NOMEM;
    r->fields = fields;
    r->fields_cap = cap;
    return PS_OK;
}

enum ps_status up_request_add(struct up_request *r, struct ps_bytes name, struct ps_bytes value)
{
    struct up_field f;
    if (r->fields_n == UP_FIELDS_N)
        return PS_LIMIT;
    enum ps_status st = grow_fields(r);
    if (st == PS_OK)
        st = up_request_put(r, &f.name, name);
    if (st == PS_OK)
        st = up_request_put(r, &f.value, value);
    if (st == PS_OK)
        r->fields[r->fields_n++] = f;
    return st;
}

enum ps_status up_request_body(struct up_request *r, struct ps_bytes bytes)
{
    size_t room = ps_buf_room(&r->body);
    r->body_bytes += bytes.n;
    return ps_buf_append(&r->body, ps_bytes_of(bytes.p, bytes.n < room ? bytes.n : room));
}
