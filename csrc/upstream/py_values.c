/* upstream/py_values.c -- small Python values as plain C (see py_values.h). */
#include "upstream/py_values.h"

bool bytes_of(PyObject *value, const char *what, struct ps_bytes *out)
{
    if (!PyBytes_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be bytes, not %.100s", what, Py_TYPE(value)->tp_name);
        return false;
    }
    *out = ps_bytes_of(PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
    return true;
}

bool count_of(PyObject *value, const char *what, uint64_t most, uint64_t *out)
{
    if (value == NULL || value == Py_None)
        return true;
    unsigned long long n = PyLong_AsUnsignedLongLong(value);
    if (n == (unsigned long long)-1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError))
            return false;
        PyErr_Clear();
        n = ULLONG_MAX;
    }
    if (n > most) {
        PyErr_Format(PyExc_ValueError, "%s must be from 0 to %llu", what, (unsigned long long)most);
        return false;
    }
    *out = n;
    return true;
}

bool raise_status(enum ps_status st, const char *why)
{
    if (st == PS_OK)
        return true;
    if (st == PS_NOMEM)
        PyErr_NoMemory();
    else
        PyErr_SetString(PyExc_ValueError, why);
    return false;
}

static bool pair_of(PyObject *item, struct up_pair *out)
{
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
        PyErr_SetString(PyExc_TypeError, "a field is a tuple of two bytes, name and value");
        return false;
    }
    return bytes_of(PyTuple_GET_ITEM(item, 0), "a field's name", &out->name) &&
           bytes_of(PyTuple_GET_ITEM(item, 1), "a field's value", &out->value);
}

struct up_pair *pairs_of(PyObject *fast)
{
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    struct up_pair *pairs = PyMem_Calloc((size_t)n + 1, sizeof *pairs);
    if (pairs == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!pair_of(PySequence_Fast_GET_ITEM(fast, i), &pairs[i])) {
            PyMem_Free(pairs);
            return NULL;
        }
    }
    return pairs;
}
