/* proto/h2_data.c -- bodies: the upload queue, the download's views, and credit (rules 25 to 32,
 * 62, 63). Upload: send() fills a queue of at most H2_UPLOAD_BYTES; the library takes from it what
 * both windows allow, and is woken when the queue was empty before. Uploads take turns of one frame,
 * whatever the library thinks: since it dropped RFC 7540's priorities it serves the oldest stream as
 * long as that has anything, so one long upload would hold back all others. Download: bytes go out as
 * views. The connection's credit returns on receipt, whatever becomes of them (rule 29: dropped and
 * unknown streams and padding included, the library sees to the last two); the stream's credit on
 * consumption. The library sends a WINDOW_UPDATE per half window (rule 28). Growth (rule 27,
 * without a clock or pings): each time a reader who keeps up has drained a full window, it doubles,
 * up to H2_WINDOW_GROWTH times the first. Thread: io. Limit: per exchange H2_UPLOAD_BYTES up; its window down.
 */
#include "proto/h2_state.h"

void h2_upload_init(struct h2_upload *up, const struct ps_request *req)
{
    *up = (struct h2_upload){.kind = req->body_kind};
    ps_buf_init(&up->queue, H2_UPLOAD_BYTES);
    up->left_bytes = req->body_kind == PS_BODY_FIXED ? req->body_bytes : 0;
    up->is_done = up->kind != PS_BODY_STREAM && up->left_bytes == 0;
    up->has_ended = up->is_done; /* END_STREAM is on HEADERS */
    up->is_waiting = req->expect_continue && !up->is_done;
}

void h2_upload_stop(struct h2_upload *up)
{
    up->is_stopped = true;
    up->is_waiting = false;
    ps_buf_fini(&up->queue);
}

ssize_t ps_h2_read_upload(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)source; /* may be gone: the user data is taken away with the exchange */
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (s == NULL || s->up.is_stopped)
        return NGHTTP2_ERR_DEFERRED; /* RST_STREAM follows, or the end of the response */
    struct ps_bytes ready = ps_buf_view(&s->up.queue);
    if (s->up.is_waiting || (ready.n == 0 && !s->up.is_done)) {
        s->up.is_deferred = true;
        s->up.had_turn = false;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (s->up.had_turn) {
        ps_list_push_back(&((struct ps_h2 *)user)->resting, &s->rest_node);
        return NGHTTP2_ERR_DEFERRED;
    }
    s->up.had_turn = true;
    size_t n = ready.n < room ? ready.n : room;
    if (n > 0)
        memcpy(to, ready.p, n);
    ps_buf_consume(&s->up.queue, n);
    if (n == ready.n && s->up.is_done) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        s->up.has_ended = true;
        ps_buf_fini(&s->up.queue);
    }
    ps_h2_note_use(user);
    return (ssize_t)n;
}

bool ps_h2_end_rest(struct ps_h2 *h)
{
    struct ps_node *n = ps_list_first(&h->resting);
    bool any = n != NULL;
    for (; n != NULL; n = ps_list_first(&h->resting)) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, rest_node);
        ps_node_unlink(n);
        s->up.had_turn = false;
        ps_h2_judge(h, nghttp2_session_resume_data(h->session, (int32_t)s->id));
    }
    return any;
}

static enum ps_status check_length(const struct h2_upload *up, size_t n, bool end,
                                   struct ps_err *err)
{
    if (n > up->left_bytes)
        return ps_err_set(
            err, PS_BODY_MISMATCH, PS_PHASE_SEND,
            "the request body is longer than its Content-Length by %llu bytes or more",
            (unsigned long long)(n - up->left_bytes));
    if (end && n < up->left_bytes)
        return ps_err_set(err, PS_BODY_MISMATCH, PS_PHASE_SEND,
                          "the request body ends %llu bytes before its Content-Length",
                          (unsigned long long)(up->left_bytes - n));
    return PS_OK;
}

static enum ps_status wake(struct ps_h2 *h, struct h2_stream *s, struct ps_err *err)
{
    if (!s->up.is_deferred)
        return PS_OK;
    int rv = nghttp2_session_resume_data(h->session, (int32_t)s->id);
    if (rv == NGHTTP2_ERR_NOMEM) {
        ps_h2_judge(h, rv);
        return ps_err_nomem(err);
    }
    s->up.is_deferred = false;
    return PS_OK;
}

