/* conn/conn.h -- one connection: name -> address -> socket -> TLS -> HTTP, and the pump between them.
 *
 *   DIAL -> TUNNEL -> TLS -> OPEN -> DRAIN -> CLOSING -> CLOSED
 *
 * Only conn_set_state() assigns the state. A conn starts dialing when made, tells its owner on_open or
 * on_down, and frees itself after on_closed. One loop moves everything: feed -> next -> act -> pull ->
 * write, until nothing moves; owners are told afterwards.
 * Thread: io. Owner: an origin of the pool. Limits: see ps_conn_settings. */
#ifndef PS_CONN_CONN_H
#define PS_CONN_CONN_H

#include "base/list.h"
#include "conn/env.h"
#include "conn/stream.h"
#include "net/dial.h"
#include "proto/codec.h"
#include "tls/link.h"

enum ps_conn_state {
    PS_CONN_DIAL,    /* resolving, then connecting */
    PS_CONN_TUNNEL,  /* asking a proxy (not yet) */
    PS_CONN_TLS,     /* handshake */
    PS_CONN_OPEN,    /* takes streams */
    PS_CONN_DRAIN,   /* running streams finish, no new ones */
    PS_CONN_CLOSING, /* waiting for the socket's close callback */
    PS_CONN_CLOSED,
};

/* Where to connect. Strings are borrowed from the origin, which outlives its connections. */
struct ps_conn_target {
    const char *host; /* lower case, no brackets */
    uint16_t port;
    bool is_https;
    const char *sni;  /* NULL = host */
    const char *key;  /* names the peer in the pool's TLS session cache */
};

/* Shared by all connections of a pool; borrowed. */
struct ps_conn_settings {
    struct ps_dial_settings dial;
    enum ps_family family;
    uint64_t dns_ttl_ms;
    struct ps_tls_config *tls;         /* NULL: https is refused */
    struct ps_tls_sessions *sessions;  /* the pool's; may be NULL */
    const uint8_t *alpn;               /* wire format */
    size_t alpn_n;
    struct ps_codec_limits codec;
    uint64_t expect_ms;                /* longest wait for 100 Continue: 1000 */
};

struct ps_conn;

/* Up-calls; never from inside ps_conn_new(). They may call any ps_conn function. */
struct ps_conn_ops {
    void (*on_open)(void *owner, struct ps_conn *c);
    /* A stream ended and the connection takes another. */
    void (*on_free)(void *owner, struct ps_conn *c);
    /* Takes no new streams from now on. `err` NULL: it simply ended (idle close, peer's wish). */
    void (*on_down)(void *owner, struct ps_conn *c, const struct ps_err *err);
    void (*on_closed)(void *owner, struct ps_conn *c); /* last; conn frees itself afterwards */
};

struct ps_conn {
    /* owner's */
    struct ps_node node;          /* in one of the origin's lists */
    struct ps_node all_node;      /* in the pool's idle order */
    struct ps_deadline retire;    /* idle and age limit, used by the pool */
    void *owner;
    const struct ps_conn_ops *ops;
    void *claim;                  /* the pool's: the waiter this dial was started for */
    bool is_idle;                 /* the pool's: in its idle list */
    /* set once */
    uint64_t id;
    struct ps_env *env;
    const struct ps_conn_settings *settings;
    struct ps_conn_target target;
    uint64_t connect_ms;          /* limit for resolve + connect, and again for TLS; 0 = none */
    /* connection */
    enum ps_conn_state state;
    struct ps_lookup lookup;
    struct ps_dial dial;
    struct ps_sock *sock;         /* owned from dial's success to on_closed */
    struct ps_tls_link tls;
    struct ps_codec *codec;       /* owned; NULL before OPEN */
    struct ps_deadline deadline;  /* connect, TLS, or the wait for 100 Continue */
    struct ps_list streams;       /* running */
    struct ps_list over;          /* ended, not yet told */
    struct ps_err write_err;      /* sending failed; reading goes on (rule 62) */
    bool is_tls;
    bool is_pumping;
    bool again;                   /* something moved while telling: pump once more */
    bool told_down;
    bool peer_done;               /* EOF was fed to the codec */
    bool session_kept;
    bool slot_freed;              /* a stream is gone and the owner does not know yet */
    uint64_t sent_n;              /* bytes that the socket has taken, in part perhaps */
    size_t queued_n;              /* of these unsent when the last pump ended */
    /* facts for timings and stats */
    uint64_t opened_ms;           /* when it became OPEN */
    uint64_t idle_since_ms;
    uint64_t requests_n;
    uint64_t dns_us, connect_us, tls_us; /* durations; UINT64_MAX = did not happen */
    uint64_t mark_ns;             /* start of the phase being timed */
};

/* Starts dialing. PS_OK or PS_NOMEM, PS_INVALID (https without TLS settings). */
PS_CHECK enum ps_status ps_conn_new(struct ps_conn **out, struct ps_env *env,
                                    const struct ps_conn_settings *settings,
                                    const struct ps_conn_target *target, uint64_t connect_ms,
                                    const struct ps_conn_ops *ops, void *owner, struct ps_err *err);

size_t ps_conn_free_slots(const struct ps_conn *c);

/* Is the socket known to be dead although no event has come yet? One system call. */
bool ps_conn_is_stale(const struct ps_conn *c);

/* Starts an exchange. On an error nothing is linked, on_over does not come, and no on_free either. */
PS_CHECK enum ps_status ps_conn_open_stream(struct ps_conn *c, struct ps_stream *s,
                                            struct ps_err *err);
/* The owner gives up: no note comes afterwards. In h1 this closes the connection. */
void ps_conn_drop_stream(struct ps_stream *s);
/* The consumer has eaten `n` body bytes. */
void ps_conn_credit(struct ps_stream *s, size_t n);
/* body_peek() has something new. */
void ps_conn_kick(struct ps_stream *s);
/* Are there bytes of a request that the peer does not take? False when its owner brings none. */
bool ps_conn_is_blocked(const struct ps_stream *s);
/* Has the kernel taken bytes since the last pump or look? Slow is not stalled (rule 32). */
bool ps_conn_moves(struct ps_stream *s);

/* No new streams; closes when the running ones are over. */
void ps_conn_drain(struct ps_conn *c);
/* Closes at once. Running streams end with `err`. */
void ps_conn_close(struct ps_conn *c, const struct ps_err *err);

const char *ps_conn_state_name(enum ps_conn_state st);
/* "" before the socket is there. */
const char *ps_conn_peer_text(const struct ps_conn *c);

#endif
