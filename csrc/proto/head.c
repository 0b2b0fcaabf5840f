/* proto/head.c -- the field block (see head.h).
 * `text` is only ever appended to, so an offset stays true for the head's whole life. Every byte in
 * it is paid for in cost_bytes, therefore text's own limit never strikes first. */
#include "proto/head.h"

#include "base/mem.h"

enum {
    FIELD_COST_BYTES = 32,
    FIRST_FIELDS = 16,
    FIRST_TEXT_BYTES = 1024
};

struct ps_head *ps_head_new(const struct ps_head_limits *limits)
{
    struct ps_head *h = ps_zalloc(sizeof *h);
    if (h == NULL)
        return NULL;
    h->limits = *limits;
    if (h->limits.bytes > UINT32_MAX) /* offsets are 32 bits wide */
        h->limits.bytes = UINT32_MAX;
    ps_buf_init(&h->text, h->limits.bytes);
    return h;
}

void ps_head_free(struct ps_head *h)
{
    if (h == NULL)
        return;
    ps_buf_fini(&h->text);
    ps_free(h->fields);
    ps_free(h);
}

static enum ps_status grow_fields(struct ps_head *h)
{
    if (h->fields_n < h->fields_cap)
        return PS_OK;
    size_t cap = h->fields_cap == 0 ? FIRST_FIELDS : h->fields_cap * 2;
    struct ps_field *fields = ps_realloc(h->fields, cap * sizeof *fields);
    if (fields == NULL)
        return PS_NOMEM;
    h->fields = fields;
    h->fields_cap = cap;
    return PS_OK;
}

/* Room for `n` more bytes of text; a head begins with room for a usual one. */
static enum ps_status reserve_text(struct ps_head *h, size_t n, uint8_t **to)
{
    size_t want = n == 0 ? 1 : n; /* 1: so that `*to` is never NULL + 0 */
    if (h->text.data == NULL && n < FIRST_TEXT_BYTES && FIRST_TEXT_BYTES <= h->limits.bytes)
        want = FIRST_TEXT_BYTES;
    return ps_buf_reserve(&h->text, want, to);
}

/* True when `name` + `value` + 32 still fit; written so that no sum can overflow. */
static bool has_room(const struct ps_head *h, size_t name_n, size_t value_n)
{
    size_t room = h->limits.bytes - h->cost_bytes;
    return h->fields_n < h->limits.fields_n && room >= FIELD_COST_BYTES &&
           name_n <= room - FIELD_COST_BYTES && value_n <= room - FIELD_COST_BYTES - name_n;
}

enum ps_status ps_head_add(struct ps_head *h, struct ps_bytes name, struct ps_bytes value)
{
    if (!has_room(h, name.n, value.n))
        return PS_LIMIT;
    uint8_t *to = NULL;
    if (grow_fields(h) != PS_OK || reserve_text(h, name.n + value.n, &to) != PS_OK)
        return PS_NOMEM;
    uint32_t at = (uint32_t)ps_buf_n(&h->text);
    if (name.n > 0)
        memcpy(to, name.p, name.n);
    if (value.n > 0)
        memcpy(to + name.n, value.p, value.n);
    ps_buf_commit(&h->text, name.n + value.n);
    h->fields[h->fields_n++] = (struct ps_field){
        .name_at = at,
        .name_n = (uint32_t)name.n,
        .value_at = at + (uint32_t)name.n,
        .value_n = (uint32_t)value.n,
    };
    h->cost_bytes += name.n + value.n + FIELD_COST_BYTES;
    return PS_OK;
}

enum ps_status ps_head_set_reason(struct ps_head *h, struct ps_bytes reason)
{
    if (reason.n > h->limits.bytes - h->cost_bytes)
        return PS_LIMIT;
    if (reason.n == 0)
        return PS_OK;
    uint8_t *to = NULL;
    if (reserve_text(h, reason.n, &to) != PS_OK)
        return PS_NOMEM;
    h->reason_at = (uint32_t)ps_buf_n(&h->text);
    h->reason_n = (uint32_t)reason.n;
    memcpy(to, reason.p, reason.n);
    ps_buf_commit(&h->text, reason.n);
    h->cost_bytes += reason.n;
    return PS_OK;
}

static struct ps_bytes text_at(const struct ps_head *h, uint32_t at, uint32_t n)
{
    return ps_bytes_of(n == 0 ? NULL : h->text.data + at, n);
}

struct ps_bytes ps_head_name(const struct ps_head *h, size_t i)
{
    return text_at(h, h->fields[i].name_at, h->fields[i].name_n);
}

struct ps_bytes ps_head_value(const struct ps_head *h, size_t i)
{
    return text_at(h, h->fields[i].value_at, h->fields[i].value_n);
}

struct ps_bytes ps_head_reason(const struct ps_head *h)
{
    return text_at(h, h->reason_at, h->reason_n);
}

size_t ps_head_find(const struct ps_head *h, const char *name, size_t from)
{
    struct ps_bytes wanted = ps_bytes_str(name);
    size_t i = from;
    while (i < h->fields_n && !ps_bytes_ieq(ps_head_name(h, i), wanted))
        i++;
    return i < h->fields_n ? i : h->fields_n;
}
