/* proto/h2.h -- HTTP/2 as a codec: many exchanges, ids are stream ids (rules A to F).
 *
 * What differs from HTTP/1.1:
 *   - before PS_EV_FAIL (id 0, final) every open exchange gets its own PS_EV_RESET, so each has its
 * own `not_processed`; after it pull() still gives the GOAWAY that says why.
 *   - PS_EV_GOAWAY comes once: no new exchanges; those the peer has refused follow as RESET, the
 * others run on. Its `id` is the last stream id the peer may process, its `err` names code and
 * debug text.
 *   - err.detail of RESET, GOAWAY and FAIL is the HTTP/2 error code (13: the peer wants HTTP/1.1).
 *   - a fault that libnghttp2 finds without saying so at once is told after the next pull(), so
 * call next() again when pull() gave bytes.
 *   - credit(), drop() and the calls below may leave bytes for pull() (ps_codec_wants_write()).
 *   - reading never stops for one slow reader: his window runs dry, the socket is read on (rule
 * 30).
 *   - a response that ends before its request stops the upload by RST_STREAM NO_ERROR (rule 63).
 *   - send() takes at most H2_UPLOAD_BYTES per exchange ahead of the peer's windows.
 * Nothing here keeps time: who owns the clock uses the liveness calls below.
 * Thread: io. Owner: conn, by pointer. Limits: ps_codec_limits, and those of h2_state.h. */
#ifndef PS_PROTO_H2_H
#define PS_PROTO_H2_H

#include "proto/codec.h"

/* Error codes (RFC 9113 section 7) that somebody acts upon. */
enum {
    PS_H2_REFUSED_STREAM = 7,
    PS_H2_ENHANCE_YOUR_CALM = 11,
    PS_H2_HTTP_1_1_REQUIRED = 13,
};

/* Freed by ps_codec_fini(). The connection preface waits for pull() at once. PS_OK or PS_NOMEM. */
PS_CHECK enum ps_status ps_h2_new(struct ps_codec **out, const struct ps_codec_limits *limits,
                                  struct ps_err *err);

/* Queues a PING unless one is unanswered (rules 33 to 35). PS_OK or PS_NOMEM. */
PS_CHECK enum ps_status ps_h2_ping(struct ps_codec *c, struct ps_err *err);
/* Was the last PING answered? False before the first. */
bool ps_h2_pong_seen(const struct ps_codec *c);
/* Frames read so far, of any kind: proof that the connection lives (rule 38). */
uint64_t ps_h2_frames_seen_n(const struct ps_codec *c);
/* Of these HEADERS and DATA: proof that the peer works on answers (rule 35). */
uint64_t ps_h2_answers_seen_n(const struct ps_codec *c);
/* Has the peer acknowledged our SETTINGS (rule 12)? */
bool ps_h2_settings_acked(const struct ps_codec *c);

/* No new exchanges; queues GOAWAY NO_ERROR once, running exchanges go on (rule 24). PS_OK,
 * PS_NOMEM. */
PS_CHECK enum ps_status ps_h2_shutdown(struct ps_codec *c, struct ps_err *err);

/* Exchanges cut by drop() since the last complete response. Past H2_CANCELS_MAX the connection is
 * not reusable: the pool opens another rather than trip a rapid-reset defence (rule 53). */
size_t ps_h2_reset_n(const struct ps_codec *c);

/* Names an exchange for its owner: every event of it carries `tag`. Forgotten with the exchange. */
void ps_h2_tag(struct ps_codec *c, uint32_t id, void *tag);
/* Have its HEADERS been pulled? Then the peer may act on them. False when it is over. */
bool ps_h2_is_sent(const struct ps_codec *c, uint32_t id);

/* Does the peer allow no streams at all for now (rule 4)? */
bool ps_h2_takes_none(const struct ps_codec *c);

/* Were exchanges cut to which the peer has not shown any sign of life (rules 7, 36)? */
bool ps_h2_is_doubtful(const struct ps_codec *c);

/* Their slots are free without a sign: nobody will ask for one. */
void ps_h2_forget_doubts(struct ps_codec *c);
/* What the peer's window of the whole connection still takes of request bodies; 0 = nothing. */
size_t ps_h2_conn_window(const struct ps_codec *c);

/* Request body bytes taken by send() and not yet pulled: blocked by the peer's windows, or by the
 * socket (rule 32). */
size_t ps_h2_unsent_n(const struct ps_codec *c, uint32_t id);

/* "ENHANCE_YOUR_CALM", or "code 123" written into `out[24]`. */
const char *ps_h2_code_name(uint32_t code, char *out);

/* "1.52.0": of the libnghttp2 that is loaded. */
const char *ps_h2_library_version(void);

#endif
