/* upstream/peer.h -- one connection: its socket, its TLS if any, what waits to be written, and how it ends.
 *
 * A protocol above it is fed plain bytes, and asked to fill `plain` (TLS) or `out` whenever there is room. All
 * writing happens once a turn, before the loop polls (up_peer_wake), so that what one turn brings shares a write.
 * Thread: io. Owner: server's list until the last close callback, which frees it.
 * Limits: fills stop at 256 KiB of unsent bytes; four rounds of filling and writing a turn. */
#ifndef PS_UPSTREAM_PEER_H
#define PS_UPSTREAM_PEER_H

#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "upstream/pace.h"
#include "upstream/program.h"
#include "upstream/tls_server.h"

struct up_server;
struct up_listener;
struct up_peer;

enum { UP_OUT_BYTES = 262144 };

enum up_fill {
    UP_FILL_DONE, /* nothing more for now; a wake says when */
    UP_FILL_MORE  /* once what is there is written */
};

struct up_protocol {
    void (*feed)(struct up_peer *p, struct ps_bytes bytes); /* a view, never empty */
    enum up_fill (*fill)(struct up_peer *p);
    void (*goaway)(struct up_peer *p); /* may be NULL */
    void (*gone)(struct up_peer *p);   /* it is closing: what runs is aborted; `state` stays until free */
    void (*free)(struct up_peer *p);   /* the last call */
};

enum up_peer_phase {
    UP_PEER_OPEN,
    UP_PEER_CUT,    /* nothing more is filled; what is there is written, then it ends */
    UP_PEER_LINGER, /* FIN sent: reads to the peer's FIN, so that no reset overtakes what was sent */
    UP_PEER_CLOSING
};

struct up_peer {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
    } uv;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct up_server *server;
    struct up_listener *listener; /* counted */
    struct ps_node node, ready_node;
    uint64_t id;
    enum up_peer_phase phase;
    enum up_cut cut;
    const struct up_protocol *protocol; /* NULL: not known yet, or never answers */
    void *state;                        /* the protocol's */
    struct up_tls *tls;
    bool is_writing, is_reading, is_silent;
    struct ps_buf plain, out, flight;
    size_t split_n; /* 0: no limit */
    uint64_t split_pause_ns;
    struct up_alarm pause; /* between split writes; later, the end of lingering */
    uint8_t preface[24];   /* as long as it may become HTTP/2's */
    size_t preface_n;
};

PS_CHECK enum ps_status up_peer_accept(struct up_listener *l);

/* Fill and write before the loop polls. */
void up_peer_wake(struct up_peer *p);
void up_peer_pump(struct up_peer *p); /* does it; the server's */

static inline struct ps_buf *up_peer_room(struct up_peer *p)
{
    return p->tls != NULL ? &p->plain : &p->out;
}

/* May the protocol fill more? */
static inline bool up_peer_has_room(const struct up_peer *p)
{
    return ps_buf_n(&p->plain) + ps_buf_n(&p->out) < UP_OUT_BYTES;
}

/* Has the kernel taken everything? */
static inline bool up_peer_is_drained(const struct up_peer *p)
{
    return ps_buf_n(&p->plain) == 0 && ps_buf_n(&p->out) == 0 && !p->is_writing;
}

/* Ends it once what is there is written. */
void up_peer_cut(struct up_peer *p, enum up_cut how);
/* Ends it now: RST. */
void up_peer_reset(struct up_peer *p);
void up_peer_close(struct up_peer *p); /* at once, whatever waits; may be called twice */
void up_peer_split(struct up_peer *p, size_t bytes_n, uint64_t pause_us);
void up_peer_read(struct up_peer *p, bool is_on);

#endif
