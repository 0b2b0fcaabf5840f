/* conn/stream.c -- exchanges as their owner handles them: open, credit, kick, drop.
 * Thread: io. Owner: the stream is embedded in its owner and borrowed by the conn while it is linked. */
#include "conn/conn_internal.h"
#include "proto/h1.h"
#include "proto/h2.h"

size_t ps_conn_free_slots(const struct ps_conn *c)
{
    if (c->state != PS_CONN_OPEN || c->peer_done || c->write_err.status != PS_OK ||
        c->is_weary || c->target.is_wary || c->live.is_probing)
        return 0;
    return ps_codec_free_slots(c->codec);
}

bool ps_conn_takes_none(const struct ps_conn *c)
{
    return c->is_h2 && c->state == PS_CONN_OPEN && ps_h2_takes_none(c->codec);
}

bool ps_conn_is_stale(const struct ps_conn *c)
{
    return c->sock == NULL || ps_sock_is_dead(c->sock);
}

bool ps_conn_is_starved(const struct ps_conn *c)
{
    return c->is_h2 && c->state == PS_CONN_OPEN && ps_h2_conn_window(c->codec) == 0;
}

uint64_t ps_conn_keep_alive_ms(const struct ps_conn *c)
{
    return c->is_h2 ? 0 : ps_h1_keep_alive_ms(c->codec);
}

/* Rule 66: no 100 came in time, the body goes anyway. */
static void on_expect(struct ps_deadline *d, uint64_t now_ms)
{
    struct ps_stream *s = PS_ITEM(d, struct ps_stream, expect);
    (void)now_ms;
    ps_codec_stop_waiting(s->conn->codec, s->id);
    conn_pump(s->conn);
}

static void await_continue(struct ps_stream *s)
{
    struct ps_conn *c = s->conn;
    if (!ps_codec_is_waiting(c->codec, s->id))
        return;
    s->expect.fire = on_expect;
    uint64_t due = ps_clock_now_ms(c->env->clock) + c->settings->expect_ms;
    if (ps_clock_set(c->env->clock, &s->expect, due) != PS_OK)
        ps_codec_stop_waiting(c->codec, s->id); /* no memory for a timer: do not wait at all */
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
    s->unsent_n = 0;
    s->moved_ms = 0;
    ps_err_clear(&s->err);
    ps_list_push_back(&c->streams, &s->node);
    ps_list_push_back(&c->sending, &s->send_node);
    c->streams_n++;
    c->requests_n++;
    c->slots_n -= c->slots_n > 0;
    await_continue(s);
    if (c->is_h2) {
        ps_h2_tag(c->codec, s->id, s);
        live_opened(c);
    }
    conn_pump_soon(c);
    return PS_OK;
}

void conn_drop(struct ps_conn *c, uint32_t id)
{
    bool is_cut = c->is_h2 && ps_h2_is_sent(c->codec, id);
    ps_codec_drop(c->codec, id);
    if (!is_cut)
        return;
    c->has_doubt = c->has_doubt || ps_h2_is_doubtful(c->codec);
    uint64_t now_ms = ps_clock_now_ms(c->env->clock);
    c->cancels_left += (now_ms - c->cancels_ms) * CONN_CANCELS_PER_S;
    if (c->cancels_left > CONN_CANCELS_N * CONN_CANCEL)
        c->cancels_left = CONN_CANCELS_N * CONN_CANCEL;
    c->cancels_ms = now_ms;
    if (c->cancels_left >= CONN_CANCEL)
        c->cancels_left -= CONN_CANCEL;
    else
        c->is_weary = true;
}

void ps_conn_drop_stream(struct ps_stream *s)
{
    struct ps_conn *c = s->conn;
    if (c == NULL)
        return;
    bool was_running = !s->is_complete && s->err.status == PS_OK;
    conn_unlink_stream(s);
    s->conn = NULL;
    if (was_running && c->codec != NULL && c->state < PS_CONN_CLOSING) {
        s->byte_written = s->byte_written || (c->is_h2 && ps_h2_is_sent(c->codec, s->id));
        conn_drop(c, s->id);
    }
    conn_pump_soon(c);
}

void ps_conn_credit(struct ps_stream *s, size_t n)
{
    struct ps_conn *c = s->conn;
    if (c == NULL || c->codec == NULL || c->state >= PS_CONN_CLOSING)
        return;
    bool was_reading = ps_codec_wants_read(c->codec);
    ps_codec_credit(c->codec, s->id, n);
    if (!was_reading || (c->is_h2 && ps_codec_wants_write(c->codec)))
        conn_pump_soon(c);
}

void ps_conn_kick(struct ps_stream *s)
{
    if (s->conn != NULL)
        conn_pump_soon(s->conn);
}

bool ps_conn_is_blocked(const struct ps_stream *s)
{
    const struct ps_conn *c = s->conn;
    if (c == NULL || c->state >= PS_CONN_CLOSING)
        return false;
    return c->write_err.status != PS_OK || ps_sock_queued(c->sock) > 0 ||
           (c->is_h2 && ps_h2_unsent_n(c->codec, s->id) > 0);
}

bool ps_conn_moves(struct ps_stream *s, uint64_t since_ms)
{
    struct ps_conn *c = s->conn;
    if (c == NULL || c->state >= PS_CONN_CLOSING)
        return false;
    conn_note_progress(c);
    return c->moved_ms > since_ms || s->moved_ms > since_ms;
}
