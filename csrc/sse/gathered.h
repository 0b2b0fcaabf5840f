/* sse/gathered.h -- what was said, for those who want it: text, reasoning and tool calls of the main choice.
 * Texts come as the insides of JSON strings and are kept as UTF-8. Owner: the tally. Thread: any, one at a time.
 * Limits: PS_TALLY_TEXT_BYTES in all, and nothing any more after a piece that did not fit; PS_TALLY_TOOLS calls.
 * Every function accepts NULL for `g` (nothing is wanted) and values that are no strings (nothing was said). */
#ifndef PS_SSE_GATHERED_H
#define PS_SSE_GATHERED_H

#include "base/buf.h"

struct ps_tool {
    int index;
    struct ps_buf id, name, arguments;
};

struct ps_gathered {
    struct ps_buf text, reasoning;
    struct ps_tool *tools; /* owned, by index */
    size_t tools_n, tools_cap;
    size_t kept_bytes;
    bool is_full;
};

/* NULL when there is no memory. */
struct ps_gathered *ps_gathered_new(void);
void ps_gathered_free(struct ps_gathered *g);

/* Appends what the JSON string `value` means. */
PS_CHECK enum ps_status ps_gather(struct ps_gathered *g, struct ps_buf *to, struct ps_bytes value);
PS_CHECK enum ps_status ps_gather_text(struct ps_gathered *g, struct ps_bytes value);
PS_CHECK enum ps_status ps_gather_reasoning(struct ps_gathered *g, struct ps_bytes value);

struct ps_call_words {
    struct ps_bytes id, name, arguments; /* JSON values */
};

/* A tool call begins or goes on: the first id and name count, arguments add up. A negative index is none. */
PS_CHECK enum ps_status ps_gather_call(struct ps_gathered *g, int index, struct ps_call_words words);
/* Only if it has begun. */
PS_CHECK enum ps_status ps_gather_call_more(struct ps_gathered *g, int index, struct ps_bytes arguments);

#endif
