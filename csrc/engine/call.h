/* engine/call.h -- one request across connections: wait for a connection, send, receive, replay if safe,
 * give up when a clock runs out.
 *
 *   start -> QUEUE (pool) -> RUN (stream) -> DONE          a safe replay goes back to QUEUE,
 *                                                          through HOLD when it was refused twice
 *
 * Sinks only store. on_done comes once, last, possibly from inside ps_call_start(); the call's memory must
 * stay until the loop's callback that told it has returned. After ps_call_cancel() nothing comes. The call
 * is embedded in its owner, which keeps spec's things alive.
 * Thread: io. */
#ifndef PS_ENGINE_CALL_H
#define PS_ENGINE_CALL_H

#include "base/chunk.h"
#include "conn/stream.h"
#include "engine/engine.h"
#include "engine/timings.h"

enum { PS_CLOCKS_N = 7 }; /* indexed by enum ps_clock_kind */

/* What to do; borrowed by the call until on_done. */
struct ps_call_spec {
    struct ps_profile *profile;
    struct ps_request *request; /* sealed */
    struct ps_chunk *body;      /* PS_BODY_FIXED with a ready body; NULL = pulled by body_peek */
    const char *host;           /* lower case, no brackets */
    uint16_t port;
    const char *sni;            /* NULL = host */
    uint64_t clocks_ms[PS_CLOCKS_N]; /* 0 = no limit */
    bool auto_credit;           /* the owner collects the whole body: never wait for credit */
};

struct ps_call_ops {
    enum ps_status (*on_info)(void *owner, struct ps_head *given, struct ps_err *err);
    enum ps_status (*on_head)(void *owner, struct ps_head *given, struct ps_err *err);
    enum ps_status (*on_body)(void *owner, struct ps_bytes view, struct ps_err *err);
    enum ps_status (*on_trailers)(void *owner, struct ps_head *given, struct ps_err *err);
    bool (*body_peek)(void *owner, struct ps_bytes *view, bool *end); /* streamed bodies */
    void (*body_taken)(void *owner, size_t n);
    void (*on_done)(void *owner, const struct ps_err *err); /* NULL = complete response */
};

enum ps_call_state { PS_CALL_NEW, PS_CALL_QUEUE, PS_CALL_HOLD, PS_CALL_RUN, PS_CALL_DONE };

struct ps_call {
    struct ps_engine *engine;
    const struct ps_call_spec *spec;
    const struct ps_call_ops *ops;
    void *owner;
    enum ps_call_state state;
    struct ps_node node;          /* in engine.calls */
    struct ps_waiter waiter;
    struct ps_stream stream;
    struct ps_deadline deadline;  /* the earliest clock, checked lazily */
    size_t body_at;               /* next byte of spec->body */
    bool body_touched;            /* something of a streamed body was taken */
    bool is_h2;                   /* the last connection */
    uint64_t hold_ms;             /* HOLD: when to try again */
    bool is_sent;
    bool head_seen;
    bool maybe_processed;         /* some byte reached a peer that may have acted on it */
    size_t unread_n;              /* body bytes given to the owner and not yet credited */
    uint64_t start_ms, queue_ms, last_ms; /* start; began to wait; last sign of progress */
    struct ps_err late;           /* an error found inside ps_call_start(), told from the loop */
    struct ps_timings timings;
};

void ps_call_start(struct ps_call *c, struct ps_engine *e, const struct ps_call_spec *spec,
                   const struct ps_call_ops *ops, void *owner);
void ps_call_credit(struct ps_call *c, size_t n);
void ps_call_kick(struct ps_call *c); /* body_peek() has something new */
void ps_call_cancel(struct ps_call *c);
/* The engine stops: those that hold come to their end now. */
void ps_calls_end_hold(struct ps_engine *e);
/* Phase for people: queue, connect, send, wait, body... */
enum ps_phase ps_call_phase(const struct ps_call *c);

#endif
