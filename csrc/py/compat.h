/* py/compat.h -- what differs between CPython 3.10 and 3.14, so that no other file asks for the version. */
#ifndef PS_PY_COMPAT_H
#define PS_PY_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

/* A new reference to what `ref` refers to; NULL, without an exception, when it is gone (or `ref` is NULL). */
static inline PyObject *weakref_get(PyObject *ref)
{
    if (ref == NULL)
        return NULL;
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *at = NULL;
    if (PyWeakref_GetRef(ref, &at) < 0)
        PyErr_Clear();
    return at;
#else
    PyObject *at = PyWeakref_GetObject(ref); /* borrowed */
    return at == Py_None ? NULL : Py_XNewRef(at);
#endif
}

/* The exception that is set, owned by the caller until error_put(); NULL when there is none. */
static inline PyObject *error_take(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL)
        return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_DECREF(type);
    return value;
#endif
}

/* Steals `held`; NULL changes nothing. */
static inline void error_put(PyObject *held)
{
    if (held == NULL)
        return;
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(held);
#else
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(held)), held, PyException_GetTraceback(held));
#endif
}

#endif
