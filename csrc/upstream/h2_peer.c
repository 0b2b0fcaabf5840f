/* upstream/h2_peer.c -- the session between nghttp2 and the connection (see h2_peer.h). */
#include "upstream/h2_peer.h"

#include "base/mem.h"
#include "upstream/server.h"

enum {
    STREAM_WINDOW_BYTES = 1048576,
    CONNECTION_WINDOW_BYTES = 16777216
};

static const uint8_t graceful_ping[8] = "graceful";

/* -- nghttp2's callbacks: they write down, and submit, nothing more -- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct up_h2 *h = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct up_h2_stream *s = up_h2_stream_new(h, frame->hd.stream_id);
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)flags, (void)user;
    struct up_h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s == NULL || s->has_head) /* trailers are not kept */
        return 0;
    struct ps_bytes key = ps_bytes_of(name, name_n), bytes = ps_bytes_of(value, value_n);
    enum ps_status st;
    if (ps_bytes_eq(key, ps_bytes_str(":method")))
        st = up_request_put(&s->request, &s->request.method, bytes);
    else if (ps_bytes_eq(key, ps_bytes_str(":path")))
        st = up_request_put(&s->request, &s->request.target, bytes);
    else
        st = up_request_add(&s->request, key, bytes);
    if (ps_bytes_eq(key, ps_bytes_str("expect")))
        s->wants_continue = ps_bytes_ieq_str(bytes, "100-continue");
    return st == PS_OK ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void end_gracefully(struct up_h2 *h)
{
    h->own_goaways_n++;
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
    up_peer_wake(h->peer);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct up_h2 *h = user;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) && h->is_graceful &&
        memcmp(frame->ping.opaque_data, graceful_ping, 8) == 0)
        end_gracefully(h);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct up_h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!s->has_head)
        up_h2_stream_on_head(s, !is_end);
    if (is_end)
        up_h2_stream_on_body_end(s);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
    (void)flags, (void)user;
    struct up_h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (s == NULL || up_request_body(&s->request, ps_bytes_of(p, n)) == PS_OK)
        return 0;
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct up_h2 *h = user;
    struct up_h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    (void)code;
    if (s == NULL)
        return 0;
    up_h2_stream_end(s, id <= h->refused_above);
    up_h2_stream_free(s);
    return 0;
}

static void count_malformed(struct up_h2 *h)
{
    h->is_malformed = true;
    up_log_malformed(&h->peer->server->log);
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
    (void)session, (void)frame;
    if (code != NGHTTP2_ERR_REFUSED_STREAM) /* sent before the peer knew the limit: RFC 9113 5.1.2 */
        count_malformed(user);
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct up_h2 *h = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        h->is_terminated = h->is_terminated || h->own_goaways_n == 0;
        if (h->own_goaways_n == 0 && !h->is_malformed)
            count_malformed(h); /* what makes nghttp2 give up, but for invalid frames, it tells only so */
        h->own_goaways_n -= h->own_goaways_n > 0;
        return 0;
    }
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct up_h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s != NULL)
        up_h2_stream_end(s, false);
    return 0;
}

/* -- in and out -- */

static void feed(struct up_peer *p, struct ps_bytes bytes)
{
    struct up_h2 *h = p->state;
    ssize_t n = nghttp2_session_mem_recv(h->session, bytes.p, bytes.n);
    if (n == NGHTTP2_ERR_NOMEM) {
        up_peer_reset(p);
        return;
    }
    if (n < 0) {
        count_malformed(h);
        h->is_terminated = true;
    }
    up_peer_wake(p);
}

/* Frames what may go. PS_LIMIT: there is more than room for. */
static enum ps_status pull(struct up_h2 *h)
{
    while (up_peer_has_room(h->peer)) {
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(h->session, &bytes);
        if (n == 0)
            return PS_OK;
        if (n < 0 || ps_buf_append(up_peer_room(h->peer), ps_bytes_of(bytes, (size_t)n)) != PS_OK)
            return PS_NOMEM;
    }
    return PS_LIMIT;
}

