/* proto/h1_body.c -- response bodies: by length, in chunks, until close (rules 70, 73, 74).
 * In: the view given to feed().  Out: PS_EV_BODY views of it, never a copy: one for each unbroken
 * run; PS_EV_TRAILERS.  Thread: io. Limits: 16 digits and limits.chunk_ext_bytes for a chunk's
 * first line, limits.trailer. */
#include "proto/field.h"
#include "proto/h1_state.h"

enum {
    SIZE_DIGITS = 16
};

enum h1_step ps_h1_read_body(struct ps_h1 *h, struct ps_event *ev)
{
    if (h->in.n == 0)
        return H1_MORE;
    size_t n = h->in.n;
    if (h->state != H1_BODY_CLOSE) {
        if (n > h->left_bytes)
            n = (size_t)h->left_bytes;
        h->left_bytes -= n;
        if (h->left_bytes == 0)
            h->state = h->state == H1_CHUNK_DATA ? H1_CHUNK_CRLF : H1_END;
    }
    ev->kind = PS_EV_BODY;
    ev->id = h->id;
    ev->body = ps_bytes_of(h->in.p, n);
    h->in = ps_bytes_of(h->in.p + n, h->in.n - n);
    h->read_bytes += n;
    h->unread_bytes += n;
    return H1_EVENT;
}

/* 0..15, or 16 for what is no hexadecimal digit. */
static unsigned hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

static enum h1_step fail_size(struct ps_h1 *h, struct ps_event *ev, struct ps_bytes line,
                              const char *why)
{
    char quoted[PS_QUOTE_BYTES];
    return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_BODY, "chunk size line %s %s",
                      ps_quote(quoted, line), why);
}

static enum h1_step parse_size(struct ps_h1 *h, struct ps_event *ev, struct ps_bytes line)
{
    uint64_t size = 0;
    size_t n = 0;
    unsigned digit;
    while (n < line.n && n <= SIZE_DIGITS && (digit = hex_value(line.p[n])) < 16) {
        size = size << 4 | digit;
        n++;
    }
    if (n == 0)
        return fail_size(h, ev, line, "does not begin with a hexadecimal digit");
    if (n > SIZE_DIGITS || size > INT64_MAX)
        return fail_size(h, ev, line, "is too large a number");
    struct ps_bytes ext = {line.p + n, line.n - n};
    if (ext.n > 0 && ext.p[0] != ';')
        return fail_size(h, ev, line, "goes on with neither an extension nor CRLF");
    if (ext.n > h->limits.chunk_ext_bytes)
        return ps_h1_fail(h, ev, PS_LIMIT, PS_PHASE_BODY,
                          "a chunk extension is longer than %zu bytes", h->limits.chunk_ext_bytes);
    if (ps_value_n(ext) < ext.n)
        return fail_size(h, ev, line, "has a control byte in its extension");
    h->left_bytes = size;
    h->state = size > 0 ? H1_CHUNK_DATA : H1_TRAILER;
    return H1_AGAIN;
}

enum h1_step ps_h1_read_chunk_size(struct ps_h1 *h, struct ps_event *ev)
{
    struct ps_bytes line;
    size_t limit_bytes = SIZE_DIGITS + h->limits.chunk_ext_bytes;
    switch (ps_h1_take_line(h, limit_bytes, &line)) {
    case H1_LINE_PART:
        return H1_MORE;
    case H1_LINE_NOMEM:
        return ps_h1_fail_nomem(h, ev);
    case H1_LINE_LONG:
        return ps_h1_fail(h, ev, PS_LIMIT, PS_PHASE_BODY,
                          "a chunk size line is longer than %zu bytes", limit_bytes);
    case H1_LINE_WHOLE:
        break;
    }
    enum h1_step step = ps_h1_strip_cr(h, ev, PS_PHASE_BODY, "a chunk size line", &line);
    return step == H1_AGAIN ? parse_size(h, ev, line) : step;
}

enum h1_step ps_h1_read_chunk_crlf(struct ps_h1 *h, struct ps_event *ev)
{
    while (h->in.n > 0) {
        uint8_t c = h->in.p[0];
        if (c != (h->has_cr ? '\n' : '\r'))
            return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_BODY,
                              "a chunk's data is followed by byte 0x%02x instead of CRLF", c);
        h->in = ps_bytes_of(h->in.p + 1, h->in.n - 1);
        h->has_cr = !h->has_cr;
        if (c == '\n') {
            h->state = H1_CHUNK_SIZE;
            return H1_AGAIN;
        }
    }
    return H1_MORE;
}

/* RFC 9110 6.5.1: fields that frame, route, authenticate or describe the content mean nothing after
 * it. */
static bool is_forbidden(struct ps_bytes name)
{
    static const char *const names[] = {
        "Age",
        "Authorization",
        "Cache-Control",
        "Connection",
        "Content-Encoding",
        "Content-Length",
        "Content-Range",
        "Content-Type",
        "Date",
        "Expires",
        "Host",
        "Keep-Alive",
        "Location",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Retry-After",
        "Set-Cookie",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Vary",
        "WWW-Authenticate",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (ps_bytes_ieq_str(name, names[i]))
            return true;
    }
    return false;
}

/* A dropped field is paid for like a kept one. */
static enum ps_status drop_field(struct ps_head *t, struct ps_bytes name, struct ps_bytes value)
{
    size_t cost = name.n + value.n + 32;
    if (t->fields_n >= t->limits.fields_n || cost > t->limits.bytes - t->cost_bytes)
        return PS_LIMIT;
    t->limits.fields_n--;
    t->limits.bytes -= cost;
    return PS_OK;
}

static enum ps_status add_trailer(struct ps_h1 *h, struct ps_bytes name, struct ps_bytes value)
{
    if (h->head == NULL)
        h->head = ps_head_new(&h->limits.trailer);
    if (h->head == NULL)
        return PS_NOMEM;
    return is_forbidden(name) ? drop_field(h->head, name, value)
                              : ps_head_add(h->head, name, value);
}

static enum h1_step finish_trailer(struct ps_h1 *h, struct ps_event *ev)
{
    struct ps_head *trailer = h->head;
    h->head = NULL;
    h->state = H1_END;
    if (trailer == NULL || trailer->fields_n == 0) {
        ps_head_free(trailer);
        return H1_AGAIN;
    }
    ev->kind = PS_EV_TRAILERS;
    ev->id = h->id;
    ev->head = trailer;
    return H1_EVENT;
}

enum h1_step ps_h1_read_trailer(struct ps_h1 *h, struct ps_event *ev)
{
    struct ps_bytes name, value;
    for (;;) {
        enum h1_step step = ps_h1_take_field(h, ev, PS_PHASE_BODY, &name, &value);
        if (step != H1_AGAIN)
            return step;
        if (name.n == 0)
            return finish_trailer(h, ev);
        enum ps_status st = add_trailer(h, name, value);
        if (st == PS_NOMEM)
            return ps_h1_fail_nomem(h, ev);
        if (st != PS_OK)
            return ps_h1_fail(h, ev, st, PS_PHASE_BODY,
                              "the trailers exceed %zu bytes or %zu fields",
                              h->limits.trailer.bytes, h->limits.trailer.fields_n);
    }
}
