/* base/err.h -- one error record: what failed, in which phase, and what to tell a person.
 * A plain value, copied freely; owns nothing. Filled once, at the place that knows most, and passed
 * up unchanged; upper rooms may only fill fields that are still zero. Thread: any. */
#ifndef PS_BASE_ERR_H
#define PS_BASE_ERR_H

#include <stdbool.h>

#include "base/status.h"

/* Where a request is when it fails. Numbers are shared with Python: append only. */
enum ps_phase {
    PS_PHASE_NONE = 0,
    PS_PHASE_QUEUE = 1,   /* waiting for a connection */
    PS_PHASE_RESOLVE = 2, /* name resolution */
    PS_PHASE_CONNECT = 3, /* TCP or Unix connect */
    PS_PHASE_TLS = 4,     /* TLS handshake */
    PS_PHASE_SEND = 5,    /* writing the request */
    PS_PHASE_WAIT = 6,    /* request written, no response byte yet */
    PS_PHASE_HEAD = 7,    /* inside the response head */
    PS_PHASE_BODY = 8,    /* inside the response body */
    PS_PHASE_PROXY = 9,   /* asking a proxy for the way to the origin */
};

/* Which clock ran out. Shared with Python: append only. */
enum ps_clock_kind {
    PS_CLOCK_NONE = 0,
    PS_CLOCK_CONNECT = 1,
    PS_CLOCK_WRITE = 2,
    PS_CLOCK_POOL = 3,
    PS_CLOCK_FIRST_BYTE = 4,
    PS_CLOCK_IDLE = 5,
    PS_CLOCK_TOTAL = 6,
};

struct ps_err {
    enum ps_status status;
    enum ps_phase phase;
    enum ps_clock_kind clock;
    int sys;         /* negative errno as libuv reports it; 0 = none */
    long detail;     /* X509 verify result, HTTP/2 error code, a proxy's status or reply; 0 = none */
    char text[232];  /* one English sentence without a final dot; never a secret; NUL-terminated */
};

/* Fills `err` (may be NULL) and returns `st`, so that callers write `return ps_err_set(...)`. */
enum ps_status ps_err_set(struct ps_err *err, enum ps_status st, enum ps_phase phase,
                          const char *fmt, ...) __attribute__((format(printf, 4, 5)));
enum ps_status ps_err_nomem(struct ps_err *err);
/* More words, as many as fit. */
void ps_err_add(struct ps_err *err, const char *words);
void ps_err_clear(struct ps_err *err);
const char *ps_phase_name(enum ps_phase phase);

#endif
