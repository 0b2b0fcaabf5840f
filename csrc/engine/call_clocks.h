/* engine/call_clocks.h -- which of a call's clocks runs out first; for call.c alone.
 * The clocks share one deadline: it is set to the earliest and looked at again when it fires, so progress
 * costs nothing but a store. Thread: io. */
#ifndef PS_ENGINE_CALL_CLOCKS_H
#define PS_ENGINE_CALL_CLOCKS_H

#include "engine/call.h"

/* A sign of progress, now. */
void call_touch(struct ps_call *c);
/* Has the reader so much unread that the peer is not read any more? */
bool call_is_paused(const struct ps_call *c);
/* Makes sure that the deadline is not later than the earliest clock. Cannot fail when it is set. */
PS_CHECK enum ps_status call_arm(struct ps_call *c);
/* The deadline fired: which clock has run out, PS_CLOCK_NONE when there was progress meanwhile. */
enum ps_clock_kind call_clock_out(struct ps_call *c, uint64_t now_ms);
/* Fills `err`: TIMED_OUT, phase, clock, and words for a person. */
void call_clock_err(const struct ps_call *c, enum ps_clock_kind kind, struct ps_err *err);

#endif
