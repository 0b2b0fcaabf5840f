/* upstream/py_events.c -- an "events" step from Python's tuple (see _upstream.pyi). */
#include "base/mem.h"
#include "upstream/py_values.h"

static bool put_pieces(PyObject *fast, struct up_events *e)
{
    e->pieces = ps_zalloc(((size_t)PySequence_Fast_GET_SIZE(fast) + 1) * sizeof *e->pieces);
    if (e->pieces == NULL)
        return raise_status(PS_NOMEM, "");
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
        struct ps_bytes data;
        if (!bytes_of(PySequence_Fast_GET_ITEM(fast, i), "a piece", &data))
            return false;
        if (data.n == 0) {
            PyErr_SetString(PyExc_ValueError, "a piece is empty");
            return false;
        }
        struct up_piece *p = &e->pieces[e->pieces_n++];
        if (!raise_status(up_piece_set(p, data), ""))
            return false;
        if (p->framed_n > e->longest_n)
            e->longest_n = p->framed_n;
    }
    if (e->pieces_n == 0 && e->count > 0) {
        PyErr_SetString(PyExc_ValueError, "there are events, but no pieces");
        return false;
    }
    return true;
}

static bool stamp_of(PyObject *item, const struct up_events *e, struct up_stamp *out)
{
    Py_ssize_t piece_i, at;
    const char *kind;
    if (!PyTuple_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "a stamp is a tuple of piece, offset and kind");
        return false;
    }
    if (!PyArg_ParseTuple(item, "nns", &piece_i, &at, &kind))
        return false;
    bool is_ns = strcmp(kind, "ns") == 0;
    if (!is_ns && strcmp(kind, "seq") != 0) {
        PyErr_Format(PyExc_ValueError, "a stamp is \"seq\" or \"ns\", not \"%s\"", kind);
        return false;
    }
    if (piece_i < 0 || (size_t)piece_i >= e->pieces_n || at < 0 ||
        (size_t)at + UP_STAMP_BYTES > e->pieces[piece_i].data_n) {
        PyErr_SetString(PyExc_ValueError, "a stamp has no room in its piece");
        return false;
    }
    *out = (struct up_stamp){(size_t)piece_i, (size_t)at, is_ns};
    return true;
}

static bool put_stamps(PyObject *fast, struct up_events *e)
{
    e->stamps = ps_malloc(((size_t)PySequence_Fast_GET_SIZE(fast) + 1) * sizeof *e->stamps);
    if (e->stamps == NULL)
        return raise_status(PS_NOMEM, "");
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
        if (!stamp_of(PySequence_Fast_GET_ITEM(fast, i), e, &e->stamps[e->stamps_n]))
            return false;
        e->stamps_n++;
    }
    return true;
}

static bool put_sequence(PyObject *value, struct up_events *e, bool (*put)(PyObject *, struct up_events *))
{
    PyObject *fast = PySequence_Fast(value, "pieces and stamps must be sequences");
    if (fast == NULL)
        return false;
    bool is_good = put(fast, e);
    Py_DECREF(fast);
    return is_good;
}

bool events_of(PyObject *tuple, struct up_step *s)
{
    struct up_events *e = &s->as.events;
    PyObject *name, *pieces, *count, *seed, *stamps;
    double per_s;
    if (!PyArg_ParseTuple(tuple, "OOOddOO:events", &name, &pieces, &count, &per_s, &e->jitter, &seed, &stamps))
        return false;
    if (!(per_s >= 0.0) || per_s > 1e9 || (per_s > 0.0 && per_s < 1e-6)) {
        PyErr_SetString(PyExc_ValueError, "per_s is 0, or from 1e-6 to 1e9");
        return false;
    }
    if (!(e->jitter >= 0.0) || e->jitter > 1e6) {
        PyErr_SetString(PyExc_ValueError, "jitter is from 0 to 1e6");
        return false;
    }
    e->period_ns = per_s > 0.0 ? 1e9 / per_s : 0.0;
    return count_of(count, "count", UINT64_MAX / 2, &e->count) &&
           count_of(seed, "seed", UINT64_MAX, &e->seed) && put_sequence(pieces, e, put_pieces) &&
           put_sequence(stamps, e, put_stamps);
}
