/* py/py_home.c -- one asyncio loop's end of the bridge: the reader callback that hands out news.
 *
 * A home is made when its loop first submits a request and lives in engine.homes; it holds its loop weakly.
 * Making a new one sweeps those whose loop is closed or gone. drain() wakes at most BATCH_N exchanges, then
 * lets the loop breathe and comes back by call_soon. Thread: the loop's. */
#include "py/state.h"

enum { BATCH_N = 64 };

/* -- parked exchanges: kept alive as long as a task of this loop waits for them -- */

void home_park(ExchangeObject *x)
{
    if (ps_node_linked(&x->parked_node))
        return;
    ps_list_push_back(&x->home->parked, &x->parked_node);
    Py_INCREF((PyObject *)x);
}

void home_unpark(ExchangeObject *x)
{
    if (!ps_node_linked(&x->parked_node))
        return;
    ps_node_unlink(&x->parked_node);
    Py_DECREF((PyObject *)x);
}

/* -- handing out -- */

/* Wakes whoever waits for what this exchange now has. -1: KeyboardInterrupt or SystemExit. */
static int deliver(struct ps_exchange *x)
{
    ExchangeObject *o = x->user;
    int rc = 0;
    if (o == NULL)
        return 0;
    Py_INCREF((PyObject *)o);
    for (int slot = 0; slot < SLOTS_N && rc == 0; slot++) {
        WaitObject *w = o->parked[slot];
        if (w != NULL && exchange_has(o, w->kind))
            rc = wait_wake(w);
    }
    Py_DECREF((PyObject *)o);
    return rc;
}

static int come_back(HomeObject *h)
{
    struct core_state *state = core_state_of(Py_TYPE(h));
    PyObject *loop = PyWeakref_GetObject(h->loop_ref); /* borrowed */
    if (loop == Py_None)
        return 0;
    Py_INCREF(loop);
    PyObject *resume = PyObject_GetAttrString((PyObject *)h, "resume");
    PyObject *handle =
        resume == NULL
            ? NULL
            : PyObject_CallMethodObjArgs(loop, state->str_call_soon, resume, NULL);
    Py_XDECREF(resume);
    Py_DECREF(loop);
    Py_XDECREF(handle);
    return handle == NULL ? -1 : 0;
}

/* Comes back after an interrupt, too, without losing the exception that is on its way. */
static void come_back_later(HomeObject *h)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (come_back(h) < 0)
        PyErr_WriteUnraisable((PyObject *)h);
    PyErr_Restore(type, value, traceback);
}

/* A bounded batch. While it runs, posts are collected; they are signalled once at its end. */
static PyObject *hand_out(HomeObject *h)
{
    struct ps_home *home = h->home;
    int rc = 0;
    bool more = true;
    ps_home_ref(home);
    ps_home_hold(home);
    for (int n = 0; n < BATCH_N && rc == 0; n++) {
        struct ps_node *node = ps_list_pop_front(&h->batch);
        if (node == NULL) {
            more = h->home != NULL && ps_home_take(home, &h->batch);
            if (!more)
                break;
            node = ps_list_pop_front(&h->batch);
        }
        struct ps_exchange *x = PS_ITEM(node, struct ps_exchange, ready_node);
        rc = deliver(x);
        ps_exchange_unref(x);
    }
    ps_home_release(home);
    ps_home_unref(home);
    if (more)
        come_back_later(h);
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *home_drain(PyObject *self, PyObject *unused)
{
    HomeObject *h = (HomeObject *)self;
    (void)unused;
    if (h->home == NULL || ps_bridge_is_foreign(h->home->bridge))
        Py_RETURN_NONE;
    ps_home_clear_wake(h->home);
    return hand_out(h);
}

static PyObject *home_resume(PyObject *self, PyObject *unused)
{
    HomeObject *h = (HomeObject *)self;
    (void)unused;
    if (h->home == NULL || ps_bridge_is_foreign(h->home->bridge))
        Py_RETURN_NONE;
    return hand_out(h);
}

/* -- life -- */

/* The loop is gone: nobody will be woken any more. */
static void home_shut(HomeObject *h)
{
    struct ps_home *home = h->home;
    struct ps_node *n;
    if (home == NULL)
        return;
    h->home = NULL;
    while ((n = ps_list_first(&h->parked)) != NULL) {
        ExchangeObject *x = PS_ITEM(n, ExchangeObject, parked_node);
        for (int slot = 0; slot < SLOTS_N; slot++) {
            WaitObject *w = x->parked[slot];
            x->parked[slot] = NULL;
            if (w != NULL)
                w->is_parked = false;
            Py_XDECREF((PyObject *)w);
        }
        home_unpark(x);
    }
    bool is_foreign = ps_bridge_is_foreign(home->bridge);
    while ((n = ps_list_pop_front(&h->batch)) != NULL && !is_foreign)
        ps_exchange_unref(PS_ITEM(n, struct ps_exchange, ready_node));
    if (!is_foreign) { /* after a fork its lock may be held for ever: left alone */
        ps_home_close(home);
        ps_home_unref(home);
    }
}

static int loop_is_gone(struct core_state *state, HomeObject *h)
{
    PyObject *loop = PyWeakref_GetObject(h->loop_ref); /* borrowed */
    if (loop == Py_None)
        return 1;
    Py_INCREF(loop);
    PyObject *closed = PyObject_CallMethodNoArgs(loop, state->str_is_closed);
    Py_DECREF(loop);
    int truth = closed == NULL ? -1 : PyObject_IsTrue(closed);
    Py_XDECREF(closed);
    return truth;
}

/* Drops homes whose loop is closed or collected. */
static int sweep(struct core_state *state, EngineObject *engine)
{
    PyObject *items = PyDict_Items(engine->homes);
    if (items == NULL)
        return -1;
    int rc = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items) && rc == 0; i++) {
        PyObject *pair = PyList_GET_ITEM(items, i); /* borrowed */
        HomeObject *h = (HomeObject *)PyTuple_GET_ITEM(pair, 1);
        int gone = loop_is_gone(state, h);
        if (gone > 0) {
            home_shut(h);
            rc = PyDict_DelItem(engine->homes, PyTuple_GET_ITEM(pair, 0));
        } else if (gone < 0) {
            rc = -1;
        }
    }
    Py_DECREF(items);
    return rc;
}

