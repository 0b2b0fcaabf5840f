/* py/py_proxy.c -- a proxy from Python's settings, and what a request may not tell it or the origin.
 * Settings that are a value of a setting come as a tuple of pairs, because pools are kept by their settings. */
#include "py/state.h"

#include "py/reader.h"

/* A dict of the pairs under `key`; NULL for None, or when it failed. New reference. */
static PyObject *pairs_at(struct reader *r, const char *key)
{
    PyObject *pairs = reader_item(r, key);
    if (pairs == NULL || pairs == Py_None)
        return NULL;
    PyObject *dict = PyDict_New();
    if (dict == NULL || PyDict_MergeFromSeq2(dict, pairs, 1) < 0) {
        Py_CLEAR(dict);
        r->failed = true;
    }
    return dict;
}

static void say_error(struct reader *r, const struct ps_err *err)
{
    r->failed = true;
    if (err->status == PS_NOMEM)
        PyErr_NoMemory();
    else
        PyErr_SetString(PyExc_ValueError, err->text);
}

/* TLS to the proxy itself; NULL when there is none, or when it failed. */
static struct ps_tls_config *read_config(struct reader *r, PyObject **context)
{
    PyObject *dict = pairs_at(r, "tls");
    struct reader tls = {.dict = dict};
    struct ps_tls_settings settings = {0};
    struct ps_tls_config *config = NULL;
    struct ps_err err = {0};
    if (dict == NULL)
        return NULL;
    reader_tls(&tls, &settings, context);
    r->failed = tls.failed;
    if (!tls.failed) {
        enum ps_status st;
        Py_BEGIN_ALLOW_THREADS /* reading a CA bundle takes tens of milliseconds */
        ps_bridge_forbid_fork();
        st = ps_tls_config_new(&config, &settings, &err);
        ps_bridge_allow_fork();
        Py_END_ALLOW_THREADS
        if (st != PS_OK)
            say_error(r, &err);
    }
    Py_DECREF(dict); /* the pairs keep what it held */
    return config;
}

struct ps_proxy *reader_proxy(struct reader *r, PyObject **context)
{
    *context = NULL;
    PyObject *dict = pairs_at(r, "proxy");
    if (dict == NULL)
        return NULL;
    struct reader in = {.dict = dict};
    struct ps_proxy *proxy = NULL;
    struct ps_err err = {0};
    /* Strings are borrowed from the dict: ps_proxy_new() copies them. */
    const struct ps_proxy wants = {.kind = (enum ps_proxy_kind)reader_number(&in, "kind"),
                                   .host = (char *)(uintptr_t)reader_text(&in, "host"),
                                   .port = (uint16_t)reader_number(&in, "port"),
                                   .fields = (char *)(uintptr_t)reader_text(&in, "fields"),
                                   .user = (char *)(uintptr_t)reader_text(&in, "user"),
                                   .password = (char *)(uintptr_t)reader_text(&in, "password"),
                                   .tls = read_config(&in, context)};
    r->failed = in.failed;
    if (!in.failed && ps_proxy_new(&proxy, &wants, &err) != PS_OK)
        say_error(r, &err);
    if (proxy == NULL)
        ps_tls_config_unref(wants.tls);
    Py_DECREF(dict);
    return proxy;
}

enum ps_status check_proxy_fields(const struct ps_request *request, const struct ps_proxy *proxy,
                                  struct ps_err *err)
{
    if (proxy == NULL ||
        ps_head_find(request->fields, "Proxy-Authorization", 0) == request->fields->fields_n)
        return PS_OK;
    if (ps_proxy_forwards(proxy, request->is_https) &&
        strcasestr(proxy->fields, "proxy-authorization:") == NULL)
        return PS_OK;
    return ps_err_set(err, PS_BAD_HEADER, PS_PHASE_NONE,
                      "Proxy-Authorization would not go to the proxy, or twice: give it as "
                      "Proxy(auth=...)");
}
