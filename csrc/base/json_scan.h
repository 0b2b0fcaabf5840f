/* base/json_scan.h -- the innermost loops of those who read JSON in place: where a string ends, eight bytes a step.
 * Functions that skip return what follows, or NULL when the text is malformed. Thread: any. */
#ifndef PS_BASE_JSON_SCAN_H
#define PS_BASE_JSON_SCAN_H

#include "base/bytes.h"

#define PS_EACH_BYTE(c) (0x0101010101010101ULL * (c))

/* The high bit of the lowest byte that is a quote, a backslash or a control character is set; those of higher bytes
 * mean nothing. 0 when there is none. */
static inline uint64_t json_marks(uint64_t eight)
{
    uint64_t quote = eight ^ PS_EACH_BYTE('"'), slash = eight ^ PS_EACH_BYTE('\\');
    uint64_t found = ((quote - PS_EACH_BYTE(1)) & ~quote) | ((slash - PS_EACH_BYTE(1)) & ~slash) |
                     ((eight - PS_EACH_BYTE(0x20)) & ~eight);
    return found & PS_EACH_BYTE(0x80);
}

/* The first quote, backslash or control character from `p`, or `end`. */
static inline const uint8_t *json_find_mark(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8) {
        uint64_t eight;
        memcpy(&eight, p, 8);
        uint64_t found = json_marks(eight);
        if (found != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return p + (__builtin_ctzll(found) >> 3);
#else
            break;
#endif
        }
        p += 8;
    }
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
        p++;
    return p;
}

/* Printable ASCII without a backslash, up to `end`? */
static inline bool json_is_simple(const uint8_t *p, const uint8_t *end)
{
    uint8_t high = 0, slash = 0;
    for (; p < end; p++) {
        high |= *p;
        slash |= *p == '\\';
    }
    return high < 0x80 && slash == 0;
}

static inline const uint8_t *json_skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static inline bool json_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The rest of a string from the first mark on, which may be `end`. */
const uint8_t *json_skip_marked(const uint8_t *p, const uint8_t *end);
/* A value that is no container; there is at least one byte. */
const uint8_t *json_skip_scalar(const uint8_t *p, const uint8_t *end);

#endif