static int start_reading(struct core_state *state, HomeObject *h, PyObject *loop)
{
    PyObject *drain = PyObject_GetAttrString((PyObject *)h, "drain");
    PyObject *fd = PyLong_FromLong(h->home->read_fd);
    PyObject *result = NULL;
    if (drain != NULL && fd != NULL)
        result = PyObject_CallMethodObjArgs(loop, state->str_add_reader, fd, drain, NULL);
    Py_XDECREF(drain);
    Py_XDECREF(fd);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static HomeObject *home_make(struct core_state *state, EngineObject *engine, PyObject *loop)
{
    struct ps_err err;
    HomeObject *h = (HomeObject *)state->home_type->tp_alloc(state->home_type, 0);
    if (h == NULL)
        return NULL;
    ps_list_init(&h->batch);
    ps_list_init(&h->parked);
    h->loop_ref = PyWeakref_NewRef(loop, NULL);
    if (h->loop_ref == NULL)
        goto fail;
    if (ps_home_new(&h->home, engine->bridge, PS_HOME_LOOP, &err) != PS_OK) {
        raise_error(state, &err, NULL, NULL, false, false);
        goto fail;
    }
    if (start_reading(state, h, loop) < 0)
        goto fail;
    return h;
fail:
    Py_DECREF((PyObject *)h);
    return NULL;
}

static HomeObject *home_add(struct core_state *state, EngineObject *engine, PyObject *loop,
                            PyObject *key)
{
    if (sweep(state, engine) < 0)
        return NULL;
    HomeObject *h = home_make(state, engine, loop);
    if (h == NULL)
        return NULL;
    int rc = PyDict_SetItem(engine->homes, key, (PyObject *)h);
    Py_DECREF((PyObject *)h); /* the dict's now */
    return rc < 0 ? NULL : h;
}

HomeObject *home_for_running_loop(struct core_state *state, EngineObject *engine, PyObject **loop)
{
    PyObject *running = PyObject_CallNoArgs(state->get_running_loop);
    if (running == NULL)
        return NULL;
    PyObject *key = PyLong_FromVoidPtr(running);
    HomeObject *h = NULL;
    if (key != NULL) {
        h = (HomeObject *)PyDict_GetItemWithError(engine->homes, key); /* borrowed */
        bool is_stale = h != NULL && PyWeakref_GetObject(h->loop_ref) != running;
        if (is_stale || (h == NULL && !PyErr_Occurred()))
            h = home_add(state, engine, running, key);
    }
    Py_XDECREF(key);
    if (h == NULL) {
        Py_DECREF(running);
        return NULL;
    }
    *loop = running;
    return h;
}

static PyObject *home_repr(PyObject *self)
{
    HomeObject *h = (HomeObject *)self;
    return PyUnicode_FromFormat("<penstock home, %s>", h->home == NULL ? "closed" : "open");
}

static int home_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((HomeObject *)self)->loop_ref);
    return 0;
}

static int home_clear(PyObject *self)
{
    Py_CLEAR(((HomeObject *)self)->loop_ref);
    return 0;
}

static void home_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    home_shut((HomeObject *)self);
    home_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef home_methods[] = {
    {"drain", home_drain, METH_NOARGS, "The loop's reader callback."},
    {"resume", home_resume, METH_NOARGS, "The rest of a large batch."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot home_slots[] = {
    {Py_tp_dealloc, home_dealloc}, {Py_tp_traverse, home_traverse}, {Py_tp_clear, home_clear},
    {Py_tp_repr, home_repr},       {Py_tp_methods, home_methods},   {0, NULL},
};

PyType_Spec home_spec = {
    .name = "penstock._core.Home",
    .basicsize = sizeof(HomeObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = home_slots,
};
