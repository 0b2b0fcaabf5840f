/* upstream/py_seen.c -- what a Server saw, also one that is closed (see py_server.h). */
#include "upstream/py_server.h"

enum { WAIT_SLICE_NS = 100000000 }; /* how long Ctrl-C may go unseen */

/* The log, also of a server that is closed; but not in the child of a fork, where its lock may be held for ever. */
static struct up_log *log_of(PyObject *self)
{
    ServerObject *o = (ServerObject *)self;
    if (o->pid == getpid())
        return &o->server->log;
    PyErr_SetString(PyExc_ValueError, "the server belongs to the process that made it");
    return NULL;
}

PyObject *server_records(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"since", NULL};
    struct up_log *log = log_of(self);
    struct up_shot *shots;
    PyObject *since = NULL;
    uint64_t first = 0;
    size_t n;
    if (log == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "|O:records", names, &since) ||
        !count_of(since, "since", UINT64_MAX, &first))
        return NULL;
    if (up_log_shoot(log, first, &shots, &n) != PS_OK)
        return PyErr_NoMemory();
    PyObject *list = records_list(shots, n);
    up_log_drop(log, shots, n);
    return list;
}

PyObject *server_stats(PyObject *self, PyObject *unused)
{
    struct up_log *log = log_of(self);
    struct up_stats stats;
    (void)unused;
    if (log == NULL)
        return NULL;
    up_log_stats(log, &stats);
    return stats_dict(&stats);
}

PyObject *server_clear(PyObject *self, PyObject *unused)
{
    struct up_log *log = log_of(self);
    (void)unused;
    if (log == NULL)
        return NULL;
    up_log_clear(log);
    Py_RETURN_NONE;
}

typedef bool (*wait_for)(struct up_log *log, uint64_t n, uint64_t most_ns);

static PyObject *wait_sliced(ServerObject *o, wait_for wait, uint64_t n, double timeout_s)
{
    struct up_log *log = log_of((PyObject *)o);
    if (log == NULL)
        return NULL;
    if (!(timeout_s >= 0.0))
        timeout_s = 0.0;
    uint64_t end_ns = uv_hrtime() + (uint64_t)((timeout_s < 1e8 ? timeout_s : 1e8) * 1e9);
    for (;;) {
        uint64_t now_ns = uv_hrtime(), left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
        bool held;
        Py_BEGIN_ALLOW_THREADS
        held = wait(log, n, left_ns < WAIT_SLICE_NS ? left_ns : WAIT_SLICE_NS);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0)
            return NULL;
        if (held || left_ns < WAIT_SLICE_NS || o->is_closing)
            return PyBool_FromLong(held);
    }
}

PyObject *server_wait(PyObject *self, PyObject *args)
{
    unsigned long long n;
    double timeout_s;
    if (!PyArg_ParseTuple(args, "Kd:wait", &n, &timeout_s))
        return NULL;
    return wait_sliced((ServerObject *)self, up_log_wait_seen, n, timeout_s);
}

PyObject *server_wait_done(PyObject *self, PyObject *args)
{
    unsigned long long number;
    double timeout_s;
    if (!PyArg_ParseTuple(args, "Kd:wait_done", &number, &timeout_s))
        return NULL;
    if (number >= ((ServerObject *)self)->record_limit_n)
        return PyErr_Format(PyExc_ValueError, "request %llu is not kept", number);
    return wait_sliced((ServerObject *)self, up_log_wait_over, number, timeout_s);
}
