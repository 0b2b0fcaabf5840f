/* proto/proxy_connect.c -- the answer to CONNECT, a byte at a time (see proxy_connect.h).
 * A state for each place in the grammar, so that no cut of the input can matter. Field values are not kept:
 * Content-Length and Transfer-Encoding mean nothing here (RFC 9110 9.3.6), and nothing else is of use. */
#include "proto/proxy_connect.h"

#include <stdio.h>

#include "proto/field.h"

static const char version[] = "HTTP/1.x "; /* x: any digit */

enum { VERSION_BYTES = 9, CODE_BYTES = 3, AUTHORITY_BYTES = 280 };

enum ps_status ps_connect_write(struct ps_buf *out, const char *host, uint16_t port,
                                const char *fields)
{
    char authority[AUTHORITY_BYTES];
    bool is_v6 = strchr(host, ':') != NULL;
    int n = snprintf(authority, sizeof authority, "%s%s%s:%u", is_v6 ? "[" : "", host,
                     is_v6 ? "]" : "", port);
    if (n < 0 || (size_t)n >= sizeof authority)
        return PS_LIMIT;
    const char *const parts[] = {"CONNECT ", authority, " HTTP/1.1\r\nHost: ", authority, "\r\n",
                                 fields,     "\r\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        enum ps_status st = ps_buf_append(out, ps_bytes_str(parts[i]));
        if (st != PS_OK)
            return st;
    }
    return PS_OK;
}

static enum ps_status refuse(struct ps_err *err, const char *why)
{
    return ps_err_set(err, PS_PROXY_FAILED, PS_PHASE_PROXY, "%s", why);
}

static enum ps_status malformed(struct ps_err *err)
{
    return refuse(err, "its answer to CONNECT is not an HTTP/1.x response");
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_value(uint8_t c)
{
    return ps_value_n(ps_bytes_of(&c, 1)) == 1;
}

static bool is_tchar(uint8_t c)
{
    return ps_token_n(ps_bytes_of(&c, 1)) == 1;
}

/* A head is complete. */
static enum ps_status end_head(struct ps_connect_answer *a, struct ps_err *err)
{
    int status = a->status;
    if (status >= 200 && status < 300) {
        a->at = PS_CONNECT_OPEN;
        return PS_OK;
    }
    if (status >= 100 && status < 200 && status != 101) {
        if (++a->infos_n > PS_CONNECT_INFOS_N)
            return refuse(err, "it sent too many 1xx answers to CONNECT");
        a->at = PS_CONNECT_AT_VERSION;
        a->at_n = 0;
        a->status = 0;
        return PS_OK;
    }
    /* tinyproxy says 401 to wrong credentials; no origin has been asked anything yet. */
    enum ps_status st = status == 407 || status == 401 ? PS_PROXY_AUTH : PS_PROXY_FAILED;
    ps_err_set(err, st, PS_PHASE_PROXY, "it answered CONNECT with status %d", status);
    if (err != NULL)
        err->detail = status;
    return st;
}

/* The status line. */
static bool step_line(struct ps_connect_answer *a, uint8_t c)
{
    switch (a->at) {
    case PS_CONNECT_AT_VERSION:
        if (version[a->at_n] == 'x' ? !is_digit(c) : c != (uint8_t)version[a->at_n])
            return false;
        if (++a->at_n == VERSION_BYTES) {
            a->at = PS_CONNECT_AT_CODE;
            a->at_n = 0;
        }
        return true;
    case PS_CONNECT_AT_CODE:
        if (!is_digit(c))
            return false;
        a->status = a->status * 10 + (c - '0');
        if (++a->at_n == CODE_BYTES)
            a->at = PS_CONNECT_AT_GAP;
        return a->status >= 100 || a->at_n < CODE_BYTES;
    case PS_CONNECT_AT_GAP:
        a->at = c == '\r' ? PS_CONNECT_AT_LINE_END : PS_CONNECT_AT_REASON;
        return c == '\r' || c == ' ';
    default:
        if (c == '\r')
            a->at = PS_CONNECT_AT_LINE_END;
        return c == '\r' || is_value(c);
    }
}

/* False: this byte must not be here. */
static bool step(struct ps_connect_answer *a, uint8_t c)
{
    switch (a->at) {
    case PS_CONNECT_AT_VERSION:
    case PS_CONNECT_AT_CODE:
    case PS_CONNECT_AT_GAP:
    case PS_CONNECT_AT_REASON:
        return step_line(a, c);
    case PS_CONNECT_AT_LINE_END:
        a->at = PS_CONNECT_AT_FIELD;
        return c == '\n';
    case PS_CONNECT_AT_FIELD:
        a->at = c == '\r' ? PS_CONNECT_AT_HEAD_END : PS_CONNECT_AT_NAME;
        return c == '\r' || is_tchar(c);
    case PS_CONNECT_AT_NAME:
        if (c == ':')
            a->at = PS_CONNECT_AT_VALUE;
        return c == ':' || is_tchar(c);
    case PS_CONNECT_AT_VALUE:
        if (c == '\r')
            a->at = PS_CONNECT_AT_LINE_END;
        return c == '\r' || is_value(c);
    case PS_CONNECT_AT_HEAD_END:
        return c == '\n';
    case PS_CONNECT_OPEN:
        break;
    }
    return false;
}

enum ps_status ps_connect_feed(struct ps_connect_answer *a, struct ps_bytes bytes, size_t *used_n,
                               struct ps_err *err)
{
    *used_n = 0;
    while (*used_n < bytes.n && a->at != PS_CONNECT_OPEN) {
        bool is_last = a->at == PS_CONNECT_AT_HEAD_END;
        if (++a->head_n > PS_CONNECT_HEAD_BYTES)
            return refuse(err, "the head of its answer to CONNECT is too long");
        if (!step(a, bytes.p[(*used_n)++]))
            return malformed(err);
        enum ps_status st = is_last ? end_head(a, err) : PS_OK;
        if (st != PS_OK)
            return st;
    }
    return PS_OK;
}
