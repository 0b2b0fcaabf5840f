/* upstream/h2_stream.c -- one HTTP/2 request from its head to the choice of its answer (see h2_peer.h). */
#include "base/mem.h"
#include "upstream/h2_peer.h"
#include "upstream/server.h"

static void on_alarm(struct up_alarm *a)
{
    up_h2_stream_wake(PS_ITEM(a, struct up_h2_stream, run.alarm));
}

struct up_h2_stream *up_h2_stream_new(struct up_h2 *h, int32_t id)
{
    struct up_h2_stream *s = ps_zalloc(sizeof *s);
    if (s == NULL)
        return NULL;
    s->h2 = h;
    s->id = id;
    up_request_init(&s->request, h->peer->server->body_limit_bytes);
    s->run.log = &h->peer->server->log;
    s->run.pace = &h->peer->server->pace;
    s->run.alarm.ring = on_alarm;
    ps_list_push_back(&h->streams, &s->node);
    return s;
}

void up_h2_stream_end(struct up_h2_stream *s, bool is_aborted)
{
    if (s->is_told)
        return;
    s->is_told = true;
    if (!s->has_body)
        up_log_body(s->run.log, s->run.record, &s->request, 0);
    up_run_tell_events(&s->run);
    up_pace_clear(s->run.pace, &s->run.alarm);
    if (s->run.is_arrived)
        up_log_over(s->run.log, s->run.record, is_aborted, uv_hrtime());
    s->run.is_arrived = false;
    s->run.record = NULL;
}

void up_h2_stream_free(struct up_h2_stream *s)
{
    up_run_end(&s->run, false);
    ps_node_unlink(&s->node);
    ps_node_unlink(&s->step_node);
    up_request_fini(&s->request);
    ps_free(s);
}

static void begin_answer(struct up_h2_stream *s)
{
    s->is_begun = true;
    if (up_run_begin(&s->run, s->h2->peer->server->script, &s->request) != PS_OK) {
        nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    up_h2_stream_wake(s);
}

static void send_continue(struct up_h2_stream *s)
{
    uint8_t name[] = ":status", value[] = "100";
    nghttp2_nv nv = {name, value, 7, 3, NGHTTP2_NV_FLAG_NONE};
    nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1, NULL);
}

void up_h2_stream_on_head(struct up_h2_stream *s, bool has_body)
{
    struct up_peer *p = s->h2->peer;
    const struct up_origin origin = {
        .connection = p->id, .stream = s->id, .port = p->listener->port, .is_tls = p->tls != NULL};
    s->has_head = true;
    if (s->request.target.n == 0) { /* CONNECT */
        for (size_t i = 0; i < s->request.fields_n; i++) {
            if (ps_bytes_eq(up_request_view(&s->request, s->request.fields[i].name), ps_bytes_str(":authority")))
                s->request.target = s->request.fields[i].value;
        }
    }
    s->is_head = up_request_is(&s->request, "HEAD");
    up_run_arrive(&s->run, &s->request, &origin);
    if (!has_body)
        return;
    if (up_script_is_early(p->server->script, &s->request, uv_hrtime()))
        begin_answer(s);
    else if (s->wants_continue)
        send_continue(s);
}

void up_h2_stream_on_body_end(struct up_h2_stream *s)
{
    s->has_body = true;
    if (!s->is_begun)
        begin_answer(s);
    up_log_body(s->run.log, s->run.record, &s->request, uv_hrtime());
}
