/* base/err.c -- filling the error record, and the names of statuses and phases. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    "OK",           "NOMEM",          "INVALID",      "BAD_URL",      "BAD_HEADER",
    "BAD_SCHEME",   "RESOLVE_FAILED", "CONNECT_FAILED", "TLS_FAILED", "CERT_REJECTED",
    "TIMED_OUT",    "READ_FAILED",    "WRITE_FAILED", "DISCONNECTED", "TRUNCATED",
    "PROTOCOL",     "LIMIT",          "BODY_MISMATCH", "CANCELLED",   "CLOSED",
    "FORKED",       "INTERNAL",       "PROXY_FAILED", "PROXY_AUTH",
};

static const char *const phase_names[] = {
    "none", "queue", "resolve", "connect", "tls", "send", "wait", "head", "body", "proxy",
};

const char *ps_status_name(enum ps_status st)
{
    size_t n = sizeof status_names / sizeof status_names[0];
    return (size_t)st < n ? status_names[st] : "UNKNOWN";
}

const char *ps_phase_name(enum ps_phase phase)
{
    size_t n = sizeof phase_names / sizeof phase_names[0];
    return (size_t)phase < n ? phase_names[phase] : "unknown";
}

void ps_err_add(struct ps_err *err, const char *words)
{
    size_t n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, "%s", words);
}

void ps_err_clear(struct ps_err *err)
{
    if (err != NULL)
        memset(err, 0, sizeof *err);
}

enum ps_status ps_err_set(struct ps_err *err, enum ps_status st, enum ps_phase phase,
                          const char *fmt, ...)
{
    if (err == NULL)
        return st;
    ps_err_clear(err);
    err->status = st;
    err->phase = phase;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return st;
}

enum ps_status ps_err_nomem(struct ps_err *err)
{
    return ps_err_set(err, PS_NOMEM, PS_PHASE_NONE, "out of memory");
}
