/* engine/replay.h -- may a failed request be sent again? Pure (HTTP-RULES table B, h1 rows).
 * A request that is not idempotent is sent again only on proof that the peer did not process it. */
#ifndef PS_ENGINE_REPLAY_H
#define PS_ENGINE_REPLAY_H

#include "base/err.h"

enum { PS_REPLAY_ATTEMPTS_MAX = 3 };

struct ps_replay_facts {
    enum ps_status status;   /* why the attempt failed */
    unsigned attempts_n;     /* made so far */
    bool answer_begun;       /* any byte of a response was seen */
    bool not_processed;      /* proof */
    bool reused;             /* the connection had carried a request before */
    bool is_idempotent;      /* by method or Idempotency-Key */
    bool body_is_repeatable; /* fixed or none, or nothing was taken from it yet */
};

bool ps_replay_allowed(const struct ps_replay_facts *f);

#endif
