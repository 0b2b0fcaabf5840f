/* proto/h1.h -- HTTP/1.1 as a codec: strict reader, plain writer, one exchange at a time (rules F, G).
 *
 * Reader: BETWEEN -> HEAD -> BODY (none, length, chunked, until close) -> END. Anything the grammar of
 * RFC 9112 does not allow is PS_EV_FAIL. Bytes outside an exchange are PS_EV_FAIL (rule 76).
 * Writer: head, then body framed as the request declares. With Expect: 100-continue, send() takes
 * nothing until a 100 came or stop_waiting() was called (rule 66); a final status first means the
 * body is never sent. A final status >= 300 before the body is done stops the body (rule 62) and the
 * connection is not reused. Once a body is stopped, or its exchange has ended, send() takes and forgets
 * everything, so that the sender comes to his end.
 * drop() before the first byte was pulled undoes open(): the connection stays as good as it was.
 * feed_eof() between exchanges is PS_EV_FAIL with id 0 and PS_DISCONNECTED, also after an END.
 * After a 2xx to CONNECT comes END; the connection then is a tunnel and never reusable here.
 * Thread: io. Owner: conn, by pointer. Limits: ps_codec_limits; queued output 64 KiB. */
#ifndef PS_PROTO_H1_H
#define PS_PROTO_H1_H

#include "proto/codec.h"

/* Freed by ps_codec_fini(). */
PS_CHECK enum ps_status ps_h1_new(struct ps_codec **out, const struct ps_codec_limits *limits,
                                  struct ps_err *err);

/* The peer is a proxy that passes requests on (RFC 9112 3.2.2). Strings are borrowed for the codec's life. */
struct ps_h1_via {
    const char *host;   /* the origin's, no brackets */
    uint16_t port;
    const char *fields; /* whole lines for the proxy alone, with CRLF; "" = none */
};

/* Before the first open(): requests are written for a proxy. */
void ps_h1_set_via(struct ps_codec *c, const struct ps_h1_via *via);

/* The server's Keep-Alive: timeout= in ms, 0 when it gave none (rule 78). */
uint64_t ps_h1_keep_alive_ms(const struct ps_codec *c);

#endif
