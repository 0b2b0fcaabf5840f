/* base/json.h -- looking into a JSON text in place: no tree, no memory, no recursion.
 * A text is checked strictly (RFC 8259) by the first ps_json_members() over the whole of it; what is inside of its
 * spans is then known to be good. Strings may hold bytes that are not UTF-8: ps_json_text() replaces them.
 * Thread: any. Limit: PS_JSON_DEPTH levels. Time linear in the text. */
#ifndef PS_BASE_JSON_H
#define PS_BASE_JSON_H

#include "base/bytes.h"

enum { PS_JSON_DEPTH = 256 };

/* A wanted member's name. */
struct ps_json_key {
    const char *name;
    size_t n;
};
#define PS_JSON_KEY(text) {text, sizeof(text) - 1}

/* A member of an object. Views into the text. */
struct ps_json_member {
    struct ps_bytes value; /* p is NULL when there is no such member */
    const uint8_t *name;   /* its opening quote */
    const uint8_t *before; /* the end of the value before it; NULL for the first member */
    unsigned count;        /* how many members have this name; the last one counts */
    bool is_escaped;       /* the name is written with escapes */
};

/* Finds `n` names in the object `text`, which may have space around it. False when it is no object, or malformed. */
bool ps_json_members(struct ps_bytes text, const struct ps_json_key *keys, size_t n,
                     struct ps_json_member *found);

/* The members of an array's next element that is an object. `left` is the array at first (of another value there are
 * none), then what this call has left of it. False at the end. */
bool ps_json_next(struct ps_bytes *left, const struct ps_json_key *keys, size_t n, struct ps_json_member *found);

/* One value from `p`; returns what follows it, or NULL when it is malformed or nested deeper than `levels`. */
const uint8_t *ps_json_skip(const uint8_t *p, const uint8_t *end, unsigned levels);

/* What follows `mark` and the space around it; NULL when it is not next. `p` may be NULL. */
const uint8_t *ps_json_behind(const uint8_t *p, const uint8_t *end, char mark);

static inline bool ps_json_is(struct ps_bytes value, char first)
{
    return value.n > 0 && value.p[0] == (uint8_t)first;
}

/* What stands between the quotes of a string; nothing when it is no string. */
static inline struct ps_bytes ps_json_inside(struct ps_bytes value)
{
    return ps_json_is(value, '"') ? ps_bytes_of(value.p + 1, value.n - 2) : ps_bytes_of(NULL, 0);
}

/* Neither null, false, 0, "", [] nor {}. Of no value: false. */
bool ps_json_is_true(struct ps_bytes value);

/* 0 when it is not a number; -1 for a number that is no index (negative, a fraction, more than six digits). */
int ps_json_index(struct ps_bytes value);

/* The character at `p` inside of a string, which has one more at least; returns what follows it. Lone surrogates, and
 * each byte that is not part of good UTF-8, are U+FFFD. */
const uint8_t *ps_json_char(const uint8_t *p, const uint8_t *end, uint32_t *code);

/* All characters of the inside of a string, as UTF-8. Returns its length; `to` may be NULL, otherwise it has room. */
size_t ps_json_text(struct ps_bytes inside, uint8_t *to);

#endif
