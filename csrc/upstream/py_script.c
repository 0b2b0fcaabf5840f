/* upstream/py_script.c -- rules from Python's dicts (see _upstream.pyi). Unknown keys are refused. */
#include "base/mem.h"
#include "upstream/py_values.h"

static bool keep(struct up_rule *r, PyObject *value, const char *what, struct ps_bytes *out)
{
    struct ps_bytes view;
    if (!bytes_of(value, what, &view))
        return false;
    *out = up_rule_keep(r, view);
    return raise_status(out->p == NULL ? PS_NOMEM : PS_OK, "");
}

static bool put_path(struct up_rule *r, PyObject *value)
{
    if (!keep(r, value, "path", &r->path))
        return false;
    r->path_is_prefix = r->path.n > 0 && r->path.p[r->path.n - 1] == '*';
    r->path.n -= r->path_is_prefix;
    return true;
}

static PyObject *item_of(PyObject *pair, Py_ssize_t i)
{
    if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2)
        return PyTuple_GET_ITEM(pair, i);
    PyErr_SetString(PyExc_TypeError, "headers and json are sequences of tuples of two");
    return NULL;
}

static bool put_headers(struct up_rule *r, PyObject *fast)
{
    r->headers = ps_zalloc(((size_t)PySequence_Fast_GET_SIZE(fast) + 1) * sizeof *r->headers);
    if (r->headers == NULL)
        return raise_status(PS_NOMEM, "");
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
        struct up_header_match *m = &r->headers[i];
        PyObject *pair = PySequence_Fast_GET_ITEM(fast, i);
        PyObject *name = item_of(pair, 0);
        if (name == NULL || !keep(r, name, "a header's name", &m->name))
            return false;
        m->any_value = item_of(pair, 1) == Py_None;
        if (!m->any_value && !keep(r, item_of(pair, 1), "a header's value", &m->value))
            return false;
        r->headers_n++;
    }
    return true;
}

static bool put_json(struct up_rule *r, PyObject *fast)
{
    r->json = ps_zalloc(((size_t)PySequence_Fast_GET_SIZE(fast) + 1) * sizeof *r->json);
    if (r->json == NULL)
        return raise_status(PS_NOMEM, "");
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
        struct up_json_match *m = &r->json[i];
        PyObject *pair = PySequence_Fast_GET_ITEM(fast, i);
        PyObject *pointer = item_of(pair, 0);
        if (pointer == NULL || !keep(r, pointer, "a JSON pointer", &m->pointer) ||
            !keep(r, item_of(pair, 1), "a JSON scalar", &m->scalar))
            return false;
        r->json_n++;
    }
    return true;
}

static bool put_programs(struct up_rule *r, PyObject *fast)
{
    size_t n = (size_t)PySequence_Fast_GET_SIZE(fast);
    r->programs = ps_zalloc((n + 1) * sizeof *r->programs);
    if (r->programs == NULL)
        return raise_status(PS_NOMEM, "");
    r->programs_n = n;
    for (size_t i = 0; i < n; i++) {
        if (!program_of(PySequence_Fast_GET_ITEM(fast, (Py_ssize_t)i), &r->programs[i]))
            return false;
    }
    return true;
}

static bool put_sequence(struct up_rule *r, PyObject *value, bool (*put)(struct up_rule *, PyObject *))
{
    PyObject *fast = PySequence_Fast(value, "headers, json and programs must be sequences");
    if (fast == NULL)
        return false;
    bool is_good = put(r, fast);
    Py_DECREF(fast);
    return is_good;
}

static bool put_match_item(struct up_rule *r, const char *key, PyObject *value)
{
    if (strcmp(key, "method") == 0)
        return keep(r, value, "method", &r->method);
    if (strcmp(key, "path") == 0)
        return put_path(r, value);
    if (strcmp(key, "headers") == 0)
        return put_sequence(r, value, put_headers);
    if (strcmp(key, "json") == 0)
        return put_sequence(r, value, put_json);
    if (strcmp(key, "attempt") == 0)
        return count_of(value, "attempt", UINT32_MAX, &r->attempt);
    if (strcmp(key, "times") == 0)
        return count_of(value, "times", UINT32_MAX, &r->times);
    if (strcmp(key, "for_us") == 0) {
        bool is_good = count_of(value, "for_us", UINT64_MAX / 2000, &r->for_ns);
        r->for_ns *= 1000;
        return is_good;
    }
    PyErr_Format(PyExc_ValueError, "a match has no \"%s\"", key);
    return false;
}

static bool put_match(struct up_rule *r, PyObject *match)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (!PyDict_Check(match)) {
        PyErr_SetString(PyExc_TypeError, "a match is a dict");
        return false;
    }
    while (PyDict_Next(match, &at, &key, &value)) {
        const char *name = PyUnicode_AsUTF8(key);
        if (name == NULL || !put_match_item(r, name, value))
            return false;
    }
    return true;
}

static bool put_rule(struct up_rule *r, PyObject *rule)
{
    if (!PyDict_Check(rule)) {
        PyErr_SetString(PyExc_TypeError, "a rule is a dict");
        return false;
    }
    PyObject *match = PyDict_GetItemString(rule, "match");       /* borrowed */
    PyObject *early = PyDict_GetItemString(rule, "early");       /* borrowed */
    PyObject *programs = PyDict_GetItemString(rule, "programs"); /* borrowed */
    if (programs == NULL || PyDict_Size(rule) != 1 + (match != NULL) + (early != NULL)) {
        PyErr_SetString(PyExc_ValueError, "a rule has \"match\", \"early\" and \"programs\"");
        return false;
    }
    int is_early = early == NULL ? 0 : PyObject_IsTrue(early);
    r->is_early = is_early == 1;
    return is_early >= 0 && (match == NULL || put_match(r, match)) && put_sequence(r, programs, put_programs);
}

struct up_script *script_of(PyObject *rules)
{
    const char *why = "";
    PyObject *fast = PySequence_Fast(rules, "rules must be a sequence");
    if (fast == NULL)
        return NULL;
    size_t n = (size_t)PySequence_Fast_GET_SIZE(fast);
    struct up_script *s = up_script_new(n);
    bool is_good = raise_status(s == NULL ? PS_NOMEM : PS_OK, "");
    for (size_t i = 0; is_good && i < n; i++)
        is_good = put_rule(&s->rules[i], PySequence_Fast_GET_ITEM(fast, (Py_ssize_t)i));
    Py_DECREF(fast);
    if (is_good) {
        enum ps_status st = up_script_check(s, &why); /* sets `why` */
        if (raise_status(st, why))
            return s;
    }
    up_script_unref(s);
    return NULL;
}
