/* proto/request.c -- building a request that cannot be read in two ways (rule 64; see request.h).
 * In: method, URL, fields and body size as a caller gave them.  Out: a sealed request, or an error
 * that names the field but never shows its value (it may be a key).  Thread: any. Limits:
 * PS_REQUEST_HEAD_BYTES, PS_REQUEST_FIELDS, PS_URL_MAX_BYTES.
 *
 * Everything that frames the message is ours: the caller may say what he thinks the framing is, and
 * is told when he is wrong, but no such field is ever copied through. */
#include "proto/request.h"

#include <assert.h>

#include "base/mem.h"
#include "proto/field.h"

static char *copy_text(struct ps_bytes b)
{
    return ps_strndup(b.n == 0 ? "" : (const char *)b.p, b.n);
}

static enum ps_status bad_value(struct ps_err *err, const char *name, const char *why)
{
    return ps_err_set(err, PS_BAD_HEADER, PS_PHASE_NONE, "request field %s %s", name, why);
}

static bool is_one_of(struct ps_bytes b, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (ps_bytes_eq(b, ps_bytes_str(*names)))
            return true;
    }
    return false;
}

static void note_method(struct ps_request *r, struct ps_bytes method)
{
    /* Methods are case-sensitive: "get" is another method, about which nothing is known. */
    static const char *const idempotent[] = {"GET",     "HEAD",  "PUT", "DELETE",
                                             "OPTIONS", "TRACE", NULL};
    r->is_head = ps_bytes_eq(method, ps_bytes_str("HEAD"));
    r->is_connect = ps_bytes_eq(method, ps_bytes_str("CONNECT"));
    r->is_idempotent = is_one_of(method, idempotent);
}

/* "/" + path when the URL had none (RFC 9112 3.2.1). */
static char *origin_form(struct ps_bytes path)
{
    bool has_slash = path.n > 0 && path.p[0] == '/';
    char *target = ps_malloc(path.n + 2);
    if (target == NULL)
        return NULL;
    size_t at = 0;
    if (!has_slash)
        target[at++] = '/';
    if (path.n > 0)
        memcpy(target + at, path.p, path.n);
    target[at + path.n] = '\0';
    return target;
}

enum ps_status ps_request_new(struct ps_request **out, struct ps_bytes method,
                              const struct ps_url *url, struct ps_err *err)
{
    static const struct ps_head_limits limits = {PS_REQUEST_HEAD_BYTES, PS_REQUEST_FIELDS};
    enum {
        METHOD_MAX_BYTES = 64
    };
    char quoted[PS_QUOTE_BYTES];
    if (!ps_is_token(method) || method.n > METHOD_MAX_BYTES)
        return ps_err_set(err, PS_BAD_HEADER, PS_PHASE_NONE, "request method %s is not a token",
                          ps_quote(quoted, method));
    struct ps_request *r = ps_zalloc(sizeof *r);
    if (r == NULL)
        return ps_err_nomem(err);
    r->method = copy_text(method);
    r->target = origin_form(url->path);
    r->authority = copy_text(url->authority);
    r->fields = ps_head_new(&limits);
    if (r->method == NULL || r->target == NULL || r->authority == NULL || r->fields == NULL)
        goto fail;
    r->is_https = url->is_https;
    note_method(r, method);
    *out = r;
    return PS_OK;
fail:
    ps_request_free(r);
    return ps_err_nomem(err);
}

void ps_request_free(struct ps_request *r)
{
    if (r == NULL)
        return;
    ps_free(r->method);
    ps_free(r->target);
    ps_free(r->authority);
    ps_head_free(r->fields);
    ps_free(r);
}

static bool is_visible(struct ps_bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] <= 0x20 || b.p[i] >= 0x7f)
            return false;
    }
    return true;
}

enum ps_status ps_request_set_target(struct ps_request *r, struct ps_bytes target,
                                     struct ps_err *err)
{
    assert(!r->is_sealed);
    if (target.n == 0 || target.n > PS_URL_MAX_BYTES || !is_visible(target))
        return ps_err_set(err, PS_BAD_HEADER, PS_PHASE_NONE,
                          "request target must be 1 to %d bytes of visible ASCII",
                          PS_URL_MAX_BYTES);
    char *copy = copy_text(target);
    if (copy == NULL)
        return ps_err_nomem(err);
    ps_free(r->target);
    r->target = copy;
    return PS_OK;
}

/* Host: once, and nothing that would make another host out of it for a lax reader. */
static enum ps_status set_host(struct ps_request *r, struct ps_bytes value, struct ps_err *err)
{
    if (r->has_host)
        return bad_value(err, "Host", "is given twice");
    if (value.n == 0 || !is_visible(value))
        return bad_value(err, "Host", "is not a host name");
    for (size_t i = 0; i < value.n; i++) {
        if (strchr("/?#@\\,\"<>^`{|}", value.p[i]) != NULL)
            return bad_value(err, "Host", "is not a host name");
    }
    char *copy = copy_text(value);
    if (copy == NULL)
        return ps_err_nomem(err);
    ps_free(r->authority);
    r->authority = copy;
    r->has_host = true;
    return PS_OK;
}

static enum ps_status set_length(struct ps_request *r, struct ps_bytes value, struct ps_err *err)
{
    if (r->has_length)
        return bad_value(err, "Content-Length", "is given twice");
    if (!ps_parse_decimal(value, &r->length_bytes))
        return bad_value(err, "Content-Length", "is not a decimal number");
    r->has_length = true;
    return PS_OK;
}

