/* py/py_error.c -- from an error record to a Python exception, made by the factory of penstock.errors. */
#include "py/state.h"

#include <errno.h>

static int put(PyObject *dict, const char *key, PyObject *given)
{
    if (given == NULL)
        return -1;
    int rc = PyDict_SetItemString(dict, key, given);
    Py_DECREF(given);
    return rc;
}

static PyObject *us(uint64_t value)
{
    return value == UINT64_MAX ? PyLong_FromLong(-1) : PyLong_FromUnsignedLongLong(value);
}

static PyObject *moment_us(uint64_t at_ns, const struct ps_timings *t)
{
    return at_ns == 0 ? PyLong_FromLong(-1)
                      : PyLong_FromUnsignedLongLong((at_ns - t->start_ns) / 1000);
}

/* Time spent waiting for a connection, less what making it took. */
static PyObject *queued_us(const struct ps_timings *t)
{
    if (t->conn_ns == 0)
        return PyLong_FromLong(-1);
    uint64_t waited = (t->conn_ns - t->start_ns) / 1000;
    const uint64_t parts[] = {t->dns_us, t->connect_us, t->tls_us};
    for (size_t i = 0; i < 3; i++) {
        if (parts[i] != UINT64_MAX)
            waited = waited > parts[i] ? waited - parts[i] : 0;
    }
    return PyLong_FromUnsignedLongLong(waited);
}

PyObject *timings_dict(const struct ps_timings *t, enum ps_phase phase)
{
    PyObject *d = PyDict_New();
    if (d == NULL)
        return NULL;
    if (put(d, "queued_us", queued_us(t)) < 0 || put(d, "dns_us", us(t->dns_us)) < 0 ||
        put(d, "connect_us", us(t->connect_us)) < 0 || put(d, "tls_us", us(t->tls_us)) < 0 ||
        put(d, "sent_us", moment_us(t->sent_ns, t)) < 0 ||
        put(d, "first_byte_us", moment_us(t->head_ns, t)) < 0 ||
        put(d, "end_us", moment_us(t->end_ns, t)) < 0 ||
        put(d, "bytes_received", PyLong_FromUnsignedLongLong(t->body_in_bytes)) < 0 ||
        put(d, "bytes_sent", PyLong_FromUnsignedLongLong(t->body_out_bytes)) < 0 ||
        put(d, "reused", PyBool_FromLong(t->reused)) < 0 ||
        put(d, "attempts", PyLong_FromUnsignedLong(t->attempts_n)) < 0 ||
        put(d, "connection", PyLong_FromUnsignedLongLong(t->conn_id)) < 0 ||
        put(d, "stream_id", PyLong_FromUnsignedLong(t->stream_id)) < 0 ||
        put(d, "peer", PyUnicode_FromString(t->peer)) < 0 ||
        put(d, "local", PyUnicode_FromString(t->local)) < 0 ||
        put(d, "tls", PyUnicode_FromString(t->tls)) < 0 ||
        put(d, "phase", PyUnicode_FromString(ps_phase_name(phase))) < 0) {
        Py_DECREF(d);
        return NULL;
    }
    return d;
}

static PyObject *text_of(const char *s)
{
    return PyUnicode_DecodeUTF8(s, (Py_ssize_t)strlen(s), "replace");
}

static PyObject *describe(const struct ps_err *err, const ExchangeObject *x,
                          const struct ps_timings *timings, bool maybe_processed, bool head_seen)
{
    const struct ps_timings none = {.dns_us = UINT64_MAX, .connect_us = UINT64_MAX,
                                    .tls_us = UINT64_MAX};
    const struct ps_timings *t = timings == NULL ? &none : timings;
    uint64_t elapsed_us = 0;
    if (t->start_ns != 0)
        elapsed_us = ((t->end_ns != 0 ? t->end_ns : uv_hrtime()) - t->start_ns) / 1000;
    PyObject *d = PyDict_New();
    if (d == NULL)
        return NULL;
    if (put(d, "status", PyLong_FromLong((long)err->status)) < 0 ||
        put(d, "phase", PyLong_FromLong((long)err->phase)) < 0 ||
        put(d, "clock", PyLong_FromLong((long)err->clock)) < 0 ||
        put(d, "sys", PyLong_FromLong(err->sys)) < 0 ||
        put(d, "detail", PyLong_FromLong(err->detail)) < 0 || put(d, "text", text_of(err->text)) < 0 ||
        put(d, "origin", x == NULL ? text_of("") : exchange_origin(x)) < 0 ||
        put(d, "method", x == NULL ? text_of("") : exchange_method(x)) < 0 ||
        put(d, "elapsed_us", PyLong_FromUnsignedLongLong(elapsed_us)) < 0 ||
        put(d, "bytes_received", PyLong_FromUnsignedLongLong(t->body_in_bytes)) < 0 ||
        put(d, "head_seen", PyBool_FromLong(head_seen)) < 0 ||
        put(d, "maybe_processed", PyBool_FromLong(maybe_processed)) < 0 ||
        put(d, "attempts", PyLong_FromUnsignedLong(t->attempts_n)) < 0 ||
        put(d, "timings", timings_dict(t, err->phase)) < 0) {
        Py_DECREF(d);
        return NULL;
    }
    return d;
}

PyObject *raise_error(struct core_state *state, const struct ps_err *err, const ExchangeObject *x,
                      const struct ps_timings *timings, bool maybe_processed, bool head_seen)
{
    if (err->status == PS_NOMEM)
        return PyErr_NoMemory();
    if (state->error_factory == NULL) {
        PyErr_Format(PyExc_RuntimeError, "%s: %s", ps_status_name(err->status), err->text);
        return NULL;
    }
    PyObject *facts = describe(err, x, timings, maybe_processed, head_seen);
    if (facts == NULL)
        return NULL;
    PyObject *exc = PyObject_CallOneArg(state->error_factory, facts);
    Py_DECREF(facts);
    if (exc == NULL)
        return NULL;
    if (PyExceptionInstance_Check(exc))
        PyErr_SetObject((PyObject *)Py_TYPE(exc), exc);
    else
        PyErr_SetString(PyExc_TypeError, "the error factory did not return an exception");
    Py_DECREF(exc);
    return NULL;
}
