/* py/py_read.c -- what a consumer waits for, and taking it: head, chunk, whole body, upload room.
 * Reads the news under the home's lock, makes Python objects outside it. Credit for what was read goes
 * back in lumps of a quarter window, so a stream of small chunks costs no message per chunk (rule 28). */
#include "py/state.h"

enum {
    COPY_BELOW_BYTES = 16384,
    KEEP_BYTES = 131072,   /* the largest buffer that a response keeps between two pieces */
    LARGE_BYTES = 1 << 20, /* copying this takes long enough to let other threads run */
};

/* -- is it there? with the home's lock held -- */

static bool has_head(const struct ps_exchange *x)
{
    return x->news.head_seen || x->news.is_done;
}

static bool has_chunk(const struct ps_exchange *x)
{
    return ps_buf_n(&x->news.body) > 0 || x->news.is_done;
}

static bool has_whole(const struct ps_exchange *x)
{
    return x->news.is_done;
}

static bool has_room(const struct ps_exchange *x)
{
    const ExchangeObject *o = x->user;
    return x->news.upload_closed || o->sent_n - x->news.upload_taken_n < o->upload_bytes;
}

typedef bool (*is_there_fn)(const struct ps_exchange *x);

static is_there_fn condition(enum wait_kind kind)
{
    switch (kind) {
    case WAIT_HEAD:
        return has_head;
    case WAIT_CHUNK:
    case WAIT_NEXT:
        return has_chunk;
    case WAIT_WHOLE:
        return has_whole;
    case WAIT_ROOM:
        break;
    }
    return has_room;
}

bool exchange_has(const ExchangeObject *x, enum wait_kind kind)
{
    if (exchange_is_foreign(x))
        return true; /* an error, see exchange_take() */
    pthread_mutex_lock(&x->x->home->lock);
    bool there = condition(kind)(x->x);
    pthread_mutex_unlock(&x->x->home->lock);
    return there;
}

/* -- taking it -- */

/* The exchange has failed: its error, raised. */
static PyObject *raise_failure(const ExchangeObject *o)
{
    struct ps_exchange *x = o->x;
    pthread_mutex_lock(&x->home->lock);
    struct ps_err err = x->news.err;
    struct ps_timings timings = x->news.timings;
    bool maybe_processed = x->news.maybe_processed;
    bool head_seen = x->news.head_seen;
    pthread_mutex_unlock(&x->home->lock);
    return raise_error(core_state_of(Py_TYPE(o)), &err, o, &timings, maybe_processed, head_seen);
}

static PyObject *take_head(ExchangeObject *o)
{
    struct ps_exchange *x = o->x;
    pthread_mutex_lock(&x->home->lock);
    if (x->news.head != NULL && o->head == NULL) {
        o->head = x->news.head;
        x->news.head = NULL;
    }
    pthread_mutex_unlock(&x->home->lock);
    if (o->head == NULL)
        return raise_failure(o);
    Py_RETURN_NONE;
}

/* No memory for bytes that came: an error now and ever after, never a gap in the body. */
static PyObject *lose(ExchangeObject *o)
{
    o->is_lost = true;
    ps_exchange_cancel(o->x);
    return PyErr_NoMemory();
}

static PyObject *bytes_of(const struct ps_buf *from)
{
    struct ps_bytes view = ps_buf_view(from);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)view.n);
    if (bytes == NULL)
        return NULL;
    char *to = PyBytes_AS_STRING(bytes); /* nobody else knows this object */
    if (view.n < LARGE_BYTES) {
        memcpy(to, view.p, view.n);
    } else {
        Py_BEGIN_ALLOW_THREADS
        memcpy(to, view.p, view.n);
        Py_END_ALLOW_THREADS
    }
    return bytes;
}

/* A buffer that moved out and was copied goes back, so that a burst does not grow a new one from nothing each
 * time; after the last piece to the home, for another response. What a rare large piece needed is freed. */
static void give_buffer_back(struct ps_exchange *x, struct ps_buf *moved)
{
    pthread_mutex_lock(&x->home->lock);
    if (x->news.body.data == NULL && !x->news.is_done && moved->cap <= KEEP_BYTES) {
        ps_buf_clear(moved);
        x->news.body = *moved;
        *moved = (struct ps_buf){0};
    } else {
        ps_spares_put(&x->home->spares, moved);
    }
    pthread_mutex_unlock(&x->home->lock);
    ps_buf_fini(moved);
}

