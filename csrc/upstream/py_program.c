/* upstream/py_program.c -- a program's steps from Python's tuples (see _upstream.pyi).
 * A step is added first and filled then, so that whatever fails, the program's owner frees what is there. */
#include "base/mem.h"
#include "upstream/py_values.h"

static const uint64_t most_us = UINT64_C(1000000) * 86400 * 365;

typedef bool (*fill_step)(PyObject *tuple, struct up_step *s);

/* Is the tuple, whose first item is the name, of this length? */
static bool has_items(PyObject *tuple, Py_ssize_t n)
{
    if (PyTuple_GET_SIZE(tuple) == n)
        return true;
    PyErr_Format(PyExc_ValueError, "step %R has %zd items, wanted %zd", PyTuple_GET_ITEM(tuple, 0),
                 PyTuple_GET_SIZE(tuple), n);
    return false;
}

static bool put_fields(PyObject *fields, struct up_head *h, int status, int64_t body_bytes)
{
    PyObject *fast = PySequence_Fast(fields, "fields must be a sequence");
    if (fast == NULL)
        return false;
    struct up_pair *pairs = pairs_of(fast);
    enum ps_status st = PS_INVALID;
    if (pairs != NULL) {
        size_t n = (size_t)PySequence_Fast_GET_SIZE(fast);
        st = status == 0 ? up_head_set_trailers(h, pairs, n) : up_head_set(h, status, pairs, n, body_bytes);
        raise_status(st, "");
    }
    PyMem_Free(pairs);
    Py_DECREF(fast);
    return st == PS_OK;
}

static bool fill_delay(PyObject *t, struct up_step *s)
{
    return has_items(t, 2) && count_of(PyTuple_GET_ITEM(t, 1), "a delay", most_us, &s->as.delay_us);
}

static bool status_of(PyObject *value, int least, int most, int *out)
{
    long status = PyLong_AsLong(value);
    if (status == -1 && PyErr_Occurred())
        return false;
    if (status < least || status > most) {
        PyErr_Format(PyExc_ValueError, "status %ld is not from %d to %d", status, least, most);
        return false;
    }
    *out = (int)status;
    return true;
}

static bool fill_info(PyObject *t, struct up_step *s)
{
    int status;
    return has_items(t, 3) && status_of(PyTuple_GET_ITEM(t, 1), 100, 199, &status) &&
           put_fields(PyTuple_GET_ITEM(t, 2), &s->as.head, status, UP_BODY_VERBATIM);
}

static bool fill_head(PyObject *t, struct up_step *s)
{
    int status;
    if (!has_items(t, 4) || !status_of(PyTuple_GET_ITEM(t, 1), 100, 999, &status))
        return false;
    long long body_bytes = PyLong_AsLongLong(PyTuple_GET_ITEM(t, 3));
    if (body_bytes == -1 && PyErr_Occurred())
        return false;
    if (body_bytes < UP_BODY_VERBATIM) {
        PyErr_Format(PyExc_ValueError, "body_bytes %lld is below -3", body_bytes);
        return false;
    }
    return put_fields(PyTuple_GET_ITEM(t, 2), &s->as.head, status, body_bytes);
}

static bool fill_data(PyObject *t, struct up_step *s)
{
    struct ps_bytes data;
    return has_items(t, 2) && bytes_of(PyTuple_GET_ITEM(t, 1), "data", &data) &&
           raise_status(up_piece_set(&s->as.data, data), "");
}

static bool fill_trailers(PyObject *t, struct up_step *s)
{
    return has_items(t, 2) && put_fields(PyTuple_GET_ITEM(t, 1), &s->as.head, 0, 0);
}

static bool fill_nothing(PyObject *t, struct up_step *s)
{
    (void)s;
    return has_items(t, 1);
}

static bool is_word(PyObject *value, const char *word)
{
    return PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, word) == 0;
}

static bool choose(PyObject *value, const char *const *words, const char *what, int *out)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (is_word(value, words[i])) {
            *out = i;
            return true;
        }
    }
    PyErr_Format(PyExc_ValueError, "%R is no %s", value, what);
    return false;
}

static bool fill_cut(PyObject *t, struct up_step *s)
{
    static const char *const words[] = {"fin", "abrupt", "reset", NULL};
    int i;
    if (!has_items(t, 2) || !choose(PyTuple_GET_ITEM(t, 1), words, "way to cut", &i))
        return false;
    s->as.cut = (enum up_cut)(UP_CUT_FIN + i);
    return true;
}

static bool code_of(PyObject *value, uint32_t *out)
{
    uint64_t code = 0;
    if (!count_of(value, "a code", UINT32_MAX, &code))
        return false;
    *out = (uint32_t)code;
    return true;
}

static bool fill_rst(PyObject *t, struct up_step *s)
{
    return has_items(t, 2) && code_of(PyTuple_GET_ITEM(t, 1), &s->as.code);
}

