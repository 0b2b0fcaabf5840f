/* sse/tally_internal.h -- one event on its way through the tally: tally.c takes it apart, a dialect's file reads it.
 * Thread: any, one at a time. Everything here dies with the event. */
#ifndef PS_SSE_TALLY_INTERNAL_H
#define PS_SSE_TALLY_INTERNAL_H

#include "base/json.h"
#include "sse/gathered.h"
#include "sse/tally.h"

struct tally_event {
    struct ps_frame frame;
    const struct ps_json_member *members; /* of the dialect's top-level keys */
    struct ps_bytes type;                 /* the text of the member `type` */
    bool is_semantic;
    bool is_malformed;
    bool is_dropped;     /* not relayed */
    struct ps_bytes cut; /* of frame.raw: not relayed; n = 0 for nothing */
};

/* A dialect: which members of an event it reads, and how. The first are everybody's. */
enum { KEY_TYPE, KEY_ERROR, KEYS_SHARED_N };
#define TALLY_KEYS_SHARED PS_JSON_KEY("type"), PS_JSON_KEY("error")

struct tally_dialect {
    const struct ps_json_key *keys;
    size_t keys_n;
    size_t response_key; /* the member `response`, which may tell of a failure; 0 = none */
    enum ps_status (*read)(struct ps_tally *t, struct tally_event *e);
};
enum { TALLY_KEYS_MAX = 8 };

extern const struct tally_dialect tally_chat, tally_messages, tally_responses;

/* tally.c: what the dialects share. Values are JSON; those that are no strings say nothing. */

/* A short string's text; nothing when it is none. `room` is for one that is written with escapes. */
struct tally_room {
    uint8_t bytes[192 * 3];
};
struct ps_bytes tally_word(struct ps_bytes value, struct tally_room *room);
/* Is it this string? */
bool tally_is(struct ps_bytes value, const char *text);
/* Text that a reader sees; counted, and gathered by `g`. */
PS_CHECK enum ps_status tally_say(struct ps_tally *t, struct tally_event *e, struct ps_gathered *g,
                                  struct ps_bytes value);
/* A string that is neither empty nor too long? */
bool tally_is_name(struct ps_bytes value);
/* Stores a name, unless it is empty or too long: always, or only the first. */
PS_CHECK enum ps_status tally_name(struct ps_buf *to, struct ps_bytes value);
PS_CHECK enum ps_status tally_name_first(struct ps_buf *to, struct ps_bytes value);
/* Stores a usage object. */
PS_CHECK enum ps_status tally_usage(struct ps_tally *t, struct ps_bytes value);

#endif
