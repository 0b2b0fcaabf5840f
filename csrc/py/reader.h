/* py/reader.h -- settings out of a dict that Python made, one entry at a time.
 * The first failure sets an exception and sticks; later reads do nothing, so a caller looks once, at the end.
 * Home threads, with the GIL. */
#ifndef PS_PY_READER_H
#define PS_PY_READER_H

#include "py/compat.h"

#include <stdbool.h>

#include "conn/proxy.h"
#include "tls/config.h"

struct reader {
    PyObject *dict;
    bool failed;
};

PyObject *reader_item(struct reader *r, const char *key); /* borrowed; NULL when it failed */
unsigned long long reader_number(struct reader *r, const char *key);
int reader_integer(struct reader *r, const char *key);
bool reader_flag(struct reader *r, const char *key);
/* Text without NUL, alive as long as the dict; NULL for None. */
const char *reader_text(struct reader *r, const char *key);

/* py_tls.c: TLS settings; their strings live as long as the dict. An ssl.SSLContext among them is checked and
 * borrowed: `*context` (borrowed; NULL = none) must outlive what is made of the settings. */
void reader_tls(struct reader *r, struct ps_tls_settings *t, PyObject **context);

/* py_proxy.c: the proxy; NULL for none, or when it failed. `*context` as above. */
struct ps_proxy *reader_proxy(struct reader *r, PyObject **context);

#endif
