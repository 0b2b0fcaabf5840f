/* conn/conn.h -- one connection: name -> address -> socket -> proxy -> TLS -> HTTP, and the pump between them.
 *
 *   DIAL -> TUNNEL -> TLS -> OPEN -> DRAIN -> CLOSING -> CLOSED
 *
 * Only conn_set_state() assigns the state. A conn starts dialing when made, tells its owner on_open or
 * on_down, and frees itself after on_closed. One loop moves everything: feed -> next -> act -> pull ->
 * write, until nothing moves; owners are told afterwards.
 *
 * What it speaks is known at OPEN: HTTP/2 when TLS chose it or the settings say so without TLS, else
 * HTTP/1.1. With HTTP/2 it carries many streams, its bytes go out once per turn of the loop (env.h), and
 * it watches its peer (liveness.c).
 * Thread: io. Owner: an origin of the pool. Limits: see ps_conn_settings. */
#ifndef PS_CONN_CONN_H
#define PS_CONN_CONN_H

#include "base/list.h"
#include "conn/env.h"
#include "conn/proxy.h"
#include "conn/stream.h"
#include "net/dial.h"
#include "proto/codec.h"
#include "tls/link.h"

enum ps_conn_state {
    PS_CONN_DIAL,    /* resolving, then connecting */
    PS_CONN_TUNNEL,  /* asking a proxy */
    PS_CONN_TLS,     /* handshake */
    PS_CONN_OPEN,    /* takes streams */
    PS_CONN_DRAIN,   /* running streams finish, no new ones */
    PS_CONN_CLOSING, /* waiting for the socket's close callback */
    PS_CONN_CLOSED,
};

/* Rule 81. */
enum ps_http2 {
    PS_HTTP2_OFF,   /* HTTP/1.1 only */
    PS_HTTP2_ALPN,  /* offered over TLS; plain connections speak HTTP/1.1 */
    PS_HTTP2_PRIOR, /* and plain connections speak it by prior knowledge */
};

/* Where to connect. Strings are borrowed from the origin, which outlives its connections. */
struct ps_conn_target {
    const char *host; /* lower case, no brackets */
    uint16_t port;
    bool is_https;
    const char *sni;  /* NULL = host */
    const char *key;  /* names the peer in the pool's TLS session cache */
    bool h1_only;     /* it has asked for HTTP/1.1 before */
    bool is_wary;     /* h2: no stream before the peer's SETTINGS, which may allow none (rule 4) */
    unsigned calm;    /* asked for calm so often lately: silence is granted 2^calm times longer */
};

/* HTTP/2's clocks; each must be above 0. */
struct ps_h2_clocks {
    uint64_t settings_ms;      /* for the peer to acknowledge SETTINGS: 10 s (rule 12) */
    uint64_t quiet_ms;         /* silent for longer: PING before the next request: 5 s (rule 33) */
    uint64_t quiet_answer_ms;  /* for the answer to that: 1 s */
    uint64_t silence_ms;       /* with requests running, silent for longer: PING: 30 s (rule 34) */
    uint64_t silence_answer_ms; /* for the answer to that: 20 s */
};

/* Shared by all connections of a pool; borrowed. */
struct ps_conn_settings {
    struct ps_dial_settings dial;
    enum ps_family family;
    uint64_t dns_ttl_ms;
    const struct ps_proxy *proxy;      /* NULL: straight to the origin */
    struct ps_tls_config *tls;         /* NULL: https is refused */
    struct ps_tls_sessions *sessions;  /* the pool's; may be NULL */
    enum ps_http2 http2;
    struct ps_h2_clocks h2;
    struct ps_codec_limits codec;
    uint64_t expect_ms;                /* longest wait for 100 Continue: 1000 */
};

struct ps_conn;
struct ps_tunnel;

/* Up-calls; never from inside ps_conn_new(). They may call any ps_conn function. */
struct ps_conn_ops {
    void (*on_open)(void *owner, struct ps_conn *c);
    /* It takes a stream more than before: one ended, or the peer allows more. Or nothing runs on it any
     * more, also where it takes none. */
    void (*on_free)(void *owner, struct ps_conn *c);
    /* Takes no new streams from now on. `err` NULL: it simply ended (idle close, peer's wish). */
    void (*on_down)(void *owner, struct ps_conn *c, const struct ps_err *err);
    void (*on_closed)(void *owner, struct ps_conn *c); /* last; conn frees itself afterwards */
};

