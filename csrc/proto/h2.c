/* proto/h2.c -- the HTTP/2 codec: its ops table, its life, the loop of next() (see h2.h).
 * In: bytes, requests.  Out: events, bytes.  Thread: io.  Owner: conn.  Limits: ps_codec_limits and
 * those of h2_state.h.
 *
 * next() hands out what is known; only when nothing is does it read another frame, so at any time
 * the codec holds the events of one frame at most. */
#include "proto/h2_state.h"

#include <assert.h>

#include "base/mem.h"

static void free_all(struct ps_list *streams)
{
    struct ps_node *n;
    while ((n = ps_list_first(streams)) != NULL)
        h2_stream_free(PS_ITEM(n, struct h2_stream, node));
}

static void h2_fini(struct ps_codec *c)
{
    struct ps_h2 *h = ps_h2_of(c);
    ps_h2_session_fini(h);
    free_all(&h->fresh);
    free_all(&h->running);
    free_all(&h->over);
    ps_head_free(h->now.head);
    ps_buf_fini(&h->last_words);
    ps_buf_fini(&h->joined);
    ps_free(h);
}

static void h2_feed(struct ps_codec *c, struct ps_bytes bytes)
{
    struct ps_h2 *h = ps_h2_of(c);
    assert(h->in.n == 0 && !h->has_eof);
    if (!h->is_dead)
        h->in = bytes;
}

static void h2_feed_eof(struct ps_codec *c, bool clean)
{
    (void)clean; /* what is complete has its END_STREAM; what has not is truncated either way */
    ps_h2_of(c)->has_eof = true;
}

static void h2_next(struct ps_codec *c, struct ps_event *ev)
{
    struct ps_h2 *h = ps_h2_of(c);
    *ev = (struct ps_event){.kind = PS_EV_NONE};
    while (!ps_h2_take_event(h, ev)) {
        if (h->is_dead)
            return;
        if (h->doom.status != PS_OK)
            ps_h2_fall(h);
        else if (h->in.n > 0)
            ps_h2_read_frame(h);
        else if (h->has_eof)
            ps_h2_end_of_input(h);
        else
            return;
    }
}

/* The next piece of output, kept in h->left; it belongs to the library until it is asked again. */
static enum ps_status take_output(struct ps_h2 *h, struct ps_err *err)
{
    const uint8_t *p;
    if (h->is_dead)
        return PS_OK;
    ssize_t n;
    do
        n = nghttp2_session_mem_send(h->session, &p);
    while (n == 0 && ps_h2_end_rest(h));
    ps_h2_judge(h, n < 0 ? (int)n : 0);
    if (n < 0 || h->lacked_memory) {
        h->left = ps_bytes_of(NULL, 0);
        return ps_err_set(err, h->doom.status, PS_PHASE_SEND, "%s", h->doom.text);
    }
    h->left = ps_bytes_of(p, (size_t)n);
    return PS_OK;
}

/* Moves as much of `from` as fits. PS_OK or PS_NOMEM. */
static enum ps_status move_out(struct ps_bytes from, struct ps_buf *out, size_t *moved_n)
{
    size_t room = ps_buf_room(out);
    *moved_n = 0;
    from.n = from.n < room ? from.n : room;
    enum ps_status st = ps_buf_append(out, from);
    if (st == PS_OK)
        *moved_n = from.n;
    return st;
}

static enum ps_status h2_pull(struct ps_codec *c, struct ps_buf *out, struct ps_err *err)
{
    struct ps_h2 *h = ps_h2_of(c);
    size_t n;
    while (ps_buf_room(out) > 0) {
        if (h->left.n == 0) {
            enum ps_status st = take_output(h, err);
            if (st != PS_OK)
                return st;
        }
        if (h->left.n == 0)
            break;
        if (move_out(h->left, out, &n) != PS_OK)
            return ps_err_nomem(err);
        h->left = ps_bytes_of(h->left.p + n, h->left.n - n);
    }
    if (h->left.n > 0)
        return PS_OK;
    if (move_out(ps_buf_view(&h->last_words), out, &n) != PS_OK)
        return ps_err_nomem(err);
    ps_buf_consume(&h->last_words, n);
    return PS_OK;
}

static size_t h2_free_slots(const struct ps_codec *c)
{
    return ps_h2_slots(ps_h2_of_const(c));
}

