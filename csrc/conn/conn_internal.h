/* conn/conn_internal.h -- between the files of this room only. */
#ifndef PS_CONN_CONN_INTERNAL_H
#define PS_CONN_CONN_INTERNAL_H

#include "conn/conn.h"

enum {
    CONN_QUEUE_HIGH_BYTES = 131072, /* unsent bytes in the socket's queue before we stop pulling */
    /* A server built on nghttp2 forgives 1000 RST_STREAMs and 33 more a second, then says GOAWAY. Half of
     * that is ours; what still runs when it is used up may be cut as well (rule 53). */
    CONN_CANCELS_N = 500,
    CONN_CANCELS_PER_S = 16,
    CONN_CANCEL = 1000, /* one RST_STREAM in conn.cancels_left */
    CONN_VIA_BYTES = 100,
};

void conn_set_state(struct ps_conn *c, enum ps_conn_state to);
void conn_check(const struct ps_conn *c);

/* The connection is lost or refused: every stream ends, the socket closes. `err` NULL = graceful. */
void conn_fail(struct ps_conn *c, const struct ps_err *err);

/* The last step: tells the owner and frees `c`. */
void conn_closed(struct ps_conn *c);

/* dialing.c: to a socket. On an error nothing is pending. */
PS_CHECK enum ps_status conn_dial(struct ps_conn *c, struct ps_err *err);
/* Says before `err` that it was on the way to the proxy, if there is one. */
void conn_blame_proxy(const struct ps_conn *c, struct ps_err *err);
/* Says behind `err`, about the origin, that there is a proxy in between: it may be the one who speaks. */
void conn_mention_proxy(const struct ps_conn *c, struct ps_err *err);

/* tunnel.c: from a socket to a pipe to the origin, when there is a proxy. */
PS_CHECK enum ps_status conn_tunnel_prepare(struct ps_conn *c, struct ps_err *err);
/* Is the origin's own address wanted, for a proxy that resolves no names? */
bool conn_tunnel_wants_address(const struct ps_conn *c);
void conn_tunnel_take_address(struct ps_conn *c, const struct ps_addrs *addrs);
void conn_tunnel_start(struct ps_conn *c);
/* The proxy can hear us: ask, or be done when it forwards. */
void conn_tunnel_ask(struct ps_conn *c);
/* Takes the proxy's words off the front of `bytes`; what remains is of the origin. */
struct ps_bytes conn_tunnel_feed(struct ps_conn *c, struct ps_bytes bytes);
void conn_tunnel_fail(struct ps_conn *c, const struct ps_err *why);
void conn_tunnel_free(struct ps_conn *c);

/* outer.c: TLS to the proxy itself. */
void conn_outer_start(struct ps_conn *c);
/* Encrypts `bytes` and writes what comes of it; with n == 0 only flushes TLS's own words. */
PS_CHECK enum ps_status conn_outer_write(struct ps_conn *c, struct ps_bytes bytes,
                                         struct ps_err *err);
/* Decrypts, a scratch at a time, for `take`. False: it has failed, or its peer has said goodbye (*err is
 * PS_OK then). */
bool conn_outer_feed(struct ps_conn *c, struct ps_bytes bytes,
                     void (*take)(struct ps_conn *c, struct ps_bytes bytes), struct ps_err *err);

/* handshake.c: TLS or plain to OPEN. */
void conn_begin(struct ps_conn *c, struct ps_sock *given);
/* The pipe reaches the origin, or a proxy that forwards. */
void conn_secure(struct ps_conn *c);
void conn_handshake(struct ps_conn *c);
/* Encrypts `plain` and writes what comes of it; with n == 0 only flushes TLS's own words. */
PS_CHECK enum ps_status conn_write_tls(struct ps_conn *c, struct ps_bytes plain, struct ps_err *err);

/* pump.c */
/* To the socket, through the outer TLS when there is one; counted in sent_n. */
PS_CHECK enum ps_status conn_write_sock(struct ps_conn *c, struct ps_bytes bytes,
                                        struct ps_err *err);
void conn_pump(struct ps_conn *c);
/* The pump: at once in HTTP/1.1, before the next poll in HTTP/2. */
void conn_pump_soon(struct ps_conn *c);
/* stream.c: the codec forgets an exchange that has not ended. Where that takes a RST_STREAM it is counted:
 * when too many went lately, new requests go to another connection. Calls nobody. */
void conn_drop(struct ps_conn *c, uint32_t id);
void conn_end_stream(struct ps_stream *s, const struct ps_err *err, bool not_processed);
/* Out of the connection's lists; remembers whether some of it may have left. */
void conn_unlink_stream(struct ps_stream *s);

/* feed.c: what the socket tells. */
extern const struct ps_sock_ops conn_sock_ops;

/* Has the kernel taken bytes since the last look, or the peer's window some of a stream's? Then moved_ms,
 * of the connection or of that stream, is now. */
void conn_note_progress(struct ps_conn *c);

/* goodbye.c */
void conn_say_goodbye(struct ps_conn *c);

/* tell.c */
void conn_tell_sent(struct ps_conn *c);
void conn_tell_over(struct ps_conn *c);
/* Slots that came free are offered; one that will not serve on drains, or closes when nothing runs. */
void conn_settle(struct ps_conn *c);

/* liveness.c */
PS_CHECK enum ps_status live_start(struct ps_conn *c);
void live_stop(struct ps_conn *c);
void live_heard(struct ps_conn *c); /* bytes came */
void live_read(struct ps_conn *c);  /* and the codec has read them */
void live_opened(struct ps_conn *c); /* a stream was opened */
void live_doubt(struct ps_conn *c);  /* a stream was cut that the peer had ignored */

/* Microseconds since c->mark_ns, which moves to now. */
uint64_t conn_lap_us(struct ps_conn *c);

#endif
