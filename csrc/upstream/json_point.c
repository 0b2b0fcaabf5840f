/* upstream/json_point.c -- a JSON pointer's scalar in a text (see json_point.h).
 * All scanning functions take the rest of the text and return what is left behind what they scanned; `p` NULL
 * stands for malformed. */
#include "upstream/json_point.h"

#include <stdlib.h>

enum {
    LEVELS_N = 512,
    NUMBER_BYTES = 64
};

static const struct ps_bytes malformed = {NULL, 0};

static struct ps_bytes after(struct ps_bytes s, size_t n)
{
    return ps_bytes_of(s.p + n, s.n - n);
}

static struct ps_bytes skip_space(struct ps_bytes s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' || s.p[0] == '\r'))
        s = after(s, 1);
    return s;
}

/* -- strings, read as the bytes they mean -- */

struct reading {
    struct ps_bytes left; /* behind the opening quote */
    uint8_t utf8[4];      /* what an escape means, not yet given */
    size_t at, n;
};

enum {
    OVER = -1, /* the closing quote, taken */
    BAD = -2
};

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

static void put_utf8(struct reading *r, unsigned long code)
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

static bool read_u(struct reading *r)
{
    long code = hex4(r->left);
    if (code < 0)
        return false;
    r->left = after(r->left, 4);
    if (code >= 0xd800 && code < 0xdc00 && r->left.n >= 6 && r->left.p[0] == '\\' && r->left.p[1] == 'u') {
        long low = hex4(after(r->left, 2));
        if (low >= 0xdc00 && low < 0xe000) {
            r->left = after(r->left, 6);
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    put_utf8(r, (unsigned long)code);
    return true;
}

static bool read_escape(struct reading *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->left.n == 0)
        return false;
    uint8_t c = r->left.p[0];
    r->left = after(r->left, 1);
    if (c == 'u')
        return read_u(r);
    const char *at = c == 0 ? NULL : strchr(from, c);
    if (at == NULL)
        return false;
    put_utf8(r, (uint8_t)to[at - from]);
    return true;
}

/* The next byte the string means, OVER or BAD. */
static int read_char(struct reading *r)
{
    if (r->at < r->n)
        return r->utf8[r->at++];
    if (r->left.n == 0 || r->left.p[0] < ' ')
        return BAD;
    uint8_t c = r->left.p[0];
    r->left = after(r->left, 1);
    if (c == '"')
        return OVER;
    if (c != '\\')
        return c;
    return read_escape(r) ? r->utf8[r->at++] : BAD;
}

static struct ps_bytes skip_string(struct ps_bytes s)
{
    struct reading r = {.left = after(s, 1)};
    int c;
    do
        c = read_char(&r);
    while (c >= 0);
    return c == OVER ? r.left : malformed;
}

/* -- values -- */

static bool ends_plain(uint8_t c)
{
    return strchr(" \t\r\n,]}:[{\"", c) != NULL;
}

/* The length of a number, true, false or null at the beginning of `s`. */
static size_t plain_n(struct ps_bytes s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != 0 && !ends_plain(s.p[n]))
        n++;
    return n;
}

/* RFC 8259 6. */
static bool is_number(struct ps_bytes s)
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

static bool is_plain(struct ps_bytes s)
{
    return ps_bytes_eq(s, ps_bytes_str("true")) || ps_bytes_eq(s, ps_bytes_str("false")) ||
           ps_bytes_eq(s, ps_bytes_str("null")) || is_number(s);
}

static struct ps_bytes skip_scalar(struct ps_bytes s)
{
    if (s.n > 0 && s.p[0] == '"')
        return skip_string(s);
    size_t n = plain_n(s);
    return is_plain(ps_bytes_of(s.p, n)) ? after(s, n) : malformed;
}

/* One value with all inside of it. Of containers only the brackets and the scalars are looked at. */
static struct ps_bytes skip_value(struct ps_bytes s)
{
    uint8_t closers[LEVELS_N];
    size_t depth = 0;
    do {
        s = skip_space(s);
        if (s.n == 0)
            return malformed;
        uint8_t c = s.p[0];
        if (c == '{' || c == '[') {
            if (depth == LEVELS_N)
                return malformed;
            closers[depth++] = c == '{' ? '}' : ']';
            s = after(s, 1);
        } else if (depth > 0 && c == closers[depth - 1]) {
            depth--;
            s = after(s, 1);
        } else if (depth > 0 && (c == ',' || c == ':')) {
            s = after(s, 1);
        } else {
            s = skip_scalar(s);
        }
    } while (depth > 0 && s.p != NULL);
    return s;
}

/* -- the way -- */

