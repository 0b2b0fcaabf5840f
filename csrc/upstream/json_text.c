/* upstream/json_text.c -- scanning a JSON text (see json_text.h; RFC 8259). */
#include "upstream/json_text.h"

enum { LEVELS_N = 512 };

struct ps_bytes up_json_skip_space(struct ps_bytes s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' || s.p[0] == '\r'))
        s = up_json_after(s, 1);
    return s;
}

/* -- strings, read as the bytes they mean -- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four digits; -1 when they are none. */
static long hex4(struct ps_bytes s)
{
    long code = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < s.n ? hex_digit(s.p[i]) : -1;
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static void put_utf8(struct up_json_reading *r, unsigned long code)
{
    r->at = 0;
    if (code < 0x80) {
        r->utf8[0] = (uint8_t)code;
        r->n = 1;
        return;
    }
    r->n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = r->n - 1; i > 0; i--, code >>= 6)
        r->utf8[i] = (uint8_t)(0x80 | (code & 0x3f));
    r->utf8[0] = (uint8_t)((0xf00u >> r->n) | code);
}

static bool read_u(struct up_json_reading *r)
{
    long code = hex4(r->left);
    if (code < 0)
        return false;
    r->left = up_json_after(r->left, 4);
    if (code >= 0xd800 && code < 0xdc00 && r->left.n >= 6 && r->left.p[0] == '\\' && r->left.p[1] == 'u') {
        long low = hex4(up_json_after(r->left, 2));
        if (low >= 0xdc00 && low < 0xe000) {
            r->left = up_json_after(r->left, 6);
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    put_utf8(r, (unsigned long)code);
    return true;
}

static bool read_escape(struct up_json_reading *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->left.n == 0)
        return false;
    uint8_t c = r->left.p[0];
    r->left = up_json_after(r->left, 1);
    if (c == 'u')
        return read_u(r);
    const char *at = c == 0 ? NULL : strchr(from, c);
    if (at == NULL)
        return false;
    put_utf8(r, (uint8_t)to[at - from]);
    return true;
}

int up_json_read_char(struct up_json_reading *r)
{
    if (r->at < r->n)
        return r->utf8[r->at++];
    if (r->left.n == 0 || r->left.p[0] < ' ')
        return UP_JSON_BAD;
    uint8_t c = r->left.p[0];
    r->left = up_json_after(r->left, 1);
    if (c == '"')
        return UP_JSON_OVER;
    if (c != '\\')
        return c;
    return read_escape(r) ? r->utf8[r->at++] : UP_JSON_BAD;
}

struct ps_bytes up_json_skip_string(struct ps_bytes s)
{
    struct up_json_reading r = {.left = up_json_after(s, 1)};
    int c;
    do
        c = up_json_read_char(&r);
    while (c >= 0);
    return c == UP_JSON_OVER ? r.left : up_json_malformed;
}

/* -- values -- */

static bool ends_plain(uint8_t c)
{
    return strchr(" \t\r\n,]}:[{\"", c) != NULL;
}

size_t up_json_plain_n(struct ps_bytes s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != 0 && !ends_plain(s.p[n]))
        n++;
    return n;
}

/* RFC 8259 6. */
bool up_json_is_number(struct ps_bytes s)
{
    size_t i = 0, begun;
    if (i < s.n && s.p[i] == '-')
        i++;
    begun = i;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    if (i == begun || (s.p[begun] == '0' && i > begun + 1))
        return false;
    if (i < s.n && s.p[i] == '.') {
        begun = ++i;
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        if (i == begun)
            return false;
    }
    if (i < s.n && (s.p[i] | 32) == 'e') {
        i++;
        i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
        begun = i;
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        if (i == begun)
            return false;
    }
    return i == s.n;
}

bool up_json_is_plain(struct ps_bytes s)
{
    return ps_bytes_eq(s, ps_bytes_str("true")) || ps_bytes_eq(s, ps_bytes_str("false")) ||
           ps_bytes_eq(s, ps_bytes_str("null")) || up_json_is_number(s);
}

struct ps_bytes up_json_skip_scalar(struct ps_bytes s)
{
    if (s.n > 0 && s.p[0] == '"')
        return up_json_skip_string(s);
    size_t n = up_json_plain_n(s);
    return up_json_is_plain(ps_bytes_of(s.p, n)) ? up_json_after(s, n) : up_json_malformed;
}

struct ps_bytes up_json_skip_value(struct ps_bytes s)
{
    uint8_t closers[LEVELS_N];
    size_t depth = 0;
    do {
        s = up_json_skip_space(s);
        if (s.n == 0)
            return up_json_malformed;
        uint8_t c = s.p[0];
        if (c == '{' || c == '[') {
            if (depth == LEVELS_N)
                return up_json_malformed;
            closers[depth++] = c == '{' ? '}' : ']';
            s = up_json_after(s, 1);
        } else if (depth > 0 && c == closers[depth - 1]) {
            depth--;
            s = up_json_after(s, 1);
        } else if (depth > 0 && (c == ',' || c == ':')) {
            s = up_json_after(s, 1);
        } else {
            s = up_json_skip_scalar(s);
        }
    } while (depth > 0 && s.p != NULL);
    return s;
}
