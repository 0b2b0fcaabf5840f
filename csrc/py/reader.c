/* py/reader.c -- settings out of a dict (see reader.h). */
#include "py/reader.h"

PyObject *reader_item(struct reader *r, const char *key) /* borrowed */
{
    if (r->failed)
        return NULL;
    PyObject *value = PyDict_GetItemString(r->dict, key);
    if (value == NULL) {
        PyErr_Format(PyExc_KeyError, "pool setting %s is missing", key);
        r->failed = true;
    }
    return value;
}

unsigned long long reader_number(struct reader *r, const char *key)
{
    PyObject *value = reader_item(r, key);
    if (value == NULL)
        return 0;
    unsigned long long n = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "pool setting %s must be a whole number, not negative", key);
        r->failed = true;
    }
    return n;
}

int reader_integer(struct reader *r, const char *key)
{
    PyObject *value = reader_item(r, key);
    long n = value == NULL ? 0 : PyLong_AsLong(value);
    if (value != NULL && PyErr_Occurred())
        r->failed = true;
    return (int)n;
}

bool reader_flag(struct reader *r, const char *key)
{
    PyObject *value = reader_item(r, key);
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth < 0)
        r->failed = true;
    return truth > 0;
}

/* Text without NUL, alive as long as the dict; NULL for None. */
const char *reader_text(struct reader *r, const char *key)
{
    PyObject *value = reader_item(r, key);
    if (value == NULL || value == Py_None)
        return NULL;
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(value, &n);
    if (s != NULL && strlen(s) != (size_t)n) {
        PyErr_Format(PyExc_ValueError, "pool setting %s contains a NUL", key);
        s = NULL;
    }
    if (s == NULL)
        r->failed = true;
    return s;
}
