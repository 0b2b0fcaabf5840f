/* sse/frames.h -- framing of server-sent events: bytes in any pieces, whole events out, as views.
 * Lines end with LF, CR or CRLF, a blank line ends an event. A CR ends its line at once; an LF that follows it in the
 * next piece is given out as a tail. The caller keeps the bytes of an unfinished event and shows them again with more
 * behind them; nothing is looked at twice.
 * Owner: the tally, which embeds it. Thread: any, one at a time. Limit: max_event_bytes of an event. */
#ifndef PS_SSE_FRAMES_H
#define PS_SSE_FRAMES_H

#include "base/buf.h"

struct ps_frames {
    size_t max_event_bytes;
    /* of the unfinished event, counted from its first byte */
    size_t line_at;        /* where its unfinished line begins */
    size_t scan_at;        /* up to here that line has no end */
    size_t data_at, data_n; /* the value of its last data line */
    size_t data_lines_n;
    bool is_error;    /* event: error */
    bool is_begun;    /* the first event is over: no byte order mark any more */
    bool is_after_cr; /* the last byte seen was a CR */
    struct ps_buf joined; /* data of an event with several data lines */
};

/* The bytes at hand, from the first byte of an unfinished event. */
struct ps_frames_view {
    const uint8_t *start, *at, *end; /* `at`: the unfinished event */
    const uint8_t *lf, *cr; /* the next ones; `end` = none; behind `at` means not looked for yet */
    bool is_tail_due;
};

struct ps_frame {
    struct ps_bytes raw;
    struct ps_bytes data; /* dies with the next call; p is NULL when there is no data line */
    bool is_error;
    bool is_one_line; /* `data` lies in `raw` */
    bool is_tail;     /* the LF of a CRLF whose CR ended the event before */
};

void ps_frames_init(struct ps_frames *f, size_t max_event_bytes);
void ps_frames_fini(struct ps_frames *f);

/* `all` begins with the unfinished event that was there, and goes on with what is new, at least one byte. */
struct ps_frames_view ps_frames_look(struct ps_frames *f, struct ps_bytes all);

/* The next whole event. PS_OK; PS_CLOSED when there is none (what is left begins at v->at); PS_LIMIT, PS_NOMEM. */
PS_CHECK enum ps_status ps_frames_next(struct ps_frames *f, struct ps_frames_view *v, struct ps_frame *frame);

#endif
