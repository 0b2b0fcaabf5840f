/* conn/pump.c -- moves bytes and events until nothing moves: feed -> next -> act -> pull -> write.
 * Everything owners must know is stored while the loop runs and told afterwards (tell.c), so that an
 * owner may do anything in its callback: what it starts here is picked up by the next round (c->again).
 * Thread: io. */
#include <assert.h>

#include "conn/conn_internal.h"
#include "proto/h2.h"

/* HTTP/2's events carry their stream; HTTP/1.1 has one at most. */
static struct ps_stream *stream_of(const struct ps_conn *c, const struct ps_event *ev)
{
    if (ev->tag != NULL)
        return ev->tag;
    uint32_t id = ev->id;
    for (struct ps_node *n = ps_list_first(&c->streams); n; n = ps_list_next(&c->streams, n)) {
        struct ps_stream *s = PS_ITEM(n, struct ps_stream, node);
        if (s->id == id)
            return s;
    }
    return NULL;
}

/* Where the exchange stood when the connection failed under it. */
static enum ps_phase stream_phase(const struct ps_stream *s)
{
    if (s->head_seen)
        return PS_PHASE_BODY;
    return s->told_sent ? PS_PHASE_WAIT : PS_PHASE_SEND;
}

void conn_unlink_stream(struct ps_stream *s)
{
    struct ps_conn *c = s->conn;
    if (ps_node_linked(&s->node) && !s->is_complete && s->err.status == PS_OK)
        c->streams_n--;
    ps_node_unlink(&s->node);
    ps_node_unlink(&s->send_node);
    ps_clock_clear(c->env->clock, &s->expect);
    c->slot_freed = true;
}

void conn_end_stream(struct ps_stream *s, const struct ps_err *err, bool not_processed)
{
    struct ps_conn *c = s->conn;
    conn_unlink_stream(s);
    if (err != NULL) {
        s->err = *err;
        if (s->err.phase == PS_PHASE_NONE || err->status == PS_READ_FAILED ||
            err->status == PS_WRITE_FAILED)
            s->err.phase = stream_phase(s);
    }
    s->is_complete = err == NULL;
    s->not_processed = not_processed;
    s->byte_written = c->is_h2 ? !not_processed : s->byte_written;
    ps_list_push_back(&c->over, &s->node);
}

/* A sink refused: this stream ends, the codec forgets it. What has reached the peer may be acted upon. */
static void refuse_stream(struct ps_stream *s, const struct ps_err *err)
{
    conn_drop(s->conn, s->id);
    s->conn->again = true; /* what that calls for comes before the next round */
    conn_end_stream(s, err, false);
}

static void give_event(struct ps_conn *c, struct ps_event *ev)
{
    struct ps_stream *s = stream_of(c, ev);
    struct ps_err err;
    enum ps_status st = PS_OK;
    if (s == NULL) { /* dropped by its owner meanwhile */
        ps_head_free(ev->head);
        return;
    }
    s->answer_begun = s->answer_begun || ev->kind != PS_EV_RESET || ev->err->phase >= PS_PHASE_HEAD;
    switch (ev->kind) {
    case PS_EV_INFO:
        st = s->ops->on_info(s->owner, ev->head, &err);
        break;
    case PS_EV_HEAD:
        s->head_seen = true;
        st = s->ops->on_head(s->owner, ev->head, &err);
        break;
    case PS_EV_BODY:
        st = s->ops->on_body(s->owner, ev->body, &err);
        if (st == PS_OK && s->auto_credit)
            ps_codec_credit(c->codec, s->id, ev->body.n);
        break;
    case PS_EV_TRAILERS:
        st = s->ops->on_trailers(s->owner, ev->head, &err);
        break;
    case PS_EV_END:
        conn_end_stream(s, NULL, false);
        break;
    case PS_EV_RESET:
        conn_end_stream(s, ev->err, ev->not_processed);
        break;
    case PS_EV_NONE:
    case PS_EV_GOAWAY:
    case PS_EV_FAIL:
        assert(!"not an event of a stream");
        break;
    }
    if (st != PS_OK) {
        ps_head_free(ev->head); /* refused, so still ours */
        refuse_stream(s, &err);
    }
}

static void take_events(struct ps_conn *c)
{
    while (c->state == PS_CONN_OPEN || c->state == PS_CONN_DRAIN) {
        struct ps_event ev;
        ps_codec_next(c->codec, &ev);
        if (ev.kind == PS_EV_NONE)
            return;
        if (ev.kind == PS_EV_FAIL) {
            conn_fail(c, ps_list_empty(&c->streams) && c->peer_done ? NULL : ev.err);
            return;
        }
        if (ev.kind == PS_EV_GOAWAY) { /* rule 17: out of the pool before anything else */
            c->goaway_code = ev.err->detail;
            ps_conn_drain(c);
            continue;
        }
        give_event(c, &ev);
    }
}

/* Offers what the owner has of the request body to the codec. True: something was taken. */
static bool push_body(struct ps_stream *s)
{
    bool moved = false;
    struct ps_bytes view;
    bool end = false;
    while (!s->body_done && s->ops->body_peek(s->owner, &view, &end)) {
        struct ps_err err;
        size_t taken_n = 0;
        if (ps_codec_send(s->conn->codec, s->id, view, end, &taken_n, &err) != PS_OK) {
            refuse_stream(s, &err);
            return true;
        }
        if (taken_n > 0)
            s->ops->body_taken(s->owner, taken_n);
        moved = moved || taken_n > 0;
        if (taken_n < view.n)
            break;
        s->body_done = end;
        if (view.n == 0)
            return moved || end;
    }
    return moved;
}

