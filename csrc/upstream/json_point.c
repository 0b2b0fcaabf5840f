/* upstream/json_point.c -- a JSON pointer's scalar in a text (see json_point.h; base/json.h scans it). */
#include "upstream/json_point.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/json_scan.h"

enum { NUMBER_BYTES = 64 };

/* -- characters -- */

typedef const uint8_t *read_char(const uint8_t *p, const uint8_t *end, uint32_t *code);

/* A character of a pointer: ~0 and ~1 are its only escapes. */
static const uint8_t *pointer_char(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    if (*p == '~') {
        *code = p[1] == '0' ? '~' : '/';
        return p + 2;
    }
    if (*p != '\\')
        return ps_json_char(p, end, code);
    *code = '\\';
    return p + 1;
}

/* Does the inside of a string mean the same as `b`, whose characters are read by `read_b`? */
static bool is_same(struct ps_bytes inside, struct ps_bytes b, read_char *read_b)
{
    const uint8_t *p = inside.p, *end = p + inside.n, *q = b.p, *q_end = q + b.n;
    uint32_t one = 0, two = 0;
    while (p < end && q < q_end && one == two) {
        p = ps_json_char(p, end, &one);
        q = read_b(q, q_end, &two);
    }
    return p == end && q == q_end && one == two;
}

/* -- the way: each returns where the next value begins, NULL when there is none -- */

/* The pointer's next step; its bytes are still escaped. */
static struct ps_bytes next_step(struct ps_bytes *pointer)
{
    const uint8_t *p = pointer->p + 1, *end = pointer->p + pointer->n, *slash = memchr(p, '/', (size_t)(end - p));
    *pointer = slash == NULL ? ps_bytes_of(end, 0) : ps_bytes_of(slash, (size_t)(end - slash));
    return ps_bytes_of(p, (size_t)(pointer->p - p));
}

static const uint8_t *enter_object(const uint8_t *p, const uint8_t *end, struct ps_bytes step)
{
    p = ps_json_behind(p, end, '{');
    while (p != NULL && p < end && *p == '"') {
        const uint8_t *name = p;
        p = ps_json_skip(name, end, 0);
        if (p == NULL)
            return NULL;
        bool is_it = is_same(ps_json_inside(ps_bytes_of(name, (size_t)(p - name))), step, pointer_char);
        p = ps_json_behind(p, end, ':');
        if (is_it)
            return p;
        p = ps_json_behind(ps_json_skip(p, end, PS_JSON_DEPTH), end, ',');
    }
    return NULL;
}

static const uint8_t *enter_array(const uint8_t *p, const uint8_t *end, struct ps_bytes step)
{
    int left_n = ps_json_index(step);
    if (step.n == 0 || (step.p[0] == '0' ? step.n > 1 : left_n <= 0))
        return NULL;
    for (p = ps_json_behind(p, end, '['); p != NULL && left_n > 0; left_n--)
        p = ps_json_behind(ps_json_skip(p, end, PS_JSON_DEPTH), end, ',');
    return p;
}

/* -- comparing -- */

static bool is_number(struct ps_bytes scalar)
{
    return ps_json_is(scalar, '-') || json_is_digit(scalar.p[0]);
}

static bool has_fraction(struct ps_bytes number)
{
    for (size_t i = 0; i < number.n; i++) {
        if (number.p[i] == '.' || (number.p[i] | 32) == 'e')
            return true;
    }
    return false;
}

static double value_of(struct ps_bytes number)
{
    char text[NUMBER_BYTES];
    memcpy(text, number.p, number.n);
    text[number.n] = '\0';
    return strtod(text, NULL);
}

static bool same_scalar(struct ps_bytes a, struct ps_bytes b)
{
    if (ps_json_is(a, '"') && ps_json_is(b, '"'))
        return is_same(ps_json_inside(a), ps_json_inside(b), ps_json_char);
    if (ps_bytes_eq(a, b))
        return true;
    if (!is_number(a) || !is_number(b) || a.n >= NUMBER_BYTES || b.n >= NUMBER_BYTES)
        return false;
    return (has_fraction(a) || has_fraction(b)) && value_of(a) == value_of(b);
}

bool up_json_point_holds(struct ps_bytes text, struct ps_bytes pointer, struct ps_bytes scalar)
{
    if (text.n == 0)
        return false;
    const uint8_t *end = text.p + text.n, *p = json_skip_space(text.p, end);
    while (p != NULL && p < end && pointer.n > 0) {
        struct ps_bytes step = next_step(&pointer);
        p = *p == '{' ? enter_object(p, end, step) : enter_array(p, end, step);
    }
    const uint8_t *behind = ps_json_skip(p, end, 0);
    if (behind == NULL || (behind < end && memchr(" \t\r\n,]}", *behind, 7) == NULL))
        return false;
    return same_scalar(ps_bytes_of(p, (size_t)(behind - p)), scalar);
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
    return scalar.n > 0 && ps_json_skip(scalar.p, scalar.p + scalar.n, 0) == scalar.p + scalar.n;
}
