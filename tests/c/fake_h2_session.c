/* tests/c/fake_h2_session.c -- what the scripted server does with requests and orders (see fake_h2.h). */
#include <string.h>

#include "fake_h2_conn.h"

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session, (void)id, (void)room, (void)user;
    struct fake_h2_request *d = source->ptr;
    if (d->may_end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (d->has_sent)
        return d->may_end ? 0 : NGHTTP2_ERR_DEFERRED;
    memcpy(to, "ok", 2);
    d->has_sent = true;
    return 2;
}

static void answer(struct fake_h2_conn *c, struct fake_h2_request *d, bool may_end)
{
    uint8_t name[] = ":status", value[] = "200";
    nghttp2_nv nv = {name, value, 7, 3, 0};
    nghttp2_data_provider body = {.source.ptr = d, .read_callback = read_answer};
    d->may_end = d->may_end || may_end;
    if (d->has_head)
        nghttp2_session_resume_data(c->session, d->id);
    else
        nghttp2_submit_response(c->session, d->id, &nv, 1, &body);
    d->has_head = true;
}

static void say_continue(struct fake_h2_conn *c, const struct fake_h2_request *d)
{
    uint8_t name[] = ":status", value[] = "100";
    nghttp2_nv nv = {name, value, 7, 3, 0};
    nghttp2_submit_headers(c->session, NGHTTP2_FLAG_NONE, d->id, NULL, &nv, 1, NULL);
}

/* After any other GOAWAY the library ignores streams that cross it on the wire, whatever the last id said. */
static void say_goaway(struct fake_h2_conn *c, int32_t id, uint32_t code, const char *debug)
{
    size_t n = debug == NULL ? 0 : strlen(debug);
    if (id == INT32_MAX && code == NGHTTP2_NO_ERROR && debug == NULL) {
        nghttp2_submit_shutdown_notice(c->session);
        return;
    }
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, id, code, (const uint8_t *)debug, n);
}

static void begin(struct fake_h2_conn *c, struct fake_h2_request *d)
{
    switch (d->turn.deed) {
    case FAKE_H2_ANSWER:
    case FAKE_H2_HOLD:
        break;
    case FAKE_H2_BEGIN:
        answer(c, d, false);
        break;
    case FAKE_H2_CONTINUE:
        say_continue(c, d);
        break;
    case FAKE_H2_EARLY:
        answer(c, d, true);
        break;
    case FAKE_H2_RESET:
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, d->id, d->turn.code);
        break;
    case FAKE_H2_GOAWAY:
        say_goaway(c, d->turn.id, d->turn.code, d->turn.debug);
        break;
    }
}

/* Counted last: whoever sees the count sees what was done. */
static void request_came(struct fake_h2_conn *c, int32_t id)
{
    struct fake_h2 *p = c->p;
    struct fake_h2_request *d = calloc(1, sizeof *d);
    fake_h2_must(d != NULL, "calloc");
    int nth = atomic_load(&p->requests_n);
    d->id = id;
    d->turn = nth < p->wants.turns_n ? p->wants.turns[nth] : p->wants.then;
    if (atomic_load(&p->is_free))
        d->turn = (struct fake_h2_turn){.deed = FAKE_H2_ANSWER};
    d->next = c->deeds;
    c->deeds = d;
    nghttp2_session_set_stream_user_data(c->session, id, d);
    begin(c, d);
    atomic_fetch_add(&p->by_conn[c->nth], 1);
    atomic_fetch_add(&p->requests_n, 1);
}

static void request_ended(struct fake_h2_conn *c, struct fake_h2_request *d)
{
    atomic_fetch_add(&c->p->bodies_n, 1);
    if (d != NULL && (d->turn.deed == FAKE_H2_ANSWER || d->turn.deed == FAKE_H2_CONTINUE))
        answer(c, d, true);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct fake_h2_conn *c = user;
    bool is_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (frame->hd.type == NGHTTP2_HEADERS)
        request_came(c, frame->hd.stream_id);
    if (is_request && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        request_ended(c, nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        atomic_fetch_add(&c->p->resets_n, 1);
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
        atomic_fetch_add(&c->p->pings_n, 1);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t n, void *user)
{
    (void)session, (void)flags, (void)id, (void)bytes;
    atomic_fetch_add(&((struct fake_h2_conn *)user)->p->body_bytes, n);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct fake_h2_conn *c = user;
    (void)session, (void)code;
    for (struct fake_h2_request **at = &c->deeds; *at != NULL; at = &(*at)->next) {
        struct fake_h2_request *d = *at;
        if (d->id != id)
            continue;
        *at = d->next;
        free(d);
        return 0;
    }
    return 0;
}

void fake_h2_session_open(struct fake_h2_conn *c)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *options = NULL;
    bool is_shut = c->p->wants.no_streams && !atomic_load(&c->p->is_free);
    nghttp2_settings_entry max = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                  (uint32_t)c->p->wants.max_streams};
    fake_h2_must(nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&options) == 0, "new");
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_option_set_no_auto_window_update(options, c->p->wants.keeps_window);
    fake_h2_must(nghttp2_session_server_new2(&c->session, cb, c, options) == 0, "session");
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(options);
    fake_h2_must(nghttp2_submit_settings(c->session, 0, &max,
                                         c->p->wants.max_streams > 0 || is_shut) == 0,
         "settings");
}

/* -- orders -- */

void fake_h2_release(struct fake_h2_conn *c, int32_t id)
{
    c->is_hanging = false;
    for (struct fake_h2_request *d = c->deeds; d != NULL; d = d->next) {
        if (id == 0 || d->id == id)
            answer(c, d, true);
    }
}

void fake_h2_say_settings(struct fake_h2_conn *c, uint32_t n)
{
    nghttp2_settings_entry max = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, n};
    fake_h2_must(nghttp2_submit_settings(c->session, 0, &max, 1) == 0, "settings");
}

void fake_h2_obey(struct fake_h2_conn *c, const struct fake_h2_order *o)
{
    bool needs_session = o->kind != FAKE_H2_DO_RELEASE && o->kind != FAKE_H2_DO_CLOSE;
    if (needs_session && c->session == NULL)
        return;
    switch (o->kind) {
    case FAKE_H2_DO_RELEASE:
        fake_h2_release(c, o->id);
        break;
    case FAKE_H2_DO_RESET:
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, o->id, o->code);
        break;
    case FAKE_H2_DO_GOAWAY:
        say_goaway(c, o->id, o->code, o->debug);
        break;
    case FAKE_H2_DO_SETTINGS:
        fake_h2_say_settings(c, o->n);
        break;
    case FAKE_H2_DO_WINDOW:
        nghttp2_submit_window_update(c->session, NGHTTP2_FLAG_NONE, o->id, (int32_t)o->n);
        nghttp2_submit_window_update(c->session, NGHTTP2_FLAG_NONE, 0, (int32_t)o->n);
        break;
    case FAKE_H2_DO_CLOSE:
        c->is_closed = true;
        break;
    }
}

void fake_h2_session_close(struct fake_h2_conn *c)
{
    nghttp2_session_del(c->session);
    while (c->deeds != NULL) {
        struct fake_h2_request *d = c->deeds;
        c->deeds = d->next;
        free(d);
    }
}
