/* Bytes of a fuzzer as choices, and server frames made from them that are mostly well formed. */
#ifndef PS_FUZZ_H2_INPUT_H
#define PS_FUZZ_H2_INPUT_H

#include "h2_frames.h"

struct input {
    const uint8_t *p;
    size_t n;
};

static inline uint8_t take(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

/* Small ones, and some of any size. */
static inline uint32_t take_u32(struct input *in)
{
    uint32_t v = take(in);
    return v < 224 ? v : v << (take(in) % 24);
}

/* A field, sometimes one that enters the table. */
static inline void put_field(struct h2_wire *w, const char *text, uint8_t choice)
{
    size_t at = w->n;
    h2_block(w, text);
    if (choice >= 240)
        w->p[at] = 0x40;
}

static inline void put_block(struct h2_wire *w, struct input *in)
{
    static const char *const fields[] = {
        ":status=200\n", ":status=103\n", "content-length=5\n", "a=b\n",   "A=b\n",
        "te=trailers\n", "x= y \n",       ":status=999\n",      "a=\r\n",  "connection=close\n",
        ":status=100\n", ":status=204\n", ":status=413\n",      "age=1\n",
    };
    uint8_t choice = take(in);
    if (choice < 128)
        put_field(w, choice < 64 ? ":status=200\n" : ":status=103\n", 0);
    for (uint8_t left = choice % 4; left > 0; left--) {
        uint8_t which = take(in);
        put_field(w, fields[which % (sizeof fields / sizeof fields[0])], which);
    }
    if (choice % 16 == 15)
        h2_byte(w, take(in)); /* any HPACK byte */
}

/* The padding that `flags` promise around `payload`, now and then more than there is. */
static inline void put_padded(struct h2_wire *w, struct input *in, uint8_t flags,
                              const struct h2_wire *payload)
{
    unsigned n = flags & PADDED ? take(in) : 0;
    if (flags & PADDED)
        h2_byte(w, n);
    h2_raw(w, payload->p, payload->n);
    for (unsigned left = n < 250 ? n % 8 : 0; left > 0; left--)
        h2_byte(w, 0);
    if (n < 250 && n >= 8)
        w->p[0] = n % 8;
}

static inline void put_payload(struct h2_wire *payload, struct input *in, uint8_t type,
                               uint8_t flags)
{
    struct h2_wire inner = {0};
    switch (type) {
    case F_HEADERS:
        put_block(&inner, in);
        put_padded(payload, in, flags, &inner);
        break;
    case F_CONTINUATION:
        put_block(payload, in);
        break;
    case F_WINDOW:
    case F_RST:
        h2_u32(payload, take_u32(in));
        break;
    case F_GOAWAY:
        h2_u32(payload, take(in) % 16);
        h2_u32(payload, take(in) % 16);
        break;
    case F_SETTINGS:
        if (flags & ACK)
            break;
        h2_byte(payload, 0);
        h2_byte(payload, take(in) % 8);
        h2_u32(payload, take_u32(in));
        break;
    case F_PING:
        h2_raw(payload, "penstoc", 7);
        h2_byte(payload, take(in) % 4);
        break;
    default: /* DATA, PRIORITY, PUSH_PROMISE, unknown */
        for (uint8_t left = take(in); left > 0; left--)
            h2_byte(&inner, take(in));
        put_padded(payload, in, type == F_DATA ? flags : 0, &inner);
        break;
    }
    h2_wire_free(&inner);
}

/* Small DATA frames in a row, of up to four exchanges: what h2_run.c joins. */
static inline void put_run(struct h2_wire *w, struct input *in)
{
    static const char bytes[1100] = {0};
    for (uint8_t left = take(in) % 64 + 2; left > 0; left--) {
        uint8_t b = take(in);
        size_t n = b >= 250 ? 1000 + (size_t)take(in) % 100 : b / 4 % 32 + (b != 0);
        h2_frame(w, F_DATA, b % 64 == 63 ? END_STREAM : 0, 1 + 2 * (uint32_t)(b % 4), bytes, n);
    }
}

static inline void put_frame(struct h2_wire *w, struct input *in)
{
    struct h2_wire payload = {0};
    uint8_t type = take(in) % 12, flags = take(in);
    if (type == F_DATA && flags >= 128) {
        put_run(w, in);
        return;
    }
    if (type == F_DATA)
        flags &= flags >= 64 ? 0xff : END_STREAM;
    uint32_t id = take(in) % 16;
    if (type == F_DATA || type == F_HEADERS)
        id |= 1;
    if (type == F_HEADERS || type == F_CONTINUATION) {
        flags &= END_STREAM | END_HEADERS | PADDED;
        flags |= take(in) < 240 ? END_HEADERS : 0;
    }
    if (type == F_SETTINGS || type == F_PING || type == F_GOAWAY)
        id = 0;
    if (type == F_SETTINGS)
        flags &= ACK;
    put_payload(&payload, in, type, flags);
    h2_frame(w, type, flags, id, payload.p, payload.n);
    h2_wire_free(&payload);
}

/* As many bytes as the input says, as they are: seeds are made of these. */
static inline void put_raw(struct h2_wire *w, struct input *in)
{
    size_t n = (size_t)take(in) << 8;
    n |= take(in);
    n = n < in->n ? n : in->n;
    h2_raw(w, in->p, n);
    in->p += n;
    in->n -= n;
}

#endif
