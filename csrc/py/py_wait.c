/* py/py_wait.c -- what Exchange.wait_head() and its like return: an awaitable that is ready at once when the
 * news is there, and otherwise behaves towards asyncio.Task as a future does (the protocol of
 * _asyncio_future_blocking, get_loop, add_done_callback, cancel, result).
 *
 * When news comes, the home's drain calls the task's wake-up directly, in the task's context: no call_soon,
 * no Handle, no second trip through the loop. Thread: the home's loop. */
#include "py/state.h"

static struct core_state *state_of(WaitObject *w)
{
    return core_state_of(Py_TYPE(w));
}

PyObject *wait_new(ExchangeObject *x, enum wait_kind kind)
{
    struct core_state *state = core_state_of(Py_TYPE(x));
    if (x->home == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this request was submitted with blocking=True: use the *_sync calls");
        return NULL;
    }
    WaitObject *w = PyObject_GC_New(WaitObject, state->wait_type);
    if (w == NULL)
        return NULL;
    w->exchange = (ExchangeObject *)Py_NewRef((PyObject *)x);
    w->kind = kind;
    w->is_yielded = w->is_blocking = w->is_parked = w->is_cancelled = false;
    w->callback = w->context = w->cancel_message = NULL;
    PyObject_GC_Track((PyObject *)w);
    return (PyObject *)w;
}

static int slot_of(const WaitObject *w)
{
    return w->kind == WAIT_ROOM ? SLOT_ROOM : SLOT_READ;
}

static void unpark(WaitObject *w)
{
    ExchangeObject *x = w->exchange;
    if (!w->is_parked)
        return;
    w->is_parked = false;
    x->parked[slot_of(w)] = NULL;
    if (x->parked[SLOT_READ] == NULL && x->parked[SLOT_ROOM] == NULL)
        home_unpark(x);
    Py_DECREF((PyObject *)w); /* the slot's */
}

/* May it park? Asked where an exception reaches the coroutine. */
static int check_free(const WaitObject *w)
{
    const ExchangeObject *x = w->exchange;
    const WaitObject *other = x->parked[slot_of(w)];
    if (other != NULL && other != w) {
        PyErr_SetString(PyExc_RuntimeError, "another task already waits for this response");
        return -1;
    }
    if (x->home->home == NULL || x->loop == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the event loop of this request is closed");
        return -1;
    }
    return 0;
}

static void park(WaitObject *w)
{
    ExchangeObject *x = w->exchange;
    x->parked[slot_of(w)] = (WaitObject *)Py_NewRef((PyObject *)w);
    w->is_parked = true;
    home_park(x);
}

/* One step of `await`. */
static PySendResult wait_send(PyObject *self, PyObject *arg, PyObject **result)
{
    WaitObject *w = (WaitObject *)self;
    (void)arg;
    *result = NULL;
    w->is_cancelled = false; /* awaited anew */
    if (exchange_has(w->exchange, w->kind)) {
        *result = exchange_take(w->exchange, w->kind);
        return *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
    }
    if (check_free(w) < 0)
        return PYGEN_ERROR;
    w->is_yielded = w->is_blocking = true;
    *result = Py_NewRef(self);
    return PYGEN_NEXT;
}

static PyObject *wait_next(PyObject *self)
{
    PyObject *result;
    switch (wait_send(self, Py_None, &result)) {
    case PYGEN_NEXT:
        return result;
    case PYGEN_RETURN:
        PyErr_SetObject(PyExc_StopIteration, result);
        Py_DECREF(result);
        return NULL;
    case PYGEN_ERROR:
        break;
    }
    return NULL;
}

/* What a future does: the callback runs in a later turn of the loop. New reference to a handle. */
static PyObject *call_soon(WaitObject *w, PyObject *callback, PyObject *context)
{
    struct core_state *state = state_of(w);
    PyObject *argv[] = {w->exchange->loop, callback, (PyObject *)w, context};
    if (w->exchange->loop == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the event loop of this request is closed");
        return NULL;
    }
    PyObject *kwnames = PyTuple_Pack(1, state->str_context);
    if (kwnames == NULL)
        return NULL;
    PyObject *handle = PyObject_VectorcallMethod(state->str_call_soon, argv, 3, kwnames);
    Py_DECREF(kwnames);
    return handle;
}

