/* proto/h2_stream.c -- the life of one exchange: fresh -> running -> over.
 * Fresh: opened, its HEADERS not pulled, so the peer cannot know it. Over: END or RESET waits for
 * next(), which frees it. The library finds a running exchange by its stream's user data (O(1), and those
 * found last are remembered until they are over: h2_run.c asks twice a frame);
 * fresh ones have no stream yet and are few, so they are looked through. A slot is free when the
 * library has closed the stream and, if it was cut without a sign of life since it was sent, the
 * peer has shown one (rule 7). Thread: io. Owner: ps_h2. Limit: min(the peer's limit, H2_STREAMS_MAX)
 * exchanges. */
#include "proto/h2_state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

size_t ps_h2_slots(const struct ps_h2 *h)
{
    if (h->is_dead || h->doom.status != PS_OK || h->has_eof || h->goaway.is_seen || h->is_retired ||
        h->cancels_n > H2_CANCELS_MAX ||
        nghttp2_session_get_next_stream_id(h->session) >= H2_LAST_ID)
        return 0;
    size_t limit_n =
        nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    limit_n = limit_n < H2_STREAMS_MAX ? limit_n : H2_STREAMS_MAX;
    size_t used_n = h->live_n + h->unproved_n;
    return used_n < limit_n ? limit_n - used_n : 0;
}

bool ps_h2_takes_none(const struct ps_codec *c)
{
    return nghttp2_session_get_remote_settings(ps_h2_of_const(c)->session,
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 0;
}

static struct h2_stream *find_in(const struct ps_list *l, uint32_t id)
{
    for (struct ps_node *n = ps_list_first(l); n != NULL; n = ps_list_next(l, n)) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, node);
        if (s->id == id)
            return s;
    }
    return NULL;
}

struct h2_stream *ps_h2_find(const struct ps_h2 *h, uint32_t id)
{
    if (h->is_dead || id == 0 || id > INT32_MAX)
        return NULL;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(h->session, (int32_t)id);
    return s != NULL ? s : find_in(&h->fresh, id);
}

struct h2_stream *ps_h2_running(struct ps_h2 *h, uint32_t id)
{
    struct h2_stream **recent = h2_recent(h, id);
    if (*recent == NULL || (*recent)->id != id)
        *recent = nghttp2_session_get_stream_user_data(h->session, (int32_t)id);
    return *recent;
}

void ps_h2_tag(struct ps_codec *c, uint32_t id, void *tag)
{
    struct h2_stream *s = ps_h2_find(ps_h2_of(c), id);
    if (s != NULL)
        s->tag = tag;
}

bool ps_h2_is_sent(const struct ps_codec *c, uint32_t id)
{
    const struct h2_stream *s = ps_h2_find(ps_h2_of_const(c), id);
    return s != NULL && s->is_sent;
}

void ps_h2_forget_doubts(struct ps_codec *c)
{
    struct ps_h2 *h = ps_h2_of(c);
    h->doubted_n = h->unproved_n = 0;
}

bool ps_h2_is_doubtful(const struct ps_codec *c)
{
    const struct ps_h2 *h = ps_h2_of_const(c);
    return h->doubted_n + h->unproved_n > 0;
}

void h2_stream_free(struct h2_stream *s)
{
    if (s == NULL)
        return;
    ps_node_unlink(&s->node);
    ps_node_unlink(&s->rest_node);
    ps_node_unlink(&s->run.node);
    ps_head_free(s->head);
    ps_buf_fini(&s->up.queue);
    ps_free(s);
}

enum ps_phase h2_stream_phase(const struct h2_stream *s)
{
    if (s->has_head)
        return PS_PHASE_BODY;
    if (s->head != NULL)
        return PS_PHASE_HEAD;
    return s->is_sent && s->up.is_done ? PS_PHASE_WAIT : PS_PHASE_SEND;
}

/* The library knows it no more; its buffers go at once, the record waits for next(). */
static void set_over(struct ps_h2 *h, struct h2_stream *s)
{
    (void)nghttp2_session_set_stream_user_data(h->session, (int32_t)s->id, NULL);
    if (*h2_recent(h, s->id) == s)
        *h2_recent(h, s->id) = NULL;
    ps_node_unlink(&s->node);
    ps_node_unlink(&s->rest_node);
    ps_list_push_back(&h->over, &s->node);
    ps_head_free(s->head);
    s->head = NULL;
    ps_buf_fini(&s->up.queue);
}

static void submit_reset(struct ps_h2 *h, uint32_t id, uint32_t code)
{
    ps_h2_judge(h, nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, (int32_t)id, code));
}

void h2_stream_end(struct ps_h2 *h, struct h2_stream *s)
{
    s->is_complete = true;
    h->cancels_n = 0;
    set_over(h, s);
    if (!s->up.has_ended) /* rule 63 */
        submit_reset(h, s->id, NGHTTP2_NO_ERROR);
}

void h2_stream_fail_as(struct ps_h2 *h, struct h2_stream *s, const struct ps_err *err)
{
    s->err = *err;
    s->not_processed = s->not_processed || !s->is_sent;
    set_over(h, s);
}

