/* proto/h2_session.c -- libnghttp2 set up for a client that trusts nobody, and its callbacks.
 * The callbacks run inside mem_recv and mem_send only. They store (events, counters, states of
 * exchanges) and may queue frames; they never call up and never end the connection themselves:
 * ps_h2_doom() leaves that to next(). All memory of the library comes from base/mem.h. Old symbols
 * only, which 1.52 and the newest release both have; CONTINUATIONs are counted in h2_input.c, so no
 * option that one of them lacks is needed. Thread: io. Owner: ps_h2. */
#include "proto/h2_state.h"

#include "base/mem.h"

/* The library does not always say that memory was what it lacked. */
static void *note(void *p, void *user)
{
    struct ps_h2 *h = user;
    h->lacked_memory = h->lacked_memory || p == NULL;
    return p;
}

static void *mem_malloc(size_t n, void *user)
{
    return note(ps_malloc(n), user);
}

static void mem_free(void *p, void *user)
{
    (void)user;
    ps_free(p);
}

static void *mem_calloc(size_t n, size_t size, void *user)
{
    return note(size != 0 && n > SIZE_MAX / size ? NULL : ps_zalloc(n * size), user);
}

static void *mem_realloc(void *p, size_t n, void *user)
{
    return note(ps_realloc(p, n), user);
}

void ps_h2_judge(struct ps_h2 *h, int rv)
{
    bool lacks_memory = rv == NGHTTP2_ERR_NOMEM || h->lacked_memory;
    if (!lacks_memory && !nghttp2_is_fatal(rv)) /* success, or the stream is gone already */
        return;
    if (lacks_memory)
        ps_h2_doom(h, PS_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
    else if (rv == NGHTTP2_ERR_FLOODED) /* rule 50: PING and SETTINGS that want an answer */
        ps_h2_doom(h, PS_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM,
                   "the peer sent more PING and SETTINGS frames than it reads answers");
    else
        ps_h2_doom(h, PS_INTERNAL, NGHTTP2_INTERNAL_ERROR, "libnghttp2: %s", nghttp2_strerror(rv));
}

static struct h2_stream *stream_of(nghttp2_session *session, const nghttp2_frame *frame)
{
    return nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
}

static void data_came(struct ps_h2 *h, struct h2_stream *s, const nghttp2_frame *frame)
{
    bool has_bytes = frame->hd.length > frame->data.padlen;
    bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (s == NULL)
        return;
    if (has_bytes || is_last) {
        for (size_t n = h->is_joining ? s->run.frames_n : 1; n > 0; n--)
            ps_h2_note_use(h);
    } else
        ps_h2_note_noise(h, H2_NOISE_EMPTY_DATA); /* rule 48 */
    if (is_last)
        h2_stream_end(h, s);
}

static void head_came(struct ps_h2 *h, struct h2_stream *s, const nghttp2_frame *frame)
{
    if (s == NULL)
        return;
    ps_h2_note_use(h);
    if (ps_h2_finish_head(h, s) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        h2_stream_end(h, s);
}

static void ping_came(struct ps_h2 *h, const nghttp2_ping *ping)
{
    if ((ping->hd.flags & NGHTTP2_FLAG_ACK) != 0 && h->ping_is_out &&
        ping->opaque_data[7] == h->ping_n) {
        h->ping_is_out = false;
        h->has_pong = true;
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct ps_h2 *h = user;
    struct h2_stream *s = NULL;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        data_came(h, ps_h2_running(h, (uint32_t)frame->hd.stream_id), frame);
        break;
    case NGHTTP2_HEADERS:
        head_came(h, stream_of(session, frame), frame);
        break;
    case NGHTTP2_RST_STREAM: /* on_stream_close follows */
        s = stream_of(session, frame);
        if (s != NULL)
            s->has_peer_reset = true;
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
            h->settings_acked = true;
        else
            ps_h2_fit_fresh(h);
        break;
    case NGHTTP2_PING:
        ping_came(h, &frame->ping);
        break;
    case NGHTTP2_GOAWAY:
        ps_h2_note_goaway(h, &frame->goaway);
        break;
    default:
        break;
    }
    return 0;
}

/* The library answers with RST_STREAM, or gives up the connection: then ps_h2_check_library() sees
 * it. */
static int on_bad_frame(nghttp2_session *session, const nghttp2_frame *frame, int lib_error,
                        void *user)
{
    struct h2_stream *s = stream_of(session, frame);
    uint32_t code = lib_error == NGHTTP2_ERR_FLOW_CONTROL    ? NGHTTP2_FLOW_CONTROL_ERROR
                    : lib_error == NGHTTP2_ERR_STREAM_CLOSED ? NGHTTP2_STREAM_CLOSED
                                                             : NGHTTP2_PROTOCOL_ERROR;
    if (s != NULL)
        h2_stream_fail(user, s, PS_PROTOCOL, code, "the response is malformed: %s",
                       nghttp2_strerror(lib_error));
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct ps_h2 *h = user;
    struct h2_stream *s = NULL;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        s = stream_of(session, frame);
        if (s != NULL && !s->is_sent) {
            s->is_sent = true;
            s->frames_n = h->frames_n;
            ps_node_unlink(&s->node);
            ps_list_push_back(&h->running, &s->node);
        }
        break;
    case NGHTTP2_RST_STREAM:
        if (h->doubted_n > 0) {
            h->doubted_n--;
            h->unproved_n++;
        }
        break;
    case NGHTTP2_GOAWAY:
        ps_h2_note_own_goaway(h, &frame->goaway);
        break;
    default:
        break;
    }
    return 0;
}

/* Comes once for each request that was submitted, also for those that were never sent. */
static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct ps_h2 *h = user;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (h->live_n > 0)
        h->live_n--;
    if (s != NULL)
        h2_stream_closed(h, s, code);
    return 0;
}

static void set_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_bad_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, ps_h2_on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, ps_h2_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, ps_h2_on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, ps_h2_on_bad_header);
}

static void set_options(nghttp2_option *o)
{
    nghttp2_option_set_no_auto_window_update(o, 1); /* rule 25 */
    nghttp2_option_set_no_closed_streams(o, 1);     /* rule 14, and the next */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(o, 1);
    nghttp2_option_set_peer_max_concurrent_streams(o, H2_STREAMS_FIRST);
    nghttp2_option_set_max_deflate_dynamic_table_size(o, 4096); /* rule 9 */
    nghttp2_option_set_max_send_header_block_length(o, H2_SEND_HEAD_BYTES);
}

/* The preface: SETTINGS, then the connection's window. */
static int say_hello(struct ps_h2 *h)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, /* rule 11 */
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)h->limits.window_bytes},
    };
    int rv = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                     sizeof settings / sizeof settings[0]);
    return rv != 0 ? rv
                   : nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                                           H2_CONN_WINDOW_BYTES);
}

enum ps_status ps_h2_session_init(struct ps_h2 *h)
{
    nghttp2_mem mem = {h, mem_malloc, mem_free, mem_calloc, mem_realloc};
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *options = NULL;
    int rv = nghttp2_session_callbacks_new(&callbacks);
    if (rv == 0)
        rv = nghttp2_option_new(&options);
    if (rv == 0) {
        set_callbacks(callbacks);
        set_options(options);
        rv = nghttp2_session_client_new3(&h->session, callbacks, h, options, &mem);
    }
    if (rv == 0)
        rv = say_hello(h);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    return rv == 0 ? PS_OK : PS_NOMEM;
}

void ps_h2_session_fini(struct ps_h2 *h)
{
    nghttp2_session_del(h->session); /* accepts NULL */
    h->session = NULL;
}