/* Runs the task's wake-up in the task's context. That is entered already when the loop runs inside of a
 * task that shares it (a nested loop); then the wake-up comes a turn later. */
static PyObject *call_in_context(WaitObject *w, PyObject *callback, PyObject *context)
{
    if (PyContext_Enter(context) < 0) {
        PyErr_Clear();
        return call_soon(w, callback, context);
    }
    PyObject *result = PyObject_CallOneArg(callback, (PyObject *)w);
    PyObject *held = error_take();
    if (PyContext_Exit(context) < 0 && held == NULL)
        Py_CLEAR(result);
    error_put(held);
    return result;
}

int wait_wake(WaitObject *w)
{
    PyObject *callback = w->callback;
    PyObject *context = w->context;
    w->callback = w->context = NULL;
    Py_INCREF((PyObject *)w);
    unpark(w);
    PyObject *result = NULL;
    if (callback != NULL)
        result = call_in_context(w, callback, context);
    int rc = 0;
    if (callback != NULL && result == NULL) {
        if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) ||
            PyErr_ExceptionMatches(PyExc_SystemExit))
            rc = -1;
        else
            PyErr_WriteUnraisable(callback);
    }
    Py_XDECREF(result);
    Py_XDECREF(callback);
    Py_XDECREF(context);
    Py_DECREF((PyObject *)w);
    return rc;
}

/* -- the future's face, as asyncio.Task uses it -- */

static PyObject *wait_get_blocking(PyObject *self, void *closure)
{
    WaitObject *w = (WaitObject *)self;
    (void)closure;
    if (!w->is_yielded)
        Py_RETURN_NONE; /* not a future (yet) */
    return PyBool_FromLong(w->is_blocking);
}

static int wait_set_blocking(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth < 0)
        return -1;
    ((WaitObject *)self)->is_blocking = truth;
    return 0;
}

static PyObject *wait_get_loop(PyObject *self, PyObject *unused)
{
    PyObject *loop = ((WaitObject *)self)->exchange->loop;
    (void)unused;
    return Py_NewRef(loop == NULL ? Py_None : loop);
}

static PyObject *wait_add_done_callback(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "context", NULL};
    WaitObject *w = (WaitObject *)self;
    PyObject *callback, *context = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$O:add_done_callback", names, &callback,
                                     &context))
        return NULL;
    if (w->callback != NULL || check_free(w) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "this awaitable already has a waiter");
        return NULL;
    }
    PyObject *at = context == NULL ? PyContext_CopyCurrent() : Py_NewRef(context);
    if (at == NULL)
        return NULL;
    if (exchange_has(w->exchange, w->kind)) { /* it came since we were yielded */
        PyObject *handle = call_soon(w, callback, at);
        Py_DECREF(at);
        Py_XDECREF(handle);
        return handle == NULL ? NULL : Py_NewRef(Py_None);
    }
    w->callback = Py_NewRef(callback);
    w->context = at;
    if (!w->is_parked)
        park(w);
    Py_RETURN_NONE;
}

static PyObject *wait_remove_done_callback(PyObject *self, PyObject *callback)
{
    WaitObject *w = (WaitObject *)self;
    int same = w->callback == NULL ? 0 : PyObject_RichCompareBool(w->callback, callback, Py_EQ);
    if (same < 0)
        return NULL;
    if (same) {
        Py_CLEAR(w->callback);
        Py_CLEAR(w->context);
    }
    return PyLong_FromLong(same);
}

