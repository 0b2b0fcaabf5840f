/* upstream/py_certificate.c -- make_certificate() of the module (see _upstream.pyi). */
#include "upstream/py_values.h"
#include "upstream/tls_certificate.h"

static PyObject *bytes_from(const struct ps_buf *b)
{
    struct ps_bytes view = ps_buf_view(b);
    return PyBytes_FromStringAndSize((const char *)view.p, (Py_ssize_t)view.n);
}

static PyObject *pair_from(const struct ps_buf *cert_pem, const struct ps_buf *key_pem)
{
    PyObject *cert = bytes_from(cert_pem), *key = bytes_from(key_pem);
    PyObject *pair = cert != NULL && key != NULL ? PyTuple_Pack(2, cert, key) : NULL;
    Py_XDECREF(cert);
    Py_XDECREF(key);
    return pair;
}

PyObject *certificate_make(PyObject *module, PyObject *args, PyObject *options)
{
    static char *names[] = {"name", "alt_names", "not_before_s", "not_after_s", "issuer", NULL};
    struct up_certificate_wish wish = {0};
    long long from_s, to_s;
    const char *cert = NULL, *key = NULL;
    Py_ssize_t cert_n = 0, key_n = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, options, "szLL|(y#y#)", names, &wish.name, &wish.alt_names, &from_s,
                                     &to_s, &cert, &cert_n, &key, &key_n))
        return NULL;
    wish.not_before_s = from_s;
    wish.not_after_s = to_s;
    wish.issuer_cert = ps_bytes_of(cert, (size_t)cert_n);
    wish.issuer_key = ps_bytes_of(key, (size_t)key_n);
    struct ps_buf cert_pem, key_pem;
    struct ps_err err = {0};
    PyObject *made = NULL;
    ps_buf_init(&cert_pem, SIZE_MAX / 4);
    ps_buf_init(&key_pem, SIZE_MAX / 4);
    if (raise_status(up_certificate_make(&wish, &cert_pem, &key_pem, &err), err.text))
        made = pair_from(&cert_pem, &key_pem);
    ps_buf_fini(&cert_pem);
    ps_buf_fini(&key_pem);
    return made;
}
