/* upstream/h2_peer.h -- HTTP/2 on a connection, by nghttp2's server session.
 * Streams run side by side. A stream's data is asked for by nghttp2 when flow control lets it go; steps that act on
 * the connection, or reset the stream, wait until all that was submitted before is framed (`pulled`).
 * Thread: io. Owner: the peer. Limits: nghttp2's, max_streams, and those of up_request for each. */
#ifndef PS_UPSTREAM_H2_PEER_H
#define PS_UPSTREAM_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "upstream/peer.h"
#include "upstream/run.h"

struct up_h2 {
    struct up_peer *peer;
    nghttp2_session *session;
    struct ps_list streams;
    struct ps_list ready;       /* streams with steps to take */
    struct ps_list after_pull;  /* the same once all is framed */
    struct ps_list after_drain; /* the same once all is written */
    size_t own_goaways_n;       /* submitted by us and not yet sent */
    int32_t refused_above;      /* by a GOAWAY of ours */
    bool has_own_goaway;        /* nghttp2 thinks it is over; it is not */
    bool is_graceful;           /* goes when its streams are done */
    bool is_terminated;         /* nghttp2 has given it up */
    bool is_malformed;          /* what the peer sent was, and is counted */
};

struct up_h2_stream {
    struct up_h2 *h2;
    int32_t id;
    struct ps_node node, step_node;
    struct up_request request;
    struct up_run run;
    bool has_head, has_body, is_begun;
    bool wants_continue;
    bool is_head;     /* HEAD: no body */
    bool has_source;  /* nghttp2 asks for its data */
    bool is_ended;    /* END_STREAM was submitted */
    bool is_pulled;   /* all before the current step is framed */
    bool is_told;     /* the end is in the log */
};

PS_CHECK enum ps_status up_h2_start(struct up_peer *p);

/* -- h2_stream.c -- */
struct up_h2_stream *up_h2_stream_new(struct up_h2 *h, int32_t id); /* NULL: no memory */
void up_h2_stream_free(struct up_h2_stream *s);
void up_h2_stream_on_head(struct up_h2_stream *s, bool has_body);
void up_h2_stream_on_body_end(struct up_h2_stream *s);
void up_h2_stream_end(struct up_h2_stream *s, bool is_aborted); /* for the log; once */

/* -- h2_answer.c -- */
void up_h2_take_steps(struct up_h2_stream *s);

static inline void up_h2_stream_wake(struct up_h2_stream *s)
{
    if (!ps_node_linked(&s->step_node))
        ps_list_push_back(&s->h2->ready, &s->step_node);
    up_peer_wake(s->h2->peer);
}

#endif
