/* py/py_engine.c -- the Engine and Pool objects: the io thread's handle, and one configuration's. */
#include "py/state.h"

#include "base/mem.h"

/* -- Engine -- */

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct ps_err err;
    if (PyTuple_GET_SIZE(args) > 0 || (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0)) {
        PyErr_SetString(PyExc_TypeError, "Engine() takes no arguments");
        return NULL;
    }
    EngineObject *e = (EngineObject *)type->tp_alloc(type, 0);
    if (e == NULL)
        return NULL;
    e->homes = PyDict_New();
    if (e->homes == NULL)
        goto fail;
    const struct ps_resolver_settings resolver = {
        .ttl_ms = 30000, .negative_ms = 1000, .stale_ms = 300000, .threads_n = 8};
    if (ps_bridge_start(&e->bridge, &resolver, &err) != PS_OK) {
        PyErr_SetString(PyExc_OSError, err.text);
        goto fail;
    }
    return (PyObject *)e;
fail:
    Py_DECREF((PyObject *)e);
    return NULL;
}

/* `act` runs no Python code. */
static void each_home(EngineObject *e, void (*act)(HomeObject *h))
{
    PyObject *key, *home;
    Py_ssize_t at = 0;
    while (e->homes != NULL && PyDict_Next(e->homes, &at, &key, &home))
        act((HomeObject *)home);
}

static void stop_bridge(EngineObject *e, uint64_t drain_ms)
{
    if (e->bridge == NULL || ps_bridge_is_foreign(e->bridge))
        return;
    e->is_stopped = true;
    Py_BEGIN_ALLOW_THREADS
    ps_bridge_stop(e->bridge, drain_ms);
    Py_END_ALLOW_THREADS
    each_home(e, home_end);
}

static PyObject *engine_stop(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"drain_s", NULL};
    double drain_s = 0.0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|d:stop", names, &drain_s))
        return NULL;
    if (!(drain_s >= 0.0) || drain_s > 1e9) {
        PyErr_SetString(PyExc_ValueError, "drain_s must be between 0 and 1e9 seconds");
        return NULL;
    }
    stop_bridge((EngineObject *)self, (uint64_t)(drain_s * 1000.0));
    Py_RETURN_NONE;
}

static PyObject *engine_abandon(PyObject *self, PyObject *unused)
{
    EngineObject *e = (EngineObject *)self;
    (void)unused;
    if (e->bridge == NULL || !ps_bridge_is_foreign(e->bridge))
        Py_RETURN_NONE;
    if (!e->is_stopped) {
        ps_bridge_abandon(e->bridge);
        each_home(e, home_abandon);
    }
    e->is_stopped = true;
    Py_RETURN_NONE;
}

static PyObject *engine_open_pool(PyObject *self, PyTypeObject *cls, PyObject *const *args,
                                  Py_ssize_t nargs, PyObject *kwnames)
{
    EngineObject *e = (EngineObject *)self;
    struct core_state *state = core_state_of(cls);
    if (nargs != 1 || kwnames != NULL) {
        PyErr_SetString(PyExc_TypeError, "open_pool() takes one argument");
        return NULL;
    }
    if (e->is_stopped) {
        PyErr_SetString(PyExc_RuntimeError, "the engine was stopped");
        return NULL;
    }
    PoolObject *p = (PoolObject *)state->pool_type->tp_alloc(state->pool_type, 0);
    if (p == NULL)
        return NULL;
    p->engine = (EngineObject *)Py_NewRef(self);
    p->close_control = ps_malloc(sizeof *p->close_control);
    if (p->close_control == NULL)
        PyErr_NoMemory();
    else
        p->profile = profile_from_dict(args[0], &p->keep);
    if (p->profile == NULL)
        Py_CLEAR(p);
    return (PyObject *)p;
}

static PyObject *engine_stats(PyObject *self, PyObject *unused)
{
    EngineObject *e = (EngineObject *)self;
    (void)unused;
    if (e->bridge == NULL || ps_bridge_is_foreign(e->bridge))
        return PyDict_New();
    return Py_BuildValue("{sKsKsn}", "exchanges",
                         (unsigned long long)atomic_load(&e->bridge->live_n), "loop_turns",
                         (unsigned long long)atomic_load(&e->bridge->turns_n), "homes",
                         PyDict_GET_SIZE(e->homes));
}

static PyObject *engine_get_running(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(!((EngineObject *)self)->is_stopped);
}

static PyObject *engine_repr(PyObject *self)
{
    EngineObject *e = (EngineObject *)self;
    return PyUnicode_FromFormat("<penstock engine, %s, %zd loops>",
                                e->is_stopped ? "stopped" : "running", PyDict_GET_SIZE(e->homes));
}

static int engine_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((EngineObject *)self)->homes);
    return 0;
}

static int engine_clear(PyObject *self)
{
    Py_CLEAR(((EngineObject *)self)->homes);
    return 0;
}

/* Pools and exchanges hold the engine, so none is left; the thread is stopped if nobody did. Homes may be
 * left (a loop's reader holds one) and keep the bridge's memory. */
