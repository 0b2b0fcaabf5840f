/* proto/h2_goaway.c -- how connections end: the peer's GOAWAY, ours, a fault, the end of input.
 * Whoever finds a fault only says so (ps_h2_doom); next() then lets the connection fall once, at a
 * place where no callback of the library is running: every exchange is told, our GOAWAY is left for
 * pull(). In: faults.  Out: RESET for each exchange, FAIL.  Thread: io.  Limit:
 * H2_LAST_WORDS_BYTES. */
#include "proto/h2_state.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

const char *ps_h2_code_name(uint32_t code, char *out)
{
    static const char *const names[] = {
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    };
    if (code < sizeof names / sizeof names[0])
        return names[code];
    snprintf(out, 24, "code %u", (unsigned)code);
    return out;
}

const char *ps_h2_goaway_text(const struct ps_h2 *h, char *out)
{
    char name[24];
    bool has_debug = h->goaway.debug[0] != '\0';
    snprintf(out, 128, "GOAWAY (%s%s%s)", ps_h2_code_name(h->goaway.code, name),
             has_debug ? ": " : "", h->goaway.debug);
    return out;
}

void ps_h2_doom(struct ps_h2 *h, enum ps_status st, uint32_t code, const char *fmt, ...)
{
    if (h->doom.status != PS_OK)
        return;
    char text[sizeof h->doom.text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (h->lacked_memory)
        (void)ps_err_nomem(&h->doom);
    else
        (void)ps_err_set(&h->doom, st, PS_PHASE_NONE, "%s", text);
    h->doom.detail = h->lacked_memory ? NGHTTP2_INTERNAL_ERROR : (long)code;
}

/* Debug data is the peer's: shown only as far as it is plain text. */
static void copy_debug(char *to, const uint8_t *p, size_t n)
{
    n = n < H2_DEBUG_BYTES ? n : H2_DEBUG_BYTES;
    for (size_t i = 0; i < n; i++)
        to[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
    to[n] = '\0';
}

void ps_h2_note_goaway(struct ps_h2 *h, const nghttp2_goaway *g)
{
    struct h2_goaway *mine = &h->goaway;
    bool is_first = !mine->is_seen;
    mine->is_seen = true;
    mine->last_id = (uint32_t)g->last_stream_id;
    if (is_first || mine->code == NGHTTP2_NO_ERROR) { /* rule 19 */
        mine->code = g->error_code;
        copy_debug(mine->debug, g->opaque_data, g->opaque_data_len);
    }
    if (is_first)
        ps_h2_tell_goaway(h);
    /* The library closes these too (rule 16), but in no order. */
    struct ps_node *n, *next;
    for (n = ps_list_first(&h->running); n != NULL; n = next) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, node);
        next = ps_list_next(&h->running, n);
        if (s->id > mine->last_id)
            h2_stream_refuse(h, s);
    }
    /* What was never sent never will be: the peer has closed the door. */
    while ((n = ps_list_first(&h->fresh)) != NULL) {
        char text[128];
        h2_stream_fail(h, PS_ITEM(n, struct h2_stream, node), PS_DISCONNECTED, mine->code,
                       "the peer sent %s before the request was sent", ps_h2_goaway_text(h, text));
    }
}

/* The library's own GOAWAY passes: `opaque_data` is its reason. Ours from ps_h2_shutdown() is not
 * one. */
void ps_h2_note_own_goaway(struct ps_h2 *h, const nghttp2_goaway *g)
{
    char name[24], debug[H2_DEBUG_BYTES + 1];
    if (g->error_code == NGHTTP2_NO_ERROR)
        return;
    copy_debug(debug, g->opaque_data, g->opaque_data_len);
    h->sent_goaway = true;
    if (g->error_code == NGHTTP2_ENHANCE_YOUR_CALM) { /* newer ones count frames as h2_flood.c does */
        ps_h2_doom(h, PS_LIMIT, g->error_code,
                   "the peer sent more frames that serve nobody than libnghttp2 takes");
        return;
    }
    enum ps_status st = g->error_code == NGHTTP2_INTERNAL_ERROR ? PS_INTERNAL : PS_PROTOCOL;
    ps_h2_doom(h, st, g->error_code, "the peer broke HTTP/2: %s%s%s",
               ps_h2_code_name(g->error_code, name), debug[0] != '\0' ? ", " : "", debug);
}

