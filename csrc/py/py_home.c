/* py/py_home.c -- one asyncio loop's end of the bridge: the reader callback that hands out news.
 *
 * A home is made when its loop first submits a request and lives in engine.homes; it holds its loop weakly.
 * It is shut when its loop is collected, when another home is made and its loop was closed, and when it
 * reads the end of its descriptor because the engine was stopped. drain() wakes at most BATCH_N exchanges,
 * then lets the loop breathe and comes back by call_soon. Thread: the loop's. */
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
    for (int slot = 0; slot < SLOTS_N; slot++) {
        WaitObject *w = o->parked[slot];
        PyObject *held = error_take(); /* an interrupt of one task must not cost the other its wake-up */
        if (w != NULL && exchange_has(o, w->kind) && wait_wake(w) < 0)
            rc = -1;
        error_put(held);
    }
    Py_DECREF((PyObject *)o);
    return rc;
}

static int come_back(HomeObject *h)
{
    struct core_state *state = core_state_of(Py_TYPE(h));
    PyObject *loop = weakref_get(h->loop_ref);
    if (loop == NULL)
        return 0;
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
    PyObject *held = error_take();
    if (come_back(h) < 0)
        PyErr_WriteUnraisable((PyObject *)h);
    error_put(held);
}

static void home_shut(HomeObject *h);

/* A bounded batch. While it runs, posts are collected; they are signalled once at its end. */
static PyObject *hand_out(HomeObject *h)
{
    struct ps_home *home = h->home;
    int rc = 0;
    bool more = true;
    ps_home_ref(home);
    ps_home_hold(home);
    for (int n = 0; n < BATCH_N && rc == 0; n++) {
        struct ps_exchange *x = h->home == NULL ? NULL : ps_home_next(home, &h->batch);
        more = x != NULL;
        if (!more)
            break;
        rc = deliver(x);
        ps_exchange_unref(x);
    }
    ps_home_release(home);
    ps_home_unref(home);
    if (more)
        come_back_later(h);
    else if (h->is_ended)
        home_shut(h);
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* Calls the loop's add_reader or remove_reader (`callback` NULL) for one descriptor. */
static int set_reader(PyObject *loop, PyObject *method, int fd, PyObject *callback)
{
    PyObject *number = PyLong_FromLong(fd);
    PyObject *result = NULL;
    if (number != NULL) /* a NULL callback ends the arguments */
        result = PyObject_CallMethodObjArgs(loop, method, number, callback, NULL);
    Py_XDECREF(number);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Each call makes new handles of the loop's, with contexts that nobody has entered. */
static int start_reading(struct core_state *state, HomeObject *h, PyObject *loop)
{
    PyObject *drain = PyObject_GetAttrString((PyObject *)h, "drain");
    PyObject *rescue = PyObject_GetAttrString((PyObject *)h, "rescue");
    int rc = -1;
    if (drain != NULL && rescue != NULL &&
        set_reader(loop, state->str_add_reader, h->home->read_fd, drain) == 0)
        rc = set_reader(loop, state->str_add_reader, h->home->wake_fd, rescue);
    Py_XDECREF(drain);
    Py_XDECREF(rescue);
    return rc;
}

/* The engine was stopped. Until the last news is handed out the home lives on, without its readers. */
static int stop_reading(HomeObject *h)
{
    struct core_state *state = core_state_of(Py_TYPE(h));
    PyObject *loop = weakref_get(h->loop_ref);
    int rc = 0;
    h->is_ended = true;
    if (loop != NULL && (set_reader(loop, state->str_remove_reader, h->home->read_fd, NULL) < 0 ||
                         set_reader(loop, state->str_remove_reader, h->home->wake_fd, NULL) < 0))
        rc = -1;
    Py_XDECREF(loop);
    return rc;
}

static PyObject *home_drain(PyObject *self, PyObject *unused)
{
    HomeObject *h = (HomeObject *)self;
    (void)unused;
    if (h->home == NULL || ps_bridge_is_foreign(h->home->bridge))
        Py_RETURN_NONE;
    if (!ps_home_clear_wake(h->home) && stop_reading(h) < 0)
        return NULL;
    return hand_out(h);
}

/* News waits although drain() or resume() is running: on the stack below us a task that they resumed runs
 * the loop again, and that loop cannot call drain(), whose context is entered. It can call this. */
static PyObject *home_rescue(PyObject *self, PyObject *unused)
{
    HomeObject *h = (HomeObject *)self;
    (void)unused;
    if (h->home == NULL || ps_bridge_is_foreign(h->home->bridge))
        Py_RETURN_NONE;
    ps_home_clear_rescue(h->home);
    PyObject *loop = weakref_get(h->loop_ref);
    int rc = loop == NULL ? 0 : start_reading(core_state_of(Py_TYPE(h)), h, loop);
    Py_XDECREF(loop);
    return rc < 0 ? NULL : hand_out(h);
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
    Py_CLEAR(h->loop_ref); /* its callback refers back to us */
    while ((n = ps_list_first(&h->parked)) != NULL) {
        ExchangeObject *x = PS_ITEM(n, ExchangeObject, parked_node);
        if (!exchange_is_foreign(x)) /* its reader will never read; its connection is wanted elsewhere */
            ps_exchange_cancel(x->x);
        for (int slot = 0; slot < SLOTS_N; slot++) {
            WaitObject *w = x->parked[slot];
            x->parked[slot] = NULL;
            if (w != NULL)
                w->is_parked = false;
            Py_XDECREF((PyObject *)w);
        }
        home_unpark(x);
    }
    if (ps_bridge_is_foreign(home->bridge))
        return; /* after a fork its lock may be held for ever: left alone */
    ps_home_drop(home, &h->batch);
    ps_home_close(home);
    ps_home_unref(home);
}

void home_end(HomeObject *h)
{
    if (h->home != NULL)
        ps_home_end(h->home);
}

void home_abandon(HomeObject *h)
{
    if (h->home != NULL)
        ps_home_abandon(h->home);
}

/* The weak reference's callback. */
static PyObject *home_loop_gone(PyObject *self, PyObject *unused)
{
    (void)unused;
    home_shut((HomeObject *)self);
    Py_RETURN_NONE;
}

/* -- finding and making -- */

static int loop_is_gone(struct core_state *state, HomeObject *h)
{
    PyObject *loop = weakref_get(h->loop_ref);
    if (loop == NULL)
        return 1;
    PyObject *closed = PyObject_CallMethodNoArgs(loop, state->str_is_closed);
    Py_DECREF(loop);
    int truth = closed == NULL ? -1 : PyObject_IsTrue(closed);
    Py_XDECREF(closed);
    return truth;
}

/* Removes the entry unless another thread has done so meanwhile, and perhaps put a new home there. */
static int forget(EngineObject *engine, PyObject *key, HomeObject *h)
{
    PyObject *now = PyDict_GetItemWithError(engine->homes, key); /* borrowed */
    if (now != (PyObject *)h)
        return PyErr_Occurred() ? -1 : 0;
    return PyDict_DelItem(engine->homes, key);
}

/* Drops homes whose loop is closed or collected. is_closed() may let other threads run. */
static int sweep(struct core_state *state, EngineObject *engine)
{
    PyObject *items = PyDict_Items(engine->homes);
    if (items == NULL)
        return -1;
    int rc = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items) && rc == 0; i++) {
        PyObject *pair = PyList_GET_ITEM(items, i); /* borrowed */
        HomeObject *h = (HomeObject *)PyTuple_GET_ITEM(pair, 1);
        int gone = h->home == NULL ? 1 : loop_is_gone(state, h);
        if (gone > 0) {
            home_shut(h);
            rc = forget(engine, PyTuple_GET_ITEM(pair, 0), h);
        } else if (gone < 0) {
            rc = -1;
        }
    }
    Py_DECREF(items);
    return rc;
}