static void fail_v(struct ps_h2 *h, struct h2_stream *s, enum ps_status st, uint32_t code,
                   const char *fmt, va_list ap)
{
    struct ps_err err;
    char text[sizeof err.text];
    vsnprintf(text, sizeof text, fmt, ap);
    if (h->lacked_memory)
        (void)ps_err_nomem(&err);
    else
        (void)ps_err_set(&err, st, h2_stream_phase(s), "%s", text);
    err.detail = (long)code;
    h2_stream_fail_as(h, s, &err);
}

void h2_stream_fail(struct ps_h2 *h, struct h2_stream *s, enum ps_status st, uint32_t code,
                    const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_v(h, s, st, code, fmt, ap);
    va_end(ap);
}

/* A peer that floods one stream gets no others: what it has sent already would be held against them. */
void h2_stream_cut(struct ps_h2 *h, struct h2_stream *s, enum ps_status st, uint32_t code,
                   const char *fmt, ...)
{
    h->is_retired = h->is_retired || code == NGHTTP2_ENHANCE_YOUR_CALM;
    submit_reset(h, s->id, code);
    va_list ap;
    va_start(ap, fmt);
    fail_v(h, s, st, code, fmt, ap);
    va_end(ap);
}

/* RST_STREAM came (table B). */
static void fail_by_peer(struct ps_h2 *h, struct h2_stream *s, uint32_t code)
{
    char name[24];
    enum ps_status st = s->has_head ? PS_TRUNCATED : PS_DISCONNECTED;
    s->not_processed = code == NGHTTP2_REFUSED_STREAM;
    if (code == NGHTTP2_PROTOCOL_ERROR) /* it sees a fault in us: no new exchanges here (Go) */
        h->is_retired = true;
    if (code == NGHTTP2_HTTP_1_1_REQUIRED)
        h2_stream_fail(h, s, st, code, "the peer wants HTTP/1.1 for this request (%s)",
                       ps_h2_code_name(code, name));
    else
        h2_stream_fail(h, s, st, code, "the peer reset the stream with %s%s",
                       ps_h2_code_name(code, name),
                       code == NGHTTP2_NO_ERROR ? " before the response was complete" : "");
}

/* Above the last id of a GOAWAY: never looked at. */
void h2_stream_refuse(struct ps_h2 *h, struct h2_stream *s)
{
    char text[128];
    s->not_processed = true;
    h2_stream_fail(h, s, s->has_head ? PS_TRUNCATED : PS_DISCONNECTED, h->goaway.code,
                   "the peer sent %s and did not take this request", ps_h2_goaway_text(h, text));
}

void h2_stream_closed(struct ps_h2 *h, struct h2_stream *s, uint32_t code)
{
    char name[24];
    if (s->has_peer_reset)
        fail_by_peer(h, s, code);
    else if (!s->is_sent)
        h2_stream_fail(h, s, PS_CLOSED, code, "the request could not be sent");
    else /* the library found it without a word; of DATA mostly rule 58 */
        h2_stream_fail(h, s, PS_PROTOCOL, code, "the response is malformed%s (%s)",
                       code == NGHTTP2_PROTOCOL_ERROR && s->has_head
                           ? " or disagrees with its content-length"
                           : "",
                       ps_h2_code_name(code, name));
}

enum ps_status ps_h2_open(struct ps_codec *c, const struct ps_request *req, uint32_t *id,
                          struct ps_err *err)
{
    struct ps_h2 *h = ps_h2_of(c);
    assert(req->is_sealed);
    if (ps_h2_slots(h) == 0)
        return ps_err_set(err, PS_CLOSED, PS_PHASE_QUEUE,
                          "the connection cannot carry another exchange");
    struct h2_stream *s = ps_zalloc(sizeof *s);
    if (s == NULL)
        return ps_err_nomem(err);
    s->window_bytes = h->limits.window_bytes;
    h2_upload_init(&s->up, req);
    enum ps_status st = ps_h2_submit_head(h, req, s, err);
    if (st != PS_OK) {
        h2_stream_free(s);
        return st;
    }
    ps_list_push_back(&h->fresh, &s->node);
    h->live_n++;
    *id = s->id;
    return PS_OK;
}

/* Unsent, nothing leaves and nothing is owed; the library drops the HEADERS it has queued. */
void ps_h2_drop(struct ps_codec *c, uint32_t id)
{
    struct ps_h2 *h = ps_h2_of(c);
    struct h2_stream *s = ps_h2_find(h, id);
    if (s == NULL) {
        h2_stream_free(find_in(&h->over, id)); /* its end is not told any more */
        return;
    }
    if (s->is_sent)
        h->cancels_n++;
    if (s->is_sent && s->frames_n == h->frames_n)
        h->doubted_n++;
    set_over(h, s);
    h2_stream_free(s);
    submit_reset(h, id, NGHTTP2_CANCEL);
}

void ps_h2_fit_fresh(struct ps_h2 *h)
{
    size_t limit_n =
        nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    size_t over_n = h->live_n > limit_n ? h->live_n - limit_n : 0;
    while (over_n > 0 && !ps_list_empty(&h->fresh)) {
        struct ps_node *last = h->fresh.head.prev;
        h2_stream_cut(h, PS_ITEM(last, struct h2_stream, node), PS_CLOSED, NGHTTP2_REFUSED_STREAM,
                      "the peer lowered its stream limit to %zu before the request was sent",
                      limit_n);
        over_n--;
    }
}
