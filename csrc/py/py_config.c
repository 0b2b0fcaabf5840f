/* py/py_config.c -- from the settings dict (PoolConfig in _core.pyi) to a profile.
 * Missing or mistyped entries are errors: the Python side fills in every key. Loading certificates releases
 * the GIL. */
#include "py/state.h"

enum { PS_OPTIONS_MAX = 32 };

/* Reads one dict; the first failure sticks and later reads do nothing. */
struct reader {
    PyObject *dict;
    bool failed;
};

static PyObject *item(struct reader *r, const char *key) /* borrowed */
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

static unsigned long long number(struct reader *r, const char *key)
{
    PyObject *value = item(r, key);
    if (value == NULL)
        return 0;
    unsigned long long n = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "pool setting %s must be a whole number, not negative", key);
        r->failed = true;
    }
    return n;
}

static int integer(struct reader *r, const char *key)
{
    PyObject *value = item(r, key);
    long n = value == NULL ? 0 : PyLong_AsLong(value);
    if (value != NULL && PyErr_Occurred())
        r->failed = true;
    return (int)n;
}

static bool flag(struct reader *r, const char *key)
{
    PyObject *value = item(r, key);
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth < 0)
        r->failed = true;
    return truth > 0;
}

/* Text without NUL, alive as long as the dict; NULL for None. */
static const char *text(struct reader *r, const char *key)
{
    PyObject *value = item(r, key);
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

static void read_limits(struct reader *r, struct ps_profile *p)
{
    struct ps_pool_settings *s = &p->settings;
    struct ps_codec_limits *c = &s->conn.codec;
    s->max_conns_n = number(r, "max_connections");
    s->max_per_origin_n = number(r, "max_connections_per_origin");
    s->max_waiting_n = number(r, "max_waiting");
    s->max_idle_n = number(r, "max_idle");
    s->idle_ms = number(r, "idle_ms");
    s->age_ms = number(r, "age_ms");
    c->head.bytes = number(r, "head_bytes");
    c->head.fields_n = number(r, "head_fields");
    c->trailer.bytes = number(r, "trailer_bytes");
    c->line_bytes = number(r, "line_bytes");
    c->info_n = number(r, "info_count");
    c->window_bytes = number(r, "buffer_bytes");
    p->upload_bytes = number(r, "upload_bytes");
    p->gather_ns = number(r, "gather_us") * 1000;
}

static void read_http2(struct reader *r, struct ps_profile *p)
{
    struct ps_h2_clocks *h2 = &p->settings.conn.h2;
    p->settings.conn.http2 = (enum ps_http2)number(r, "http2");
    p->settings.is_strict = flag(r, "strict_streams");
    h2->settings_ms = number(r, "settings_ack_ms");
    h2->quiet_ms = number(r, "quiet_ms");
    h2->quiet_answer_ms = number(r, "quiet_answer_ms");
    h2->silence_ms = number(r, "silence_ms");
    h2->silence_answer_ms = number(r, "silence_answer_ms");
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
    PyObject *given = item(r, "socket_options");
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
    s->family = (enum ps_family)number(r, "family");
    s->dial.nodelay = flag(r, "nodelay");
    s->dial.keepalive_s = (unsigned)number(r, "keepalive_s");
    s->dial.user_timeout_ms = (unsigned)number(r, "user_timeout_ms");
    s->dial.eyeballs_ms = number(r, "eyeballs_ms");
    s->dns_ttl_ms = number(r, "dns_ttl_ms");
    const char *local = text(r, "local_address");
    const char *uds = text(r, "uds");
    if (!r->failed && (ps_profile_set_local_address(p, local) != PS_OK ||
                       ps_profile_set_uds(p, uds) != PS_OK)) {
        PyErr_NoMemory();
        r->failed = true;
    }
}

static void read_tls(struct reader *r, struct ps_tls_settings *t)
{
    t->verify = flag(r, "verify");
    t->check_hostname = flag(r, "check_hostname");
    t->ca_file = text(r, "ca_file");
    t->ca_dir = text(r, "ca_dir");
    t->use_system_ca = flag(r, "use_system_ca");
    t->cert_file = text(r, "cert_file");
    t->key_file = text(r, "key_file");
    t->key_password = text(r, "key_password");
    t->ciphers = text(r, "ciphers");
    t->ciphersuites = text(r, "ciphersuites");
    t->groups = text(r, "groups");
    t->security_level = integer(r, "security_level");
    t->min_version = integer(r, "min_version");
    t->max_version = integer(r, "max_version");
    t->crl_check = flag(r, "crl_check");
    t->partial_chain = flag(r, "partial_chain");
    t->x509_strict = flag(r, "x509_strict");
    t->keylog_file = text(r, "keylog_file");
    PyObject *pem = item(r, "ca_pem");
    if (pem != NULL && pem != Py_None) {
        char *bytes;
        Py_ssize_t n;
        if (PyBytes_AsStringAndSize(pem, &bytes, &n) < 0) {
            r->failed = true;
            return;
        }
        t->ca_pem = bytes;
        t->ca_pem_n = (size_t)n;
    }
}

/* The start of CPython's PySSLContext, the same in 3.10 to 3.14 (Modules/_ssl.c). */
struct ssl_context_prefix {
    PyObject_HEAD
    void *ctx;
};

static bool long_attr(PyObject *context, const char *name, long *out)
{
    PyObject *value = PyObject_GetAttrString(context, name);
    if (value == NULL)
        return false;
    *out = PyLong_AsLong(value);
    Py_DECREF(value);
    return !PyErr_Occurred();
}

/* OpenSSL's verify mode in the numbers of ssl.VerifyMode: NONE 0, OPTIONAL 1, REQUIRED 2. */
static long python_verify_mode(int mode)
{
    enum { VERIFY_PEER = 1, FAIL_IF_NO_PEER_CERT = 2 };
    if ((mode & VERIFY_PEER) == 0)
        return 0;
    return mode & FAIL_IF_NO_PEER_CERT ? 2 : 1;
}

/* Is the pointer really this context's SSL_CTX? It must report what Python reports. */
static bool facts_agree(PyObject *context, void *ctx)
{
    long options, verify_mode;
    if (!long_attr(context, "options", &options) || !long_attr(context, "verify_mode", &verify_mode))
        return false;
    struct ps_tls_facts facts;
    ps_tls_config_facts(ctx, &facts);
    if (facts.options == (unsigned long)options &&
        python_verify_mode(facts.verify_mode) == verify_mode)
        return true;
    PyErr_SetString(PyExc_ValueError,
                    "this ssl.SSLContext cannot be read (unknown layout): pass TLS(ca_file=...) "
                    "and its other settings instead");
    return false;
}

/* The Python side has checked that the interpreter's _ssl shares our libssl. */
static void borrow_context(struct reader *r, struct ps_tls_settings *t, PyObject *context)
{
    void *ctx = ((struct ssl_context_prefix *)(void *)context)->ctx;
    PyObject *check = PyObject_GetAttrString(context, "check_hostname");
    int truth = check == NULL ? -1 : PyObject_IsTrue(check);
    Py_XDECREF(check);
    if (truth < 0 || !facts_agree(context, ctx)) {
        r->failed = true;
        return;
    }
    const char *objection = ps_tls_config_borrow_objection(ctx);
    if (objection != NULL) {
        PyErr_Format(PyExc_ValueError, "this ssl.SSLContext cannot be used: %s", objection);
        r->failed = true;
        return;
    }
    t->check_hostname = truth;
    t->borrowed_ctx = ctx;
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

struct ps_profile *profile_from_dict(PyObject *config, PyObject **keep)
{
    struct reader r = {.dict = config};
    struct ps_tls_settings tls = {0};
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
    read_tls(&r, &tls);
    PyObject *context = item(&r, "ssl_context");
    if (!r.failed && context != Py_None)
        borrow_context(&r, &tls, context);
    if (!r.failed)
        make_tls(&r, p, &tls);
    if (r.failed) {
        ps_profile_unref(p);
        return NULL;
    }
    *keep = context == Py_None ? NULL : Py_NewRef(context);
    return p;
}
