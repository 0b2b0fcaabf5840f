/* engine/call_replay.h -- the replay decision for one call; for call.c alone. Thread: io. */
#ifndef PS_ENGINE_CALL_REPLAY_H
#define PS_ENGINE_CALL_REPLAY_H

#include "engine/call.h"
#include "engine/replay.h"

/* What is known of the attempt that failed by `err`. */
struct ps_replay_facts call_replay_facts(const struct ps_call *c, const struct ps_err *err,
                                         bool not_processed);
/* The decision, with what is left of the budget; a refusal that needs a word gets it in `err`. */
enum ps_replay call_replay_decide(const struct ps_call *c, const struct ps_replay_facts *facts,
                                  struct ps_err *err);

#endif