static bool fill_goaway(PyObject *t, struct up_step *s)
{
    static const char *const words[] = {"this", "before", "max", NULL};
    struct ps_bytes debug;
    int last;
    if (!has_items(t, 4) || !code_of(PyTuple_GET_ITEM(t, 1), &s->as.goaway.code) ||
        !choose(PyTuple_GET_ITEM(t, 2), words, "last stream", &last) ||
        !bytes_of(PyTuple_GET_ITEM(t, 3), "debug", &debug))
        return false;
    if (debug.n > 16000) {
        PyErr_SetString(PyExc_ValueError, "debug data does not fit a frame");
        return false;
    }
    s->as.goaway.last = (enum up_last)last;
    s->as.goaway.debug = (uint8_t *)ps_strndup((const char *)debug.p, debug.n);
    s->as.goaway.debug_n = debug.n;
    return raise_status(s->as.goaway.debug == NULL ? PS_NOMEM : PS_OK, "");
}

static bool setting_of(PyObject *item, nghttp2_settings_entry *out)
{
    uint64_t id = 0, value = 0;
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
        PyErr_SetString(PyExc_TypeError, "a setting is a tuple of id and value");
        return false;
    }
    if (!count_of(PyTuple_GET_ITEM(item, 0), "a setting's id", UINT16_MAX, &id) ||
        !count_of(PyTuple_GET_ITEM(item, 1), "a setting's value", UINT32_MAX, &value))
        return false;
    bool is_bad = ((id == NGHTTP2_SETTINGS_ENABLE_PUSH || id == 8) && value > (id == 8)) ||
                  (id == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE && value > INT32_MAX) ||
                  (id == NGHTTP2_SETTINGS_MAX_FRAME_SIZE && (value < 16384 || value > 16777215));
    if (is_bad)
        PyErr_Format(PyExc_ValueError, "setting %llu cannot be %llu; send it as \"raw\"",
                     (unsigned long long)id, (unsigned long long)value);
    *out = (nghttp2_settings_entry){(int32_t)id, (uint32_t)value};
    return !is_bad;
}

static bool fill_settings(PyObject *t, struct up_step *s)
{
    PyObject *fast = has_items(t, 2) ? PySequence_Fast(PyTuple_GET_ITEM(t, 1), "settings must be a sequence") : NULL;
    if (fast == NULL)
        return false;
    s->as.settings.n = (size_t)PySequence_Fast_GET_SIZE(fast);
    s->as.settings.entries = ps_malloc((s->as.settings.n + 1) * sizeof s->as.settings.entries[0]);
    bool is_good = raise_status(s->as.settings.entries == NULL ? PS_NOMEM : PS_OK, "");
    for (size_t i = 0; is_good && i < s->as.settings.n; i++)
        is_good = setting_of(PySequence_Fast_GET_ITEM(fast, (Py_ssize_t)i), &s->as.settings.entries[i]);
    Py_DECREF(fast);
    return is_good;
}

static bool fill_split(PyObject *t, struct up_step *s)
{
    uint64_t bytes_n = 0;
    if (!has_items(t, 3) || !count_of(PyTuple_GET_ITEM(t, 1), "a split", INT32_MAX, &bytes_n) ||
        !count_of(PyTuple_GET_ITEM(t, 2), "a pause", most_us, &s->as.split.pause_us))
        return false;
    s->as.split.bytes_n = (size_t)bytes_n;
    return true;
}

static const struct {
    const char *name;
    enum up_step_kind kind;
    fill_step fill;
} kinds[] = {
    {"delay", UP_DELAY, fill_delay},   {"info", UP_INFO, fill_info},
    {"head", UP_HEAD, fill_head},      {"body", UP_BODY, fill_data},
    {"events", UP_EVENTS, events_of},  {"trailers", UP_TRAILERS, fill_trailers},
    {"end", UP_END, fill_nothing},     {"cut", UP_CUT, fill_cut},
    {"rst", UP_RST, fill_rst},         {"goaway", UP_GOAWAY, fill_goaway},
    {"settings", UP_SETTINGS, fill_settings}, {"raw", UP_RAW, fill_data},
    {"split", UP_SPLIT, fill_split},   {"stall", UP_STALL, fill_nothing},
};

static bool add_step(PyObject *item, struct up_program *out)
{
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) == 0) {
        PyErr_SetString(PyExc_TypeError, "a step is a tuple that begins with its name");
        return false;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!is_word(PyTuple_GET_ITEM(item, 0), kinds[i].name))
            continue;
        struct up_step *s = up_program_add(out, kinds[i].kind);
        return raise_status(s == NULL ? PS_NOMEM : PS_OK, "") && kinds[i].fill(item, s);
    }
    PyErr_Format(PyExc_ValueError, "%R is no step", PyTuple_GET_ITEM(item, 0));
    return false;
}

bool program_of(PyObject *steps, struct up_program *out)
{
    PyObject *fast = PySequence_Fast(steps, "a program must be a sequence of steps");
    if (fast == NULL)
        return false;
    bool is_good = true;
    for (Py_ssize_t i = 0; is_good && i < PySequence_Fast_GET_SIZE(fast); i++)
        is_good = add_step(PySequence_Fast_GET_ITEM(fast, i), out);
    Py_DECREF(fast);
    return is_good;
}
