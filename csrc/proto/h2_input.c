/* proto/h2_input.c -- cuts the input at frame ends and looks at each frame's head first.
 * The library's view of a DATA payload dies with nghttp2_session_mem_recv(), but it points into the
 * bytes it was given, and those live until next() said NONE. So the view from feed() is kept and
 * next() gives the library at most one frame (or one run of small ones, h2_run.c), then hands out what
 * that caused: BODY events stay views of the input (of a run: of its buffer), and a hostile input cannot
 * pile up heads between two calls of next(). In: the view of feed().  Out: calls into the library,
 * events.  Thread: io. Limit: H2_CONTINUATIONS_MAX, and the purses of h2_flood.c. */
#include "proto/h2_state.h"

enum {
    CONTINUATION = 9, /* the library keeps this number to itself */
};

/* HEADERS or DATA. For exchanges that are over they cost nothing but time: counted as strays. */
static void note_answer(struct ps_h2 *h, uint32_t id)
{
    h->answers_n++;
    if (ps_h2_running(h, id) == NULL)
        ps_h2_note_noise(h, H2_NOISE_STRAY);
}

static void note_continuation(struct ps_h2 *h)
{
    if (++h->continuations_n > H2_CONTINUATIONS_MAX) /* rule 46 */
        ps_h2_doom(h, PS_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM,
                   "the peer sent %zu CONTINUATION frames for one head", h->continuations_n);
}

/* A server that does not speak HTTP/2 at all deserves a clearer text than a bad frame. */
static bool is_h1_answer(const struct ps_h2 *h)
{
    return h->frames_n == 1 && memcmp(h->frame_head, "HTTP/1.", 7) == 0;
}

void ps_h2_note_peer(struct ps_h2 *h, size_t frames_n)
{
    h->frames_n += frames_n;
    h->unproved_n = h->doubted_n = 0; /* rule 7: the peer lives */
}

static void note_frame(struct ps_h2 *h)
{
    uint8_t type = h->frame_head[3];
    uint32_t id = h2_u32_at(h->frame_head + 5) & 0x7fffffff;
    ps_h2_note_peer(h, 1);
    if (is_h1_answer(h)) {
        ps_h2_doom(h, PS_PROTOCOL, NGHTTP2_PROTOCOL_ERROR, "the peer answered in HTTP/1");
        return;
    }
    if (type != CONTINUATION)
        h->continuations_n = 0;
    switch (type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        note_answer(h, id);
        return;
    case NGHTTP2_PRIORITY:
        ps_h2_note_noise(h, H2_NOISE_PRIORITY);
        return;
    case NGHTTP2_RST_STREAM:
        ps_h2_note_noise(h, H2_NOISE_RESET);
        return;
    case NGHTTP2_SETTINGS:
        ps_h2_note_noise(h, H2_NOISE_SETTINGS);
        return;
    case NGHTTP2_PUSH_PROMISE: /* rule 11; before our SETTINGS are acknowledged the library allows
                                  it */
        ps_h2_doom(h, PS_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
                   "the peer sent PUSH_PROMISE although push is off");
        return;
    case NGHTTP2_PING:
        ps_h2_note_noise(h, H2_NOISE_PING);
        return;
    case NGHTTP2_GOAWAY:
        ps_h2_note_noise(h, H2_NOISE_GOAWAY);
        return;
    case NGHTTP2_WINDOW_UPDATE:
        ps_h2_note_noise(h, H2_NOISE_WINDOW_UPDATE);
        return;
    case CONTINUATION:
        note_continuation(h);
        return;
    default:
        ps_h2_note_noise(h, H2_NOISE_UNKNOWN);
        return;
    }
}

void ps_h2_give_library(struct ps_h2 *h, struct ps_bytes piece)
{
    if (h->doom.status != PS_OK) /* the frame's head was enough */
        return;
    ssize_t rv = nghttp2_session_mem_recv(h->session, piece.p, piece.n);
    ps_h2_judge(h, rv < 0 ? (int)rv : 0);
    ps_h2_check_library(h);
}

/* Gathers the frame's head; false: not yet whole. The library gets heads whole only: since it
 * counts CONTINUATIONs it takes each piece of a head for one more. */
static bool read_frame_head(struct ps_h2 *h)
{
    size_t missing_n = H2_FRAME_HEAD_BYTES - h->frame_head_n;
    size_t n = missing_n < h->in.n ? missing_n : h->in.n;
    memcpy(h->frame_head + h->frame_head_n, h->in.p, n);
    h->frame_head_n += n;
    h->in = ps_bytes_of(h->in.p + n, h->in.n - n);
    if (h->frame_head_n < H2_FRAME_HEAD_BYTES)
        return false;
    h->frame_left_n =
        (size_t)h->frame_head[0] << 16 | (size_t)h->frame_head[1] << 8 | h->frame_head[2];
    note_frame(h);
    ps_h2_give_library(h, ps_bytes_of(h->frame_head, sizeof h->frame_head));
    return true;
}

/* The usual case: the whole frame lies in the input, and one call of the library does. */
static bool read_whole_frame(struct ps_h2 *h)
{
    if (h->frame_head_n != 0 || h->in.n < H2_FRAME_HEAD_BYTES)
        return false;
    const uint8_t *p = h->in.p;
    size_t n = H2_FRAME_HEAD_BYTES + ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]);
    if (h->in.n < n)
        return false;
    memcpy(h->frame_head, p, H2_FRAME_HEAD_BYTES);
    h->in = ps_bytes_of(p + n, h->in.n - n);
    note_frame(h);
    ps_h2_give_library(h, ps_bytes_of(p, n));
    return true;
}

void ps_h2_read_frame(struct ps_h2 *h)
{
    if (ps_h2_read_run(h) || read_whole_frame(h))
        return;
    if (h->frame_head_n < H2_FRAME_HEAD_BYTES && !read_frame_head(h))
        return;
    size_t n = h->frame_left_n < h->in.n ? h->frame_left_n : h->in.n;
    struct ps_bytes payload = ps_bytes_of(h->in.p, n);
    h->in = ps_bytes_of(h->in.p + n, h->in.n - n);
    h->frame_left_n -= n;
    if (h->frame_left_n == 0)
        h->frame_head_n = 0;
    if (n > 0)
        ps_h2_give_library(h, payload);
}