/* The awaiting task was cancelled: it is told in a later turn of the loop, as with any future. */
static PyObject *wait_cancel(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"msg", NULL};
    WaitObject *w = (WaitObject *)self;
    PyObject *message = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:cancel", names, &message))
        return NULL;
    if (!w->is_parked || w->is_cancelled)
        Py_RETURN_FALSE;
    w->is_cancelled = true;
    Py_XSETREF(w->cancel_message, Py_XNewRef(message));
    PyObject *callback = w->callback;
    PyObject *context = w->context;
    w->callback = w->context = NULL;
    Py_INCREF(self);
    unpark(w);
    PyObject *handle = callback == NULL ? Py_NewRef(Py_None) : call_soon(w, callback, context);
    Py_XDECREF(callback);
    Py_XDECREF(context);
    Py_DECREF(self);
    if (handle == NULL)
        return NULL;
    Py_DECREF(handle);
    Py_RETURN_TRUE;
}

static PyObject *raise_cancelled(WaitObject *w)
{
    PyObject *message = w->cancel_message;
    if (message == NULL || message == Py_None)
        PyErr_SetNone(state_of(w)->cancelled_error);
    else
        PyErr_SetObject(state_of(w)->cancelled_error, message);
    return NULL;
}

/* The value itself is taken by the next step of the await, so this only says "go on". */
static PyObject *wait_result(PyObject *self, PyObject *unused)
{
    WaitObject *w = (WaitObject *)self;
    (void)unused;
    if (w->is_cancelled)
        return raise_cancelled(w);
    if (w->is_parked) {
        PyErr_SetString(state_of(w)->invalid_state, "Result is not set.");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *wait_done(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(!((WaitObject *)self)->is_parked);
}

static PyObject *wait_cancelled(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((WaitObject *)self)->is_cancelled);
}

static PyObject *wait_repr(PyObject *self)
{
    static const char *const kinds[] = {"head", "chunk", "next chunk", "whole body", "upload room"};
    WaitObject *w = (WaitObject *)self;
    return PyUnicode_FromFormat("<penstock wait for %s, %s>", kinds[w->kind],
                                w->is_cancelled ? "cancelled"
                                : w->is_parked  ? "pending"
                                                : "ready");
}

static int wait_traverse(PyObject *self, visitproc visit, void *arg)
{
    WaitObject *w = (WaitObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(w->exchange);
    Py_VISIT(w->callback);
    Py_VISIT(w->context);
    Py_VISIT(w->cancel_message);
    return 0;
}

static int wait_clear(PyObject *self)
{
    WaitObject *w = (WaitObject *)self;
    Py_CLEAR(w->callback);
    Py_CLEAR(w->context);
    Py_CLEAR(w->cancel_message);
    return 0;
}

static void wait_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    wait_clear(self);
    Py_CLEAR(((WaitObject *)self)->exchange);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef wait_methods[] = {
    {"get_loop", wait_get_loop, METH_NOARGS, NULL},
    {"add_done_callback", (PyCFunction)(void (*)(void))wait_add_done_callback,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"remove_done_callback", wait_remove_done_callback, METH_O, NULL},
    {"cancel", (PyCFunction)(void (*)(void))wait_cancel, METH_VARARGS | METH_KEYWORDS, NULL},
    {"cancelled", wait_cancelled, METH_NOARGS, NULL},
    {"done", wait_done, METH_NOARGS, NULL},
    {"result", wait_result, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef wait_getset[] = {
    {"_asyncio_future_blocking", wait_get_blocking, wait_set_blocking, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot wait_slots[] = {
    {Py_tp_dealloc, wait_dealloc},   {Py_tp_traverse, wait_traverse}, {Py_tp_clear, wait_clear},
    {Py_tp_repr, wait_repr},         {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, wait_next},
    {Py_am_await, PyObject_SelfIter}, {Py_am_send, wait_send},        {Py_tp_methods, wait_methods},
    {Py_tp_getset, wait_getset},     {0, NULL},
};

PyType_Spec wait_spec = {
    .name = "penstock._core.Wait",
    .basicsize = sizeof(WaitObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = wait_slots,
};
