/* proto/h2_run.c -- runs of small DATA frames are read as one.
 * A provider that is ahead of the network sends hundreds of token-sized frames back to back, of one exchange or of many
 * in turn. One by one, each would cost its own way from the library to the consumer: an event, a lock, a credit. So
 * the whole frames that lie in the input one after another go to the library in one call, and each exchange's bytes
 * leave as one BODY, copied together. Nothing waits for more: a run is what has arrived.
 *
 * First the frames are measured, so that each exchange has its place in the one buffer; then the library reads them and
 * its callbacks fill the places; then next() tells of them. All that is not plain (padding, empty or large frames,
 * frames cut by the input, exchanges that are over) is h2_input.c's. Thread: io. Limit: H2_RUN_BYTES a run. */
#include "proto/h2_state.h"

enum { FRAME_BYTES = 1024 }; /* larger ones are worth more as views than joined */

struct small_frame {
    uint32_t id;
    size_t body_n; /* 0: the input does not begin with a small frame */
    bool is_last;
};

static struct small_frame look(struct ps_bytes in)
{
    struct small_frame f = {0};
    if (in.n < H2_FRAME_HEAD_BYTES || in.p[3] != NGHTTP2_DATA || in.p[0] != 0 ||
        (in.p[4] & ~NGHTTP2_FLAG_END_STREAM) != 0)
        return f;
    size_t n = (size_t)in.p[1] << 8 | in.p[2];
    if (n > FRAME_BYTES || n > in.n - H2_FRAME_HEAD_BYTES)
        return f;
    f.id = h2_u32_at(in.p + 5) & 0x7fffffff;
    f.body_n = n;
    f.is_last = in.p[4] != 0;
    return f;
}

/* The exchange gets room for the frame. False: it is over, or will be after the frames before. */
static bool take_part(struct ps_h2 *h, const struct small_frame *f)
{
    struct h2_stream *s = ps_h2_running(h, f->id);
    if (s == NULL || s->run.is_ending)
        return false;
    if (!ps_node_linked(&s->run.node))
        ps_list_push_back(&h->run, &s->run.node);
    s->run.body_n += f->body_n;
    s->run.is_ending = f->is_last;
    return true;
}

/* How far the run goes. */
static size_t measure(struct ps_h2 *h, size_t *body_n, size_t *frames_n)
{
    size_t at = 0;
    *body_n = *frames_n = 0;
    for (;;) {
        struct small_frame f = look(ps_bytes_of(h->in.p + at, h->in.n - at));
        if (f.body_n == 0 || *body_n + f.body_n > H2_RUN_BYTES || !take_part(h, &f))
            return at;
        at += H2_FRAME_HEAD_BYTES + f.body_n;
        *body_n += f.body_n;
        ++*frames_n;
    }
}

/* Gives each exchange its place, to be filled from its beginning. */
static void give_places(struct ps_h2 *h, uint8_t *room)
{
    for (struct ps_node *n = ps_list_first(&h->run); n != NULL; n = ps_list_next(&h->run, n)) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, run.node);
        s->run.place = room;
        room += s->run.body_n;
        s->run.body_n = 0;
        s->run.is_ending = false;
    }
}

static void forget(struct ps_h2 *h)
{
    struct ps_node *n;
    while ((n = ps_list_pop_front(&h->run)) != NULL)
        PS_ITEM(n, struct h2_stream, run.node)->run = (struct h2_part){0};
}

bool ps_h2_read_run(struct ps_h2 *h)
{
    if (h->frame_head_n != 0 || look(h->in).body_n == 0)
        return false;
    size_t body_n, frames_n;
    uint8_t *room;
    size_t wire_n = measure(h, &body_n, &frames_n);
    ps_buf_clear(&h->joined);
    if (frames_n < 2 || ps_buf_reserve(&h->joined, body_n, &room) != PS_OK) {
        forget(h);
        return false;
    }
    give_places(h, room);
    ps_h2_note_peer(h, frames_n);
    h->answers_n += frames_n;
    h->continuations_n = 0;
    struct ps_bytes piece = ps_bytes_of(h->in.p, wire_n);
    h->in = ps_bytes_of(h->in.p + wire_n, h->in.n - wire_n);
    h->joined_n = 0;
    h->is_joining = true;
    ps_h2_give_library(h, piece);
    h->is_joining = false;
    ps_h2_judge(h, nghttp2_session_consume_connection(h->session, h->joined_n));
    return true;
}

void ps_h2_join(struct ps_h2 *h, struct h2_stream *s, struct ps_bytes bytes)
{
    memcpy(s->run.place + s->run.body_n, bytes.p, bytes.n);
    s->run.body_n += bytes.n;
    h->joined_n += bytes.n;
}

bool ps_h2_take_joined(struct ps_h2 *h, struct ps_event *ev)
{
    struct ps_node *n;
    while ((n = ps_list_pop_front(&h->run)) != NULL) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, run.node);
        struct h2_part part = s->run;
        s->run = (struct h2_part){0};
        if (part.body_n == 0) /* the library did not come to it */
            continue;
        s->unread_bytes += part.body_n;
        *ev = (struct ps_event){.kind = PS_EV_BODY, .id = s->id, .tag = s->tag, .body = ps_bytes_of(part.place, part.body_n)};
        return true;
    }
    return false;
}
