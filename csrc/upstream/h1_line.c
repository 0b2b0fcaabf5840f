/* upstream/h1_line.c -- what one line of an HTTP/1.1 request says, or why it is malformed.
 * In: a line without its CRLF.  Out: the reader's request and flags.  Thread: io.  Limits: see h1_request.h. */
#include "upstream/h1_request.h"

static const char no_memory[] = "";

enum { EXT_BYTES = 4096 };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(uint8_t c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_token_char(uint8_t c)
{
    return is_alpha(c) || is_digit(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool up_h1_is_token(struct ps_bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_token_char(name.p[i]))
            return false;
    }
    return name.n > 0;
}

static const char *refused(enum ps_status st, const char *limit)
{
    return st == PS_OK ? NULL : st == PS_NOMEM ? no_memory : limit;
}

/* -- the request line -- */

static bool is_target_of(struct ps_bytes target, struct ps_bytes method)
{
    for (size_t i = 0; i < target.n; i++) {
        if (target.p[i] <= ' ' || target.p[i] >= 0x7f)
            return false;
    }
    if (target.n == 0)
        return false;
    if (ps_bytes_eq(method, ps_bytes_str("CONNECT")))
        return target.p[0] != '/' && memchr(target.p, ':', target.n) != NULL;
    if (target.p[0] == '/')
        return true;
    if (target.n == 1 && target.p[0] == '*')
        return ps_bytes_eq(method, ps_bytes_str("OPTIONS"));
    return (target.n > 7 && ps_bytes_ieq_str(ps_bytes_of(target.p, 7), "http://")) ||
           (target.n > 8 && ps_bytes_ieq_str(ps_bytes_of(target.p, 8), "https://"));
}

const char *up_h1_request_line(struct up_h1_reader *r, struct ps_bytes line)
{
    const uint8_t *space = line.n == 0 ? NULL : memchr(line.p, ' ', line.n);
    if (space == NULL)
        return "the request line has no space";
    struct ps_bytes method = ps_bytes_of(line.p, (size_t)(space - line.p));
    struct ps_bytes rest = ps_bytes_of(space + 1, line.n - method.n - 1);
    space = rest.n == 0 ? NULL : memchr(rest.p, ' ', rest.n);
    if (space == NULL)
        return "the request line has no version";
    struct ps_bytes target = ps_bytes_of(rest.p, (size_t)(space - rest.p));
    struct ps_bytes version = ps_bytes_of(space + 1, rest.n - target.n - 1);
    if (!up_h1_is_token(method))
        return "the method is not a token";
    if (!is_target_of(target, method))
        return "the target is malformed";
    if (!ps_bytes_eq(version, ps_bytes_str("HTTP/1.1")))
        return "the version is not HTTP/1.1";
    enum ps_status st = up_request_put(&r->request, &r->request.method, method);
    if (st == PS_OK)
        st = up_request_put(&r->request, &r->request.target, target);
    return refused(st, "the head is too large");
}

/* -- fields -- */

static bool is_value(struct ps_bytes value)
{
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static struct ps_bytes trim(struct ps_bytes v)
{
    while (v.n > 0 && (v.p[0] == ' ' || v.p[0] == '\t'))
        v = ps_bytes_of(v.p + 1, v.n - 1);
    while (v.n > 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
        v.n--;
    return v;
}

static const char *split_field(struct ps_bytes line, struct ps_bytes *name, struct ps_bytes *value)
{
    const uint8_t *colon = memchr(line.p, ':', line.n);
    if (colon == NULL)
        return "a field has no colon";
    *name = ps_bytes_of(line.p, (size_t)(colon - line.p));
    *value = trim(ps_bytes_of(colon + 1, line.n - name->n - 1));
    if (!up_h1_is_token(*name))
        return "a field's name is not a token";
    return is_value(*value) ? NULL : "a field's value has a control character";
}

static const char *take_length(struct up_h1_reader *r, struct ps_bytes value)
{
    if (r->lengths_n++ > 0)
        return "two Content-Length";
    if (value.n == 0 || value.n > 18)
        return "Content-Length is not a number";
    r->length = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!is_digit(value.p[i]))
            return "Content-Length is not a number";
        r->length = r->length * 10 + (value.p[i] - '0');
    }
    return NULL;
}

static bool lists(struct ps_bytes value, const char *token)
{
    while (value.n > 0) {
        const uint8_t *comma = memchr(value.p, ',', value.n);
        size_t n = comma == NULL ? value.n : (size_t)(comma - value.p);
        if (ps_bytes_ieq_str(trim(ps_bytes_of(value.p, n)), token))
            return true;
        n += comma == NULL ? 0 : 1;
        value = ps_bytes_of(value.p + n, value.n - n);
    }
    return false;
}

/* The fields that this side acts on. */
static const char *take_meaning(struct up_h1_reader *r, struct ps_bytes name, struct ps_bytes value)
{
    switch (name.n) {
    case 4:
        r->hosts_n += ps_bytes_ieq_str(name, "host");
        return NULL;
    case 6:
        if (!ps_bytes_ieq_str(name, "expect"))
            return NULL;
        r->wants_continue = ps_bytes_ieq_str(value, "100-continue");
        return r->wants_continue ? NULL : "an unknown expectation";
    case 10:
        if (ps_bytes_ieq_str(name, "connection"))
            r->closes = r->closes || lists(value, "close");
        return NULL;
    case 14:
        return ps_bytes_ieq_str(name, "content-length") ? take_length(r, value) : NULL;
    case 17:
        if (!ps_bytes_ieq_str(name, "transfer-encoding"))
            return NULL;
        if (r->codings_n++ > 0 || !ps_bytes_ieq_str(value, "chunked"))
            return "a transfer coding other than one chunked";
        return NULL;
    default:
        return NULL;
    }
}

const char *up_h1_field_line(struct up_h1_reader *r, struct ps_bytes line)
{
    struct ps_bytes name, value;
    const char *why = split_field(line, &name, &value);
    if (why == NULL)
        why = take_meaning(r, name, value);
    if (why == NULL)
        why = refused(up_request_add(&r->request, name, value), "too many fields");
    return why;
}

const char *up_h1_trailer_line(struct up_h1_reader *r, struct ps_bytes line)
{
    struct ps_bytes name, value;
    if (++r->trailers_n > UP_FIELDS_N)
        return "too many trailer fields";
    return split_field(line, &name, &value);
}

/* -- chunk sizes -- */

static int hex_of(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *up_h1_chunk_line(struct up_h1_reader *r, struct ps_bytes line)
{
    size_t i = 0;
    r->left_bytes = 0;
    while (i < line.n && hex_of(line.p[i]) >= 0) {
        if (i == 15)
            return "a chunk's size is too large";
        r->left_bytes = r->left_bytes * 16 + (unsigned)hex_of(line.p[i++]);
    }
    if (i == 0)
        return "a chunk's size is not a number";
    if (i == line.n)
        return NULL;
    r->ext_bytes += line.n - i;
    if (line.p[i] != ';' || !is_value(ps_bytes_of(line.p + i, line.n - i)))
        return "a chunk's size is followed by something else than an extension";
    return r->ext_bytes > EXT_BYTES ? "too many chunk extensions" : NULL;
}
