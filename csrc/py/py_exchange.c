/* py/py_exchange.c -- the Exchange object: what Python sees of one request.
 * Dropping it cancels a request that still runs. Waiting and reading are in py_wait.c and py_read.c. */
#include "py/state.h"

#include "base/mem.h"

ExchangeObject *exchange_object_new(struct core_state *state, PoolObject *pool, HomeObject *home,
                                    PyObject *loop, struct ps_exchange *given)
{
    PyTypeObject *type = state->exchange_type;
    ExchangeObject *o = (ExchangeObject *)type->tp_alloc(type, 0);
    if (o == NULL)
        return NULL;
    o->x = given;
    given->user = o;
    o->pool = (PoolObject *)Py_NewRef((PyObject *)pool);
    o->home = (HomeObject *)Py_XNewRef((PyObject *)home);
    o->loop = Py_XNewRef(loop);
    o->window_bytes = pool->profile->settings.conn.codec.window_bytes;
    o->upload_bytes = pool->profile->upload_bytes;
    return o;
}

static ExchangeObject *self_of(PyObject *self)
{
    return (ExchangeObject *)self;
}

bool exchange_is_foreign(const ExchangeObject *o)
{
    return ps_bridge_is_foreign(o->x->bridge);
}

/* The news' head moves to the object the first time somebody looks. */
static struct ps_head *head_of(ExchangeObject *o)
{
    if (o->head != NULL || exchange_is_foreign(o))
        return o->head;
    pthread_mutex_lock(&o->x->home->lock);
    o->head = o->x->news.head;
    o->x->news.head = NULL;
    pthread_mutex_unlock(&o->x->home->lock);
    return o->head;
}

/* Not Py_BuildValue(), which reads its format anew for each of a request's dozen fields. */
static PyObject *field_pair(struct ps_bytes name, struct ps_bytes value)
{
    PyObject *pair = PyTuple_New(2);
    if (pair == NULL)
        return NULL;
    PyTuple_SET_ITEM(pair, 0, PyBytes_FromStringAndSize((const char *)name.p, (Py_ssize_t)name.n));
    PyTuple_SET_ITEM(pair, 1, PyBytes_FromStringAndSize(value.n == 0 ? "" : (const char *)value.p,
                                                        (Py_ssize_t)value.n));
    if (PyTuple_GET_ITEM(pair, 0) == NULL || PyTuple_GET_ITEM(pair, 1) == NULL)
        Py_CLEAR(pair);
    return pair;
}

PyObject *fields_list(const struct ps_head *head)
{
    size_t n = head == NULL ? 0 : head->fields_n;
    PyObject *list = PyList_New((Py_ssize_t)n);
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        PyObject *pair = field_pair(ps_head_name(head, i), ps_head_value(head, i));
        if (pair == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
    }
    return list;
}

/* -- calls -- */

static PyObject *exchange_wait_head(PyObject *self, PyObject *unused)
{
    (void)unused;
    return wait_new(self_of(self), WAIT_HEAD);
}

static PyObject *exchange_read_chunk(PyObject *self, PyObject *unused)
{
    (void)unused;
    return wait_new(self_of(self), WAIT_CHUNK);
}

static PyObject *exchange_read_whole(PyObject *self, PyObject *unused)
{
    (void)unused;
    return wait_new(self_of(self), WAIT_WHOLE);
}

static PyObject *exchange_wait_room(PyObject *self, PyObject *unused)
{
    (void)unused;
    return wait_new(self_of(self), WAIT_ROOM);
}

static PyObject *exchange_anext(PyObject *self)
{
    return wait_new(self_of(self), WAIT_NEXT);
}

static PyObject *exchange_wait_head_sync(PyObject *self, PyObject *unused)
{
    (void)unused;
    return exchange_block(self_of(self), WAIT_HEAD);
}

static PyObject *exchange_read_chunk_sync(PyObject *self, PyObject *unused)
{
    (void)unused;
    return exchange_block(self_of(self), WAIT_CHUNK);
}

static PyObject *exchange_read_whole_sync(PyObject *self, PyObject *unused)
{
    (void)unused;
    return exchange_block(self_of(self), WAIT_WHOLE);
}

static PyObject *exchange_wait_room_sync(PyObject *self, PyObject *unused)
{
    (void)unused;
    return exchange_block(self_of(self), WAIT_ROOM);
}

static int check_send(const ExchangeObject *o)
{
    if (!o->x->is_streamed)
        PyErr_SetString(PyExc_RuntimeError, "send() needs a request submitted with streamed=True");
    else if (o->is_sent)
        PyErr_SetString(PyExc_RuntimeError, "send() after the end of the request body");
    else
        return 0;
    return -1;
}

