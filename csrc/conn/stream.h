/* conn/stream.h -- one exchange on one connection, as its owner (engine) and conn see it.
 * Embedded in the owner. Linked into the conn from ps_conn_open_stream() until on_over().
 *
 * Sinks (on_info .. body_taken) are called inside the pump and only store: they must not call into conn.
 * Notes (on_sent, on_over) come from a flat stack after the pump and may call anything.
 * Thread: io. */
#ifndef PS_CONN_STREAM_H
#define PS_CONN_STREAM_H

#include "base/deadlines.h"
#include "base/err.h"
#include "base/list.h"
#include "proto/head.h"
#include "proto/request.h"

struct ps_conn;

struct ps_stream_ops {
    /* sinks; a status other than PS_OK ends the stream with that error, and the head stays conn's */
    enum ps_status (*on_info)(void *owner, struct ps_head *given, struct ps_err *err);
    enum ps_status (*on_head)(void *owner, struct ps_head *given, struct ps_err *err);
    enum ps_status (*on_body)(void *owner, struct ps_bytes view, struct ps_err *err);
    enum ps_status (*on_trailers)(void *owner, struct ps_head *given, struct ps_err *err);
    /* Request body: the bytes that may be sent now. `*end`: nothing follows them. False: none yet. */
    bool (*body_peek)(void *owner, struct ps_bytes *view, bool *end);
    void (*body_taken)(void *owner, size_t n);
    /* notes */
    void (*on_sent)(void *owner); /* the whole request is with the kernel */
    /* The stream is over and unlinked; NULL = complete response. `not_processed`: proof (rule table B). */
    void (*on_over)(void *owner, const struct ps_err *err, bool not_processed);
};

struct ps_stream {
    /* set by the owner before ps_conn_open_stream() */
    const struct ps_stream_ops *ops;
    void *owner;
    const struct ps_request *request; /* borrowed, sealed */
    bool auto_credit; /* body bytes count as eaten when on_body() has them */
    /* conn's */
    struct ps_node node;      /* in conn.streams, then in conn.over */
    struct ps_node send_node; /* in conn.sending */
    struct ps_deadline expect; /* the wait for 100 Continue (rule 66) */
    struct ps_conn *conn; /* NULL when not linked */
    uint32_t id;
    bool body_done;     /* the codec has taken the whole body, or wants no more of it */
    size_t unsent_n;    /* h2: of what the codec took, as of the last look at progress */
    uint64_t moved_ms;  /* h2: when that was last seen to be less than before */
    bool told_sent;
    bool head_seen;     /* the final response head has come: never replay */
    bool byte_written;  /* some byte of the request may have left; h2: known when it is over */
    bool answer_begun;  /* some byte of the response came */
    bool is_complete;   /* END seen */
    bool not_processed;
    bool conn_lost;     /* it ended with its connection */
    struct ps_err err;  /* why it ended; status 0 = complete */
};

#endif
