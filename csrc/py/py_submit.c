/* py/py_submit.c -- Pool.submit(): from Python's arguments to a started exchange.
 * The door: everything is checked here, before anything is sent (rule 64). */
#include "py/state.h"

#include <math.h>

#include "base/mem.h"

/* What submit() was called with. */
struct ask {
    PyObject *method, *url, *headers, *content, *clocks; /* borrowed */
    PyObject *target, *sni;                              /* borrowed; NULL or None = not given */
    int streamed, whole, blocking;
    Py_ssize_t body_limit_bytes;
};

static int set_flag(int *flag, PyObject *value)
{
    *flag = PyObject_IsTrue(value);
    return *flag < 0 ? -1 : 0;
}

static int set_keyword(struct ask *a, PyObject *name, PyObject *value)
{
    if (PyUnicode_CompareWithASCIIString(name, "whole") == 0)
        return set_flag(&a->whole, value);
    if (PyUnicode_CompareWithASCIIString(name, "streamed") == 0)
        return set_flag(&a->streamed, value);
    if (PyUnicode_CompareWithASCIIString(name, "blocking") == 0)
        return set_flag(&a->blocking, value);
    if (PyUnicode_CompareWithASCIIString(name, "body_limit_bytes") == 0) {
        a->body_limit_bytes = PyLong_AsSsize_t(value);
        if (a->body_limit_bytes < 0 && !PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "body_limit_bytes must not be negative");
        return a->body_limit_bytes < 0 ? -1 : 0;
    }
    if (PyUnicode_CompareWithASCIIString(name, "target") == 0)
        a->target = value == Py_None ? NULL : value;
    else if (PyUnicode_CompareWithASCIIString(name, "sni") == 0)
        a->sni = value == Py_None ? NULL : value;
    else {
        PyErr_Format(PyExc_TypeError, "submit() got an unexpected keyword argument %R", name);
        return -1;
    }
    return 0;
}

static int parse_ask(struct ask *a, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs != 5) {
        PyErr_Format(PyExc_TypeError, "submit() takes 5 positional arguments (%zd given)", nargs);
        return -1;
    }
    *a = (struct ask){.method = args[0], .url = args[1], .headers = args[2], .content = args[3],
                      .clocks = args[4]};
    Py_ssize_t n = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (set_keyword(a, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0)
            return -1;
    }
    if (a->content != Py_None && a->streamed) {
        PyErr_SetString(PyExc_TypeError, "content must be None with streamed=True");
        return -1;
    }
    return 0;
}

/* Bytes of a str (ASCII only: anything else needs an encoding the caller must choose) or bytes object. */
static int view_text(PyObject *text, const char *what, struct ps_bytes *out)
{
    if (PyBytes_Check(text)) {
        *out = ps_bytes_of(PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text));
        return 0;
    }
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be str or bytes, not %.100s", what,
                     Py_TYPE(text)->tp_name);
        return -1;
    }
    Py_ssize_t n;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &n);
    if (utf8 == NULL)
        return -1;
    if (!PyUnicode_IS_ASCII(text)) {
        PyErr_Format(PyExc_ValueError, "%s has non-ASCII text: encode it and pass bytes", what);
        return -1;
    }
    *out = ps_bytes_of(utf8, (size_t)n);
    return 0;
}

/* -- clocks -- */

static int parse_clock(PyObject *value, uint64_t *out_ms)
{
    if (value == Py_None) {
        *out_ms = 0;
        return 0;
    }
    double s = PyFloat_AsDouble(value);
    if (s == -1.0 && PyErr_Occurred())
        return -1;
    if (!(s >= 0.0) || s > 1e9) {
        PyErr_SetString(PyExc_ValueError, "a timeout must be between 0 and 1e9 seconds, or None");
        return -1;
    }
    uint64_t ms = (uint64_t)ceil(s * 1000.0);
    *out_ms = ms == 0 ? 1 : ms; /* 0 would mean no limit */
    return 0;
}

