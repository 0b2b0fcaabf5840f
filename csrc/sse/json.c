/* sse/json.c -- looking into a JSON text in place (see json.h).
 * Containers are walked with one bit a level, that tells objects from arrays. Functions return what follows, or NULL
 * when the text is malformed. */
#include "sse/json.h"

#include "sse/json_scan.h"

enum { NAME_BYTES = 192 }; /* every name that is asked for fits, also when all of it is escapes */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
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

/* The rest of a string from a mark on that is not its end. */
static const uint8_t *skip_marked(const uint8_t *p, const uint8_t *end)
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
    return p != end && *p == '"' ? p + 1 : skip_marked(p, end);
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    if (p == end || !is_digit(*p))
        return NULL;
    while (p < end && is_digit(*p))
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

static const uint8_t *skip_scalar(const uint8_t *p, const uint8_t *end)
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
    struct levels l;
    l.n = 0; /* the bits are set as the levels come */
    do {
        if (p == NULL || p == end)
            return NULL;
        if (*p != '{' && *p != '[') {
            p = skip_scalar(p, end);
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

/* Which of the keys is this name, between its quotes? `n` when none. */
static size_t match_name(struct ps_bytes name, const struct ps_json_key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (keys[i].n == name.n && (uint8_t)keys[i].name[0] == name.p[0] &&
            memcmp(keys[i].name, name.p, name.n) == 0)
            return i;
    }
    return n;
}

/* The same for a name with escapes. */
static size_t match_escaped(struct ps_bytes name, const struct ps_json_key *keys, size_t n)
{
    uint8_t text[NAME_BYTES * 3];
    if (name.n > NAME_BYTES)
        return n;
    return match_name(ps_bytes_of(text, ps_json_text(name, text)), keys, n);
}

/* One member from its name on; `before` is the end of the value before it. */
static const uint8_t *read_member(const uint8_t *p, const uint8_t *end, const uint8_t *before,
                                  const struct ps_json_key *keys, size_t n,
                                  struct ps_json_member *found)
{
    const uint8_t *name = p;
    if (p == end || *p != '"')
        return NULL;
    p = json_find_mark(p + 1, end);
    bool is_escaped = p == end || *p != '"';
    p = is_escaped ? skip_marked(p, end) : p + 1;
    if (p == NULL)
        return NULL;
    const struct ps_bytes inside = ps_bytes_of(name + 1, (size_t)(p - name) - 2);
    size_t which = is_escaped ? match_escaped(inside, keys, n) : match_name(inside, keys, n);
    p = json_skip_space(p, end);
    if (p == end || *p != ':')
        return NULL;
    const uint8_t *value = json_skip_space(p + 1, end);
    if (value == end)
        return NULL;
    p = *value == '{' || *value == '[' ? ps_json_skip(value, end, PS_JSON_DEPTH - 1)
                                       : skip_scalar(value, end);
    if (p != NULL && which < n)
        found[which] = (struct ps_json_member){.value = ps_bytes_of(value, (size_t)(p - value)),
                                               .name = name,
                                               .before = before,
                                               .count = found[which].count + 1,
                                               .is_escaped = is_escaped};
    return p;
}

/* An object from its bracket on; what follows it. */
static const uint8_t *read_object(const uint8_t *p, const uint8_t *end, const struct ps_json_key *keys, size_t n,
                                  struct ps_json_member *found)
{
    const uint8_t *before = NULL;
    p = json_skip_space(p + 1, end);
    if (p < end && *p == '}')
        return p + 1;
    for (;;) {
        p = read_member(p, end, before, keys, n, found);
        if (p == NULL)
            return NULL;
        before = p;
        p = json_skip_space(p, end);
        if (p == end)
            return NULL;
        if (*p == '}')
            return p + 1;
        if (*p != ',')
            return NULL;
        p = json_skip_space(p + 1, end);
    }
}

static void clear(struct ps_json_member *found, size_t n)
{
    for (size_t i = 0; i < n; i++)
        found[i] = (struct ps_json_member){.count = 0};
}

bool ps_json_members(struct ps_bytes text, const struct ps_json_key *keys, size_t n,
                     struct ps_json_member *found)
{
    clear(found, n);
    if (text.n == 0)
        return false;
    const uint8_t *end = text.p + text.n, *p = json_skip_space(text.p, end);
    if (p == end || *p != '{')
        return false;
    p = read_object(p, end, keys, n, found);
    return p != NULL && json_skip_space(p, end) == end;
}

const uint8_t *ps_json_behind_comma(const uint8_t *p, const uint8_t *end)
{
    p = json_skip_space(p, end);
    return p < end && *p == ',' ? json_skip_space(p + 1, end) : NULL;
}

bool ps_json_next(struct ps_bytes *left, const struct ps_json_key *keys, size_t n, struct ps_json_member *found)
{
    while (left->n > 0 && (left->p[0] == '[' || left->p[0] == ',')) {
        const uint8_t *end = left->p + left->n, *p = json_skip_space(left->p + 1, end);
        if (p == end || *p == ']')
            return false;
        bool is_object = *p == '{';
        clear(found, n);
        p = is_object ? read_object(p, end, keys, n, found) : ps_json_skip(p, end, PS_JSON_DEPTH);
        if (p == NULL)
            return false;
        p = json_skip_space(p, end);
        *left = ps_bytes_of(p, (size_t)(end - p));
        if (is_object)
            return true;
    }
    return false;
}

/* Has a number a digit other than 0 before its exponent? */
static bool is_nonzero(struct ps_bytes number)
{
    for (size_t i = 0; i < number.n && (number.p[i] | 0x20) != 'e'; i++) {
        if (number.p[i] >= '1' && number.p[i] <= '9')
            return true;
    }
    return false;
}

bool ps_json_is_true(struct ps_bytes value)
{
    if (value.n == 0)
        return false;
    const uint8_t *end = value.p + value.n;
    switch (value.p[0]) {
    case '"':
        return value.n > 2;
    case '{':
        return *json_skip_space(value.p + 1, end) != '}';
    case '[':
        return *json_skip_space(value.p + 1, end) != ']';
    case 't':
        return true;
    case 'f':
    case 'n':
        return false;
    default:
        return is_nonzero(value);
    }
}

int ps_json_index(struct ps_bytes value)
{
    if (value.n == 0 || (!is_digit(value.p[0]) && value.p[0] != '-'))
        return 0;
    int index = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!is_digit(value.p[i]) || i == 6)
            return -1;
        index = index * 10 + (value.p[i] - '0');
    }
    return index;
}
