/* base/url.c -- the strict URL split (see url.h).
 * In: text nobody has checked.  Out: views of it, or one sentence that says what is wrong and
 * where, without quoting path or query (they may carry keys).  Thread: any.  Limit:
 * PS_URL_MAX_BYTES.
 *
 * Stricter than RFC 3986 where a lenient reading has been used to make two programs see two hosts:
 * no percent sign or sub-delims in a host, no shortened IPv4 numbers, no empty port, no zone id. */
#include "base/url.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    LABEL_MAX_BYTES = 63,
    IP_TEXT_BYTES = 46
};

__attribute__((format(printf, 2, 3))) static enum ps_status bad_url(struct ps_err *err,
                                                                    const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return ps_err_set(err, PS_BAD_URL, PS_PHASE_NONE, "%s", text);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_byte(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static enum ps_status check_visible(struct ps_bytes text, struct ps_err *err)
{
    if (text.n == 0)
        return bad_url(err, "the URL is empty");
    if (text.n > PS_URL_MAX_BYTES)
        return bad_url(err, "the URL is %zu bytes long, at most %d are allowed", text.n,
                       PS_URL_MAX_BYTES);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f)
            return bad_url(err, "the URL has byte 0x%02x at offset %zu, percent-encode it",
                           text.p[i], i);
    }
    return PS_OK;
}

/* Cuts "http://" or "https://" off `*text`. */
static enum ps_status take_scheme(struct ps_url *u, struct ps_bytes *text, struct ps_err *err)
{
    size_t n = 0;
    while (n < text->n && text->p[n] != ':' && text->p[n] != '/' && text->p[n] != '?' &&
           text->p[n] != '#')
        n++;
    if (n == 0 || n == text->n || text->p[n] != ':')
        return bad_url(err, "the URL is not absolute, it must begin with http:// or https://");
    struct ps_bytes scheme = {text->p, n};
    u->is_https = ps_bytes_ieq_str(scheme, "https");
    if (!u->is_https && !ps_bytes_ieq_str(scheme, "http"))
        return ps_err_set(err, PS_BAD_SCHEME, PS_PHASE_NONE,
                          "URL scheme \"%.*s\" is neither http nor https", n < 24 ? (int)n : 24,
                          (const char *)text->p);
    if (text->n - n < 3 || text->p[n + 1] != '/' || text->p[n + 2] != '/')
        return bad_url(err, "the URL has no // after its scheme");
    text->p += n + 3;
    text->n -= n + 3;
    return PS_OK;
}

static bool parses_as(int family, struct ps_bytes host)
{
    char text[IP_TEXT_BYTES];
    uint8_t address[16];
    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(family, text, address) == 1;
}

/* A last label that is a number makes resolvers read the whole name as an IPv4 address in one of
 * its odd spellings (127.1, 0x7f000001), so it must be a plain dotted quad. */
static bool ends_in_number(struct ps_bytes host)
{
    size_t end = host.n;
    if (end > 0 && host.p[end - 1] == '.')
        end--;
    size_t at = end;
    while (at > 0 && host.p[at - 1] != '.')
        at--;
    if (at == end || !is_digit(host.p[at]))
        return false;
    size_t i = at + 1;
    bool hex = host.p[at] == '0' && i < end && (host.p[i] == 'x' || host.p[i] == 'X');
    for (i = hex ? i + 1 : i; i < end; i++) {
        if (!(hex ? is_hex(host.p[i]) : is_digit(host.p[i])))
            return false;
    }
    return true;
}

static enum ps_status check_name(struct ps_url *u, struct ps_err *err)
{
    struct ps_bytes host = u->host;
    size_t label_n = 0;
    for (size_t i = 0; i < host.n; i++) {
        if (!is_host_byte(host.p[i]))
            return bad_url(err, "the URL's host has '%c', which no host name may have", host.p[i]);
        if (host.p[i] != '.') {
            if (++label_n > LABEL_MAX_BYTES)
                return bad_url(err, "the URL's host has a label of more than %d bytes",
                               LABEL_MAX_BYTES);
            continue;
        }
        if (label_n == 0)
            return bad_url(err, "the URL's host has an empty label");
        label_n = 0;
    }
    if (!ends_in_number(host))
        return PS_OK;
    u->host_is_ip = parses_as(AF_INET, host);
    return u->host_is_ip ? PS_OK
                         : bad_url(err, "the URL's host looks like an IPv4 address but is not one");
}

