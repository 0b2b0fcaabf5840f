/* engine/replay.h -- may a failed request be sent again? Pure (HTTP-RULES table B).
 * A request that is not idempotent is sent again only on proof that the peer did not process it. */
#ifndef PS_ENGINE_REPLAY_H
#define PS_ENGINE_REPLAY_H

#include <stdint.h>

#include "base/err.h"

enum {
    PS_REPLAY_ATTEMPTS_MAX = 4,
    PS_REPLAY_PAUSE_MS = 500,         /* shortest and ... */
    PS_REPLAY_PAUSE_SPREAD_MS = 1500, /* ... how much longer, from the second refusal on */
};

struct ps_replay_facts {
    enum ps_status status;   /* why the attempt failed */
    bool is_h2;
    long code;               /* h2: of the peer's RST_STREAM or GOAWAY */
    bool is_first;           /* h2: the connection's first request */
    unsigned attempts_n;     /* made so far */
    bool answer_begun;       /* any byte of a response was seen */
    bool not_processed;      /* proof */
    bool conn_lost;          /* the connection is gone, not this exchange alone */
    bool reused;             /* the connection had carried a request before */
    bool is_idempotent;      /* by method or Idempotency-Key */
    bool body_is_repeatable; /* fixed or none, or nothing was taken from it yet */
};

enum ps_replay {
    PS_REPLAY_NO,
    PS_REPLAY_YES,
    PS_REPLAY_ON_H1,     /* the peer wants HTTP/1.1 for it */
    PS_REPLAY_BODY_GONE, /* it could be, but what was taken of its body cannot be had again (rule 22) */
};

enum ps_replay ps_replay_decide(const struct ps_replay_facts *f);
/* How long to wait before the next attempt. `roll`: any number, for the spread. */
uint64_t ps_replay_pause_ms(const struct ps_replay_facts *f, uint64_t roll);

#endif
