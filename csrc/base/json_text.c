/* base/json_text.c -- what a JSON string means, as UTF-8 (see json.h).
 * The string was checked: its escapes are whole. Lone surrogates, and each byte that is not part of good UTF-8, become
 * U+FFFD, so what comes out is good UTF-8 always. */
#include "base/json.h"

#include "base/json_scan.h"

struct writing {
    uint8_t *to; /* NULL: only count */
    size_t n;
};

static void put(struct writing *w, uint8_t c)
{
    if (w->to != NULL)
        w->to[w->n] = c;
    w->n++;
}

static void put_run(struct writing *w, const uint8_t *p, size_t n)
{
    if (w->to != NULL && n >= 16) {
        memcpy(w->to + w->n, p, n);
    } else {
        for (size_t i = 0; w->to != NULL && i < n; i++) /* quicker than a call */
            w->to[w->n + i] = p[i];
    }
    w->n += n;
}

static void put_code(struct writing *w, uint32_t code)
{
    if (code < 0x80) {
        put(w, (uint8_t)code);
    } else if (code < 0x800) {
        put(w, (uint8_t)(0xC0 | code >> 6));
        put(w, (uint8_t)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        put(w, (uint8_t)(0xE0 | code >> 12));
        put(w, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
        put(w, (uint8_t)(0x80 | (code & 0x3F)));
    } else {
        put(w, (uint8_t)(0xF0 | code >> 18));
        put(w, (uint8_t)(0x80 | (code >> 12 & 0x3F)));
        put(w, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
        put(w, (uint8_t)(0x80 | (code & 0x3F)));
    }
}

static uint32_t read_hex(const uint8_t *p)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    return code;
}

/* `p` is behind \u; a pair of surrogates is one code. */
static const uint8_t *read_code(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    *code = read_hex(p);
    p += 4;
    if (*code < 0xD800 || *code > 0xDFFF)
        return p;
    if (*code < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = read_hex(p + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
            return p + 6;
        }
    }
    *code = 0xFFFD;
    return p;
}

/* `p` is behind a backslash. */
static const uint8_t *read_escape(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    static const uint8_t meant[256] = {['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    if (*p == 'u')
        return read_code(p + 1, end, code);
    *code = meant[*p] != 0 ? meant[*p] : *p;
    return p + 1;
}

/* How many bytes of good UTF-8 begin here with a byte above 0x7F; 0 when none (RFC 3629 section 4). */
static inline size_t utf8_n(const uint8_t *p, const uint8_t *end)
{
    uint8_t first = p[0];
    size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    bool is_bad = (first == 0xE0 && p[1] < 0xA0) || (first == 0xED && p[1] > 0x9F) ||
                  (first == 0xF0 && p[1] < 0x90) || (first == 0xF4 && p[1] > 0x8F);
    return is_bad ? 0 : n;
}

const uint8_t *ps_json_char(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    if (*p == '\\')
        return read_escape(p + 1, end, code);
    size_t n = *p < 0x80 ? 1 : utf8_n(p, end);
    *code = n == 0 ? 0xFFFD : n == 1 ? *p : *p & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        *code = *code << 6 | (p[i] & 0x3F);
    return p + (n == 0 ? 1 : n);
}

/* Over what means itself: good UTF-8, up to a backslash. */
static const uint8_t *skip_good(const uint8_t *p, const uint8_t *end)
{
    size_t n = 1;
    for (; p < end && *p != '\\' && n > 0; p += n)
        n = *p < 0x80 ? 1 : utf8_n(p, end);
    return p;
}

size_t ps_json_text(struct ps_bytes inside, uint8_t *to)
{
    const uint8_t *p = inside.p, *end = inside.p + inside.n;
    struct writing w = {.to = to};
    if (inside.n == 0)
        return 0;
    if (json_is_simple(p, end)) {
        if (to != NULL)
            memcpy(to, p, inside.n);
        return inside.n;
    }
    while (p < end) {
        const uint8_t *run = p;
        uint32_t code = 0xFFFD;
        p = skip_good(p, end);
        put_run(&w, run, (size_t)(p - run));
        if (p == end)
            break;
        p = *p == '\\' ? read_escape(p + 1, end, &code) : p + 1;
        put_code(&w, code);
    }
    return w.n;
}
