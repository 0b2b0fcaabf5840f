/* proto/field.c -- character tables and the little parsers over them (see field.h). */
#include "proto/field.h"

#include <stdio.h>

/* 1 for tchar: ALPHA DIGIT ! # $ % & ' * + - . ^ _ ` | ~ */
static const uint8_t is_tchar[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

size_t ps_token_n(struct ps_bytes b)
{
    size_t n = 0;
    while (n < b.n && is_tchar[b.p[n]])
        n++;
    return n;
}

bool ps_is_token(struct ps_bytes b)
{
    return b.n > 0 && ps_token_n(b) == b.n;
}

size_t ps_value_n(struct ps_bytes b)
{
    size_t n = 0;
    while (n < b.n && (b.p[n] >= 0x20 ? b.p[n] != 0x7f : b.p[n] == '\t'))
        n++;
    return n;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct ps_bytes ps_trim(struct ps_bytes b)
{
    while (b.n > 0 && is_blank(b.p[0])) {
        b.p++;
        b.n--;
    }
    while (b.n > 0 && is_blank(b.p[b.n - 1]))
        b.n--;
    return b;
}

bool ps_parse_decimal(struct ps_bytes b, uint64_t *out)
{
    uint64_t sum = 0;
    if (b.n == 0)
        return false;
    for (size_t i = 0; i < b.n; i++) {
        uint8_t digit = (uint8_t)(b.p[i] - '0');
        if (digit > 9 || sum > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *out = sum;
    return true;
}

bool ps_list_member(struct ps_bytes *rest, struct ps_bytes *member)
{
    if (rest->p == NULL)
        return false;
    const uint8_t *comma = rest->n == 0 ? NULL : memchr(rest->p, ',', rest->n);
    if (comma == NULL) {
        *member = ps_trim(*rest);
        *rest = ps_bytes_of(NULL, 0);
        return true;
    }
    size_t n = (size_t)(comma - rest->p);
    *member = ps_trim(ps_bytes_of(rest->p, n));
    *rest = ps_bytes_of(comma + 1, rest->n - n - 1);
    return true;
}

const char *ps_quote(char *out, struct ps_bytes b)
{
    enum {
        SHOWN_BYTES = 40,
        TAIL_BYTES = 5
    }; /* tail: ..." and NUL */
    size_t at = 0, i = 0;
    out[at++] = '"';
    for (; i < b.n && i < SHOWN_BYTES && at + 4 + TAIL_BYTES < PS_QUOTE_BYTES; i++) {
        uint8_t c = b.p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            out[at++] = (char)c;
        else if (c == '\r' || c == '\n' || c == '\t')
            at += (size_t)snprintf(out + at, 3, "\\%c", c == '\r' ? 'r' : c == '\n' ? 'n' : 't');
        else
            at += (size_t)snprintf(out + at, 5, "\\x%02x", c);
    }
    snprintf(out + at, PS_QUOTE_BYTES - at, i < b.n ? "\"..." : "\"");
    return out;
}
