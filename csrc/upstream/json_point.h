/* upstream/json_point.h -- does a JSON text hold this scalar at that place (RFC 6901)?
 * A scanner, not a parser: it goes once through the text without recursion and looks only as closely as the way
 * needs; of members with one name the first counts. Malformed text holds nothing.
 * Thread: any. Limits: 32 steps of a pointer, six digits of an index, 256 levels of what is skipped, time linear in the
 * text. */
#ifndef PS_UPSTREAM_JSON_POINT_H
#define PS_UPSTREAM_JSON_POINT_H

#include "base/bytes.h"
#include "base/status.h"

enum { UP_JSON_STEPS_N = 32 };

/* Is `pointer` "" or "/step/step", with ~0 and ~1 as the only escapes, and not too long? */
bool up_json_pointer_is_good(struct ps_bytes pointer);
/* Is `scalar` one JSON string, number, true, false or null? */
bool up_json_scalar_is_good(struct ps_bytes scalar);

/* Both are good. Strings are compared as what they mean (see ps_json_char()), numbers as text, or by value when a
 * fraction or an exponent is involved. */
bool up_json_point_holds(struct ps_bytes text, struct ps_bytes pointer, struct ps_bytes scalar);

#endif