static bool push_bodies(struct ps_conn *c)
{
    bool moved = false;
    struct ps_node *n = ps_list_first(&c->sending);
    while (n != NULL) {
        struct ps_stream *s = PS_ITEM(n, struct ps_stream, send_node);
        n = ps_list_next(&c->sending, n);
        moved = push_body(s) || moved;
    }
    return moved;
}

/* HTTP/1.1: what left is of the one request there is. HTTP/2 asks its codec when it must know. */
static void mark_written(struct ps_conn *c)
{
    if (c->is_h2)
        return;
    for (struct ps_node *n = ps_list_first(&c->streams); n; n = ps_list_next(&c->streams, n))
        PS_ITEM(n, struct ps_stream, node)->byte_written = true;
}

enum ps_status conn_write_sock(struct ps_conn *c, struct ps_bytes bytes, struct ps_err *err)
{
    enum ps_status st = c->has_outer ? conn_outer_write(c, bytes, err)
                                     : ps_sock_write(c->sock, bytes, err);
    if (st == PS_OK || st == PS_NOMEM) /* without memory for the rest a part may be gone */
        c->sent_n += bytes.n;
    return st;
}

/* Codec output to the socket. A failure is only remembered: a response may already be on its way, and a
 * broken pipe must not hide it (rule 62). */
static bool push_wire(struct ps_conn *c)
{
    struct ps_buf *out = &c->env->wire_out;
    bool moved = false;
    while (c->write_err.status == PS_OK && c->state < PS_CONN_CLOSING &&
           ps_sock_queued(c->sock) < CONN_QUEUE_HIGH_BYTES) {
        struct ps_err err;
        uint64_t sent_n = c->sent_n;
        if (!ps_codec_wants_write(c->codec) && !(c->is_tls && ps_tls_link_pending(&c->tls) > 0))
            break;
        enum ps_status st = ps_codec_pull(c->codec, out, &err);
        bool has_request = ps_buf_n(out) > 0;
        if (st == PS_OK && !has_request && !(c->is_tls && ps_tls_link_pending(&c->tls) > 0))
            break;
        if (st == PS_OK)
            st = c->is_tls ? conn_write_tls(c, ps_buf_view(out), &err)
                           : conn_write_sock(c, ps_buf_view(out), &err);
        ps_buf_clear(out);
        if (has_request && c->sent_n > sent_n) /* before any error: a part of it may have left */
            mark_written(c);
        if (st == PS_WRITE_FAILED) {
            c->write_err = err;
            break;
        }
        if (st != PS_OK) { /* ours, not the peer's: nothing will come of waiting */
            conn_fail(c, &err);
            break;
        }
        moved = true;
    }
    return moved;
}

static void move(struct ps_conn *c)
{
    bool moved = true;
    while (moved && (c->state == PS_CONN_OPEN || c->state == PS_CONN_DRAIN)) {
        take_events(c);
        if (c->state >= PS_CONN_CLOSING)
            return;
        moved = push_bodies(c);
        moved = push_wire(c) || moved;
    }
}

static void steer_reading(struct ps_conn *c)
{
    struct ps_err err;
    if (c->state >= PS_CONN_CLOSING || c->peer_done)
        return;
    if (!ps_codec_wants_read(c->codec))
        ps_sock_read_stop(c->sock);
    else if (ps_sock_read_start(c->sock, &err) != PS_OK)
        conn_fail(c, &err);
}

void conn_note_progress(struct ps_conn *c)
{
    uint64_t now_ms = ps_clock_now_ms(c->env->clock);
    size_t queued_n = c->sock != NULL ? ps_sock_queued(c->sock) : 0;
    if (queued_n < c->queued_n)
        c->moved_ms = now_ms;
    c->queued_n = queued_n;
    if (!c->is_h2)
        return;
    for (struct ps_node *n = ps_list_first(&c->sending); n; n = ps_list_next(&c->sending, n)) {
        struct ps_stream *s = PS_ITEM(n, struct ps_stream, send_node);
        size_t unsent_n = ps_h2_unsent_n(c->codec, s->id);
        if (unsent_n < s->unsent_n)
            s->moved_ms = now_ms;
        s->unsent_n = unsent_n;
    }
}

void conn_pump_soon(struct ps_conn *c)
{
    if (!c->is_h2)
        conn_pump(c);
    else if (c->is_pumping)
        c->again = true;
    else if (!ps_node_linked(&c->dirty_node))
        ps_list_push_back(&c->env->dirty, &c->dirty_node);
}

void ps_env_flush(struct ps_env *env)
{
    struct ps_list now; /* what comes meanwhile waits for the next turn */
    struct ps_node *n;
    ps_list_init(&now);
    ps_list_move_all(&now, &env->dirty);
    while ((n = ps_list_pop_front(&now)) != NULL)
        conn_pump(PS_ITEM(n, struct ps_conn, dirty_node));
}

void conn_pump(struct ps_conn *c)
{
    if (c->is_pumping) {
        c->again = true;
        return;
    }
    ps_node_unlink(&c->dirty_node);
    c->is_pumping = true;
    conn_note_progress(c);
    do {
        c->again = false;
        if (c->has_doubt)
            live_doubt(c);
        if (c->codec != NULL && c->state < PS_CONN_CLOSING) {
            move(c);
            steer_reading(c);
            conn_tell_sent(c);
        }
        conn_tell_over(c);
        conn_settle(c);
    } while (c->again);
    c->is_pumping = false;
    conn_note_progress(c);
    if (c->state == PS_CONN_CLOSING && c->sock == NULL)
        conn_closed(c);
}
