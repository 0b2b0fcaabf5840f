/* proto/field.h -- the small grammar of RFC 9110 5: tokens, field values, lists, decimal numbers.
 * Pure functions over views. Thread: any. */
#ifndef PS_PROTO_FIELD_H
#define PS_PROTO_FIELD_H

#include "base/bytes.h"

enum {
    PS_QUOTE_BYTES = 80
}; /* room ps_quote() needs */

/* Length of the longest prefix of tchar (RFC 9110 5.6.2). */
size_t ps_token_n(struct ps_bytes b);
bool ps_is_token(struct ps_bytes b); /* not empty, all tchar */

/* Length of the longest prefix legal in a field value: HTAB, SP, visible ASCII, bytes >= 0x80. */
size_t ps_value_n(struct ps_bytes b);

/* Without SP and HTAB at both ends. */
struct ps_bytes ps_trim(struct ps_bytes b);

/* 1*DIGIT up to INT64_MAX; no sign, blank, 0x or list (rule 72). */
bool ps_parse_decimal(struct ps_bytes b, uint64_t *out);

/* Takes the next member of a comma-separated list off `*rest`, trimmed, maybe empty; false: no
 * more. */
bool ps_list_member(struct ps_bytes *rest, struct ps_bytes *member);

/* Writes at most 40 bytes of `b` in double quotes, \xNN for what a terminal should not see, into
 * `out[PS_QUOTE_BYTES]`; returns `out`. */
const char *ps_quote(char *out, struct ps_bytes b);

#endif