static void take_ready(struct up_h2 *h)
{
    struct ps_list now;
    struct ps_node *n;
    ps_list_init(&now);
    ps_list_move_all(&now, &h->ready);
    while ((n = ps_list_pop_front(&now)) != NULL)
        up_h2_take_steps(PS_ITEM(n, struct up_h2_stream, step_node));
}

static bool is_over(const struct up_h2 *h)
{
    if (h->is_terminated)
        return true;
    return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session) &&
           (!h->has_own_goaway || h->is_graceful) && h->own_goaways_n == 0;
}

static enum up_fill fill(struct up_peer *p)
{
    struct up_h2 *h = p->state;
    enum ps_status st;
    if (up_peer_is_drained(p))
        ps_list_move_all(&h->ready, &h->after_drain);
    if (!ps_list_empty(&h->after_drain))
        return UP_FILL_MORE; /* nobody adds to what must be written first */
    do {
        take_ready(h);
        st = pull(h);
        for (struct ps_node *n = ps_list_first(&h->after_pull); st == PS_OK && n != NULL;
             n = ps_list_next(&h->after_pull, n))
            PS_ITEM(n, struct up_h2_stream, step_node)->is_pulled = true;
        if (st == PS_OK)
            ps_list_move_all(&h->ready, &h->after_pull);
    } while (st == PS_OK && !ps_list_empty(&h->ready) && p->phase == UP_PEER_OPEN);
    if (st == PS_NOMEM)
        up_peer_reset(p);
    else if (st == PS_OK && is_over(h))
        up_peer_cut(p, UP_CUT_FIN);
    return st == PS_LIMIT || !ps_list_empty(&h->after_drain) ? UP_FILL_MORE : UP_FILL_DONE;
}

static void goaway(struct up_peer *p)
{
    struct up_h2 *h = p->state;
    if (h->is_graceful)
        return;
    h->is_graceful = true;
    h->own_goaways_n++;
    nghttp2_submit_shutdown_notice(h->session);
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, graceful_ping);
    up_peer_wake(p);
}

/* -- beginning and end -- */

static void gone(struct up_peer *p)
{
    struct up_h2 *h = p->state;
    for (struct ps_node *n = ps_list_first(&h->streams); n != NULL; n = ps_list_next(&h->streams, n))
        up_h2_stream_end(PS_ITEM(n, struct up_h2_stream, node), true);
}

static void free_state(struct up_peer *p)
{
    struct up_h2 *h = p->state;
    nghttp2_session_del(h->session);
    while (!ps_list_empty(&h->streams))
        up_h2_stream_free(PS_ITEM(ps_list_first(&h->streams), struct up_h2_stream, node));
    ps_free(h);
}

static const struct up_protocol h2_protocol = {
    .feed = feed, .fill = fill, .goaway = goaway, .gone = gone, .free = free_state};

static int make_session(struct up_h2 *h)
{
    nghttp2_session_callbacks *cb;
    int rc = nghttp2_session_callbacks_new(&cb);
    if (rc != 0)
        return rc;
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    rc = nghttp2_session_server_new(&h->session, cb, h);
    nghttp2_session_callbacks_del(cb);
    return rc;
}

static int greet(struct up_h2 *h)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->peer->listener->settings.max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES}};
    int rc = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, 2);
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES);
    return rc;
}

enum ps_status up_h2_start(struct up_peer *p)
{
    struct up_h2 *h = ps_zalloc(sizeof *h);
    if (h == NULL)
        return PS_NOMEM;
    h->peer = p;
    h->refused_above = INT32_MAX;
    ps_list_init(&h->streams);
    ps_list_init(&h->ready);
    ps_list_init(&h->after_pull);
    ps_list_init(&h->after_drain);
    if (make_session(h) != 0 || greet(h) != 0) {
        nghttp2_session_del(h->session);
        ps_free(h);
        return PS_NOMEM;
    }
    p->state = h;
    p->protocol = &h2_protocol;
    up_peer_wake(p);
    return PS_OK;
}
