/* proto/h2_head.c -- heads: a request as header fields of HTTP/2, fields of the peer as ps_head
 * (rules 45, 47, 54, 57, 59, 62, 64, 65).
 * Out: pseudo fields, the caller's fields without those of the connection, content-length as h1
 * would send it; names in lower case (the library sees to it); secrets never enter the peer's HPACK
 * table. In: the library has checked the grammar (pseudo fields, lower case, connection fields);
 * values are trimmed here, because real servers send blanks. A head over its limit ends its
 * exchange, one over four times the limit the connection; what is counted is the decoded size, so
 * bombs do not pay. Thread: io. Limits: ps_codec_limits.head, .trailer, .info_n; the peer's
 * MAX_HEADER_LIST_SIZE. */
#include "proto/h2_state.h"

#include <stdio.h>

#include "base/mem.h"
#include "proto/field.h"

enum {
    FIELD_COST_BYTES = 32, /* RFC 9113 6.5.2 */
    PSEUDO_FIELDS = 4,
    LENGTH_BYTES = 24,
    TOO_MUCH = 4, /* times the limit: the connection ends */
};

static bool is_one_of(struct ps_bytes name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (ps_bytes_ieq_str(name, *names))
            return true;
    }
    return false;
}

/* Rule 64. An Expect that lost its body is not sent either. */
static bool is_sent(const struct ps_request *req, struct ps_bytes name)
{
    static const char *const hop[] = {"connection",
                                      "keep-alive",
                                      "proxy-connection",
                                      "transfer-encoding",
                                      "upgrade",
                                      "http2-settings",
                                      "host",
                                      NULL};
    if (is_one_of(name, hop))
        return false;
    return req->expect_continue || !ps_bytes_ieq_str(name, "expect");
}

/* Rule 65. */
static bool is_secret(struct ps_bytes name)
{
    static const char *const secrets[] = {
        "authorization",  "proxy-authorization",  "cookie", "api-key", "x-api-key",
        "x-goog-api-key", "x-amz-security-token", NULL};
    return is_one_of(name, secrets);
}

static void put_nv(nghttp2_nv **at, struct ps_bytes name, struct ps_bytes value)
{
    /* The library copies both; its type only forgot the const. */
    **at = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.p,
                        .namelen = name.n,
                        .value = (uint8_t *)(uintptr_t)value.p,
                        .valuelen = value.n,
                        .flags = is_secret(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
    ++*at;
}

static void put_str(nghttp2_nv **at, const char *name, const char *value)
{
    put_nv(at, ps_bytes_str(name), ps_bytes_str(value));
}

/* A method that is expected to carry content says so when it has none (RFC 9110 8.6). */
static bool has_length(const struct ps_request *req)
{
    switch (req->body_kind) {
    case PS_BODY_NONE:
        return strcmp(req->method, "POST") == 0 || strcmp(req->method, "PUT") == 0 ||
               strcmp(req->method, "PATCH") == 0;
    case PS_BODY_FIXED:
        return true;
    case PS_BODY_STREAM:
        break;
    }
    return false;
}

/* Fills `nv`, which has room for everything; returns how many. `length` must outlive it. */
static size_t put_head(const struct ps_request *req, char *length, nghttp2_nv *nv)
{
    nghttp2_nv *at = nv;
    put_str(&at, ":method", req->method);
    if (!req->is_connect) { /* RFC 9113 8.5 */
        put_str(&at, ":scheme", req->is_https ? "https" : "http");
        put_str(&at, ":path", req->target);
    }
    put_str(&at, ":authority", req->authority);
    for (size_t i = 0; i < req->fields->fields_n; i++) {
        struct ps_bytes name = ps_head_name(req->fields, i);
        if (is_sent(req, name))
            put_nv(&at, name, ps_head_value(req->fields, i));
    }
    if (has_length(req)) {
        snprintf(length, LENGTH_BYTES, "%llu", (unsigned long long)req->body_bytes);
        put_str(&at, "content-length", length);
    }
    return (size_t)(at - nv);
}

static enum ps_status check_size(struct ps_h2 *h, const nghttp2_nv *nv, size_t nv_n,
                                 struct ps_err *err)
{
    size_t limit =
        nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    size_t sum = 0;
    for (size_t i = 0; i < nv_n; i++)
        sum += nv[i].namelen + nv[i].valuelen + FIELD_COST_BYTES;
    if (sum <= limit)
        return PS_OK;
    return ps_err_set(err, PS_LIMIT, PS_PHASE_SEND,
                      "the request head has %zu bytes, the peer takes at most %zu", sum, limit);
}

enum ps_status ps_h2_submit_head(struct ps_h2 *h, const struct ps_request *req, struct h2_stream *s,
                                 struct ps_err *err)
{
    char length[LENGTH_BYTES];
    nghttp2_nv *nv = ps_malloc((PSEUDO_FIELDS + req->fields->fields_n + 1) * sizeof *nv);
    if (nv == NULL)
        return ps_err_nomem(err);
    size_t nv_n = put_head(req, length, nv);
    enum ps_status st = check_size(h, nv, nv_n, err);
    if (st == PS_OK) {
        nghttp2_data_provider body = {.read_callback = ps_h2_read_upload};
        int32_t id =
            nghttp2_submit_request(h->session, NULL, nv, nv_n, s->up.has_ended ? NULL : &body, s);
        if (id == NGHTTP2_ERR_NOMEM)
            st = ps_err_nomem(err);
        else if (id < 0)
            st = ps_err_set(err, PS_CLOSED, PS_PHASE_QUEUE, "%s", nghttp2_strerror(id));
        else
            s->id = (uint32_t)id;
    }
    ps_free(nv);
    return st;
}

static int fail_nomem(struct ps_h2 *h)
{
    ps_h2_judge(h, NGHTTP2_ERR_NOMEM);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int ps_h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct ps_h2 *h = user;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    h->block_bytes = h->block_fields_n = 0;
    if (s == NULL)
        return 0;
    ps_head_free(s->head); /* of a block that the library has refused */
    s->head = ps_head_new(s->has_head ? &h->limits.trailer : &h->limits.head);
    return s->head == NULL ? fail_nomem(h) : 0;
}

/* RFC 9110 6.5.1: what frames, routes, authenticates or describes the content means nothing after
 * it. Fields of the connection never come so far. */
static bool is_forbidden_trailer(struct ps_bytes name)
{
    static const char *const names[] = {"age",
                                        "authorization",
                                        "cache-control",
                                        "content-encoding",
                                        "content-length",
                                        "content-range",
                                        "content-type",
                                        "date",
                                        "expires",
                                        "host",
                                        "location",
                                        "proxy-authenticate",
                                        "proxy-authorization",
                                        "retry-after",
                                        "set-cookie",
                                        "te",
                                        "trailer",
                                        "vary",
                                        "www-authenticate",
                                        NULL};
    return is_one_of(name, names);
}

/* Counts a field, kept or not; false when the block has become an attack (rules 45, 54). */
static bool count_field(struct ps_h2 *h, size_t name_n, size_t value_n)
{
    h->block_bytes += name_n + value_n + FIELD_COST_BYTES;
    h->block_fields_n++;
    if (h->block_bytes <= TOO_MUCH * h->limits.head.bytes &&
        h->block_fields_n <= TOO_MUCH * h->limits.head.fields_n)
        return true;
    ps_h2_doom(h, PS_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM,
               "one head of the peer exceeds %zu bytes or %zu fields",
               TOO_MUCH * h->limits.head.bytes, TOO_MUCH * h->limits.head.fields_n);
    return false;
}

static enum ps_status keep_field(struct ps_h2 *h, struct h2_stream *s, struct ps_bytes name,
                                 struct ps_bytes value)
{
    struct ps_head *head = s->head;
    if (name.n > 0 && name.p[0] == ':') { /* the library lets only :status through, three digits */
        for (size_t i = 0; i < value.n; i++)
            head->status = head->status * 10 + (value.p[i] - '0');
        return PS_OK;
    }
    if (h->block_bytes > head->limits.bytes || h->block_fields_n > head->limits.fields_n + 1)
        return PS_LIMIT; /* what was dropped is paid for as well; :status is not a field */
    return s->has_head && is_forbidden_trailer(name) ? PS_OK
                                                     : ps_head_add(head, name, ps_trim(value));
}

int ps_h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)flags;
    struct ps_h2 *h = user;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!count_field(h, name_n, value_n))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* spares us the rest of the block */
    if (s == NULL || s->head == NULL)
        return 0;
    enum ps_status st = keep_field(h, s, ps_bytes_of(name, name_n), ps_bytes_of(value, value_n));
    if (st == PS_NOMEM)
        return fail_nomem(h);
    if (st != PS_OK)
        h2_stream_cut(h, s, PS_LIMIT, NGHTTP2_CANCEL,
                      "the response %s exceed%s %zu bytes or %zu fields",
                      s->has_head ? "trailers" : "head", s->has_head ? "" : "s",
                      s->head->limits.bytes, s->head->limits.fields_n);
    return 0;
}

