/* upstream/h2_answer.c -- what the steps of a program are in HTTP/2 (see h2_peer.h).
 * Thread: io. nghttp2 frames what is submitted here when it is pulled; DATA is copied when it asks for it. */
#include "upstream/h2_peer.h"

/* -- data: nghttp2 asks -- */

/* Copies pieces; false when the current step has none now. */
static bool copy_pieces(struct up_h2_stream *s, uint8_t *to, size_t room, size_t *n, bool *has_failed)
{
    struct ps_bytes piece;
    while (up_step_is_data(s->run.step)) {
        switch (up_run_supply(&s->run, false, &piece)) {
        case UP_SUPPLY_OVER:
            continue;
        case UP_SUPPLY_LATER:
            return false;
        case UP_SUPPLY_NOMEM:
            *has_failed = true;
            return false;
        case UP_SUPPLY_PIECE:
            break;
        }
        if (*n == room)
            return false;
        size_t take_n = piece.n < room - *n ? piece.n : room - *n;
        memcpy(to + *n, piece.p, take_n);
        *n += take_n;
        up_run_sent(&s->run, take_n);
    }
    return true; /* at another step */
}

static ssize_t read_data(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct up_h2_stream *s = source->ptr;
    size_t n = 0;
    bool has_failed = false;
    (void)user;
    bool is_at_step = copy_pieces(s, to, room, &n, &has_failed);
    up_run_tell_events(&s->run);
    if (has_failed)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!is_at_step)
        return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
    const struct up_step *step = s->run.step;
    if (step->kind == UP_TRAILERS && step->as.head.nv_n > 0) {
        if (nghttp2_submit_trailer(session, id, step->as.head.nv, step->as.head.nv_n) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        s->is_ended = true;
        return (ssize_t)n;
    }
    if (step->kind == UP_END || step->kind == UP_TRAILERS) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        s->is_ended = true;
        return (ssize_t)n;
    }
    up_h2_stream_wake(s);
    return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

/* -- steps -- */

static void next_step(struct up_h2_stream *s)
{
    s->is_pulled = false;
    up_run_next_step(&s->run);
}

static void reset_stream(struct up_h2_stream *s, uint32_t code)
{
    up_h2_stream_end(s, false);
    s->is_ended = true;
    nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, code);
}

static void step_head(struct up_h2_stream *s, const struct up_step *step)
{
    const struct up_head *head = &step->as.head;
    nghttp2_data_provider source = {.source.ptr = s, .read_callback = read_data};
    bool is_whole = s->is_head || head->frame == UP_FRAME_NONE || step[1].kind == UP_END;
    s->is_ended = is_whole;
    s->has_source = !is_whole;
    up_run_tell_head(&s->run, head->status);
    next_step(s);
    if (nghttp2_submit_response(s->h2->session, s->id, head->nv, head->nv_n, is_whole ? NULL : &source) != 0)
        reset_stream(s, NGHTTP2_INTERNAL_ERROR);
}

static void step_goaway(struct up_h2_stream *s, const struct up_step *step)
{
    struct up_h2 *h = s->h2;
    int32_t last = s->id;
    if (step->as.goaway.last == UP_LAST_BEFORE)
        last = s->id > 2 ? s->id - 2 : 0;
    else if (step->as.goaway.last == UP_LAST_MAX)
        last = INT32_MAX;
    if (last < h->refused_above)
        h->refused_above = last;
    h->has_own_goaway = true;
    if (nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, last, step->as.goaway.code,
                              step->as.goaway.debug, step->as.goaway.debug_n) == 0)
        h->own_goaways_n++;
}

/* Steps that wait for all before them to be framed. False: not yet, or it was the last. */
static bool step_connection(struct up_h2_stream *s, const struct up_step *step)
{
    struct up_h2 *h = s->h2;
    if (!s->is_pulled || (step->kind == UP_SPLIT && !up_peer_is_drained(h->peer))) {
        ps_node_unlink(&s->step_node);
        ps_list_push_back(s->is_pulled ? &h->after_drain : &h->after_pull, &s->step_node);
        return false;
    }
    switch (step->kind) {
    case UP_CUT:
        up_h2_stream_end(s, false);
        up_peer_cut(h->peer, step->as.cut);
        return false;
    case UP_RST:
        reset_stream(s, step->as.code);
        return false;
    case UP_GOAWAY:
        step_goaway(s, step);
        return true;
    case UP_SETTINGS:
        nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, step->as.settings.entries, step->as.settings.n);
        return true;
    case UP_RAW:
        s->run.has_raw = true;
        if (ps_buf_append(up_peer_room(h->peer), up_piece_data(&step->as.data)) != PS_OK)
            reset_stream(s, NGHTTP2_INTERNAL_ERROR);
        return true;
    default:
        up_peer_split(h->peer, step->as.split.bytes_n, step->as.split.pause_us);
        return true;
    }
}

/* The program is over, and nghttp2 does not ask for more. */
static void end_without_source(struct up_h2_stream *s)
{
    if (s->is_ended)
        return; /* told when END_STREAM is sent, or told already */
    if (s->run.has_raw || s->id > s->h2->refused_above)
        up_h2_stream_end(s, false);
    else
        reset_stream(s, NGHTTP2_INTERNAL_ERROR);
}

/* True: on to the next step, which is the run's current one when data steps skip themselves. */
static bool take_step(struct up_h2_stream *s, const struct up_step *step)
{
    switch (step->kind) {
    case UP_DELAY:
        return up_run_delay_is_over(&s->run);
    case UP_INFO:
        nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, step->as.head.nv,
                               step->as.head.nv_n, NULL);
        return true;
    case UP_HEAD:
        step_head(s, step);
        return true;
    case UP_BODY:
    case UP_EVENTS:
        if (s->has_source && !s->is_ended)
            nghttp2_session_resume_data(s->h2->session, s->id); /* refused when it is not waiting: it will ask */
        else if (!s->is_ended)
            reset_stream(s, NGHTTP2_INTERNAL_ERROR); /* a body without a head */
        return s->is_ended && s->run.step != NULL;
    case UP_END:
    case UP_TRAILERS:
        if (s->has_source && !s->is_ended)
            nghttp2_session_resume_data(s->h2->session, s->id);
        else
            end_without_source(s);
        return false;
    case UP_CUT:
    case UP_RST:
    case UP_GOAWAY:
    case UP_SETTINGS:
    case UP_RAW:
    case UP_SPLIT:
        return step_connection(s, step);
    case UP_STALL:
        return false;
    }
    return false;
}

void up_h2_take_steps(struct up_h2_stream *s)
{
    while (up_run_is_on(&s->run)) {
        const struct up_step *step = s->run.step;
        if (!take_step(s, step))
            return;
        if (s->run.step == step)
            next_step(s);
    }
}
