/* engine/engine_internal.h -- between the files of this room only. */
#ifndef PS_ENGINE_ENGINE_INTERNAL_H
#define PS_ENGINE_ENGINE_INTERNAL_H

#include "engine/engine.h"

/* First use of a profile: its pool begins to live in this engine. */
void ps_engine_attach(struct ps_engine *e, struct ps_profile *p);
/* A call of this profile ended. */
void ps_engine_call_over(struct ps_engine *e, struct ps_profile *p);

#endif
