/* py/module.c -- the extension module penstock._core: multi-phase init (PEP 489), state, functions. */
#include "py/state.h"

#include <dlfcn.h>

#include "proto/h2.h"
#include "tls/library.h"

static struct PyModuleDef core_module;

struct core_state *core_state_of(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

static PyObject *set_error_factory(PyObject *module, PyObject *factory)
{
    struct core_state *state = PyModule_GetState(module);
    if (!PyCallable_Check(factory)) {
        PyErr_SetString(PyExc_TypeError, "the error factory must be callable");
        return NULL;
    }
    Py_XSETREF(state->error_factory, Py_NewRef(factory));
    Py_RETURN_NONE;
}

static PyObject *versions(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return Py_BuildValue("{ssssss}", "libuv", uv_version_string(), "nghttp2", ps_h2_library_version(),
                         "openssl", ps_tls_library_version());
}

/* Does the extension at `path` call the very libssl that we call? Its own symbols are looked up through
 * its handle; dlopen of a loaded object only counts a reference. */
static PyObject *shares_libssl(PyObject *module, PyObject *path)
{
    (void)module;
    const char *name = PyUnicode_AsUTF8(path);
    if (name == NULL)
        return NULL;
    void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == NULL)
        Py_RETURN_FALSE;
    void *theirs = dlsym(handle, "SSL_CTX_new");
    dlclose(handle);
    return PyBool_FromLong(theirs != NULL && theirs == ps_tls_library_mark());
}

static PyMethodDef core_methods[] = {
    {"set_error_factory", set_error_factory, METH_O, NULL},
    {"versions", versions, METH_NOARGS, NULL},
    {"shares_libssl", shares_libssl, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec)
{
    *slot = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (*slot == NULL)
        return -1;
    return PyModule_AddType(module, *slot);
}

static int import_names(struct core_state *state)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    if (asyncio == NULL)
        return -1;
    state->get_running_loop = PyObject_GetAttrString(asyncio, "get_running_loop");
    state->cancelled_error = PyObject_GetAttrString(asyncio, "CancelledError");
    state->invalid_state = PyObject_GetAttrString(asyncio, "InvalidStateError");
    Py_DECREF(asyncio);
    state->str_call_soon = PyUnicode_InternFromString("call_soon");
    state->str_context = PyUnicode_InternFromString("context");
    state->str_add_reader = PyUnicode_InternFromString("add_reader");
    state->str_remove_reader = PyUnicode_InternFromString("remove_reader");
    state->str_is_closed = PyUnicode_InternFromString("is_closed");
    state->bytes_http11 = PyBytes_FromString("HTTP/1.1");
    state->bytes_http2 = PyBytes_FromString("HTTP/2");
    return PyErr_Occurred() ? -1 : 0;
}

static int core_exec(PyObject *module)
{
    struct core_state *state = PyModule_GetState(module);
    if (import_names(state) < 0 || add_type(module, &state->engine_type, &engine_spec) < 0 ||
        add_type(module, &state->pool_type, &pool_spec) < 0 ||
        add_type(module, &state->exchange_type, &exchange_spec) < 0 ||
        add_type(module, &state->wait_type, &wait_spec) < 0 ||
        add_type(module, &state->home_type, &home_spec) < 0 ||
        add_type(module, &state->tally_type, &tally_spec) < 0)
        return -1;
    return 0;
}

static int core_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct core_state *s = PyModule_GetState(module);
    Py_VISIT(s->engine_type);
    Py_VISIT(s->pool_type);
    Py_VISIT(s->exchange_type);
    Py_VISIT(s->wait_type);
    Py_VISIT(s->home_type);
    Py_VISIT(s->tally_type);
    Py_VISIT(s->error_factory);
    Py_VISIT(s->get_running_loop);
    Py_VISIT(s->cancelled_error);
    Py_VISIT(s->invalid_state);
    return 0;
}

static int core_clear(PyObject *module)
{
    struct core_state *s = PyModule_GetState(module);
    Py_CLEAR(s->engine_type);
    Py_CLEAR(s->pool_type);
    Py_CLEAR(s->exchange_type);
    Py_CLEAR(s->wait_type);
    Py_CLEAR(s->home_type);
    Py_CLEAR(s->tally_type);
    Py_CLEAR(s->error_factory);
    Py_CLEAR(s->get_running_loop);
    Py_CLEAR(s->cancelled_error);
    Py_CLEAR(s->invalid_state);
    Py_CLEAR(s->str_call_soon);
    Py_CLEAR(s->str_context);
    Py_CLEAR(s->str_add_reader);
    Py_CLEAR(s->str_remove_reader);
    Py_CLEAR(s->str_is_closed);
    Py_CLEAR(s->bytes_http11);
    Py_CLEAR(s->bytes_http2);
    return 0;
}

static void core_free(void *module)
{
    core_clear(module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_USED}, /* exchanges are handed between threads under the GIL */
#endif
    {0, NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "penstock._core",
    .m_doc = "The C engine of penstock; see _core.pyi.",
    .m_size = sizeof(struct core_state),
    .m_methods = core_methods,
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
