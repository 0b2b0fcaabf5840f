/* upstream/py_server.h -- penstock._upstream.Server, between py_server.c (its life, what it does) and py_seen.c (what it
 * saw). Thread: any, with the GIL. Owner: Python. */
#ifndef PS_UPSTREAM_PY_SERVER_H
#define PS_UPSTREAM_PY_SERVER_H

#include "upstream/py_values.h"
#include "upstream/server.h"

typedef struct {
    PyObject_HEAD
    struct up_server *server;
    size_t record_limit_n;
    pid_t pid;       /* of the process that has its thread */
    bool is_closing; /* close() is under way or done */
} ServerObject;

/* Methods. */
PyObject *server_records(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *server_stats(PyObject *self, PyObject *unused);
PyObject *server_clear(PyObject *self, PyObject *unused);
PyObject *server_wait(PyObject *self, PyObject *args);
PyObject *server_wait_done(PyObject *self, PyObject *args);

#endif
