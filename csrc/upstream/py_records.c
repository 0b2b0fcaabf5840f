/* upstream/py_records.c -- records and counters as Python values (see _upstream.pyi). The log is not locked here. */
#include "upstream/py_values.h"

static PyObject *bytes_object(struct ps_bytes view)
{
    return PyBytes_FromStringAndSize((const char *)view.p, (Py_ssize_t)view.n);
}

/* Steals `value`. */
static bool put(PyObject *dict, const char *key, PyObject *value)
{
    int rc = value == NULL ? -1 : PyDict_SetItemString(dict, key, value);
    Py_XDECREF(value);
    return rc == 0;
}

static bool put_count(PyObject *dict, const char *key, uint64_t value)
{
    return put(dict, key, PyLong_FromUnsignedLongLong(value));
}

static PyObject *headers_list(const struct up_record *rec)
{
    PyObject *list = PyList_New((Py_ssize_t)rec->fields_n);
    for (size_t i = 0; list != NULL && i < rec->fields_n; i++) {
        struct ps_bytes name = up_record_view(rec, rec->fields[i].name);
        struct ps_bytes value = up_record_view(rec, rec->fields[i].value);
        PyObject *pair = Py_BuildValue("(NN)", bytes_object(name), bytes_object(value));
        if (pair == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, pair); /* steals */
    }
    return list;
}

static bool put_head(PyObject *d, const struct up_record *rec)
{
    const struct up_origin *o = &rec->origin;
    return put_count(d, "number", rec->number) && put_count(d, "connection", o->connection) &&
           put_count(d, "stream", (uint64_t)o->stream) && put_count(d, "port", (uint64_t)o->port) &&
           put(d, "protocol", PyBytes_FromString(o->stream == 0 ? "HTTP/1.1" : "HTTP/2")) &&
           put(d, "is_tls", PyBool_FromLong(o->is_tls)) &&
           put(d, "method", bytes_object(up_record_view(rec, rec->method))) &&
           put(d, "target", bytes_object(up_record_view(rec, rec->target))) &&
           put(d, "headers", headers_list(rec));
}

static bool put_progress(PyObject *d, const struct up_progress *p)
{
    return put(d, "body", bytes_object(ps_bytes_of(p->body, p->body_n))) &&
           put_count(d, "body_bytes", p->body_bytes) && put(d, "rule", PyLong_FromLong(p->rule)) &&
           put_count(d, "attempt", p->attempt) && put_count(d, "status", (uint64_t)p->status) &&
           put_count(d, "arrived_ns", p->arrived_ns) &&
           put_count(d, "body_ns", p->body_ns) && put_count(d, "answered_ns", p->answered_ns) &&
           put_count(d, "done_ns", p->done_ns) && put_count(d, "aborted_ns", p->aborted_ns) &&
           put_count(d, "sent_events", p->sent_events);
}

static PyObject *record_dict(const struct up_shot *shot)
{
    PyObject *d = PyDict_New();
    if (d != NULL && !(put_head(d, shot->record) && put_progress(d, &shot->progress)))
        Py_CLEAR(d);
    return d;
}

PyObject *records_list(const struct up_shot *shots, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *d = record_dict(&shots[i]);
        if (d == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, d); /* steals */
    }
    return list;
}

PyObject *stats_dict(const struct up_stats *s)
{
    PyObject *d = PyDict_New();
    if (d != NULL &&
        !(put_count(d, "connections", s->connections) &&
          put_count(d, "connections_total", s->connections_total) &&
          put_count(d, "connections_max", s->connections_max) && put_count(d, "requests", s->requests) &&
          put_count(d, "running", s->running) && put_count(d, "running_max", s->running_max) &&
          put_count(d, "aborted", s->aborted) && put_count(d, "unmatched", s->unmatched) &&
          put_count(d, "malformed", s->malformed) && put_count(d, "events", s->events)))
        Py_CLEAR(d);
    return d;
}
