/* base/json.c -- the members that are asked for, found in a JSON text in place (see json.h). */
#include "base/json.h"

#include "base/json_scan.h"

enum { NAME_BYTES = 192 }; /* every name that is asked for fits, also when all of it is escapes */

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
    p = is_escaped ? json_skip_marked(p, end) : p + 1;
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
                                       : json_skip_scalar(value, end);
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

const uint8_t *ps_json_behind(const uint8_t *p, const uint8_t *end, char mark)
{
    if (p == NULL)
        return NULL;
    p = json_skip_space(p, end);
    return p < end && *p == (uint8_t)mark ? json_skip_space(p + 1, end) : NULL;
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
    if (value.n == 0 || (!json_is_digit(value.p[0]) && value.p[0] != '-'))
        return 0;
    int index = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!json_is_digit(value.p[i]) || i == 6)
            return -1;
        index = index * 10 + (value.p[i] - '0');
    }
    return index;
}
