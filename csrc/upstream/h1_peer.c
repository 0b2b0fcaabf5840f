/* upstream/h1_peer.c -- HTTP/1.1 on a connection (see h1_peer.h; what steps put on the wire is in h1_answer.c). */
#include "upstream/h1_peer.h"

#include <stdio.h>

#include "base/mem.h"
#include "upstream/server.h"

static const char continue_100[] = "HTTP/1.1 100 Continue\r\n\r\n";

enum { KEEP_IN_BYTES = 16384 };

static struct up_origin origin_of(const struct up_peer *p)
{
    return (struct up_origin){.connection = p->id, .port = p->listener->port, .is_tls = p->tls != NULL};
}

static void fail(struct up_h1 *h)
{
    up_peer_reset(h->peer);
}

static bool append(struct up_h1 *h, struct ps_bytes bytes)
{
    if (ps_buf_append(up_peer_room(h->peer), bytes) == PS_OK)
        return true;
    fail(h);
    return false;
}

/* -- requests -- */

static void begin_answer(struct up_h1 *h)
{
    h->is_begun = true;
    h->frame = UP_FRAME_RAW;
    if (up_run_begin(&h->run, h->peer->server->script, &h->reader.request) != PS_OK)
        fail(h);
    else
        up_peer_wake(h->peer);
}

static void on_head(struct up_h1 *h)
{
    struct up_origin origin = origin_of(h->peer);
    h->is_in_request = true;
    h->closes = h->reader.closes;
    h->is_head = up_request_is(&h->reader.request, "HEAD");
    up_run_arrive(&h->run, &h->reader.request, &origin);
    if (!up_h1_has_body(&h->reader))
        return;
    if (up_script_is_early(h->peer->server->script, &h->reader.request, uv_hrtime())) {
        /* Who was told neither "100" nor "no" may send the body or not: nobody could tell what follows. */
        h->closes = h->closes || h->reader.wants_continue;
        begin_answer(h);
    } else if (h->reader.wants_continue && append(h, ps_bytes_str(continue_100))) {
        up_peer_wake(h->peer);
    }
}

static void on_body_end(struct up_h1 *h)
{
    h->has_body = true;
    if (!h->is_begun)
        begin_answer(h);
    if (h->peer->phase == UP_PEER_OPEN)
        up_log_body(h->run.log, h->run.record, &h->reader.request, uv_hrtime());
}

static void on_bad(struct up_h1 *h)
{
    char text[300];
    const char *why = h->reader.why;
    up_log_malformed(&h->peer->server->log);
    up_run_end(&h->run, true);
    if (h->is_begun) { /* an answer is under way: no second one */
        h->is_answered = true;
        up_peer_cut(h->peer, UP_CUT_FIN);
        return;
    }
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                     "Content-Length: %zu\r\n\r\nmalformed: %s\n",
                     strlen(why) + 12, why);
    if (append(h, ps_bytes_of(text, (size_t)n)))
        up_peer_cut(h->peer, UP_CUT_FIN);
}

/* May more of the input be read? Behind a whole request only once it is answered. */
static bool is_reading(const struct up_h1 *h)
{
    return h->peer->phase == UP_PEER_OPEN && !h->has_body;
}

static void read_input(struct up_h1 *h, struct ps_bytes *input)
{
    struct ps_bytes piece;
    while (is_reading(h)) {
        switch (up_h1_read(&h->reader, input, &piece)) {
        case UP_H1_MORE:
            return;
        case UP_H1_HEAD:
            on_head(h);
            break;
        case UP_H1_BODY:
            if (up_request_body(&h->reader.request, piece) != PS_OK)
                fail(h);
            break;
        case UP_H1_END:
            on_body_end(h);
            break;
        case UP_H1_BAD:
            on_bad(h);
            return;
        case UP_H1_NOMEM:
            fail(h);
            return;
        }
    }
}

static void read_waiting(struct up_h1 *h)
{
    struct ps_bytes input = ps_buf_view(&h->in);
    size_t n = input.n;
    if (n > 0)
        read_input(h, &input);
    ps_buf_consume(&h->in, n - input.n);
    ps_buf_shrink(&h->in, KEEP_IN_BYTES);
    if (ps_buf_n(&h->in) < UP_IN_BYTES)
        up_peer_read(h->peer, true);
}