/* The pointer's next step; its bytes are still escaped. */
static struct ps_bytes next_step(struct ps_bytes *pointer)
{
    struct ps_bytes rest = after(*pointer, 1);
    const uint8_t *slash = rest.n == 0 ? NULL : memchr(rest.p, '/', rest.n);
    size_t n = slash == NULL ? rest.n : (size_t)(slash - rest.p);
    *pointer = after(rest, n);
    return ps_bytes_of(rest.p, n);
}

/* Is the string at `s` this step? Stores what is behind it; malformed when it is no string. */
static bool is_member(struct ps_bytes s, struct ps_bytes step, struct ps_bytes *behind)
{
    *behind = skip_string(s);
    struct reading r = {.left = after(s, 1)};
    size_t i = 0;
    int c = read_char(&r);
    while (c >= 0 && i < step.n) {
        int wanted = step.p[i++];
        if (wanted == '~')
            wanted = step.p[i++] == '0' ? '~' : '/';
        if (c != wanted)
            return false;
        c = read_char(&r);
    }
    return c == OVER && i == step.n;
}

static struct ps_bytes enter_object(struct ps_bytes s, struct ps_bytes step)
{
    s = skip_space(after(s, 1));
    while (s.n > 0 && s.p[0] == '"') {
        struct ps_bytes behind;
        bool is_it = is_member(s, step, &behind);
        s = behind.p == NULL ? malformed : skip_space(behind);
        if (s.n == 0 || s.p[0] != ':')
            return malformed;
        s = skip_space(after(s, 1));
        if (is_it)
            return s;
        s = skip_value(s);
        s = s.p == NULL ? malformed : skip_space(s);
        if (s.n == 0 || s.p[0] != ',')
            return malformed;
        s = skip_space(after(s, 1));
    }
    return malformed;
}

static struct ps_bytes enter_array(struct ps_bytes s, struct ps_bytes step)
{
    size_t left_n = 0;
    if (step.n == 0 || step.n > 9 || (step.p[0] == '0' && step.n > 1))
        return malformed;
    for (size_t i = 0; i < step.n; i++) {
        if (step.p[i] < '0' || step.p[i] > '9')
            return malformed;
        left_n = left_n * 10 + (step.p[i] - '0');
    }
    for (s = skip_space(after(s, 1)); left_n > 0; left_n--) {
        s = skip_value(s);
        s = s.p == NULL ? malformed : skip_space(s);
        if (s.n == 0 || s.p[0] != ',')
            return malformed;
        s = skip_space(after(s, 1));
    }
    return s;
}

/* -- comparing -- */

static bool same_string(struct ps_bytes a, struct ps_bytes b)
{
    struct reading one = {.left = after(a, 1)}, two = {.left = after(b, 1)};
    int c;
    do {
        c = read_char(&one);
        if (c != read_char(&two))
            return false;
    } while (c >= 0);
    return c == OVER;
}

static bool has_fraction(struct ps_bytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' || (s.p[i] | 32) == 'e')
            return true;
    }
    return false;
}

static double value_of(struct ps_bytes s)
{
    char text[NUMBER_BYTES];
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return strtod(text, NULL);
}

static bool same_plain(struct ps_bytes a, struct ps_bytes b)
{
    if (ps_bytes_eq(a, b))
        return is_plain(a);
    if (!is_number(a) || !is_number(b) || a.n >= NUMBER_BYTES || b.n >= NUMBER_BYTES)
        return false;
    return (has_fraction(a) || has_fraction(b)) && value_of(a) == value_of(b);
}

bool up_json_point_holds(struct ps_bytes text, struct ps_bytes pointer, struct ps_bytes scalar)
{
    struct ps_bytes s = skip_space(text);
    while (pointer.n > 0) {
        struct ps_bytes step = next_step(&pointer);
        if (s.n == 0 || (s.p[0] != '{' && s.p[0] != '['))
            return false;
        s = s.p[0] == '{' ? enter_object(s, step) : enter_array(s, step);
    }
    if (s.n == 0)
        return false;
    if (s.p[0] == '"' || scalar.p[0] == '"')
        return s.p[0] == scalar.p[0] && same_string(s, scalar);
    return same_plain(ps_bytes_of(s.p, plain_n(s)), scalar);
}

bool up_json_pointer_is_good(struct ps_bytes pointer)
{
    size_t steps_n = 0;
    if (pointer.n > 0 && pointer.p[0] != '/')
        return false;
    for (size_t i = 0; i < pointer.n; i++) {
        steps_n += pointer.p[i] == '/';
        if (pointer.p[i] == '~' &&
            (i + 1 == pointer.n || (pointer.p[i + 1] != '0' && pointer.p[i + 1] != '1')))
            return false;
    }
    return steps_n <= UP_JSON_STEPS_N;
}

bool up_json_scalar_is_good(struct ps_bytes scalar)
{
    if (scalar.n == 0)
        return false;
    struct ps_bytes behind = skip_scalar(scalar);
    return behind.p != NULL && behind.n == 0;
}
