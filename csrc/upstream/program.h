/* upstream/program.h -- what an answer consists of: steps, as plain C, made before and never changed.
 * Heads are written out for both protocols and pieces are framed as chunks when they are made, so that answering
 * is copying. The list of steps always ends in UP_END.
 * Thread: made anywhere, then read on io. Owner: its rule, or the run of a built-in answer. */
#ifndef PS_UPSTREAM_PROGRAM_H
#define PS_UPSTREAM_PROGRAM_H

#include <nghttp2/nghttp2.h>

#include "base/buf.h"

enum up_step_kind {
    UP_END, /* 0: zeroed memory ends a program */
    UP_DELAY,
    UP_INFO,
    UP_HEAD,
    UP_BODY,
    UP_EVENTS,
    UP_TRAILERS,
    UP_CUT,
    UP_RST,
    UP_GOAWAY,
    UP_SETTINGS,
    UP_RAW,
    UP_SPLIT,
    UP_STALL
};

/* How a connection is ended: close_notify and FIN; FIN alone; RST. */
enum up_cut {
    UP_CUT_NONE,
    UP_CUT_FIN,
    UP_CUT_ABRUPT,
    UP_CUT_RESET
};

/* Where an HTTP/1.1 body ends. */
enum up_frame {
    UP_FRAME_NONE, /* there is no body */
    UP_FRAME_LENGTH,
    UP_FRAME_CHUNKED,
    UP_FRAME_CLOSE,
    UP_FRAME_RAW /* no head was sent */
};

enum up_last {
    UP_LAST_THIS,
    UP_LAST_BEFORE,
    UP_LAST_MAX
};

struct up_pair {
    struct ps_bytes name, value;
};

/* A head, or trailers. */
struct up_head {
    int status;         /* 0: trailers */
    uint8_t *h1;        /* owned: HTTP/1.1, without the empty line at the end */
    size_t h1_n;
    nghttp2_nv *nv;     /* owned, with all it points to */
    size_t nv_n;
    enum up_frame frame;
    uint64_t length; /* with UP_FRAME_LENGTH */
    bool closes;     /* HTTP/1.1: the connection ends with this response */
};

/* Bytes as a chunk: "a\r\n" + data + "\r\n". */
struct up_piece {
    uint8_t *framed; /* owned */
    size_t data_at, data_n, framed_n;
};

struct up_stamp {
    size_t piece_i, at;
    bool is_ns; /* else the event's number */
};

enum { UP_STAMP_BYTES = 20 };

struct up_events {
    struct up_piece *pieces; /* owned */
    size_t pieces_n;
    struct up_stamp *stamps; /* owned */
    size_t stamps_n;
    size_t longest_n; /* framed */
    uint64_t count;
    double period_ns; /* 0: as fast as the peer takes them */
    double jitter;    /* of the period, up or down */
    uint64_t seed;
};

struct up_step {
    enum up_step_kind kind;
    union {
        uint64_t delay_us;
        struct up_head head;    /* INFO, HEAD, TRAILERS */
        struct up_piece data;   /* BODY, RAW */
        struct up_events events;
        enum up_cut cut;
        uint32_t code;
        struct {
            uint32_t code;
            enum up_last last;
            uint8_t *debug; /* owned */
            size_t debug_n;
        } goaway;
        struct {
            nghttp2_settings_entry *entries; /* owned */
            size_t n;
        } settings;
        struct {
            size_t bytes_n;
            uint64_t pause_us;
        } split;
    } as;
};

struct up_program {
    struct up_step *steps; /* owned */
    size_t n, cap;         /* without the UP_END behind them */
};

void up_program_fini(struct up_program *p); /* zeroed memory is an empty program */
/* A zeroed step of that kind at the end, to be filled. NULL: no memory. */
struct up_step *up_program_add(struct up_program *p, enum up_step_kind kind);

/* The special values of `body_bytes`; see _upstream.pyi. */
enum {
    UP_BODY_CHUNKED = -1,
    UP_BODY_CLOSE = -2,
    UP_BODY_VERBATIM = -3
};

PS_CHECK enum ps_status up_head_set(struct up_head *h, int status, const struct up_pair *fields, size_t n,
                                    int64_t body_bytes);
void up_head_fini(struct up_head *h);
/* `fields` of a trailer. */
PS_CHECK enum ps_status up_head_set_trailers(struct up_head *h, const struct up_pair *fields, size_t n);
PS_CHECK enum ps_status up_piece_set(struct up_piece *p, struct ps_bytes data);

static inline struct ps_bytes up_piece_data(const struct up_piece *p)
{
    return ps_bytes_of(p->framed + p->data_at, p->data_n);
}

static inline struct ps_bytes up_piece_framed(const struct up_piece *p)
{
    return ps_bytes_of(p->framed, p->framed_n);
}

static inline bool up_step_is_data(const struct up_step *s)
{
    return s->kind == UP_BODY || s->kind == UP_EVENTS;
}

/* 404, or another status, with a text. */
PS_CHECK enum ps_status up_program_plain(struct up_program *p, int status, struct ps_bytes text);

#endif
