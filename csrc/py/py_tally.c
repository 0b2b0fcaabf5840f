/* py/py_tally.c -- the Tally object: csrc/sse as Python sees it. Holds no Python objects. */
#include "py/state.h"

#include "sse/gathered.h"
#include "sse/tally.h"

typedef struct {
    PyObject_HEAD
    struct ps_tally tally; /* owned */
} TallyObject;

static const char *const dialects[] = {
    [PS_CHAT] = "chat", [PS_COMPLETIONS] = "completions", [PS_MESSAGES] = "messages", [PS_RESPONSES] = "responses"};
enum { DIALECTS_N = sizeof dialects / sizeof dialects[0] };

/* 0, or -1 with ValueError. */
static int read_settings(struct ps_tally_settings *s, const char *dialect, Py_ssize_t max_event_bytes)
{
    size_t at = 0;
    while (at < DIALECTS_N && strcmp(dialects[at], dialect) != 0)
        at++;
    if (at == DIALECTS_N) {
        PyErr_Format(PyExc_ValueError, "dialect is '%.100s', wanted one of chat, completions, messages, responses",
                     dialect);
        return -1;
    }
    if (max_event_bytes < 1) {
        PyErr_SetString(PyExc_ValueError, "max_event_bytes must be positive");
        return -1;
    }
    s->dialect = (enum ps_dialect)at;
    s->max_event_bytes = (size_t)max_event_bytes;
    return 0;
}

static PyObject *tally_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"dialect", "strip_usage", "keep_text", "is_strict", "max_event_bytes", NULL};
    const char *dialect;
    int strip_usage = 0, keep_text = 0, is_strict = 0;
    Py_ssize_t max_event_bytes = 8 * 1024 * 1024;
    struct ps_tally_settings settings = {.dialect = PS_CHAT};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|$pppn:Tally", names, &dialect, &strip_usage, &keep_text,
                                     &is_strict, &max_event_bytes) ||
        read_settings(&settings, dialect, max_event_bytes) < 0)
        return NULL;
    settings.strip_usage = strip_usage != 0;
    settings.keep_text = keep_text != 0;
    settings.is_strict = is_strict != 0;
    TallyObject *t = (TallyObject *)type->tp_alloc(type, 0);
    if (t == NULL)
        return NULL;
    if (ps_tally_init(&t->tally, &settings) != PS_OK) {
        Py_DECREF((PyObject *)t);
        return PyErr_NoMemory();
    }
    return (PyObject *)t;
}

static void tally_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    ps_tally_fini(&((TallyObject *)self)->tally);
    type->tp_free(self);
    Py_DECREF((PyObject *)type);
}

static PyObject *raise_status(const struct ps_tally *t, enum ps_status st)
{
    if (st == PS_NOMEM)
        return PyErr_NoMemory();
    if (st != PS_LIMIT) {
        PyErr_Format(PyExc_SystemError, "tally: %s", ps_status_name(st));
        return NULL;
    }
    PyObject *events = PyImport_ImportModule("penstock.sse.events");
    PyObject *too_long = events == NULL ? NULL : PyObject_GetAttrString(events, "EventTooLong");
    if (too_long != NULL)
        PyErr_Format(too_long, "an event of the stream is longer than %zu bytes", t->settings.max_event_bytes);
    Py_XDECREF(too_long);
    Py_XDECREF(events);
    return NULL;
}