static int parse_clocks(PyObject *clocks, uint64_t *out_ms)
{
    static const enum ps_clock_kind order[] = {PS_CLOCK_CONNECT,    PS_CLOCK_WRITE,
                                               PS_CLOCK_POOL,       PS_CLOCK_FIRST_BYTE,
                                               PS_CLOCK_IDLE,       PS_CLOCK_TOTAL};
    if (!PyTuple_Check(clocks) || PyTuple_GET_SIZE(clocks) != 6) {
        PyErr_SetString(PyExc_TypeError, "clocks must be a tuple of 6 numbers or None");
        return -1;
    }
    for (Py_ssize_t i = 0; i < 6; i++) {
        if (parse_clock(PyTuple_GET_ITEM(clocks, i), &out_ms[order[i]]) < 0)
            return -1;
    }
    return 0;
}

/* -- request -- */

static int raise_refused(struct core_state *state, const struct ps_err *err)
{
    raise_error(state, err, NULL, NULL, false, false);
    return -1;
}

static int add_field(struct core_state *state, struct ps_request *r, PyObject *pair)
{
    struct ps_bytes name, value;
    struct ps_err err;
    if (PyUnicode_Check(pair) || PyBytes_Check(pair)) { /* "te" is a sequence of two, too */
        PyErr_SetString(PyExc_TypeError, "headers must be pairs of name and value");
        return -1;
    }
    PyObject *fast = PySequence_Fast(pair, "headers must be pairs of name and value");
    if (fast == NULL)
        return -1;
    int rc = -1;
    if (PySequence_Fast_GET_SIZE(fast) != 2)
        PyErr_SetString(PyExc_TypeError, "headers must be pairs of name and value");
    else if (view_text(PySequence_Fast_GET_ITEM(fast, 0), "a header name", &name) == 0 &&
             view_text(PySequence_Fast_GET_ITEM(fast, 1), "a header value", &value) == 0)
        rc = ps_request_add(r, name, value, &err) == PS_OK ? 0 : raise_refused(state, &err);
    Py_DECREF(fast);
    return rc;
}

static int add_fields(struct core_state *state, struct ps_request *r, PyObject *headers)
{
    PyObject *fast = PySequence_Fast(headers, "headers must be a sequence of pairs");
    if (fast == NULL)
        return -1;
    int rc = 0;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast) && rc == 0; i++)
        rc = add_field(state, r, PySequence_Fast_GET_ITEM(fast, i));
    Py_DECREF(fast);
    return rc;
}