/* What the library would drop in silence: CR, LF or NUL in a value, bytes no name may have (rule
 * 57). */
int ps_h2_on_bad_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                        size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                        void *user)
{
    (void)value, (void)value_n, (void)flags;
    char quoted[PS_QUOTE_BYTES];
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s != NULL)
        h2_stream_cut(user, s, PS_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
                      "response field %s has an illegal name or value",
                      ps_quote(quoted, ps_bytes_of(name, name_n)));
    return 0;
}

static bool finish_info(struct ps_h2 *h, struct h2_stream *s)
{
    s->info_n++;
    s->info_bytes += s->head->cost_bytes;
    if (s->info_n > h->limits.info_n || s->info_bytes > h->limits.head.bytes) { /* rule 47 */
        h2_stream_cut(h, s, PS_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM,
                      "%zu interim (1xx) heads of %zu bytes and still no final one", s->info_n,
                      s->info_bytes);
        return false;
    }
    if (s->head->status == 100)
        ps_h2_stop_waiting(&h->codec, s->id);
    ps_h2_tell_head(h, PS_EV_INFO, s);
    return true;
}

static void finish_final(struct ps_h2 *h, struct h2_stream *s)
{
    int status = s->head->status;
    s->has_head = true;
    /* A body still waiting for its 100 is never sent (rule 66); a refusal stops the others (62). */
    if (!s->up.has_ended && (s->up.is_waiting || status >= 300))
        h2_upload_stop(&s->up);
    ps_h2_tell_head(h, PS_EV_HEAD, s);
}

bool ps_h2_finish_head(struct ps_h2 *h, struct h2_stream *s)
{
    if (s->head == NULL)
        return true;
    if (s->has_head) {
        if (s->head->fields_n > 0)
            ps_h2_tell_head(h, PS_EV_TRAILERS, s);
        ps_head_free(s->head); /* forbidden fields only: nothing to tell */
        s->head = NULL;
        return true;
    }
    s->head->http_major = 2;
    if (s->head->status < 100) { /* the library lets any three digits through, and takes it as final */
        h2_stream_cut(h, s, PS_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
                      "the response is malformed: its status is %03d", s->head->status);
        return false;
    }
    if (s->head->status < 200)
        return finish_info(h, s);
    finish_final(h, s);
    return true;
}
