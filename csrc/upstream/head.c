/* upstream/head.c -- response heads and trailers, written out for HTTP/1.1 and for nghttp2 when a program is made.
 * Fields go as they are given, right or wrong; only HTTP/2's names are put into lower case. Thread: any. */
#include "upstream/program.h"

#include <stdio.h>

#include "base/mem.h"

static const struct {
    int status;
    const char *text;
} reasons[] = {
    {100, "Continue"}, {101, "Switching Protocols"}, {102, "Processing"}, {103, "Early Hints"},
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {206, "Partial Content"},
    {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
    {307, "Temporary Redirect"}, {308, "Permanent Redirect"}, {400, "Bad Request"},
    {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
    {408, "Request Timeout"}, {409, "Conflict"}, {413, "Content Too Large"},
    {422, "Unprocessable Content"}, {425, "Too Early"}, {429, "Too Many Requests"},
    {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
    {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {529, "Overloaded"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "Unnamed";
}

void up_head_fini(struct up_head *h)
{
    ps_free(h->h1);
    ps_free(h->nv);
    *h = (struct up_head){0};
}

/* -- for nghttp2 -- */

static uint8_t *put(uint8_t **to, struct ps_bytes bytes)
{
    uint8_t *at = *to;
    if (bytes.n > 0)
        memcpy(at, bytes.p, bytes.n);
    *to += bytes.n;
    return at;
}

static void put_nv(struct up_head *h, uint8_t **to, struct ps_bytes name, struct ps_bytes value)
{
    nghttp2_nv *nv = &h->nv[h->nv_n++];
    *nv = (nghttp2_nv){.namelen = name.n,
                       .valuelen = value.n,
                       .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
    nv->name = put(to, name);
    nv->value = put(to, value);
    for (size_t i = 0; i < name.n; i++) {
        if (nv->name[i] >= 'A' && nv->name[i] <= 'Z')
            nv->name[i] |= 32;
    }
}

static enum ps_status set_nv(struct up_head *h, const struct up_pair *fields, size_t n, int64_t body_bytes)
{
    char status[16], length[24];
    size_t text_n = 64; /* ":status", "content-length" and their values */
    for (size_t i = 0; i < n; i++)
        text_n += fields[i].name.n + fields[i].value.n;
    h->nv = ps_malloc((n + 2) * sizeof *h->nv + text_n);
    if (h->nv == NULL)
        return PS_NOMEM;
    uint8_t *to = (uint8_t *)(h->nv + n + 2);
    snprintf(status, sizeof status, "%03d", h->status);
    if (h->status != 0)
        put_nv(h, &to, ps_bytes_str(":status"), ps_bytes_str(status));
    for (size_t i = 0; i < n; i++)
        put_nv(h, &to, fields[i].name, fields[i].value);
    snprintf(length, sizeof length, "%lld", (long long)body_bytes);
    if (body_bytes >= 0)
        put_nv(h, &to, ps_bytes_str("content-length"), ps_bytes_str(length));
    return PS_OK;
}

/* -- for HTTP/1.1 -- */

static const char *framing_field(int64_t body_bytes, char length[64])
{
    if (body_bytes >= 0)
        snprintf(length, 64, "Content-Length: %lld\r\n", (long long)body_bytes);
    return body_bytes >= 0                   ? length
           : body_bytes == UP_BODY_CHUNKED   ? "Transfer-Encoding: chunked\r\n"
           : body_bytes == UP_BODY_CLOSE     ? "Connection: close\r\n"
                                             : "";
}

static enum ps_status set_h1(struct up_head *h, const struct up_pair *fields, size_t n, int64_t body_bytes)
{
    char line[64] = "", length[64];
    if (h->status != 0)
        snprintf(line, sizeof line, "HTTP/1.1 %03d %s\r\n", h->status, reason_of(h->status));
    const char *framing = framing_field(body_bytes, length);
    h->h1_n = strlen(line) + strlen(framing);
    for (size_t i = 0; i < n; i++)
        h->h1_n += fields[i].name.n + fields[i].value.n + 4;
    h->h1 = ps_malloc(h->h1_n + 1);
    if (h->h1 == NULL)
        return PS_NOMEM;
    uint8_t *to = h->h1;
    put(&to, ps_bytes_str(line));
    for (size_t i = 0; i < n; i++) {
        put(&to, fields[i].name);
        put(&to, ps_bytes_str(": "));
        put(&to, fields[i].value);
        put(&to, ps_bytes_str("\r\n"));
    }
    put(&to, ps_bytes_str(framing));
    return PS_OK;
}

/* -- what the fields say -- */

static bool read_length(struct ps_bytes value, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9' || i == 18)
            return false;
        *out = *out * 10 + (value.p[i] - '0');
    }
    return value.n > 0;
}

static void read_fields(struct up_head *h, const struct up_pair *fields, size_t n)
{
    h->frame = UP_FRAME_CLOSE;
    for (size_t i = 0; i < n; i++) {
        if (ps_bytes_ieq_str(fields[i].name, "connection") && ps_bytes_ieq_str(fields[i].value, "close"))
            h->closes = true;
        if (ps_bytes_ieq_str(fields[i].name, "transfer-encoding") &&
            ps_bytes_ieq_str(fields[i].value, "chunked"))
            h->frame = UP_FRAME_CHUNKED;
        if (ps_bytes_ieq_str(fields[i].name, "content-length") && h->frame == UP_FRAME_CLOSE &&
            read_length(fields[i].value, &h->length))
            h->frame = UP_FRAME_LENGTH;
    }
}

static void set_frame(struct up_head *h, int64_t body_bytes)
{
    if (body_bytes >= 0) {
        h->frame = UP_FRAME_LENGTH;
        h->length = (uint64_t)body_bytes;
    } else if (body_bytes == UP_BODY_CHUNKED) {
        h->frame = UP_FRAME_CHUNKED;
    } else if (body_bytes == UP_BODY_CLOSE) {
        h->frame = UP_FRAME_CLOSE;
    }
    if (h->status < 200 || h->status == 204 || h->status == 304)
        h->frame = UP_FRAME_NONE;
    h->closes = h->closes || h->frame == UP_FRAME_CLOSE;
}

enum ps_status up_head_set(struct up_head *h, int status, const struct up_pair *fields, size_t n,
                           int64_t body_bytes)
{
    h->status = status;
    read_fields(h, fields, n);
    set_frame(h, body_bytes);
    enum ps_status st = set_h1(h, fields, n, body_bytes);
    return st == PS_OK ? set_nv(h, fields, n, body_bytes) : st;
}

enum ps_status up_head_set_trailers(struct up_head *h, const struct up_pair *fields, size_t n)
{
    enum ps_status st = set_h1(h, fields, n, UP_BODY_VERBATIM);
    return st == PS_OK ? set_nv(h, fields, n, UP_BODY_VERBATIM) : st;
}
