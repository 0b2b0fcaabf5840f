/* A well-behaved HTTP/2 server on libnghttp2's server session: writes down request heads, counts
 * request bodies, answers 200 with `answer_n` bytes once a request is whole. */
#ifndef PS_TEST_H2_SERVER_H
#define PS_TEST_H2_SERVER_H

#include <nghttp2/nghttp2.h>

#include "h2_rig.h"

struct h2_server {
    nghttp2_session *session;
    struct h2_wire heads; /* "name=value\n"; '!' before a never-indexed one */
    size_t body_n, requests_n;
    size_t answer_n; /* of each answer */
    size_t left_n;   /* of the answer being sent: one at a time */
};

static inline int server_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                                   const uint8_t *name, size_t name_n, const uint8_t *value,
                                   size_t value_n, uint8_t flags, void *user)
{
    (void)session, (void)frame;
    struct h2_server *s = user;
    h2_print(&s->heads, "%s%.*s=%.*s\n", flags & NGHTTP2_NV_FLAG_NO_INDEX ? "!" : "", (int)name_n,
             (const char *)name, (int)value_n, (const char *)value);
    return 0;
}

static inline int server_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                                 const uint8_t *p, size_t n, void *user)
{
    (void)session, (void)flags, (void)id, (void)p;
    ((struct h2_server *)user)->body_n += n;
    return 0;
}

static inline ssize_t server_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                                  uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session, (void)id, (void)source;
    struct h2_server *s = user;
    size_t n = s->left_n < room ? s->left_n : room;
    memset(to, 'b', n);
    s->left_n -= n;
    if (s->left_n == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static inline int server_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_server *s = user;
    if (frame->hd.type > NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    uint8_t name[] = ":status", value[] = "200";
    nghttp2_nv nv = {name, value, 7, 3, 0};
    nghttp2_data_provider body = {.read_callback = server_read};
    s->requests_n++;
    if (s->answer_n > 0)
        s->left_n = s->answer_n;
    return nghttp2_submit_response(session, frame->hd.stream_id, &nv, 1,
                                   s->answer_n > 0 ? &body : NULL);
}

static inline void h2_server_init(struct h2_server *s, size_t answer_n,
                                  const nghttp2_settings_entry *settings, size_t settings_n)
{
    *s = (struct h2_server){.answer_n = answer_n};
    nghttp2_session_callbacks *cb;
    T_EQ(nghttp2_session_callbacks_new(&cb), 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, server_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, server_on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, server_on_frame);
    T_EQ(nghttp2_session_server_new(&s->session, cb, s), 0);
    nghttp2_session_callbacks_del(cb);
    T_EQ(nghttp2_submit_settings(s->session, 0, settings, settings_n), 0);
}

static inline void h2_server_fini(struct h2_server *s)
{
    nghttp2_session_del(s->session);
    h2_wire_free(&s->heads);
}

/* One way and back, in pieces of `piece_n` bytes; did anything move? */
static inline bool h2_server_turn(struct h2_server *s, struct h2_rig *r, size_t piece_n)
{
    struct h2_wire up = {0}, down = {0};
    bool moved = h2_rig_pull(r, &up);
    for (size_t at = 0; at < up.n; at += piece_n) {
        size_t n = up.n - at < piece_n ? up.n - at : piece_n;
        T_EQ(nghttp2_session_mem_recv(s->session, up.p + at, n), n);
    }
    const uint8_t *p;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(s->session, &p)) > 0)
        h2_raw(&down, p, (size_t)n);
    T_EQ(n, 0);
    for (size_t at = 0; at < down.n; at += piece_n) {
        size_t left_n = down.n - at < piece_n ? down.n - at : piece_n;
        ps_codec_feed(r->c, ps_bytes_of(down.p + at, left_n));
        moved = h2_rig_events(r) || moved;
    }
    moved = moved || down.n > 0;
    h2_wire_free(&up);
    h2_wire_free(&down);
    return moved;
}

#endif
