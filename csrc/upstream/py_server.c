/* upstream/py_server.c -- penstock._upstream.Server (see _upstream.pyi).
 * The GIL is released wherever the io thread, or the log's condition, is waited for; a call that waits holds the
 * server, so that a close() meanwhile stops it but frees nothing. Only dealloc frees. */
#include <unistd.h>

#include "base/mem.h"
#include "upstream/py_server.h"

static struct up_server *alive(PyObject *self)
{
    ServerObject *o = (ServerObject *)self;
    if (o->server == NULL || o->is_closing || o->pid != getpid()) {
        PyErr_SetString(PyExc_ValueError, "the server is closed");
        return NULL;
    }
    return o->server;
}

static PyObject *server_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"record_limit", "body_limit_bytes", NULL};
    Py_ssize_t record_limit = 10000, body_limit_bytes = 1 << 20;
    struct ps_err err;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$nn:Server", names, &record_limit, &body_limit_bytes))
        return NULL;
    if (record_limit < 0 || body_limit_bytes < 0 || body_limit_bytes > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "record_limit is from 0, body_limit_bytes from 0 to 2 GiB");
        return NULL;
    }
    ServerObject *o = (ServerObject *)type->tp_alloc(type, 0);
    if (o == NULL)
        return NULL;
    o->pid = getpid();
    o->record_limit_n = (size_t)record_limit;
    enum ps_status st = up_server_start(&o->server, (size_t)record_limit, (size_t)body_limit_bytes, &err);
    if (st == PS_OK)
        return (PyObject *)o;
    if (st == PS_NOMEM)
        PyErr_NoMemory();
    else
        PyErr_SetString(PyExc_OSError, err.text);
    Py_DECREF((PyObject *)o);
    return NULL;
}

static void stop(ServerObject *o)
{
    if (o->server == NULL || o->is_closing || o->pid != getpid())
        return;
    o->is_closing = true;
    Py_BEGIN_ALLOW_THREADS
    up_server_stop(o->server);
    Py_END_ALLOW_THREADS
}

static void server_dealloc(PyObject *self)
{
    ServerObject *o = (ServerObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    stop(o);
    if (o->pid == getpid())
        up_server_free(o->server); /* in a child its thread's state is as the fork found it: left alone */
    type->tp_free(self);
    Py_DECREF(type);
}

static int server_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static PyObject *server_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    stop((ServerObject *)self);
    Py_RETURN_NONE;
}

/* None, or the exception that a command's answer is. */
static PyObject *answer(enum ps_status st, const char *why)
{
    if (st == PS_OK)
        Py_RETURN_NONE;
    raise_status(st, st == PS_CLOSED ? "the server is closed" : why);
    return NULL;
}

/* -- ports -- */

static PyObject *raise_listen(enum ps_status st, const struct ps_err *err)
{
    if (st != PS_CONNECT_FAILED)
        return answer(st, err->text);
    PyObject *error = PyObject_CallFunction(PyExc_OSError, "is", -err->sys, err->text);
    if (error != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return NULL;
}

static PyObject *server_listen(PyObject *self, PyObject *dict)
{
    struct up_listener_settings settings;
    struct ps_err err = {0};
    int port = 0;
    enum ps_status st;
    if (alive(self) == NULL || !listener_of(dict, &settings))
        return NULL;
    struct up_server *s = alive(self); /* reading the dict may have run Python */
    if (s == NULL) {
        up_tls_context_free(settings.tls);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    st = up_server_listen(s, &settings, &port, &err);
    Py_END_ALLOW_THREADS
    return st == PS_OK ? PyLong_FromLong(port) : raise_listen(st, &err);
}

static PyObject *server_close_port(PyObject *self, PyObject *value)
{
    uint64_t port = 0;
    enum ps_status st;
    struct up_server *s = alive(self);
    if (s == NULL || !count_of(value, "port", 65535, &port))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = up_server_close_port(s, (int)port);
    Py_END_ALLOW_THREADS
    return answer(st, "it does not listen on that port");
}

/* -- the script and the connections -- */

static PyObject *server_set_script(PyObject *self, PyObject *rules)
{
    enum ps_status st;
    struct up_script *script = script_of(rules);
    if (script == NULL)
        return NULL;
    struct up_server *s = alive(self);
    if (s == NULL) {
        up_script_unref(script);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    st = up_server_set_script(s, script);
    Py_END_ALLOW_THREADS
    return answer(st, "");
}

static PyObject *server_drop_connections(PyObject *self, PyObject *args)
{
    const char *how = "reset";
    enum ps_status st;
    if (!PyArg_ParseTuple(args, "|s:drop_connections", &how))
        return NULL;
    enum up_cut cut = strcmp(how, "fin") == 0      ? UP_CUT_FIN
                      : strcmp(how, "abrupt") == 0 ? UP_CUT_ABRUPT
                      : strcmp(how, "reset") == 0  ? UP_CUT_RESET
                                                   : UP_CUT_NONE;
    if (cut == UP_CUT_NONE)
        return PyErr_Format(PyExc_ValueError, "\"%s\" is no way to cut", how);
    struct up_server *s = alive(self);
    if (s == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = up_server_drop(s, cut);
    Py_END_ALLOW_THREADS
    return answer(st, "");
}

static PyObject *server_goaway(PyObject *self, PyObject *unused)
{
    enum ps_status st;
    struct up_server *s = alive(self);
    (void)unused;
    if (s == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = up_server_goaway(s);
    Py_END_ALLOW_THREADS
    return answer(st, "");
}

static PyMethodDef server_methods[] = {
    {"listen", server_listen, METH_O, NULL},
    {"close_port", server_close_port, METH_O, NULL},
    {"set_script", server_set_script, METH_O, NULL},
    {"drop_connections", server_drop_connections, METH_VARARGS, NULL},
    {"goaway", server_goaway, METH_NOARGS, NULL},
    {"records", (PyCFunction)(void (*)(void))server_records, METH_VARARGS | METH_KEYWORDS, NULL},
    {"stats", server_stats, METH_NOARGS, NULL},
    {"clear", server_clear, METH_NOARGS, NULL},
    {"wait", server_wait, METH_VARARGS, NULL},
    {"wait_done", server_wait_done, METH_VARARGS, NULL},
    {"close", server_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot server_slots[] = {
    {Py_tp_new, server_new},
    {Py_tp_dealloc, server_dealloc},
    {Py_tp_traverse, server_traverse},
    {Py_tp_methods, server_methods},
    {0, NULL},
};

PyType_Spec up_server_spec = {
    .name = "penstock._upstream.Server",
    .basicsize = sizeof(ServerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = server_slots,
};
