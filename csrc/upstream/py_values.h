/* upstream/py_values.h -- Python values as plain C, and back. The only files of this room that know Python are
 * py_*.c. Thread: any, with the GIL. */
#ifndef PS_UPSTREAM_PY_VALUES_H
#define PS_UPSTREAM_PY_VALUES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "upstream/listener.h"
#include "upstream/program.h"
#include "upstream/record.h"
#include "upstream/script.h"

/* Each returns false with an exception set. */

/* A view of a bytes object, which must outlive it. */
bool bytes_of(PyObject *value, const char *what, struct ps_bytes *out);
/* None (or NULL): `out` as it was. */
bool count_of(PyObject *value, const char *what, uint64_t most, uint64_t *out);
/* A new array of pairs whose views live as long as `fields`, a PySequence_Fast; PyMem_Free() it. NULL: an exception. */
struct up_pair *pairs_of(PyObject *fast);
bool raise_status(enum ps_status st, const char *why);

/* An "events" step: fills `s`, already part of its program. */
bool events_of(PyObject *tuple, struct up_step *s);
/* Appends the steps of a sequence. */
bool program_of(PyObject *steps, struct up_program *out);
/* With one reference; NULL: an exception. */
struct up_script *script_of(PyObject *rules);
/* New references; NULL: an exception. */
PyObject *records_list(const struct up_shot *shots, size_t n);
PyObject *stats_dict(const struct up_stats *stats);

/* From the dict; `out->tls` is the caller's then. */
bool listener_of(PyObject *dict, struct up_listener_settings *out);

/* make_certificate(), a method of the module. */
PyObject *certificate_make(PyObject *module, PyObject *args, PyObject *options);

extern PyType_Spec up_server_spec;

#endif