static PyObject *exchange_send(PyObject *self, PyObject *args)
{
    ExchangeObject *o = self_of(self);
    Py_buffer data;
    int end = 0;
    if (exchange_is_foreign(o))
        return exchange_take(o, WAIT_ROOM);
    if (!PyArg_ParseTuple(args, "y*|p:send", &data, &end))
        return NULL;
    if (check_send(o) < 0) {
        PyBuffer_Release(&data);
        return NULL;
    }
    enum ps_status st =
        ps_exchange_upload(o->x, ps_bytes_of(data.buf, (size_t)data.len), end);
    if (st == PS_OK) {
        o->sent_n += (size_t)data.len;
        o->is_sent = end;
    }
    PyBuffer_Release(&data);
    if (st == PS_OK)
        Py_RETURN_NONE;
    if (st != PS_LIMIT)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "a piece of a request body is limited to 1 GiB");
    return NULL;
}

static PyObject *exchange_cancel(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (!exchange_is_foreign(self_of(self)))
        ps_exchange_cancel(self_of(self)->x);
    Py_RETURN_NONE;
}

/* -- facts -- */

static PyObject *get_status(PyObject *self, void *closure)
{
    struct ps_head *head = head_of(self_of(self));
    (void)closure;
    return PyLong_FromLong(head == NULL ? 0 : head->status);
}

static PyObject *get_http_version(PyObject *self, void *closure)
{
    struct ps_head *head = head_of(self_of(self));
    (void)closure;
    if (head == NULL)
        return PyBytes_FromString("");
    const struct core_state *state = core_state_of(Py_TYPE(self));
    if (head->http_major >= 2)
        return Py_NewRef(state->bytes_http2);
    if (head->http_minor == 1)
        return Py_NewRef(state->bytes_http11);
    return PyBytes_FromFormat("HTTP/%d.%d", head->http_major, head->http_minor);
}

static PyObject *get_reason(PyObject *self, void *closure)
{
    struct ps_head *head = head_of(self_of(self));
    (void)closure;
    if (head == NULL)
        return PyBytes_FromString("");
    struct ps_bytes reason = ps_head_reason(head);
    return PyBytes_FromStringAndSize((const char *)reason.p, (Py_ssize_t)reason.n);
}

static PyObject *get_headers(PyObject *self, void *closure)
{
    ExchangeObject *o = self_of(self);
    (void)closure;
    struct ps_head *head = head_of(o);
    if (head == NULL)
        return PyList_New(0);
    if (o->head_fields == NULL)
        o->head_fields = fields_list(head);
    return Py_XNewRef(o->head_fields);
}

static PyObject *get_trailers(PyObject *self, void *closure)
{
    struct ps_exchange *x = self_of(self)->x;
    (void)closure;
    if (exchange_is_foreign(self_of(self)))
        return fields_list(NULL);
    pthread_mutex_lock(&x->home->lock);
    struct ps_head *trailers = x->news.trailers;
    bool is_final = x->news.is_done; /* from then on io does not touch them */
    pthread_mutex_unlock(&x->home->lock);
    return fields_list(is_final ? trailers : NULL);
}