static void feed(struct up_peer *p, struct ps_bytes bytes)
{
    struct up_h1 *h = p->state;
    if (ps_buf_n(&h->in) == 0)
        read_input(h, &bytes);
    if (p->phase != UP_PEER_OPEN || bytes.n == 0)
        return;
    if (ps_buf_append(&h->in, bytes) != PS_OK) {
        fail(h);
        return;
    }
    if (ps_buf_n(&h->in) >= UP_IN_BYTES)
        up_peer_read(p, false);
    up_peer_wake(p);
}

/* -- answers -- */

/* The program is over: on to the next request, or to the end. */
static void end_answer(struct up_h1 *h)
{
    bool is_short = h->frame == UP_FRAME_LENGTH && h->sent_bytes != h->length && !h->is_head;
    bool is_mute = h->frame == UP_FRAME_RAW && !h->run.has_raw;
    h->is_answered = true;
    if (!h->has_body)
        up_log_body(h->run.log, h->run.record, &h->reader.request, 0);
    up_run_end(&h->run, false);
    if (h->closes || is_short || is_mute || h->frame == UP_FRAME_CLOSE)
        up_peer_cut(h->peer, UP_CUT_FIN);
}

static void next_request(struct up_h1 *h)
{
    up_h1_reader_next_message(&h->reader);
    h->is_in_request = h->has_body = h->is_begun = h->is_answered = false;
    h->length = h->sent_bytes = 0;
    read_waiting(h);
}

static enum up_fill fill(struct up_peer *p)
{
    struct up_h1 *h = p->state;
    while (p->phase == UP_PEER_OPEN) {
        if (!h->is_in_request && ps_buf_n(&h->in) > 0)
            read_waiting(h);
        if (!h->is_begun || h->is_answered)
            return UP_FILL_DONE;
        if (!up_peer_has_room(p))
            return UP_FILL_MORE;
        switch (up_h1_answer(h)) {
        case UP_ANSWER_WAITS:
            return UP_FILL_DONE;
        case UP_ANSWER_FULL:
            return UP_FILL_MORE;
        case UP_ANSWER_FAILED:
            fail(h);
            return UP_FILL_DONE;
        case UP_ANSWER_OVER:
            end_answer(h);
            break;
        }
        if (h->has_body && p->phase == UP_PEER_OPEN)
            next_request(h);
    }
    return UP_FILL_DONE;
}

/* The body's end after an early answer. */
static void feed_and_go_on(struct up_peer *p, struct ps_bytes bytes)
{
    struct up_h1 *h = p->state;
    feed(p, bytes);
    if (p->phase == UP_PEER_OPEN && h->is_answered && h->has_body) {
        next_request(h);
        up_peer_wake(p);
    }
}

static void gone(struct up_peer *p)
{
    struct up_h1 *h = p->state;
    if (h->run.is_arrived && !h->has_body)
        up_log_body(h->run.log, h->run.record, &h->reader.request, 0);
    up_run_end(&h->run, true);
}

static void free_state(struct up_peer *p)
{
    struct up_h1 *h = p->state;
    up_h1_reader_fini(&h->reader);
    ps_buf_fini(&h->in);
    ps_free(h);
}

static void on_alarm(struct up_alarm *a)
{
    up_peer_wake(PS_ITEM(a, struct up_h1, run.alarm)->peer);
}

static const struct up_protocol h1_protocol = {
    .feed = feed_and_go_on, .fill = fill, .gone = gone, .free = free_state};

enum ps_status up_h1_start(struct up_peer *p)
{
    struct up_h1 *h = ps_zalloc(sizeof *h);
    if (h == NULL)
        return PS_NOMEM;
    h->peer = p;
    h->run.log = &p->server->log;
    h->run.pace = &p->server->pace;
    h->run.alarm.ring = on_alarm;
    up_h1_reader_init(&h->reader, p->server->body_limit_bytes);
    ps_buf_init(&h->in, SIZE_MAX / 4); /* bounded by UP_IN_BYTES and one read */
    p->state = h;
    p->protocol = &h1_protocol;
    return PS_OK;
}
