/* upstream/py_listener.c -- a listener's settings from Python's dict (see _upstream.pyi). Unknown keys are refused. */
#include "upstream/py_values.h"

struct given {
    const char *cert_file, *key_file; /* of the dict's strings */
    uint8_t alpn[256];
    size_t alpn_n;
};

static bool text_of(PyObject *value, const char *what, const char **out)
{
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str", what);
        return false;
    }
    *out = PyUnicode_AsUTF8(value);
    return *out != NULL;
}

static bool put_alpn(PyObject *value, struct given *g)
{
    PyObject *fast = PySequence_Fast(value, "alpn must be a sequence");
    bool is_good = fast != NULL;
    g->alpn_n = 0;
    for (Py_ssize_t i = 0; is_good && i < PySequence_Fast_GET_SIZE(fast); i++) {
        struct ps_bytes name;
        is_good = bytes_of(PySequence_Fast_GET_ITEM(fast, i), "a protocol's name", &name);
        if (is_good && (name.n == 0 || g->alpn_n + name.n + 1 > sizeof g->alpn)) {
            PyErr_SetString(PyExc_ValueError, "a protocol's name is empty, or all are too long");
            is_good = false;
        }
        if (is_good) {
            g->alpn[g->alpn_n++] = (uint8_t)name.n;
            memcpy(g->alpn + g->alpn_n, name.p, name.n);
            g->alpn_n += name.n;
        }
    }
    Py_XDECREF(fast);
    return is_good;
}

static bool put_host(PyObject *value, struct up_listener_settings *s)
{
    const char *host;
    if (!text_of(value, "host", &host))
        return false;
    if (strlen(host) >= sizeof s->host) {
        PyErr_SetString(PyExc_ValueError, "host is not an IP address");
        return false;
    }
    strcpy(s->host, host);
    return true;
}

static bool put_on_accept(PyObject *value, struct up_listener_settings *s)
{
    const char *word;
    if (!text_of(value, "on_accept", &word))
        return false;
    if (strcmp(word, "serve") == 0)
        s->on_accept = UP_ACCEPT_SERVE;
    else if (strcmp(word, "silence") == 0)
        s->on_accept = UP_ACCEPT_SILENCE;
    else if (strcmp(word, "reset") == 0)
        s->on_accept = UP_ACCEPT_RESET;
    else
        PyErr_Format(PyExc_ValueError, "on_accept cannot be \"%s\"", word);
    return !PyErr_Occurred();
}

static bool put_number(PyObject *value, const char *key, uint64_t most, uint64_t *out)
{
    *out = 0;
    return count_of(value, key, most, out);
}

static bool put_item(const char *key, PyObject *value, struct up_listener_settings *s, struct given *g)
{
    uint64_t n = 0;
    if (strcmp(key, "port") == 0) {
        bool is_good = put_number(value, key, 65535, &n);
        s->port = (int)n;
        return is_good;
    }
    if (strcmp(key, "max_streams") == 0) {
        bool is_good = put_number(value, key, UINT32_MAX, &n);
        s->max_streams = (uint32_t)n;
        return is_good;
    }
    if (strcmp(key, "max_connections") == 0)
        return put_number(value, key, UINT64_MAX, &s->max_connections);
    if (strcmp(key, "host") == 0)
        return put_host(value, s);
    if (strcmp(key, "cert_file") == 0)
        return text_of(value, key, &g->cert_file);
    if (strcmp(key, "key_file") == 0)
        return text_of(value, key, &g->key_file);
    if (strcmp(key, "alpn") == 0)
        return put_alpn(value, g);
    if (strcmp(key, "on_accept") == 0)
        return put_on_accept(value, s);
    if (strcmp(key, "tls_stall") == 0) {
        int is_true = PyObject_IsTrue(value);
        s->tls_stall = is_true == 1;
        return is_true >= 0;
    }
    PyErr_Format(PyExc_ValueError, "a listener has no \"%s\"", key);
    return false;
}

static bool open_tls(const struct given *g, struct up_listener_settings *s)
{
    struct ps_err err = {0};
    if (g->cert_file == NULL && g->key_file == NULL)
        return true;
    if (g->cert_file == NULL)
        return raise_status(PS_INVALID, "key_file without cert_file");
    const char *key_file = g->key_file == NULL ? g->cert_file : g->key_file;
    return raise_status(
        up_tls_context_new(&s->tls, g->cert_file, key_file, ps_bytes_of(g->alpn, g->alpn_n), &err), err.text);
}

bool listener_of(PyObject *dict, struct up_listener_settings *out)
{
    static const char both[] = "\2h2\10http/1.1";
    struct given g = {.alpn_n = sizeof both - 1};
    PyObject *key, *value;
    Py_ssize_t at = 0;
    memcpy(g.alpn, both, sizeof both - 1);
    *out = (struct up_listener_settings){.host = "127.0.0.1", .max_streams = 100};
    if (!PyDict_Check(dict)) {
        PyErr_SetString(PyExc_TypeError, "a listener is a dict");
        return false;
    }
    while (PyDict_Next(dict, &at, &key, &value)) {
        const char *name = PyUnicode_AsUTF8(key);
        if (name == NULL || !put_item(name, value, out, &g))
            return false;
    }
    return open_tls(&g, out);
}