/* What becomes of a field once its name and value are legal. */
enum field_use {
    FIELD_KEEP,
    FIELD_DROP
};

/* Fields about the connection or the framing: `*use` says what to do with this one. */
static enum ps_status judge(struct ps_request *r, struct ps_bytes name, struct ps_bytes value,
                            enum field_use *use, struct ps_err *err)
{
    static const char *const hop[] = {"Upgrade", "Keep-Alive", "Proxy-Connection", "HTTP2-Settings",
                                      NULL};
    *use = FIELD_KEEP;
    for (const char *const *h = hop; *h != NULL; h++) {
        if (ps_bytes_ieq_str(name, *h))
            return bad_value(err, *h, "belongs to the connection, which is not the caller's");
    }
    if (ps_bytes_ieq_str(name, "Host")) {
        *use = FIELD_DROP;
        return set_host(r, value, err);
    }
    if (ps_bytes_ieq_str(name, "Content-Length")) {
        *use = FIELD_DROP;
        return set_length(r, value, err);
    }
    if (ps_bytes_ieq_str(name, "Transfer-Encoding")) {
        *use = FIELD_DROP;
        if (!ps_bytes_ieq_str(value, "chunked"))
            return bad_value(err, "Transfer-Encoding", "may only say chunked");
    } else if (ps_bytes_ieq_str(name, "Connection")) {
        if (ps_bytes_ieq_str(value, "close"))
            r->wants_close = true;
        else if (!ps_bytes_ieq_str(value, "keep-alive"))
            return bad_value(err, "Connection", "may only say close or keep-alive");
    } else if (ps_bytes_ieq_str(name, "Expect")) {
        if (!ps_bytes_ieq_str(value, "100-continue"))
            return bad_value(err, "Expect", "may only say 100-continue");
        r->expect_continue = true; /* seal() takes it back when there is no body */
    } else if (ps_bytes_ieq_str(name, "TE")) {
        if (!ps_bytes_ieq_str(value, "trailers"))
            return bad_value(err, "TE", "may only say trailers");
    } else if (ps_bytes_ieq_str(name, "Idempotency-Key")) {
        r->is_idempotent = true;
    }
    return PS_OK;
}

/* Legal name and value? The text shows at most the legal start of a name: what follows may be a
 * value that slipped into it. */
static enum ps_status check_field(struct ps_bytes name, struct ps_bytes value, struct ps_err *err)
{
    enum {
        SHOWN_BYTES = 40
    };
    size_t n = ps_token_n(name);
    int shown_n = n < SHOWN_BYTES ? (int)n : SHOWN_BYTES;
    const char *shown = n == 0 ? "" : (const char *)name.p;
    if (name.n == 0)
        return ps_err_set(err, PS_BAD_HEADER, PS_PHASE_NONE, "a request field has an empty name");
    if (n < name.n)
        return ps_err_set(
            err, PS_BAD_HEADER, PS_PHASE_NONE,
            "request field name \"%.*s\" goes on with byte 0x%02x, which no name may have", shown_n,
            shown, name.p[n]);
    size_t legal_n = ps_value_n(value);
    if (legal_n < value.n)
        return ps_err_set(err, PS_BAD_HEADER, PS_PHASE_NONE,
                          "value of request field %.*s has byte 0x%02x at offset %zu", shown_n,
                          shown, value.p[legal_n], legal_n);
    return PS_OK;
}

enum ps_status ps_request_add(struct ps_request *r, struct ps_bytes name, struct ps_bytes value,
                              struct ps_err *err)
{
    assert(!r->is_sealed);
    enum ps_status st = check_field(name, value, err);
    if (st != PS_OK)
        return st;
    value = ps_trim(value);
    enum field_use use;
    st = judge(r, name, value, &use, err);
    if (st != PS_OK || use == FIELD_DROP)
        return st;
    st = ps_head_add(r->fields, name, value);
    if (st == PS_NOMEM)
        return ps_err_nomem(err);
    if (st != PS_OK)
        return ps_err_set(err, st, PS_PHASE_NONE,
                          "the request's fields exceed %d bytes or %d in number",
                          PS_REQUEST_HEAD_BYTES, PS_REQUEST_FIELDS);
    return PS_OK;
}

enum ps_status ps_request_seal(struct ps_request *r, enum ps_body_kind kind, uint64_t body_bytes,
                               struct ps_err *err)
{
    assert(!r->is_sealed);
    uint64_t known_bytes = kind == PS_BODY_FIXED ? body_bytes : 0;
    if (r->has_length && kind != PS_BODY_STREAM && r->length_bytes != known_bytes)
        return ps_err_set(err, PS_BAD_HEADER, PS_PHASE_NONE,
                          "Content-Length says %llu but the request body has %llu bytes",
                          (unsigned long long)r->length_bytes, (unsigned long long)known_bytes);
    r->body_kind = r->has_length ? PS_BODY_FIXED : kind;
    r->body_bytes = r->has_length ? r->length_bytes : known_bytes;
    /* RFC 9110 10.1.1: no expectation without content. */
    if (r->body_kind == PS_BODY_NONE || (r->body_kind == PS_BODY_FIXED && r->body_bytes == 0))
        r->expect_continue = false;
    r->is_sealed = true;
    return PS_OK;
}
