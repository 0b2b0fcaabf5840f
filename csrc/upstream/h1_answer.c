/* upstream/h1_answer.c -- what the steps of a program are in HTTP/1.1 (see h1_peer.h).
 * Thread: io. Nothing here writes to the socket: bytes go to the peer's room. */
#include "upstream/h1_peer.h"

static enum ps_status put(struct up_h1 *h, const char *text)
{
    return ps_buf_append(up_peer_room(h->peer), ps_bytes_str(text));
}

static enum ps_status put_head(struct up_h1 *h, const struct up_head *head, bool closes)
{
    enum ps_status st = ps_buf_append(up_peer_room(h->peer), ps_bytes_of(head->h1, head->h1_n));
    return st == PS_OK ? put(h, closes ? "Connection: close\r\n\r\n" : "\r\n") : st;
}

static enum ps_status step_head(struct up_h1 *h, const struct up_head *head)
{
    h->frame = h->is_head ? UP_FRAME_NONE : head->frame;
    h->length = head->length;
    up_run_tell_head(&h->run, head->status);
    enum ps_status st = put_head(h, head, h->closes && !head->closes);
    h->closes = h->closes || (head->closes && !(h->is_head && head->frame == UP_FRAME_CLOSE));
    return st;
}

/* Body and events: as many pieces as there is room for. */
static enum up_answer step_data(struct up_h1 *h)
{
    struct ps_buf *to = up_peer_room(h->peer);
    bool is_chunked = h->frame == UP_FRAME_CHUNKED;
    const struct up_step *step = h->run.step;
    struct ps_bytes piece;
    while (h->run.step == step) {
        switch (up_run_supply(&h->run, is_chunked, &piece)) {
        case UP_SUPPLY_OVER:
            return UP_ANSWER_OVER;
        case UP_SUPPLY_LATER:
            return UP_ANSWER_WAITS;
        case UP_SUPPLY_NOMEM:
            return UP_ANSWER_FAILED;
        case UP_SUPPLY_PIECE:
            break;
        }
        if (!up_peer_has_room(h->peer)) {
            up_run_tell_events(&h->run);
            return UP_ANSWER_FULL;
        }
        if (step->kind == UP_BODY && piece.n > UP_OUT_BYTES)
            piece.n = UP_OUT_BYTES;
        if (h->frame != UP_FRAME_NONE && ps_buf_append(to, piece) != PS_OK)
            return UP_ANSWER_FAILED;
        h->sent_bytes += piece.n;
        up_run_sent(&h->run, piece.n);
    }
    return UP_ANSWER_OVER;
}

static enum ps_status step_end(struct up_h1 *h, const struct up_step *step)
{
    if (h->frame != UP_FRAME_CHUNKED)
        return PS_OK;
    if (step->kind == UP_END)
        return put(h, "0\r\n\r\n");
    enum ps_status st = put(h, "0\r\n");
    return st == PS_OK ? put_head(h, &step->as.head, false) : st;
}

static enum ps_status step_raw(struct up_h1 *h, const struct up_step *step)
{
    h->run.has_raw = true;
    return ps_buf_append(up_peer_room(h->peer), up_piece_data(&step->as.data));
}

/* Steps that act on the connection. */
static enum up_answer step_connection(struct up_h1 *h, const struct up_step *step)
{
    if (step->kind == UP_SPLIT) {
        if (!up_peer_is_drained(h->peer))
            return UP_ANSWER_FULL; /* what came before is not split */
        up_peer_split(h->peer, step->as.split.bytes_n, step->as.split.pause_us);
        return UP_ANSWER_OVER;
    }
    up_peer_cut(h->peer, step->kind == UP_CUT ? step->as.cut : UP_CUT_RESET);
    return UP_ANSWER_OVER;
}

/* One step; OVER: on to the next. */
static enum up_answer take_step(struct up_h1 *h, const struct up_step *step)
{
    enum ps_status st = PS_OK;
    switch (step->kind) {
    case UP_DELAY:
        return up_run_delay_is_over(&h->run) ? UP_ANSWER_OVER : UP_ANSWER_WAITS;
    case UP_INFO:
        st = put_head(h, &step->as.head, false);
        break;
    case UP_HEAD:
        st = step_head(h, &step->as.head);
        break;
    case UP_RAW:
        st = step_raw(h, step);
        break;
    case UP_SPLIT:
    case UP_CUT:
    case UP_RST:
        return step_connection(h, step);
    case UP_STALL:
        return UP_ANSWER_WAITS;
    case UP_END:
    case UP_TRAILERS:
        st = step_end(h, step);
        break;
    case UP_BODY:
    case UP_EVENTS:
        return step_data(h);
    case UP_GOAWAY:
    case UP_SETTINGS:
        break; /* HTTP/2's */
    }
    return st == PS_OK ? UP_ANSWER_OVER : UP_ANSWER_FAILED;
}

enum up_answer up_h1_answer(struct up_h1 *h)
{
    for (;;) {
        const struct up_step *step = h->run.step;
        enum up_answer got = take_step(h, step);
        if (got != UP_ANSWER_OVER)
            return got;
        if (step->kind == UP_END || step->kind == UP_TRAILERS || step->kind == UP_CUT || step->kind == UP_RST)
            return UP_ANSWER_OVER;
        if (h->run.step == step) /* data steps go on by themselves */
            up_run_next_step(&h->run);
    }
}
