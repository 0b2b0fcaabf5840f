/* upstream/h1_peer.h -- HTTP/1.1 on a connection: requests in order, one answered at a time.
 * Bytes of further requests wait in `in` until their turn; while that is full the socket is not read.
 * Thread: io. Owner: the peer. Limit: 256 KiB of waiting bytes and what one read brings. */
#ifndef PS_UPSTREAM_H1_PEER_H
#define PS_UPSTREAM_H1_PEER_H

#include "upstream/h1_request.h"
#include "upstream/peer.h"
#include "upstream/run.h"

enum { UP_IN_BYTES = 262144 };

struct up_h1 {
    struct up_peer *peer;
    struct up_h1_reader reader;
    struct ps_buf in;
    struct up_run run;
    bool is_in_request; /* from its head to the end of its answer and its body */
    bool has_body;      /* the body is there to its end */
    bool is_begun;      /* the answer was chosen */
    bool is_answered;   /* the program is over */
    bool closes;        /* the connection ends with this answer */
    bool is_head;       /* HEAD: no body */
    /* the answer */
    enum up_frame frame;
    uint64_t length, sent_bytes;
};

PS_CHECK enum ps_status up_h1_start(struct up_peer *p);

/* -- h1_answer.c -- */

enum up_answer {
    UP_ANSWER_OVER,  /* the program has ended */
    UP_ANSWER_WAITS, /* for its alarm, or for ever */
    UP_ANSWER_FULL,  /* for what is there to be written */
    UP_ANSWER_FAILED /* out of memory */
};

/* Runs the program into the peer's room. */
enum up_answer up_h1_answer(struct up_h1 *h);

#endif