static PyObject *tally_feed(PyObject *self, PyObject *data)
{
    struct ps_tally *t = &((TallyObject *)self)->tally;
    struct ps_bytes out;
    if (!PyBytes_Check(data)) {
        PyErr_Format(PyExc_TypeError, "feed() wants bytes, not %.100s", Py_TYPE(data)->tp_name);
        return NULL;
    }
    const struct ps_bytes in = ps_bytes_of(PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
    enum ps_status st = ps_tally_feed(t, in, &out);
    if (st != PS_OK)
        return raise_status(t, st);
    if (out.n == in.n && (out.p == in.p || in.n == 0))
        return Py_NewRef(data);
    return PyBytes_FromStringAndSize((const char *)out.p, (Py_ssize_t)out.n);
}

/* -- what it has seen -- */

static PyObject *text_of(const struct ps_buf *b)
{
    struct ps_bytes text = ps_buf_view(b);
    return PyUnicode_DecodeUTF8(text.n == 0 ? "" : (const char *)text.p, (Py_ssize_t)text.n, NULL);
}

static PyObject *bytes_of(struct ps_bytes view)
{
    return PyBytes_FromStringAndSize((const char *)view.p, (Py_ssize_t)view.n);
}

static PyObject *tally_get_name(PyObject *self, void *offset)
{
    const struct ps_buf *b = (const void *)((const char *)&((TallyObject *)self)->tally + (size_t)offset);
    if (ps_buf_n(b) == 0)
        Py_RETURN_NONE;
    return text_of(b);
}

static PyObject *tally_get_usage(PyObject *self, void *unused)
{
    (void)unused;
    const struct ps_tally *t = &((TallyObject *)self)->tally;
    if ((t->seen & PS_SEEN_USAGE) == 0)
        Py_RETURN_NONE;
    return bytes_of(ps_buf_view(&t->usage));
}

static PyObject *tally_get_error(PyObject *self, void *unused)
{
    (void)unused;
    const struct ps_tally *t = &((TallyObject *)self)->tally;
    if ((t->seen & PS_SEEN_ERROR) == 0)
        Py_RETURN_NONE;
    return bytes_of(ps_buf_view(&t->error));
}

static PyObject *tally_get_held(PyObject *self, void *unused)
{
    (void)unused;
    return bytes_of(ps_tally_held(&((TallyObject *)self)->tally));
}

static PyObject *tally_get_is_complete(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(ps_tally_is_complete(&((TallyObject *)self)->tally));
}

static PyObject *tally_get_dialect(PyObject *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(dialects[((TallyObject *)self)->tally.settings.dialect]);
}

static PyObject *tally_text(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct ps_gathered *g = ((TallyObject *)self)->tally.gathered;
    return g == NULL ? PyUnicode_FromString("") : text_of(&g->text);
}

static PyObject *tally_reasoning(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct ps_gathered *g = ((TallyObject *)self)->tally.gathered;
    return g == NULL ? PyUnicode_FromString("") : text_of(&g->reasoning);
}

static PyObject *tool_of(const struct ps_tool *tool)
{
    PyObject *id = text_of(&tool->id), *name = text_of(&tool->name), *arguments = text_of(&tool->arguments);
    PyObject *made = id == NULL || name == NULL || arguments == NULL ? NULL : PyTuple_Pack(3, id, name, arguments);
    Py_XDECREF(id);
    Py_XDECREF(name);
    Py_XDECREF(arguments);
    return made;
}

static PyObject *tally_tool_calls(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct ps_gathered *g = ((TallyObject *)self)->tally.gathered;
    PyObject *list = PyList_New(g == NULL ? 0 : (Py_ssize_t)g->tools_n);
    for (size_t i = 0; list != NULL && g != NULL && i < g->tools_n; i++) {
        PyObject *tool = tool_of(&g->tools[i]);
        if (tool == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, tool); /* steals */
    }
    return list;
}

static PyObject *tally_repr(PyObject *self)
{
    const struct ps_tally *t = &((TallyObject *)self)->tally;
    return PyUnicode_FromFormat("<Tally %s, %llu events, seen 0x%x>", dialects[t->settings.dialect], t->events_n,
                                t->seen);
}

static PyMethodDef tally_methods[] = {
    {"feed", tally_feed, METH_O, NULL},
    {"text", tally_text, METH_NOARGS, NULL},
    {"reasoning", tally_reasoning, METH_NOARGS, NULL},
    {"tool_calls", tally_tool_calls, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef tally_members[] = {
    {"seen", T_UINT, offsetof(TallyObject, tally.seen), READONLY, NULL},
    {"events_n", T_ULONGLONG, offsetof(TallyObject, tally.events_n), READONLY, NULL},
    {"semantic_n", T_ULONGLONG, offsetof(TallyObject, tally.semantic_n), READONLY, NULL},
    {"malformed_n", T_ULONGLONG, offsetof(TallyObject, tally.malformed_n), READONLY, NULL},
    {"text_bytes", T_ULONGLONG, offsetof(TallyObject, tally.text_bytes), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef tally_getset[] = {
    {"dialect", tally_get_dialect, NULL, NULL, NULL},
    {"id", tally_get_name, NULL, NULL, (void *)offsetof(struct ps_tally, id)},
    {"model", tally_get_name, NULL, NULL, (void *)offsetof(struct ps_tally, model)},
    {"finish_reason", tally_get_name, NULL, NULL, (void *)offsetof(struct ps_tally, finish_reason)},
    {"usage", tally_get_usage, NULL, NULL, NULL},
    {"error", tally_get_error, NULL, NULL, NULL},
    {"held", tally_get_held, NULL, NULL, NULL},
    {"is_complete", tally_get_is_complete, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot tally_slots[] = {
    {Py_tp_new, tally_new},
    {Py_tp_dealloc, tally_dealloc},
    {Py_tp_repr, tally_repr},
    {Py_tp_methods, tally_methods},
    {Py_tp_members, tally_members},
    {Py_tp_getset, tally_getset},
    {0, NULL},
};

PyType_Spec tally_spec = {
    .name = "penstock._core.Tally",
    .basicsize = sizeof(TallyObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = tally_slots,
};
