/* bench/stream_server/h2.c -- HTTP/2 over libnghttp2: each event is its own DATA frame, as servers that write event by
 * event send them. The answer begins when the request has ended. */
#include "server.h"

#include <string.h>

#define FIELD(name, value)                                                                          \
    {(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1,                    \
     NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}

/* At most one event, so that it is a frame of its own; deferred until more is released. */
static ssize_t read_event(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t most_n,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session, (void)stream_id, (void)user;
    struct answer *a = source->ptr;
    size_t n = plan.event_bytes - a->sent_n % plan.event_bytes;
    if (a->sent_n == a->released_n)
        return NGHTTP2_ERR_DEFERRED;
    if (n > most_n)
        n = most_n; /* what the window leaves */
    memcpy(to, plan.events + a->sent_n, n);
    a->sent_n += n;
    if (a->sent_n == a->whole_n)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    int32_t id = frame->hd.stream_id;
    return nghttp2_session_set_stream_user_data(session, id, answer_new(user, id));
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)flags, (void)user;
    struct answer *a = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (a != NULL && name_n == 5 && memcmp(name, ":path", 5) == 0)
        answer_ask(a, (const char *)value, value_n);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    bool is_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!is_request || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct answer *a = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    static const nghttp2_nv head[] = {FIELD(":status", "200"), FIELD("content-type", "text/event-stream"),
                                      FIELD("cache-control", "no-cache")};
    nghttp2_data_provider from = {.source.ptr = a, .read_callback = read_event};
    answer_begin(a);
    return nghttp2_submit_response(session, a->stream_id, head, sizeof head / sizeof *head, &from);
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *user)
{
    (void)code, (void)user;
    struct answer *a = nghttp2_session_get_stream_user_data(session, stream_id);
    if (a != NULL)
        answer_end(a);
    return 0;
}

void h2_begin(struct conn *c)
{
    nghttp2_session_callbacks *on;
    check(nghttp2_session_callbacks_new(&on) == 0, "nghttp2");
    nghttp2_session_callbacks_set_on_begin_headers_callback(on, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(on, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(on, on_stream_close);
    check(nghttp2_session_server_new(&c->session, on, c) == 0, "nghttp2_session_server_new");
    nghttp2_session_callbacks_del(on);
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MOST}};
    check(nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 1) == 0, "settings");
}

bool h2_read(struct conn *c, const char *bytes, size_t n)
{
    return nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes, n) == (ssize_t)n;
}

/* Appends frames to `out` until it is full or nghttp2 has none. False when the session is over. */
bool h2_fill(struct conn *c)
{
    while (c->out_n < OUT_BYTES) {
        const uint8_t *frame;
        ssize_t n = nghttp2_session_mem_send(c->session, &frame);
        if (n <= 0)
            break;
        check((size_t)n <= sizeof c->out - c->out_n, "a frame larger than its room");
        memcpy(c->out + c->out_n, frame, (size_t)n);
        c->out_n += (size_t)n;
    }
    return c->out_n > 0 || nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session);
}

/* More of `a` is released: its stream may have stopped for want of it. */
void h2_resume(struct answer *a)
{
    nghttp2_session_resume_data(a->conn->session, a->stream_id); /* an error: it had not stopped */
}