/* One slow reader must not stop the socket (rule 30); a peer that does not read our answers may. */
static bool h2_wants_read(const struct ps_codec *c)
{
    const struct ps_h2 *h = ps_h2_of_const(c);
    return !h->is_dead && !h->has_eof &&
           nghttp2_session_get_outbound_queue_size(h->session) < H2_OUT_FRAMES_MAX;
}

static bool h2_wants_write(const struct ps_codec *c)
{
    const struct ps_h2 *h = ps_h2_of_const(c);
    return h->left.n > 0 || ps_buf_n(&h->last_words) > 0 ||
           (!h->is_dead && (nghttp2_session_want_write(h->session) != 0 ||
                            !ps_list_empty(&h->resting)));
}

static bool h2_is_reusable(const struct ps_codec *c)
{
    const struct ps_h2 *h = ps_h2_of_const(c);
    return !h->is_dead && h->doom.status == PS_OK && !h->has_eof && !h->goaway.is_seen &&
           !h->is_retired && h->cancels_n <= H2_CANCELS_MAX &&
           nghttp2_session_get_next_stream_id(h->session) < H2_LAST_ID; /* rule 15 */
}

enum ps_status ps_h2_new(struct ps_codec **out, const struct ps_codec_limits *limits,
                         struct ps_err *err)
{
    static const struct ps_codec_ops ops = {
        .fini = h2_fini,
        .feed = h2_feed,
        .feed_eof = h2_feed_eof,
        .next = h2_next,
        .open = ps_h2_open,
        .send = ps_h2_send,
        .pull = h2_pull,
        .credit = ps_h2_credit,
        .drop = ps_h2_drop,
        .free_slots = h2_free_slots,
        .wants_read = h2_wants_read,
        .is_reusable = h2_is_reusable,
        .wants_write = h2_wants_write,
        .is_waiting = ps_h2_is_waiting,
        .stop_waiting = ps_h2_stop_waiting,
    };
    assert(limits->window_bytes > 0 && limits->window_bytes <= INT32_MAX);
    struct ps_h2 *h = ps_zalloc(sizeof *h);
    if (h == NULL)
        return ps_err_nomem(err);
    h->codec.ops = &ops;
    h->limits = *limits;
    ps_list_init(&h->fresh);
    ps_list_init(&h->running);
    ps_list_init(&h->resting);
    ps_list_init(&h->over);
    ps_list_init(&h->run);
    ps_buf_init(&h->last_words, H2_LAST_WORDS_BYTES);
    ps_buf_init(&h->joined, H2_RUN_BYTES);
    h2_flood_init(&h->flood);
    if (ps_h2_session_init(h) != PS_OK) {
        h2_fini(&h->codec);
        return ps_err_nomem(err);
    }
    *out = &h->codec;
    return PS_OK;
}

const char *ps_h2_library_version(void)
{
    return nghttp2_version(0)->version_str;
}

enum ps_status ps_h2_ping(struct ps_codec *c, struct ps_err *err)
{
    struct ps_h2 *h = ps_h2_of(c);
    if (h->is_dead || h->ping_is_out) /* rule 35 */
        return PS_OK;
    uint8_t payload[8] = {'p', 'e', 'n', 's', 't', 'o', 'c', (uint8_t)(h->ping_n + 1)};
    if (nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, payload) != 0)
        return ps_err_nomem(err);
    h->ping_n++;
    h->ping_is_out = true;
    h->has_pong = false;
    return PS_OK;
}

bool ps_h2_pong_seen(const struct ps_codec *c)
{
    return ps_h2_of_const(c)->has_pong;
}

uint64_t ps_h2_frames_seen_n(const struct ps_codec *c)
{
    return ps_h2_of_const(c)->frames_n;
}

uint64_t ps_h2_answers_seen_n(const struct ps_codec *c)
{
    return ps_h2_of_const(c)->answers_n;
}

bool ps_h2_settings_acked(const struct ps_codec *c)
{
    return ps_h2_of_const(c)->settings_acked;
}

enum ps_status ps_h2_shutdown(struct ps_codec *c, struct ps_err *err)
{
    struct ps_h2 *h = ps_h2_of(c);
    if (h->is_dead || h->is_shut)
        return PS_OK;
    if (nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0) != 0)
        return ps_err_nomem(err);
    h->is_shut = h->is_retired = true;
    return PS_OK;
}

size_t ps_h2_reset_n(const struct ps_codec *c)
{
    return ps_h2_of_const(c)->cancels_n;
}
