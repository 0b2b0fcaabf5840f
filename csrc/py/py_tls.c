/* py/py_tls.c -- TLS settings from Python, and ssl.SSLContext objects that are used as they are. */
#include "py/reader.h"

static void read_plain(struct reader *r, struct ps_tls_settings *t)
{
    t->verify = reader_flag(r, "verify");
    t->check_hostname = reader_flag(r, "check_hostname");
    t->ca_file = reader_text(r, "ca_file");
    t->ca_dir = reader_text(r, "ca_dir");
    t->use_system_ca = reader_flag(r, "use_system_ca");
    t->cert_file = reader_text(r, "cert_file");
    t->key_file = reader_text(r, "key_file");
    t->key_password = reader_text(r, "key_password");
    t->ciphers = reader_text(r, "ciphers");
    t->ciphersuites = reader_text(r, "ciphersuites");
    t->groups = reader_text(r, "groups");
    t->security_level = reader_integer(r, "security_level");
    t->min_version = reader_integer(r, "min_version");
    t->max_version = reader_integer(r, "max_version");
    t->crl_check = reader_flag(r, "crl_check");
    t->partial_chain = reader_flag(r, "partial_chain");
    t->x509_strict = reader_flag(r, "x509_strict");
    t->keylog_file = reader_text(r, "keylog_file");
    PyObject *pem = reader_item(r, "ca_pem");
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

void reader_tls(struct reader *r, struct ps_tls_settings *t, PyObject **context)
{
    *context = NULL;
    read_plain(r, t);
    PyObject *given = reader_item(r, "ssl_context");
    if (r->failed || given == Py_None)
        return;
    borrow_context(r, t, given);
    *context = given;
}
