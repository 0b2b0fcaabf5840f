/* sse/tally.h -- counts beside the bytes of one provider's stream.
 * In: the stream in any pieces. Out: the whole events to relay, as a view, untouched but for what is asked to be left
 * out. Beside them: what was seen, usage, ends, errors, and on demand what was said. python/penstock/sse/reference.py
 * says the same in Python, slowly, and is the judge of every rule here.
 * Owner: the caller. Thread: any, one at a time. Limits: max_event_bytes held, PS_TALLY_TEXT_BYTES gathered. */
#ifndef PS_SSE_TALLY_H
#define PS_SSE_TALLY_H

#include "base/buf.h"
#include "sse/frames.h"

enum ps_dialect { PS_CHAT, PS_COMPLETIONS, PS_MESSAGES, PS_RESPONSES };

/* Bits of `seen`; the same in python/penstock/sse/flags.py. */
enum ps_seen {
    PS_SEEN_SEMANTIC = 1,
    PS_SEEN_FINISHED = 2,
    PS_SEEN_ERROR = 4,
    PS_SEEN_USAGE = 8,
    PS_SEEN_DONE = 16,
    PS_SEEN_MALFORMED = 32,
};

enum {
    PS_TALLY_CHOICES = 128,
    PS_TALLY_NAME_BYTES = 512, /* of model, id, finish_reason: what is longer is none */
    PS_TALLY_TEXT_BYTES = 16 * 1024 * 1024,
    PS_TALLY_TOOLS = 512,
};

struct ps_tally_settings {
    enum ps_dialect dialect;
    bool strip_usage;    /* chat and completions: without the chunk that is usage alone, and without "usage":null */
    bool keep_text;      /* gather what the main choice says */
    bool is_strict;      /* an event that is not a JSON object is an error */
    size_t max_event_bytes;
};

struct ps_gathered;

struct ps_tally {
    struct ps_tally_settings settings;
    unsigned seen;
    unsigned long long events_n, semantic_n, malformed_n, text_bytes;
    struct ps_buf id, model, finish_reason; /* UTF-8; empty = none */
    struct ps_buf usage, error;             /* raw JSON, when seen */
    struct ps_gathered *gathered;           /* owned; NULL unless keep_text */
    uint64_t choices[2], finished[2];       /* a bit for each index */
    struct ps_frames frames;
    struct ps_buf held;    /* an unfinished event, behind what was given out by the last call */
    size_t given_n;        /* of held: given out by the last call, dropped by the next */
    struct ps_buf out;     /* what is given out, when it is not a piece of what came */
    bool is_dropped;       /* the last event was not relayed */
    enum ps_status failed; /* sticky */
};

/* PS_NOMEM: then there is something to fini all the same. */
PS_CHECK enum ps_status ps_tally_init(struct ps_tally *t, const struct ps_tally_settings *settings);
void ps_tally_fini(struct ps_tally *t);

/* Takes the next piece. *out lives until the next call; it is `in` itself when all of it is to be relayed and nothing
 * was held. PS_LIMIT when an event is too long, PS_NOMEM; after that every call says the same. */
PS_CHECK enum ps_status ps_tally_feed(struct ps_tally *t, struct ps_bytes in, struct ps_bytes *out);

/* The unfinished event. Lives until the next call. */
struct ps_bytes ps_tally_held(const struct ps_tally *t);

static inline bool ps_tally_is_complete(const struct ps_tally *t)
{
    return (t->seen & (PS_SEEN_FINISHED | PS_SEEN_ERROR)) == PS_SEEN_FINISHED;
}

#endif