/* HTTP/2 only: is the peer still there? See liveness.c. */
struct ps_liveness {
    struct ps_deadline tick; /* set as long as it is OPEN or draining */
    uint64_t heard_ms;       /* last bytes from the peer */
    uint64_t ping_ms;        /* when the PING that runs went out */
    uint64_t ping_ns;
    uint64_t frames_n;       /* seen when it went out: more mean that the peer lives */
    uint64_t answers_n;      /* HEADERS and DATA seen when pings_n was last reset */
    unsigned pings_n;        /* for silence, since HEADERS or DATA came (rule 35) */
    bool is_pinging;
    bool is_probing;         /* a request waits for the answer; no slots until then */
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
    bool is_dialing;              /* the pool's: not yet OPEN */
    uint64_t dialed_ms;           /* the pool's: since when */
    bool is_draining;             /* the pool's: counted among those that only finish */
    /* set once */
    uint64_t id;
    struct ps_env *env;
    const struct ps_conn_settings *settings;
    struct ps_conn_target target;
    uint64_t connect_ms;          /* limit for resolve + connect + proxy, and again for TLS; 0 = none */
    /* connection */
    enum ps_conn_state state;
    struct ps_lookup lookup;
    struct ps_dial dial;
    struct ps_sock *sock;         /* owned from dial's success to on_closed */
    struct ps_tunnel *tunnel;     /* owned; the talk with a proxy, while it lasts */
    struct ps_tls_link outer;     /* to an https proxy; everything else goes through it */
    struct ps_tls_link tls;
    struct ps_codec *codec;       /* owned; NULL before OPEN */
    struct ps_deadline deadline;  /* connect or TLS */
    struct ps_list streams;       /* running */
    size_t streams_n;             /* of these */
    struct ps_list sending;       /* of these, whose request is not yet with the kernel */
    struct ps_list over;          /* ended, not yet told */
    struct ps_err write_err;      /* sending failed; reading goes on (rule 62) */
    struct ps_node dirty_node;    /* in env.dirty: to be pumped before the loop polls */
    struct ps_liveness live;
    uint64_t cancels_left;        /* h2: thousandths of a RST_STREAM that may still go (rule 53) */
    uint64_t cancels_ms;          /* when that was counted */
    bool is_weary;                /* none was left: it takes no more streams */
    bool has_doubt;               /* a stream was cut that the peer had ignored */
    bool has_outer;
    bool is_tls;                  /* to the origin */
    bool is_h2;
    bool is_pumping;
    bool again;                   /* something moved while telling: pump once more */
    bool told_down;
    bool peer_done;               /* EOF was fed to the codec */
    bool session_kept;
    bool slot_freed;              /* a stream is gone and the owner does not know yet */
    size_t slots_n;               /* free ones when the last pump ended */
    long goaway_code;             /* the peer's; -1 = none came */
    uint64_t sent_n;              /* bytes that the socket has taken, in part perhaps */
    size_t queued_n;              /* of these unsent at the last look */
    uint64_t moved_ms;            /* when the kernel was last seen to take some of those */
    /* facts for timings and stats */
    uint64_t opened_ms;           /* when it became OPEN */
    uint64_t idle_since_ms;
    uint64_t requests_n;
    uint64_t dns_us, connect_us, tls_us; /* durations; UINT64_MAX = did not happen; a proxy's is in connect */
    uint64_t ping_us;             /* the last PING's round trip; UINT64_MAX = none */
    uint64_t mark_ns;             /* start of the phase being timed */
};

/* Starts dialing. PS_OK or PS_NOMEM, PS_INVALID (https without TLS settings). */
PS_CHECK enum ps_status ps_conn_new(struct ps_conn **out, struct ps_env *env,
                                    const struct ps_conn_settings *settings,
                                    const struct ps_conn_target *target, uint64_t connect_ms,
                                    const struct ps_conn_ops *ops, void *owner, struct ps_err *err);

size_t ps_conn_free_slots(const struct ps_conn *c);

/* HTTP/2 whose peer allows no streams at all for now (rule 4). */
bool ps_conn_takes_none(const struct ps_conn *c);

/* Is the socket known to be dead although no event has come yet? One system call. */
bool ps_conn_is_stale(const struct ps_conn *c);

/* HTTP/2 whose peer takes no more bytes of any upload on this connection. Some servers never give credit
 * back for what they did not read. */
bool ps_conn_is_starved(const struct ps_conn *c);
/* HTTP/2 that heard nothing for so long that it should be asked before it is used (rule 33). */
bool ps_conn_is_quiet(const struct ps_conn *c);
/* Asks. Until the answer there are no slots; then comes on_free, or on_down. */
void ps_conn_probe(struct ps_conn *c);
/* How long the peer said it keeps an idle connection; 0 = it did not say (rule 78). */
uint64_t ps_conn_keep_alive_ms(const struct ps_conn *c);

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
/* Has the kernel taken bytes, or the peer's window some of this request, since `since_ms`? Slow is not
 * stalled (rule 32). */
bool ps_conn_moves(struct ps_stream *s, uint64_t since_ms);

/* No new streams; closes when the running ones are over. */
void ps_conn_drain(struct ps_conn *c);
/* Closes at once. Running streams end with `err`. */
void ps_conn_close(struct ps_conn *c, const struct ps_err *err);

const char *ps_conn_state_name(enum ps_conn_state st);
/* "" before the socket is there. */
const char *ps_conn_peer_text(const struct ps_conn *c);
const char *ps_conn_local_text(const struct ps_conn *c);

#endif
