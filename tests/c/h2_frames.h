/* Builds HTTP/2 frames byte by byte, right or wrong, and reads those a client sends.
 * Fields are literals without indexing, so that a reader of a test sees what is on the wire. Memory
 * is malloc's: failing ps_malloc leaves the peer alone. */
#ifndef PS_TEST_H2_FRAMES_H
#define PS_TEST_H2_FRAMES_H

#include <stdint.h>
#include <stdio.h>

#include "t.h"

enum {
    F_DATA,
    F_HEADERS,
    F_PRIORITY,
    F_RST,
    F_SETTINGS,
    F_PUSH,
    F_PING,
    F_GOAWAY,
    F_WINDOW,
    F_CONTINUATION,
    F_ALTSVC,
};

enum {
    END_STREAM = 1,
    ACK = 1,
    END_HEADERS = 4,
    PADDED = 8
};

struct h2_wire {
    uint8_t *p;
    size_t n, cap;
};

static inline void h2_wire_free(struct h2_wire *w)
{
    free(w->p);
    *w = (struct h2_wire){0};
}

static inline void h2_raw(struct h2_wire *w, const void *p, size_t n)
{
    if (w->cap - w->n < n) {
        w->cap = (w->cap + n) * 2 + 64;
        w->p = realloc(w->p, w->cap);
        T_CHECK(w->p != NULL);
    }
    if (n > 0)
        memcpy(w->p + w->n, p, n);
    w->n += n;
}

static inline void h2_byte(struct h2_wire *w, unsigned b)
{
    uint8_t byte = (uint8_t)b;
    h2_raw(w, &byte, 1);
}

static inline void h2_u32(struct h2_wire *w, uint32_t v)
{
    uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    h2_raw(w, b, 4);
}

static inline void h2_frame_head(struct h2_wire *w, size_t n, unsigned type, unsigned flags,
                                 uint32_t id)
{
    h2_byte(w, (unsigned)(n >> 16));
    h2_byte(w, (unsigned)(n >> 8));
    h2_byte(w, (unsigned)n);
    h2_byte(w, type);
    h2_byte(w, flags);
    h2_u32(w, id);
}

static inline void h2_frame(struct h2_wire *w, unsigned type, unsigned flags, uint32_t id,
                            const void *p, size_t n)
{
    h2_frame_head(w, n, type, flags, id);
    h2_raw(w, p, n);
}

static inline void h2_frame_u32(struct h2_wire *w, unsigned type, uint32_t id, uint32_t v)
{
    h2_frame_head(w, 4, type, 0, id);
    h2_u32(w, v);
}

/* One SETTINGS entry; id 0: an empty frame. */
static inline void h2_settings(struct h2_wire *w, unsigned id, uint32_t value)
{
    h2_frame_head(w, id == 0 ? 0 : 6, F_SETTINGS, 0, 0);
    if (id == 0)
        return;
    h2_byte(w, id >> 8);
    h2_byte(w, id);
    h2_u32(w, value);
}

/* A string of HPACK: 7-bit prefixed length, no Huffman. */
static inline void h2_string(struct h2_wire *w, const char *s, size_t n)
{
    if (n < 127) {
        h2_byte(w, (unsigned)n);
    } else {
        size_t rest = n - 127;
        h2_byte(w, 127);
        for (; rest >= 128; rest >>= 7)
            h2_byte(w, 128 | (rest & 127));
        h2_byte(w, (unsigned)rest);
    }
    h2_raw(w, s, n);
}

static inline void h2_field_n(struct h2_wire *w, const char *name, const char *value,
                              size_t value_n)
{
    h2_byte(w, 0);
    h2_string(w, name, strlen(name));
    h2_string(w, value, value_n);
}

static inline void h2_field(struct h2_wire *w, const char *name, const char *value)
{
    h2_field_n(w, name, value, strlen(value));
}

/* Fields of a block as text: "name=value\n"... (a value may hold anything but '\n'). */
static inline void h2_block(struct h2_wire *w, const char *text)
{
    while (*text != '\0') {
        const char *eq = strchr(text + 1, '='), *nl = strchr(text, '\n');
        T_CHECK(eq != NULL && nl != NULL && eq < nl);
        h2_byte(w, 0);
        h2_string(w, text, (size_t)(eq - text));
        h2_string(w, eq + 1, (size_t)(nl - eq - 1));
        text = nl + 1;
    }
}

static inline void h2_headers(struct h2_wire *w, uint32_t id, unsigned flags, const char *text)
{
    struct h2_wire block = {0};
    h2_block(&block, text);
    h2_frame(w, F_HEADERS, flags | END_HEADERS, id, block.p, block.n);
    h2_wire_free(&block);
}

static inline void h2_data(struct h2_wire *w, uint32_t id, unsigned flags, const char *text)
{
    h2_frame(w, F_DATA, flags, id, text, strlen(text));
}

static inline void h2_goaway(struct h2_wire *w, uint32_t last_id, uint32_t code, const char *debug)
{
    h2_frame_head(w, 8 + strlen(debug), F_GOAWAY, 0, 0);
    h2_u32(w, last_id);
    h2_u32(w, code);
    h2_raw(w, debug, strlen(debug));
}

static inline uint32_t h2_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
