/* upstream/json_point.c -- a JSON pointer's scalar in a text (see json_point.h; json_text.h scans it). */
#include "upstream/json_point.h"

#include <stdlib.h>

#include "upstream/json_text.h"

enum { NUMBER_BYTES = 64 };

/* -- the way -- */

/* The pointer's next step; its bytes are still escaped. */
static struct ps_bytes next_step(struct ps_bytes *pointer)
{
    struct ps_bytes rest = up_json_after(*pointer, 1);
    const uint8_t *slash = rest.n == 0 ? NULL : memchr(rest.p, '/', rest.n);
    size_t n = slash == NULL ? rest.n : (size_t)(slash - rest.p);
    *pointer = up_json_after(rest, n);
    return ps_bytes_of(rest.p, n);
}

/* Is the string at `s` this step? Stores what is behind it; up_json_malformed when it is no string. */
static bool is_member(struct ps_bytes s, struct ps_bytes step, struct ps_bytes *behind)
{
    *behind = up_json_skip_string(s);
    struct up_json_reading r = {.left = up_json_after(s, 1)};
    size_t i = 0;
    int c = up_json_read_char(&r);
    while (c >= 0 && i < step.n) {
        int wanted = step.p[i++];
        if (wanted == '~')
            wanted = step.p[i++] == '0' ? '~' : '/';
        if (c != wanted)
            return false;
        c = up_json_read_char(&r);
    }
    return c == UP_JSON_OVER && i == step.n;
}

static struct ps_bytes enter_object(struct ps_bytes s, struct ps_bytes step)
{
    s = up_json_skip_space(up_json_after(s, 1));
    while (s.n > 0 && s.p[0] == '"') {
        struct ps_bytes behind;
        bool is_it = is_member(s, step, &behind);
        s = behind.p == NULL ? up_json_malformed : up_json_skip_space(behind);
        if (s.n == 0 || s.p[0] != ':')
            return up_json_malformed;
        s = up_json_skip_space(up_json_after(s, 1));
        if (is_it)
            return s;
        s = up_json_skip_value(s);
        s = s.p == NULL ? up_json_malformed : up_json_skip_space(s);
        if (s.n == 0 || s.p[0] != ',')
            return up_json_malformed;
        s = up_json_skip_space(up_json_after(s, 1));
    }
    return up_json_malformed;
}

static struct ps_bytes enter_array(struct ps_bytes s, struct ps_bytes step)
{
    size_t left_n = 0;
    if (step.n == 0 || step.n > 9 || (step.p[0] == '0' && step.n > 1))
        return up_json_malformed;
    for (size_t i = 0; i < step.n; i++) {
        if (step.p[i] < '0' || step.p[i] > '9')
            return up_json_malformed;
        left_n = left_n * 10 + (step.p[i] - '0');
    }
    for (s = up_json_skip_space(up_json_after(s, 1)); left_n > 0; left_n--) {
        s = up_json_skip_value(s);
        s = s.p == NULL ? up_json_malformed : up_json_skip_space(s);
        if (s.n == 0 || s.p[0] != ',')
            return up_json_malformed;
        s = up_json_skip_space(up_json_after(s, 1));
    }
    return s;
}

/* -- comparing -- */

static bool same_string(struct ps_bytes a, struct ps_bytes b)
{
    struct up_json_reading one = {.left = up_json_after(a, 1)}, two = {.left = up_json_after(b, 1)};
    int c;
    do {
        c = up_json_read_char(&one);
        if (c != up_json_read_char(&two))
            return false;
    } while (c >= 0);
    return c == UP_JSON_OVER;
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
        return up_json_is_plain(a);
    if (!up_json_is_number(a) || !up_json_is_number(b) || a.n >= NUMBER_BYTES || b.n >= NUMBER_BYTES)
        return false;
    return (has_fraction(a) || has_fraction(b)) && value_of(a) == value_of(b);
}

bool up_json_point_holds(struct ps_bytes text, struct ps_bytes pointer, struct ps_bytes scalar)
{
    struct ps_bytes s = up_json_skip_space(text);
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
    return same_plain(ps_bytes_of(s.p, up_json_plain_n(s)), scalar);
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
    struct ps_bytes behind = up_json_skip_scalar(scalar);
    return behind.p != NULL && behind.n == 0;
}
