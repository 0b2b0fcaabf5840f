/* conn/stream.c -- exchanges as their owner handles them: open, credit, kick, drop.
 * Thread: io. Owner: the stream is embedded in its owner and borrowed by the conn while it is linked. */
#include "conn/conn_internal.h"
#include "proto/h1.h"

size_t ps_conn_free_slots(const struct ps_conn *c)
{
    if (c->state != PS_CONN_OPEN || c->peer_done || c->write_err.status != PS_OK)
        return 0;
    return ps_codec_free_slots(c->codec);
}

bool ps_conn_is_stale(const struct ps_conn *c)
{
    return c->sock == NULL || ps_sock_is_dead(c->sock);
}

enum ps_status ps_conn_open_stream(struct ps_conn *c, struct ps_stream *s, struct ps_err *err)
{
    if (ps_conn_free_slots(c) == 0)
        return ps_err_set(err, PS_CLOSED, PS_PHASE_QUEUE, "the connection takes no new request");
    enum ps_status st = ps_codec_open(c->codec, s->request, &s->id, err);
    if (st != PS_OK)
        return st;
    s->conn = c;
    s->body_done = s->request->body_kind == PS_BODY_NONE;
    s->told_sent = s->head_seen = s->byte_written = s->answer_begun = false;
    s->is_complete = s->not_processed = false;
    ps_err_clear(&s->err);
    ps_list_push_back(&c->streams, &s->node);
    c->requests_n++;
    if (ps_h1_is_waiting(c->codec)) {
        uint64_t due = ps_clock_now_ms(c->env->clock) + c->settings->expect_ms;
        if (ps_clock_set(c->env->clock, &c->deadline, due) != PS_OK)
            ps_h1_stop_waiting(c->codec); /* no memory for a timer: do not wait at all */
    }
    conn_pump(c);
    return PS_OK;
}

void ps_conn_drop_stream(struct ps_stream *s)
{
    struct ps_conn *c = s->conn;
    if (c == NULL)
        return;
    bool was_running = !s->is_complete && s->err.status == PS_OK;
    ps_node_unlink(&s->node);
    s->conn = NULL;
    c->slot_freed = true;
    if (was_running && c->codec != NULL && c->state < PS_CONN_CLOSING)
        ps_codec_drop(c->codec, s->id);
    conn_pump(c);
}

void ps_conn_credit(struct ps_stream *s, size_t n)
{
    struct ps_conn *c = s->conn;
    if (c == NULL || c->codec == NULL || c->state >= PS_CONN_CLOSING)
        return;
    bool was_reading = ps_codec_wants_read(c->codec);
    ps_codec_credit(c->codec, s->id, n);
    if (!was_reading)
        conn_pump(c);
}

void ps_conn_kick(struct ps_stream *s)
{
    if (s->conn != NULL)
        conn_pump(s->conn);
}

bool ps_conn_is_blocked(const struct ps_stream *s)
{
    const struct ps_conn *c = s->conn;
    if (c == NULL || c->state >= PS_CONN_CLOSING)
        return false;
    return c->write_err.status != PS_OK || ps_sock_queued(c->sock) > 0;
}

bool ps_conn_moves(struct ps_stream *s)
{
    struct ps_conn *c = s->conn;
    if (c == NULL || c->state >= PS_CONN_CLOSING)
        return false;
    size_t queued_n = ps_sock_queued(c->sock);
    bool moves = queued_n < c->queued_n;
    c->queued_n = queued_n;
    return moves;
}