static enum ps_status take_body(struct ps_h2 *h, struct h2_stream *s, struct ps_bytes bytes,
                                bool end, size_t *taken_n, struct ps_err *err)
{
    struct h2_upload *up = &s->up;
    size_t room = ps_buf_room(&up->queue);
    size_t n = bytes.n < room ? bytes.n : room;
    if (ps_buf_append(&up->queue, ps_bytes_of(bytes.p, n)) != PS_OK)
        return ps_err_nomem(err);
    *taken_n = n;
    if (up->kind == PS_BODY_STREAM) {
        up->is_done = end && n == bytes.n;
    } else {
        up->left_bytes -= n;
        up->is_done = up->left_bytes == 0;
    }
    return n > 0 || up->is_done ? wake(h, s, err) : PS_OK;
}

enum ps_status ps_h2_send(struct ps_codec *c, uint32_t id, struct ps_bytes bytes, bool end,
                          size_t *taken_n, struct ps_err *err)
{
    struct ps_h2 *h = ps_h2_of(c);
    struct h2_stream *s = ps_h2_find(h, id);
    *taken_n = 0;
    if (s == NULL || s->up.is_stopped) {
        *taken_n =
            bytes.n; /* nobody will read it: swallowed, so that the sender comes to his end */
        return PS_OK;
    }
    if (s->up.kind != PS_BODY_STREAM) {
        enum ps_status st = check_length(&s->up, bytes.n, end, err);
        if (st != PS_OK)
            return st;
    }
    if (s->up.is_done)
        return bytes.n == 0 ? PS_OK
                            : ps_err_set(err, PS_BODY_MISMATCH, PS_PHASE_SEND,
                                         "the request body goes on after its end");
    /* An end without bytes may be noted while waiting: the library is not woken before the wait
     * ends. */
    if (s->up.is_waiting) {
        s->up.is_done = end && bytes.n == 0;
        return PS_OK;
    }
    return take_body(h, s, bytes, end, taken_n, err);
}

int ps_h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                  void *user)
{
    (void)flags;
    struct ps_h2 *h = user;
    struct h2_stream *s = ps_h2_running(h, (uint32_t)id);
    int rv = nghttp2_session_consume_connection(session, n);
    if (nghttp2_is_fatal(rv))
        return rv;
    if (s == NULL) /* dropped; its RST_STREAM is on the way */
        return 0;
    if (h->is_joining) {
        ps_h2_join(s, ps_bytes_of(p, n));
        return 0;
    }
    s->unread_bytes += n;
    ps_h2_tell_body(h, s, ps_bytes_of(p, n));
    return 0;
}

/* Doubles the window of a reader who drained it and has little waiting. */
static void grow_window(struct ps_h2 *h, struct h2_stream *s)
{
    size_t most_bytes = h->limits.window_bytes <= INT32_MAX / H2_WINDOW_GROWTH
                            ? h->limits.window_bytes * H2_WINDOW_GROWTH
                            : INT32_MAX;
    if (s->drained_bytes < s->window_bytes || s->window_bytes >= most_bytes ||
        s->unread_bytes > s->window_bytes / 2)
        return;
    s->drained_bytes = 0;
    s->window_bytes = s->window_bytes <= most_bytes / 2 ? s->window_bytes * 2 : most_bytes;
    ps_h2_judge(h, nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE,
                                                         (int32_t)s->id, (int32_t)s->window_bytes));
}

void ps_h2_credit(struct ps_codec *c, uint32_t id, size_t n)
{
    struct ps_h2 *h = ps_h2_of(c);
    struct h2_stream *s = ps_h2_find(h, id);
    if (s == NULL)
        return;
    if (n > s->unread_bytes)
        n = (size_t)s->unread_bytes;
    s->unread_bytes -= n;
    s->drained_bytes += n;
    ps_h2_judge(h, nghttp2_session_consume_stream(h->session, (int32_t)id, n));
    grow_window(h, s);
}

size_t ps_h2_conn_window(const struct ps_codec *c)
{
    int32_t n = nghttp2_session_get_remote_window_size(ps_h2_of_const(c)->session);
    return n > 0 ? (size_t)n : 0;
}

size_t ps_h2_unsent_n(const struct ps_codec *c, uint32_t id)
{
    const struct h2_stream *s = ps_h2_find(ps_h2_of_const(c), id);
    return s == NULL ? 0 : ps_buf_n(&s->up.queue);
}

/* Nothing is queued while waiting, but the end may have been noted. */
void ps_h2_stop_waiting(struct ps_codec *c, uint32_t id)
{
    struct ps_h2 *h = ps_h2_of(c);
    struct h2_stream *s = ps_h2_find(h, id);
    if (s == NULL || !s->up.is_waiting)
        return;
    s->up.is_waiting = false;
    if (s->up.is_done)
        (void)!wake(h, s, NULL); /* a failure has doomed the connection */
}

bool ps_h2_is_waiting(const struct ps_codec *c, uint32_t id)
{
    const struct h2_stream *s = ps_h2_find(ps_h2_of_const(c), id);
    return s != NULL && s->up.is_waiting;
}
