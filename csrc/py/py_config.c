/* py/py_config.c -- from the settings dict (PoolConfig in _core.pyi) to a profile.
 * Missing or mistyped entries are errors: the Python side fills in every key. Loading certificates releases
 * the GIL. */
#include "py/state.h"

#include "py/reader.h"

enum { PS_OPTIONS_MAX = 32 };

static void read_limits(struct reader *r, struct ps_profile *p)
{
    struct ps_pool_settings *s = &p->settings;
    struct ps_codec_limits *c = &s->conn.codec;
    s->max_conns_n = reader_number(r, "max_connections");
    s->max_per_origin_n = reader_number(r, "max_connections_per_origin");
    s->max_waiting_n = reader_number(r, "max_waiting");
    s->max_idle_n = reader_number(r, "max_idle");
    s->idle_ms = reader_number(r, "idle_ms");
    s->age_ms = reader_number(r, "age_ms");
    c->head.bytes = reader_number(r, "head_bytes");
    c->head.fields_n = reader_number(r, "head_fields");
    c->trailer.bytes = reader_number(r, "trailer_bytes");
    c->line_bytes = reader_number(r, "line_bytes");
    c->info_n = reader_number(r, "info_count");
    c->window_bytes = reader_number(r, "buffer_bytes");
    p->upload_bytes = reader_number(r, "upload_bytes");
    p->gather_ns = reader_number(r, "gather_us") * 1000;
}

static void read_http2(struct reader *r, struct ps_profile *p)
{
    struct ps_h2_clocks *h2 = &p->settings.conn.h2;
    p->settings.conn.http2 = (enum ps_http2)reader_number(r, "http2");
    p->settings.is_strict = reader_flag(r, "strict_streams");
    h2->settings_ms = reader_number(r, "settings_ack_ms");
    h2->quiet_ms = reader_number(r, "quiet_ms");
    h2->quiet_answer_ms = reader_number(r, "quiet_answer_ms");
    h2->silence_ms = reader_number(r, "silence_ms");
    h2->silence_answer_ms = reader_number(r, "silence_answer_ms");
}

/* One (level, name, int or bytes) of Network(socket_options); the Python side has checked it. */
static void read_option(struct reader *r, PyObject *row, struct ps_sock_option *out)
{
    PyObject *value; /* borrowed */
    if (r->failed || !PyArg_ParseTuple(row, "iiO", &out->level, &out->name, &value)) {
        r->failed = true;
        return;
    }
    if (PyBytes_Check(value)) {
        size_t n = (size_t)PyBytes_GET_SIZE(value);
        out->value_n = (unsigned)(n < sizeof out->value ? n : sizeof out->value);
        memcpy(out->value, PyBytes_AS_STRING(value), out->value_n);
        return;
    }
    int number = (int)PyLong_AsLong(value);
    r->failed = number == -1 && PyErr_Occurred();
    out->value_n = sizeof number;
    memcpy(out->value, &number, sizeof number);
}

static void read_options(struct reader *r, struct ps_profile *p)
{
    struct ps_sock_option rows[PS_OPTIONS_MAX];
    PyObject *given = reader_item(r, "socket_options");
    if (given == NULL)
        return;
    Py_ssize_t n = PyTuple_Check(given) ? PyTuple_GET_SIZE(given) : -1;
    if (n < 0 || n > PS_OPTIONS_MAX) {
        PyErr_SetString(PyExc_ValueError, "pool setting socket_options must be a tuple of at most 32 options");
        r->failed = true;
        return;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        read_option(r, PyTuple_GET_ITEM(given, i), &rows[i]);
    if (!r->failed && ps_profile_set_options(p, rows, (size_t)n) != PS_OK) {
        PyErr_NoMemory();
        r->failed = true;
    }
}

static void read_network(struct reader *r, struct ps_profile *p)
{
    struct ps_conn_settings *s = &p->settings.conn;
    s->family = (enum ps_family)reader_number(r, "family");
    s->dial.nodelay = reader_flag(r, "nodelay");
    s->dial.keepalive_s = (unsigned)reader_number(r, "keepalive_s");
    s->dial.user_timeout_ms = (unsigned)reader_number(r, "user_timeout_ms");
    s->dial.eyeballs_ms = reader_number(r, "eyeballs_ms");
    s->dns_ttl_ms = reader_number(r, "dns_ttl_ms");
    const char *local = reader_text(r, "local_address");
    const char *uds = reader_text(r, "uds");
    if (!r->failed && (ps_profile_set_local_address(p, local) != PS_OK ||
                       ps_profile_set_uds(p, uds) != PS_OK)) {
        PyErr_NoMemory();
        r->failed = true;
    }
}

static void make_tls(struct reader *r, struct ps_profile *p, const struct ps_tls_settings *t)
{
    struct ps_err err;
    enum ps_status st;
    Py_BEGIN_ALLOW_THREADS /* reading a CA bundle takes tens of milliseconds */
    ps_bridge_forbid_fork();
    st = ps_profile_set_tls(p, t, &err);
    ps_bridge_allow_fork();
    Py_END_ALLOW_THREADS
    if (st == PS_OK)
        return;
    r->failed = true;
    if (st == PS_NOMEM)
        PyErr_NoMemory();
    else
        PyErr_SetString(PyExc_ValueError, err.text);
}

/* What must outlive the profile; NULL = nothing, or it failed. */
static PyObject *kept(struct reader *r, PyObject *context, PyObject *proxy_context)
{
    if (context == NULL && proxy_context == NULL)
        return NULL;
    PyObject *both = PyTuple_Pack(2, context == NULL ? Py_None : context,
                                  proxy_context == NULL ? Py_None : proxy_context);
    r->failed = both == NULL;
    return both;
}

struct ps_profile *profile_from_dict(PyObject *config, PyObject **keep)
{
    struct reader r = {.dict = config};
    struct ps_tls_settings tls = {0};
    PyObject *context, *proxy_context; /* borrowed */
    *keep = NULL;
    if (!PyDict_Check(config)) {
        PyErr_SetString(PyExc_TypeError, "pool settings must be a dict");
        return NULL;
    }
    struct ps_profile *p = ps_profile_new();
    if (p == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    read_limits(&r, p);
    read_http2(&r, p);
    read_network(&r, p);
    read_options(&r, p);
    reader_tls(&r, &tls, &context);
    ps_profile_set_proxy(p, reader_proxy(&r, &proxy_context));
    if (!r.failed)
        make_tls(&r, p, &tls);
    if (!r.failed)
        *keep = kept(&r, context, proxy_context);
    if (r.failed) {
        ps_profile_unref(p);
        return NULL;
    }
    return p;
}