/* All of the body that is there, as bytes; NULL without an exception when there is none. Small pieces are
 * copied under the lock and the buffer's memory stays in use; large ones move out first. */
static PyObject *take_body(ExchangeObject *o)
{
    struct ps_exchange *x = o->x;
    struct ps_buf moved;
    if (o->is_lost)
        return lose(o);
    pthread_mutex_lock(&x->home->lock);
    size_t n = ps_buf_n(&x->news.body);
    bool moves = n >= COPY_BELOW_BYTES;
    if (moves) {
        moved = x->news.body;
        x->news.body = (struct ps_buf){.limit_bytes = moved.limit_bytes};
    }
    pthread_mutex_unlock(&x->home->lock);
    if (n == 0)
        return NULL;
    PyObject *bytes = moves ? bytes_of(&moved) : PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n);
    if (moves)
        give_buffer_back(x, &moved);
    if (bytes == NULL)
        return lose(o);
    if (moves)
        return bytes;
    pthread_mutex_lock(&x->home->lock);
    memcpy(PyBytes_AS_STRING(bytes), ps_buf_view(&x->news.body).p, n);
    ps_buf_consume(&x->news.body, n);
    pthread_mutex_unlock(&x->home->lock);
    return bytes;
}

static void give_credit(ExchangeObject *o, size_t n)
{
    o->owed_n += n;
    if (o->owed_n < o->window_bytes / 4)
        return;
    ps_exchange_credit(o->x, o->owed_n);
    o->owed_n = 0;
}

static bool has_failed(const ExchangeObject *o)
{
    pthread_mutex_lock(&o->x->home->lock);
    bool failed = o->x->news.is_done && o->x->news.err.status != PS_OK;
    pthread_mutex_unlock(&o->x->home->lock);
    return failed;
}

/* The next piece, b"" (or StopAsyncIteration) at the end, or the error once all before it was read. */
static PyObject *take_chunk(ExchangeObject *o, bool is_iteration)
{
    PyObject *bytes = take_body(o);
    if (bytes != NULL) {
        give_credit(o, (size_t)PyBytes_GET_SIZE(bytes));
        return bytes;
    }
    if (PyErr_Occurred())
        return NULL;
    if (has_failed(o))
        return raise_failure(o);
    if (!is_iteration)
        return PyBytes_FromStringAndSize(NULL, 0);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static PyObject *take_whole(ExchangeObject *o)
{
    if (has_failed(o))
        return raise_failure(o);
    PyObject *head = take_head(o);
    if (head == NULL)
        return NULL;
    Py_DECREF(head);
    return take_chunk(o, false);
}

static PyObject *take_room(ExchangeObject *o)
{
    pthread_mutex_lock(&o->x->home->lock);
    bool closed = o->x->news.upload_closed;
    pthread_mutex_unlock(&o->x->home->lock);
    return PyBool_FromLong(!closed);
}

static PyObject *raise_forked(ExchangeObject *o)
{
    struct ps_err err;
    ps_err_set(&err, PS_FORKED, PS_PHASE_NONE, "this response belongs to the parent process");
    return raise_error(core_state_of(Py_TYPE(o)), &err, o, NULL, true, o->head != NULL);
}

PyObject *exchange_take(ExchangeObject *x, enum wait_kind kind)
{
    if (exchange_is_foreign(x))
        return raise_forked(x);
    switch (kind) {
    case WAIT_HEAD:
        return take_head(x);
    case WAIT_CHUNK:
        return take_chunk(x, false);
    case WAIT_NEXT:
        return take_chunk(x, true);
    case WAIT_WHOLE:
        return take_whole(x);
    case WAIT_ROOM:
        break;
    }
    return take_room(x);
}

/* Waits without the GIL, looking at signals now and then (they arrive on Python's main thread). */
PyObject *exchange_block(ExchangeObject *o, enum wait_kind kind)
{
    enum { SIGNALS_EVERY_MS = 200 };
    if (o->home != NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this request was submitted in an event loop: await it there");
        return NULL;
    }
    bool there = exchange_has(o, kind);
    while (!there) {
        Py_BEGIN_ALLOW_THREADS
        there = ps_exchange_wait(o->x, condition(kind), SIGNALS_EVERY_MS);
        Py_END_ALLOW_THREADS
        if (!there && PyErr_CheckSignals() < 0)
            return NULL;
    }
    return exchange_take(o, kind);
}