/* Splits the host off the front of `authority`; the rest ("" or ":port") is left in it. */
static enum ps_status take_host(struct ps_url *u, struct ps_bytes *authority, struct ps_err *err)
{
    struct ps_bytes a = *authority;
    size_t used;
    if (a.n > 0 && a.p[0] == '[') {
        const uint8_t *close = memchr(a.p, ']', a.n);
        if (close == NULL)
            return bad_url(err, "the URL's host has '[' without ']'");
        u->host = ps_bytes_of(a.p + 1, (size_t)(close - a.p) - 1);
        u->host_is_ip = true;
        if (!parses_as(AF_INET6, u->host))
            return bad_url(err, "the URL's host in brackets is not an IPv6 address");
        used = u->host.n + 2;
    } else {
        const uint8_t *colon = a.n == 0 ? NULL : memchr(a.p, ':', a.n);
        u->host = ps_bytes_of(a.p, colon == NULL ? a.n : (size_t)(colon - a.p));
        used = u->host.n;
        if (u->host.n == 0)
            return bad_url(err, "the URL has no host");
        if (u->host.n > PS_HOST_MAX_BYTES)
            return bad_url(err, "the URL's host is longer than %d bytes", PS_HOST_MAX_BYTES);
        enum ps_status st = check_name(u, err);
        if (st != PS_OK)
            return st;
    }
    *authority = ps_bytes_of(a.p + used, a.n - used);
    return PS_OK;
}

/* `text` is "" or begins where the host ended. */
static enum ps_status parse_port(struct ps_url *u, struct ps_bytes text, struct ps_err *err)
{
    u->port = u->is_https ? 443 : 80;
    if (text.n == 0)
        return PS_OK;
    if (text.p[0] != ':')
        return bad_url(err, "the URL has '%c' after the host's ']'", text.p[0]);
    if (text.n < 2 || text.n > 6 || text.p[1] == '0')
        return bad_url(err, "the URL's port is not a number from 1 to 65535");
    uint32_t port = 0;
    for (size_t i = 1; i < text.n; i++) {
        if (!is_digit(text.p[i]))
            return bad_url(err, "the URL's port is not a number from 1 to 65535");
        port = port * 10 + (uint32_t)(text.p[i] - '0');
    }
    if (port > 65535)
        return bad_url(err, "the URL's port is not a number from 1 to 65535");
    u->port = (uint16_t)port;
    return PS_OK;
}

static size_t authority_n(struct ps_bytes text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] != '/' && text.p[n] != '?' && text.p[n] != '#')
        n++;
    return n;
}

enum ps_status ps_url_split(struct ps_url *out, struct ps_bytes text, struct ps_err *err)
{
    struct ps_url u = {0};
    enum ps_status st = check_visible(text, err);
    if (st == PS_OK)
        st = take_scheme(&u, &text, err);
    if (st != PS_OK)
        return st;

    struct ps_bytes authority = {text.p, authority_n(text)};
    if (authority.n > 0 && memchr(authority.p, '@', authority.n) != NULL)
        return bad_url(err, "the URL has credentials before its host, give them as a header");
    struct ps_bytes port = authority;
    st = take_host(&u, &port, err);
    if (st == PS_OK)
        st = parse_port(&u, port, err);
    if (st != PS_OK)
        return st;

    bool is_default = u.port == (u.is_https ? 443 : 80);
    u.authority = ps_bytes_of(authority.p, authority.n - (is_default ? port.n : 0));
    u.path = ps_bytes_of(text.p + authority.n, text.n - authority.n);
    const uint8_t *fragment = u.path.n == 0 ? NULL : memchr(u.path.p, '#', u.path.n);
    if (fragment != NULL)
        u.path.n = (size_t)(fragment - u.path.p);
    *out = u;
    return PS_OK;
}
