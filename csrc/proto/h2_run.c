/* proto/h2_run.c -- runs of small DATA frames are read as one frame an exchange.
 * A provider that is ahead of the network sends hundreds of token-sized frames back to back, of one exchange or of many
 * in turn. One by one, each would cost its own way through the library to the consumer: an event, a lock, a credit. DATA of
 * different exchanges has no order among itself (RFC 9113 section 5.1 binds frames of one stream only), and windows count
 * bytes, not frames. So the whole frames that lie in the input one after another are sorted by exchange into one frame
 * each, the library judges those (state, windows, content-length), and its views of them leave as one BODY an exchange.
 * Nothing waits for more: a run is what has arrived.
 *
 * First the frames are measured, so that each exchange has its place in the one buffer; then heads are written and
 * bodies copied; then the library reads; then next() tells. All that is not plain (padding, empty or large frames,
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

/* The exchange gets room for the frame, and for a head when it is its first. False: it is over, or will be after the
 * frames before, or there is no room. */
static bool take_part(struct ps_h2 *h, const struct small_frame *f, size_t *room_n)
{
    struct h2_stream *s = ps_h2_running(h, f->id);
    if (s == NULL || s->run.is_ending)
        return false;
    bool is_first = !ps_node_linked(&s->run.node);
    size_t n = f->body_n + (is_first ? H2_FRAME_HEAD_BYTES : 0);
    if (n > *room_n)
        return false;
    *room_n -= n;
    if (is_first)
        ps_list_push_back(&h->run, &s->run.node);
    s->run.body_n += f->body_n;
    s->run.is_ending = f->is_last;
    return true;
}

struct run {
    size_t wire_n, frames_n; /* as they came */
    size_t joined_n;         /* as they go to the library */
};

/* How far the run goes. */
static struct run measure(struct ps_h2 *h)
{
    struct run run = {0};
    size_t room_n = H2_RUN_BYTES;
    for (;;) {
        struct small_frame f = look(ps_bytes_of(h->in.p + run.wire_n, h->in.n - run.wire_n));
        if (f.body_n == 0 || !take_part(h, &f, &room_n))
            break;
        run.wire_n += H2_FRAME_HEAD_BYTES + f.body_n;
        run.frames_n++;
    }
    run.joined_n = H2_RUN_BYTES - room_n;
    return run;
}

/* Gives each exchange its one frame, still to be filled. */
static void write_heads(struct ps_h2 *h, uint8_t *to)
{
    for (struct ps_node *n = ps_list_first(&h->run); n != NULL; n = ps_list_next(&h->run, n)) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, run.node);
        uint8_t flags = s->run.is_ending ? NGHTTP2_FLAG_END_STREAM : 0;
        const uint8_t head[H2_FRAME_HEAD_BYTES] = {
            0,
            (uint8_t)(s->run.body_n >> 8),
            (uint8_t)s->run.body_n,
            NGHTTP2_DATA,
            flags,
            (uint8_t)(s->id >> 24),
            (uint8_t)(s->id >> 16),
            (uint8_t)(s->id >> 8),
            (uint8_t)s->id,
        };
        memcpy(to, head, sizeof head);
        s->run.place = to + sizeof head;
        to = s->run.place + s->run.body_n;
    }
}

/* Sorts the run's bytes to their exchanges. */
static void fill(struct ps_h2 *h, struct ps_bytes wire)
{
    for (size_t at = 0; at < wire.n;) {
        struct small_frame f = look(ps_bytes_of(wire.p + at, wire.n - at));
        struct h2_stream *s = ps_h2_running(h, f.id);
        memcpy(s->run.place, wire.p + at + H2_FRAME_HEAD_BYTES, f.body_n);
        s->run.place += f.body_n;
        at += H2_FRAME_HEAD_BYTES + f.body_n;
        ps_h2_note_use(h);
    }
}

static void forget(struct ps_h2 *h)
{
    struct ps_node *n;
    while ((n = ps_list_pop_front(&h->run)) != NULL)
        PS_ITEM(n, struct h2_stream, run.node)->run = (struct h2_part){0};
}

/* Puts the frames together in `joined`. False: it is not worth it, or there is no memory. */
static bool join(struct ps_h2 *h, const struct run *run)
{
    uint8_t *room;
    ps_buf_clear(&h->joined);
    if (run->frames_n < 2 || ps_buf_reserve(&h->joined, run->joined_n, &room) != PS_OK) {
        forget(h);
        return false;
    }
    write_heads(h, room);
    fill(h, ps_bytes_of(h->in.p, run->wire_n));
    ps_buf_commit(&h->joined, run->joined_n);
    return true;
}

bool ps_h2_read_run(struct ps_h2 *h)
{
    if (h->frame_head_n != 0)
        return false;
    struct run run = measure(h);
    if (!join(h, &run))
        return false;
    h->in = ps_bytes_of(h->in.p + run.wire_n, h->in.n - run.wire_n);
    ps_h2_note_peer(h, run.frames_n);
    h->answers_n += run.frames_n;
    h->continuations_n = 0;
    h->is_joining = true;
    ps_h2_give_library(h, ps_buf_view(&h->joined));
    h->is_joining = false;
    return true;
}

/* All of an exchange's bytes lie in one frame of `joined`, so a second view would go on where the first ended. */
void ps_h2_join(struct h2_stream *s, struct ps_bytes bytes)
{
    s->run.body = s->run.body.n == 0 ? bytes : ps_bytes_of(s->run.body.p, s->run.body.n + bytes.n);
}

bool ps_h2_take_joined(struct ps_h2 *h, struct ps_event *ev)
{
    struct ps_node *n;
    while ((n = ps_list_pop_front(&h->run)) != NULL) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, run.node);
        struct ps_bytes body = s->run.body;
        s->run = (struct h2_part){0};
        if (body.n == 0) /* the library did not let it through */
            continue;
        s->unread_bytes += body.n;
        *ev = (struct ps_event){.kind = PS_EV_BODY, .id = s->id, .tag = s->tag, .body = body};
        return true;
    }
    return false;
}