/* Other threads may run meanwhile when it takes long; the buffer is ours until it is released. */
static void copy_out(uint8_t *to, const Py_buffer *body)
{
    enum { LARGE_BYTES = 1 << 20 };
    if (body->len < LARGE_BYTES) {
        memcpy(to, body->buf, (size_t)body->len);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    memcpy(to, body->buf, (size_t)body->len);
    Py_END_ALLOW_THREADS
}

/* Copies the body, so that the caller's object may change or go as soon as submit() is back. */
static int set_body(struct ps_exchange *x, const struct ask *a)
{
    Py_buffer body;
    if (a->content == Py_None)
        return 0;
    if (PyObject_GetBuffer(a->content, &body, PyBUF_SIMPLE) < 0)
        return -1;
    x->spec.body = ps_chunk_new((size_t)body.len);
    if (x->spec.body != NULL && body.len > 0)
        copy_out(x->spec.body->data, &body);
    PyBuffer_Release(&body);
    if (x->spec.body == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int seal(struct core_state *state, struct ps_exchange *x)
{
    struct ps_err err;
    enum ps_body_kind kind = x->is_streamed          ? PS_BODY_STREAM
                             : x->spec.body != NULL ? PS_BODY_FIXED
                                                    : PS_BODY_NONE;
    uint64_t n = x->spec.body == NULL ? 0 : x->spec.body->n;
    if (ps_request_seal(x->spec.request, kind, n, &err) != PS_OK)
        return raise_refused(state, &err);
    return 0;
}

static char *lower_copy(struct ps_bytes text)
{
    char *copy = ps_strndup((const char *)text.p, text.n);
    for (char *at = copy; at != NULL && *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at + 32);
    }
    if (copy == NULL)
        PyErr_NoMemory();
    return copy;
}

static int set_sni(struct ps_exchange *x, const struct ask *a)
{
    struct ps_bytes sni;
    if (a->sni == NULL)
        return 0;
    if (view_text(a->sni, "the TLS server name", &sni) < 0)
        return -1;
    if (sni.n == 0 || sni.n > PS_HOST_MAX_BYTES || memchr(sni.p, 0, sni.n) != NULL) {
        PyErr_SetString(PyExc_ValueError, "the TLS server name is empty, too long or has a NUL");
        return -1;
    }
    x->sni = lower_copy(sni);
    return x->sni == NULL ? -1 : 0;
}

static int set_request(struct core_state *state, struct ps_exchange *x, const struct ask *a)
{
    struct ps_bytes method, url_text, target;
    struct ps_url url;
    struct ps_err err;
    if (view_text(a->method, "the method", &method) < 0 || view_text(a->url, "the URL", &url_text) < 0)
        return -1;
    if (ps_url_split(&url, url_text, &err) != PS_OK ||
        ps_request_new(&x->spec.request, method, &url, &err) != PS_OK)
        return raise_refused(state, &err);
    x->spec.port = url.port;
    x->host = lower_copy(url.host);
    if (x->host == NULL || set_sni(x, a) < 0)
        return -1;
    if (a->target != NULL) {
        if (view_text(a->target, "the target", &target) < 0)
            return -1;
        if (ps_request_set_target(x->spec.request, target, &err) != PS_OK)
            return raise_refused(state, &err);
    }
    if (add_fields(state, x->spec.request, a->headers) < 0)
        return -1;
    if (check_proxy_fields(x->spec.request, x->spec.profile->proxy, &err) != PS_OK)
        return raise_refused(state, &err);
    x->is_streamed = a->streamed;
    x->is_whole = a->whole;
    x->body_limit_bytes = (size_t)a->body_limit_bytes;
    if (set_body(x, a) < 0 || seal(state, x) < 0)
        return -1;
    return parse_clocks(a->clocks, x->spec.clocks_ms);
}

/* The exchange for a home of its own kind; NULL with an exception. */
static struct ps_exchange *make_exchange(struct core_state *state, PoolObject *pool,
                                         HomeObject *home)
{
    struct ps_bridge *bridge = pool->engine->bridge;
    struct ps_home *at = home == NULL ? NULL : home->home;
    struct ps_err err;
    if (at == NULL && ps_home_new(&at, bridge, PS_HOME_THREAD, &err) != PS_OK) {
        raise_refused(state, &err);
        return NULL;
    }
    struct ps_exchange *x = ps_exchange_new(bridge, at);
    if (home == NULL)
        ps_home_unref(at); /* the exchange has its own */
    if (x == NULL)
        PyErr_NoMemory();
    else
        x->spec.profile = pool->profile;
    return x;
}

static int start(struct core_state *state, ExchangeObject *o)
{
    struct ps_err err;
    if (ps_exchange_start(o->x, &err) == PS_OK)
        return 0;
    /* Nothing was sent and nothing will come. */
    pthread_mutex_lock(&o->x->home->lock);
    o->x->news.is_done = true;
    pthread_mutex_unlock(&o->x->home->lock);
    raise_error(state, &err, o, NULL, false, false);
    return -1;
}

PyObject *pool_submit(PyObject *self, PyTypeObject *cls, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames)
{
    PoolObject *pool = (PoolObject *)self;
    struct core_state *state = core_state_of(cls);
    struct ask a;
    HomeObject *home = NULL;
    PyObject *loop = NULL;
    struct ps_err err;
    if (parse_ask(&a, args, nargs, kwnames) < 0)
        return NULL;
    if (ps_bridge_is_foreign(pool->engine->bridge)) {
        ps_err_set(&err, PS_FORKED, PS_PHASE_NONE, "this pool was made before a fork");
        return raise_error(state, &err, NULL, NULL, false, false);
    }
    if (pool->engine->is_stopped) { /* before a home is made that nobody would end */
        ps_err_set(&err, PS_CLOSED, PS_PHASE_NONE, "the engine was stopped");
        return raise_error(state, &err, NULL, NULL, false, false);
    }
    if (!a.blocking) {
        home = home_for_running_loop(state, pool->engine, &loop);
        if (home == NULL)
            return NULL;
    }
    ExchangeObject *o = NULL;
    struct ps_exchange *x = make_exchange(state, pool, home);
    if (x != NULL && set_request(state, x, &a) == 0)
        o = exchange_object_new(state, pool, home, loop, x);
    if (x != NULL && o == NULL)
        ps_exchange_unref(x);
    Py_XDECREF(loop);
    Py_XDECREF((PyObject *)home);
    if (o != NULL && start(state, o) < 0)
        Py_CLEAR(o);
    return (PyObject *)o;
}