static HomeObject *home_make(struct core_state *state, EngineObject *engine, PyObject *loop)
{
    struct ps_err err;
    HomeObject *h = (HomeObject *)state->home_type->tp_alloc(state->home_type, 0);
    if (h == NULL)
        return NULL;
    ps_list_init(&h->batch);
    ps_list_init(&h->parked);
    PyObject *gone = PyObject_GetAttrString((PyObject *)h, "loop_gone");
    h->loop_ref = gone == NULL ? NULL : PyWeakref_NewRef(loop, gone);
    Py_XDECREF(gone);
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

/* New reference. */
static HomeObject *home_add(struct core_state *state, EngineObject *engine, PyObject *loop,
                            PyObject *key)
{
    if (sweep(state, engine) < 0)
        return NULL;
    HomeObject *h = home_make(state, engine, loop);
    if (h != NULL && PyDict_SetItem(engine->homes, key, (PyObject *)h) < 0)
        Py_CLEAR(h);
    return h;
}

/* Is it open, and of this very loop (a new one may have the address of an old one)? */
static bool is_home_of(const HomeObject *h, PyObject *loop)
{
    PyObject *its = weakref_get(h->loop_ref);
    Py_XDECREF(its);
    return h->home != NULL && its == loop;
}

HomeObject *home_for_running_loop(struct core_state *state, EngineObject *engine, PyObject **loop)
{
    PyObject *running = PyObject_CallNoArgs(state->get_running_loop);
    if (running == NULL)
        return NULL;
    PyObject *key = PyLong_FromVoidPtr(running);
    HomeObject *h = NULL;
    if (key != NULL) {
        HomeObject *known = (HomeObject *)PyDict_GetItemWithError(engine->homes, key); /* borrowed */
        if (known != NULL && is_home_of(known, running))
            h = (HomeObject *)Py_NewRef((PyObject *)known);
        else if (!PyErr_Occurred())
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
    HomeObject *h = (HomeObject *)self;
    Py_VISIT(h->loop_ref);
    if (h->parked.head.next == NULL)
        return 0; /* half made */
    for (struct ps_node *n = ps_list_first(&h->parked); n; n = ps_list_next(&h->parked, n))
        Py_VISIT((PyObject *)PS_ITEM(n, ExchangeObject, parked_node));
    return 0;
}

static int home_clear(PyObject *self)
{
    home_shut((HomeObject *)self);
    Py_CLEAR(((HomeObject *)self)->loop_ref);
    return 0;
}

static void home_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    home_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef home_methods[] = {
    {"drain", home_drain, METH_NOARGS, "The loop's reader callback."},
    {"rescue", home_rescue, METH_NOARGS, "The reader callback inside of a nested loop."},
    {"resume", home_resume, METH_NOARGS, "The rest of a large batch."},
    {"loop_gone", home_loop_gone, METH_O, "The loop was collected."},
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