static void engine_dealloc(PyObject *self)
{
    EngineObject *e = (EngineObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    stop_bridge(e, 0);
    engine_clear(self);
    if (e->bridge != NULL && !ps_bridge_is_foreign(e->bridge))
        ps_bridge_free(e->bridge);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef engine_methods[] = {
    {"open_pool", (PyCFunction)(void (*)(void))engine_open_pool,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS, NULL},
    {"stop", (PyCFunction)(void (*)(void))engine_stop, METH_VARARGS | METH_KEYWORDS, NULL},
    {"abandon", engine_abandon, METH_NOARGS, NULL},
    {"stats", engine_stats, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef engine_getset[] = {
    {"is_running", engine_get_running, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot engine_slots[] = {
    {Py_tp_new, engine_new},           {Py_tp_dealloc, engine_dealloc},
    {Py_tp_traverse, engine_traverse}, {Py_tp_clear, engine_clear},
    {Py_tp_repr, engine_repr},         {Py_tp_methods, engine_methods},
    {Py_tp_getset, engine_getset},     {0, NULL},
};

PyType_Spec engine_spec = {
    .name = "penstock._core.Engine",
    .basicsize = sizeof(EngineObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = engine_slots,
};

/* -- Pool -- */

static PyObject *row_dict(const struct ps_stats_row *row)
{
    if (row->is_waiter)
        return Py_BuildValue("{sssK}", "for", row->state, "since_ms",
                             (unsigned long long)row->age_ms);
    return Py_BuildValue("{sKsssssssKsKsKsKsKsL}", "id", (unsigned long long)row->id, "state",
                         row->state, "protocol", row->protocol, "peer", row->peer, "streams",
                         (unsigned long long)row->streams_n, "free_streams",
                         (unsigned long long)row->slots_n, "requests",
                         (unsigned long long)row->requests_n, "age_ms",
                         (unsigned long long)row->age_ms, "idle_ms",
                         (unsigned long long)row->idle_ms, "ping_us", (long long)row->ping_us);
}

/* The entry of one origin in `origins` (a list), made on first use. Borrowed. */
static PyObject *origin_entry(PyObject *origins, const char *name)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(origins); i++) {
        PyObject *entry = PyList_GET_ITEM(origins, i);
        PyObject *known = PyDict_GetItemString(entry, "origin");
        if (known != NULL && PyUnicode_CompareWithASCIIString(known, name) == 0)
            return entry;
    }
    PyObject *entry =
        Py_BuildValue("{sss[]s[]}", "origin", name, "connections", "waiting");
    if (entry == NULL || PyList_Append(origins, entry) < 0) {
        Py_XDECREF(entry);
        return NULL;
    }
    Py_DECREF(entry); /* the list's */
    return entry;
}

static int add_row(PyObject *origins, const struct ps_stats_row *row)
{
    PyObject *entry = origin_entry(origins, row->origin);
    PyObject *made = entry == NULL ? NULL : row_dict(row);
    if (made == NULL)
        return -1;
    PyObject *list = PyDict_GetItemString(entry, row->is_waiter ? "waiting" : "connections");
    int rc = list == NULL ? -1 : PyList_Append(list, made);
    Py_DECREF(made);
    return rc;
}

static PyObject *stats_dict(const struct ps_stats *s)
{
    PyObject *origins = PyList_New(0);
    for (size_t i = 0; origins != NULL && i < s->rows_n; i++) {
        if (add_row(origins, &s->rows[i]) < 0)
            Py_CLEAR(origins);
    }
    if (origins == NULL)
        return NULL;
    return Py_BuildValue(
        "{sNsnsnsKsKsKsKsKsKsK}", "origins", origins, "connections", (Py_ssize_t)s->conns_n,
        "waiting", (Py_ssize_t)s->waiting_n, "opened", (unsigned long long)s->opened_n, "reused",
        (unsigned long long)s->reused_n, "closed_idle", (unsigned long long)s->closed_idle_n,
        "stale", (unsigned long long)s->stale_n, "failed_dials",
        (unsigned long long)s->failed_dials_n, "replayed", (unsigned long long)s->replayed_n, "goaways",
        (unsigned long long)s->goaways_n);
}

static PyObject *pool_stats(PyObject *self, PyObject *unused)
{
    PoolObject *p = (PoolObject *)self;
    struct ps_stats *stats = NULL;
    enum ps_status st = PS_CLOSED;
    (void)unused;
    if (!ps_bridge_is_foreign(p->engine->bridge)) {
        Py_BEGIN_ALLOW_THREADS
        st = ps_bridge_stats(p->engine->bridge, p->profile, &stats);
        Py_END_ALLOW_THREADS
    }
    if (st == PS_NOMEM)
        return PyErr_NoMemory();
    if (st != PS_OK) {
        PyErr_SetString(PyExc_RuntimeError, "the engine was stopped");
        return NULL;
    }
    PyObject *dict = stats_dict(stats);
    ps_stats_free(stats);
    return dict;
}

static int pool_traverse(PyObject *self, visitproc visit, void *arg)
{
    PoolObject *p = (PoolObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(p->engine);
    Py_VISIT(p->keep);
    return 0;
}

/* Dropping the pool closes its idle connections; what runs goes on (exchanges hold their pool, so only
 * requests whose Exchange was dropped, and thus cancelled, can be left). */
static void pool_dealloc(PyObject *self)
{
    PoolObject *p = (PoolObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject_ClearWeakRefs(self);
    if (p->profile != NULL && !ps_bridge_is_foreign(p->engine->bridge))
        ps_bridge_close_profile(p->engine->bridge, p->close_control, p->profile);
    else
        ps_free(p->close_control);
    Py_CLEAR(p->keep);
    Py_CLEAR(p->engine);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef pool_methods[] = {
    {"submit", (PyCFunction)(void (*)(void))pool_submit,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS, NULL},
    {"stats", pool_stats, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef pool_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PoolObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot pool_slots[] = {
    {Py_tp_dealloc, pool_dealloc}, {Py_tp_traverse, pool_traverse}, {Py_tp_methods, pool_methods},
    {Py_tp_members, pool_members}, {0, NULL},
};

PyType_Spec pool_spec = {
    .name = "penstock._core.Pool",
    .basicsize = sizeof(PoolObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = pool_slots,
};
