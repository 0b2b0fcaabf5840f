/* base/json_skip.c -- over a JSON value, checking it strictly (see json.h, json_scan.h).
 * Containers are walked without recursion, with one bit a level that tells objects from arrays. */
#include "base/json.h"

#include "base/json_scan.h"

static bool is_hex(uint8_t c)
{
    return json_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* `p` is behind a backslash. */
static const uint8_t *skip_escape(const uint8_t *p, const uint8_t *end)
{
    if (p == end)
        return NULL;
    if (*p != 'u')
        return memchr("\"\\/bfnrt", *p, 8) != NULL ? p + 1 : NULL;
    if (end - p < 5)
        return NULL;
    for (int i = 1; i <= 4; i++) {
        if (!is_hex(p[i]))
            return NULL;
    }
    return p + 5;
}

const uint8_t *json_skip_marked(const uint8_t *p, const uint8_t *end)
{
    for (; p != end; p = json_find_mark(p, end)) {
        if (*p == '"')
            return p + 1;
        if (*p != '\\')
            return NULL;
        p = skip_escape(p + 1, end);
        if (p == NULL)
            return NULL;
    }
    return NULL;
}

/* `p` is at the opening quote. */
static inline const uint8_t *skip_string(const uint8_t *p, const uint8_t *end)
{
    p = json_find_mark(p + 1, end);
    return p != end && *p == '"' ? p + 1 : json_skip_marked(p, end);
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    if (p == end || !json_is_digit(*p))
        return NULL;
    while (p < end && json_is_digit(*p))
        p++;
    return p;
}

static const uint8_t *skip_number(const uint8_t *p, const uint8_t *end)
{
    if (*p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else
        p = skip_digits(p, end);
    if (p != NULL && p < end && *p == '.')
        p = skip_digits(p + 1, end);
    if (p != NULL && p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static const uint8_t *skip_word(const uint8_t *p, const uint8_t *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

const uint8_t *json_skip_scalar(const uint8_t *p, const uint8_t *end)
{
    switch (*p) {
    case '"':
        return skip_string(p, end);
    case 't':
        return skip_word(p, end, "true", 4);
    case 'f':
        return skip_word(p, end, "false", 5);
    case 'n':
        return skip_word(p, end, "null", 4);
    default:
        return skip_number(p, end);
    }
}

/* A name and its colon, up to where the value begins. */
static const uint8_t *skip_name(const uint8_t *p, const uint8_t *end)
{
    p = json_skip_space(p, end);
    if (p == end || *p != '"' || (p = skip_string(p, end)) == NULL)
        return NULL;
    p = json_skip_space(p, end);
    return p < end && *p == ':' ? json_skip_space(p + 1, end) : NULL;
}

struct levels {
    uint64_t is_object[PS_JSON_DEPTH / 64];
    unsigned n;
};

static void levels_push(struct levels *l, bool is_object)
{
    uint64_t bit = 1ULL << (l->n & 63);
    if (is_object)
        l->is_object[l->n / 64] |= bit;
    else
        l->is_object[l->n / 64] &= ~bit;
    l->n++;
}

static bool levels_is_object(const struct levels *l)
{
    return (l->is_object[(l->n - 1) / 64] >> ((l->n - 1) & 63) & 1) != 0;
}

/* Behind a value: over commas and closing brackets, up to the next value, or to the end of the outermost one. */
static const uint8_t *skip_between(const uint8_t *p, const uint8_t *end, struct levels *l)
{
    while (l->n > 0) {
        p = json_skip_space(p, end);
        if (p == end)
            return NULL;
        bool is_object = levels_is_object(l);
        if (*p == ',')
            return is_object ? skip_name(p + 1, end) : json_skip_space(p + 1, end);
        if (*p != (is_object ? '}' : ']'))
            return NULL;
        p++;
        l->n--;
    }
    return p;
}

const uint8_t *ps_json_skip(const uint8_t *p, const uint8_t *end, unsigned levels)
{
    struct levels l = {.n = 0};
    do {
        if (p == NULL || p == end)
            return NULL;
        if (*p != '{' && *p != '[') {
            p = json_skip_scalar(p, end);
        } else {
            bool is_object = *p == '{';
            if (l.n == levels)
                return NULL;
            levels_push(&l, is_object);
            p = json_skip_space(p + 1, end);
            if (p == end)
                return NULL;
            if (*p != (is_object ? '}' : ']')) {
                p = is_object ? skip_name(p, end) : p;
                continue; /* to its first value */
            }
        }
        if (p == NULL)
            return NULL;
        p = skip_between(p, end, &l);
    } while (l.n > 0);
    return p;
}
