/* upstream/py_module.c -- the extension module penstock._upstream: multi-phase init (PEP 489), one type. */
#include "upstream/py_values.h"

static int upstream_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &up_server_spec, NULL);
    if (type == NULL)
        return -1;
    int rc = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return rc;
}

static PyModuleDef_Slot upstream_slots[] = {
    {Py_mod_exec, upstream_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_USED}, /* a Server's close() and its other calls rely on it */
#endif
    {0, NULL},
};

static PyMethodDef upstream_methods[] = {
    {"make_certificate", (PyCFunction)(void (*)(void))certificate_make, METH_VARARGS | METH_KEYWORDS, NULL},
    {0},
};

static struct PyModuleDef upstream_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "penstock._upstream",
    .m_doc = "The scripted upstream of penstock; see _upstream.pyi.",
    .m_methods = upstream_methods,
    .m_slots = upstream_slots,
};

PyMODINIT_FUNC PyInit__upstream(void)
{
    return PyModuleDef_Init(&upstream_module);
}