static PyObject *get_informational(PyObject *self, void *closure)
{
    struct ps_exchange *x = self_of(self)->x;
    (void)closure;
    if (exchange_is_foreign(self_of(self)))
        return fields_list(NULL);
    pthread_mutex_lock(&x->home->lock);
    size_t n = x->news.infos_n; /* entries below n do not change any more */
    pthread_mutex_unlock(&x->home->lock);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *fields = fields_list(x->news.infos[i]);
        PyObject *pair =
            fields == NULL ? NULL : Py_BuildValue("(iN)", x->news.infos[i]->status, fields);
        if (pair == NULL || PyList_Append(list, pair) < 0)
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

static const char *state_name(const ExchangeObject *o)
{
    struct ps_exchange *x = o->x;
    if (exchange_is_foreign(o))
        return "failed";
    pthread_mutex_lock(&x->home->lock);
    const char *name = !x->news.is_done                  ? (x->news.head_seen ? "open" : "sent")
                       : x->news.err.status == PS_OK ? "done"
                                                     : "failed";
    pthread_mutex_unlock(&x->home->lock);
    return name;
}

static PyObject *get_state(PyObject *self, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(state_name(self_of(self)));
}

static PyObject *get_timings(PyObject *self, void *closure)
{
    struct ps_exchange *x = self_of(self)->x;
    (void)closure;
    if (exchange_is_foreign(self_of(self))) {
        const struct ps_timings none = {.dns_us = UINT64_MAX, .connect_us = UINT64_MAX,
                                        .tls_us = UINT64_MAX};
        return timings_dict(&none, PS_PHASE_NONE);
    }
    pthread_mutex_lock(&x->home->lock);
    struct ps_timings timings = x->news.timings;
    enum ps_phase phase = x->news.err.status != PS_OK ? x->news.err.phase
                          : x->news.head_seen         ? PS_PHASE_BODY
                                                      : PS_PHASE_NONE;
    pthread_mutex_unlock(&x->home->lock);
    return timings_dict(&timings, phase);
}

/* Of HTTP/2, 0 otherwise. */
static PyObject *get_stream_id(PyObject *self, void *closure)
{
    struct ps_exchange *x = self_of(self)->x;
    (void)closure;
    if (exchange_is_foreign(self_of(self)))
        return PyLong_FromLong(0);
    pthread_mutex_lock(&x->home->lock);
    uint32_t id = x->news.timings.stream_id;
    pthread_mutex_unlock(&x->home->lock);
    return PyLong_FromUnsignedLong(id);
}

PyObject *exchange_method(const ExchangeObject *o)
{
    return PyUnicode_FromString(o->x->spec.request->method);
}

PyObject *exchange_origin(const ExchangeObject *o)
{
    const struct ps_exchange *x = o->x;
    bool is_v6 = strchr(x->host, ':') != NULL;
    return PyUnicode_FromFormat("%s://%s%s%s:%u", x->spec.request->is_https ? "https" : "http",
                                is_v6 ? "[" : "", x->host, is_v6 ? "]" : "",
                                (unsigned)x->spec.port);
}

static PyObject *exchange_repr(PyObject *self)
{
    ExchangeObject *o = self_of(self);
    PyObject *origin = exchange_origin(o);
    PyObject *text = origin == NULL ? NULL
                                    : PyUnicode_FromFormat("<penstock exchange %s %U, %s>",
                                                           o->x->spec.request->method, origin,
                                                           state_name(o));
    Py_XDECREF(origin);
    return text;
}

/* -- life -- */

static int exchange_traverse(PyObject *self, visitproc visit, void *arg)
{
    ExchangeObject *o = self_of(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(o->pool);
    Py_VISIT(o->home);
    Py_VISIT(o->loop);
    Py_VISIT(o->head_fields);
    for (int slot = 0; slot < SLOTS_N; slot++)
        Py_VISIT((PyObject *)o->parked[slot]);
    return 0;
}

static int exchange_clear(PyObject *self)
{
    ExchangeObject *o = self_of(self);
    Py_CLEAR(o->head_fields);
    Py_CLEAR(o->loop);
    return 0;
}

static void exchange_dealloc(PyObject *self)
{
    ExchangeObject *o = self_of(self);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (o->x != NULL) {
        o->x->user = NULL;
        if (!ps_bridge_is_foreign(o->x->bridge)) {
            ps_exchange_forget(o->x);
            ps_exchange_unref(o->x);
        }
        o->x = NULL;
    }
    ps_head_free(o->head);
    exchange_clear(self);
    Py_CLEAR(o->home);
    Py_CLEAR(o->pool);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef exchange_methods[] = {
    {"wait_head", exchange_wait_head, METH_NOARGS, NULL},
    {"read_chunk", exchange_read_chunk, METH_NOARGS, NULL},
    {"read_whole", exchange_read_whole, METH_NOARGS, NULL},
    {"wait_room", exchange_wait_room, METH_NOARGS, NULL},
    {"wait_head_sync", exchange_wait_head_sync, METH_NOARGS, NULL},
    {"read_chunk_sync", exchange_read_chunk_sync, METH_NOARGS, NULL},
    {"read_whole_sync", exchange_read_whole_sync, METH_NOARGS, NULL},
    {"wait_room_sync", exchange_wait_room_sync, METH_NOARGS, NULL},
    {"send", exchange_send, METH_VARARGS, NULL},
    {"cancel", exchange_cancel, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef exchange_getset[] = {
    {"status", get_status, NULL, NULL, NULL},
    {"http_version", get_http_version, NULL, NULL, NULL},
    {"stream_id", get_stream_id, NULL, NULL, NULL},
    {"reason", get_reason, NULL, NULL, NULL},
    {"headers", get_headers, NULL, NULL, NULL},
    {"trailers", get_trailers, NULL, NULL, NULL},
    {"informational", get_informational, NULL, NULL, NULL},
    {"state", get_state, NULL, NULL, NULL},
    {"timings", get_timings, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot exchange_slots[] = {
    {Py_tp_dealloc, exchange_dealloc},
    {Py_tp_traverse, exchange_traverse},
    {Py_tp_clear, exchange_clear},
    {Py_tp_repr, exchange_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, exchange_anext},
    {Py_tp_methods, exchange_methods},
    {Py_tp_getset, exchange_getset},
    {0, NULL},
};

PyType_Spec exchange_spec = {
    .name = "penstock._core.Exchange",
    .basicsize = sizeof(ExchangeObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = exchange_slots,
};