static void put_u32(uint8_t *to, uint32_t v)
{
    to[0] = (uint8_t)(v >> 24);
    to[1] = (uint8_t)(v >> 16);
    to[2] = (uint8_t)(v >> 8);
    to[3] = (uint8_t)v;
}

/* Written by hand: after a fatal error the library may not be asked for another frame. */
static void write_goaway(struct ps_h2 *h)
{
    uint8_t frame[H2_FRAME_HEAD_BYTES + 8] = {0};
    size_t text_n = strlen(h->doom.text);
    uint32_t code = h->doom.status == PS_NOMEM ? NGHTTP2_INTERNAL_ERROR : (uint32_t)h->doom.detail;
    frame[1] = (uint8_t)((8 + text_n) >> 8);
    frame[2] = (uint8_t)(8 + text_n);
    frame[3] = NGHTTP2_GOAWAY;
    put_u32(frame + H2_FRAME_HEAD_BYTES + 4, code); /* last stream id 0: a server opens none */
    /* Without memory for it the peer just sees the connection close. */
    if (ps_buf_append(&h->last_words, ps_bytes_of(frame, sizeof frame)) == PS_OK)
        (void)!ps_buf_append(&h->last_words, ps_bytes_of(h->doom.text, text_n));
}

/* Takes the library's output up to its GOAWAY, which says what it found. */
static void collect_goaway(struct ps_h2 *h)
{
    enum ps_status st = ps_buf_append(&h->last_words, h->left);
    h->left = ps_bytes_of(NULL, 0);
    while (st == PS_OK && !h->sent_goaway) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(h->session, &p);
        if (n <= 0)
            break;
        st = ps_buf_append(&h->last_words, ps_bytes_of(p, (size_t)n));
    }
    /* What had to be said is in there, or cannot be said: no second GOAWAY. */
    h->sent_goaway = true;
    ps_h2_doom(h, st == PS_NOMEM ? PS_NOMEM : PS_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
               "the peer broke HTTP/2");
}

/* The library refuses new requests though nothing we know of forbids them: it has queued a GOAWAY.
 * Behind a GOAWAY of either side that sign is missing; then on_frame_send sees it pass. */
void ps_h2_check_library(struct ps_h2 *h)
{
    if (h->doom.status != PS_OK || h->goaway.is_seen || h->is_retired ||
        nghttp2_session_check_request_allowed(h->session) != 0)
        return;
    collect_goaway(h);
}

static void end_all(struct ps_h2 *h, struct ps_list *streams)
{
    struct ps_node *n;
    while ((n = ps_list_first(streams)) != NULL) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, node);
        struct ps_err err = h->doom;
        err.phase = h2_stream_phase(s);
        if (err.status == PS_DISCONNECTED && s->has_head)
            err.status = PS_TRUNCATED; /* rule 74 */
        h2_stream_fail_as(h, s, &err);
    }
}

void ps_h2_fall(struct ps_h2 *h)
{
    if (!h->sent_goaway && !h->has_eof)
        write_goaway(h);
    h->is_dead = h->fail_is_due = true;
    h->in = ps_bytes_of(NULL, 0);
    end_all(h, &h->fresh);
    end_all(h, &h->running);
}

/* Whether TLS was closed properly does not matter: what is complete has END_STREAM (rule 75). */
void ps_h2_end_of_input(struct ps_h2 *h)
{
    char text[128];
    bool is_idle = ps_list_empty(&h->running) && ps_list_empty(&h->fresh);
    if (h->goaway.is_seen) /* rule 19 */
        ps_h2_doom(h, PS_DISCONNECTED, h->goaway.code, "the peer sent %s and closed",
                   ps_h2_goaway_text(h, text));
    else if (is_idle)
        ps_h2_doom(h, PS_DISCONNECTED, NGHTTP2_NO_ERROR, "the peer closed the idle connection");
    else
        ps_h2_doom(h, PS_DISCONNECTED, NGHTTP2_NO_ERROR,
                   "the peer closed before the response was complete");
}
