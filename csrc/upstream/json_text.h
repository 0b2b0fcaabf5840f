/* upstream/json_text.h -- scanning a JSON text in place, without a tree and without memory.
 * Functions take the rest of a text and return what is left behind what they scanned, or up_json_malformed.
 * Thread: any. Limit: 512 levels. */
#ifndef PS_UPSTREAM_JSON_TEXT_H
#define PS_UPSTREAM_JSON_TEXT_H

#include "base/buf.h"

static const struct ps_bytes up_json_malformed = {NULL, 0};

static inline struct ps_bytes up_json_after(struct ps_bytes s, size_t n)
{
    return ps_bytes_of(s.p + n, s.n - n);
}

struct ps_bytes up_json_skip_space(struct ps_bytes s);
/* `s` begins with the quote. */
struct ps_bytes up_json_skip_string(struct ps_bytes s);
struct ps_bytes up_json_skip_scalar(struct ps_bytes s);
/* One value with all inside of it. Of containers only the brackets and the scalars are looked at. */
struct ps_bytes up_json_skip_value(struct ps_bytes s);

/* The length of a number, true, false or null at the beginning of `s`, if it is one. */
size_t up_json_plain_n(struct ps_bytes s);
bool up_json_is_plain(struct ps_bytes s);
bool up_json_is_number(struct ps_bytes s);

/* A string, read as the bytes it means. */
struct up_json_reading {
    struct ps_bytes left; /* behind the opening quote */
    uint8_t utf8[4];      /* what an escape means, not yet given */
    size_t at, n;
};

enum {
    UP_JSON_OVER = -1, /* the closing quote, taken */
    UP_JSON_BAD = -2
};

/* The next byte the string means, UP_JSON_OVER or UP_JSON_BAD. */
int up_json_read_char(struct up_json_reading *r);

#endif
