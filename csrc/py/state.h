/* py/state.h -- the module's state and the objects of this room.
 * Everything here runs with the GIL held, on home threads. No statics: all is per module (PEP 489, 573). */
#ifndef PS_PY_STATE_H
#define PS_PY_STATE_H

#include "py/compat.h"

#include "bridge/bridge.h"

struct core_state {
    PyTypeObject *engine_type;
    PyTypeObject *pool_type;
    PyTypeObject *exchange_type;
    PyTypeObject *wait_type;
    PyTypeObject *home_type;
    PyTypeObject *tally_type;
    PyObject *error_factory;    /* callable or NULL */
    PyObject *get_running_loop; /* asyncio.get_running_loop */
    PyObject *cancelled_error;  /* asyncio.CancelledError */
    PyObject *invalid_state;    /* asyncio.InvalidStateError */
    PyObject *str_call_soon, *str_context, *str_add_reader, *str_remove_reader, *str_is_closed;
    PyObject *bytes_http11, *bytes_http2;
};

typedef struct {
    PyObject_HEAD
    struct ps_bridge *bridge; /* owned; NULL once freed */
    PyObject *homes;          /* dict: id(loop) -> Home */
    bool is_stopped;
} EngineObject;

typedef struct {
    PyObject_HEAD
    EngineObject *engine;       /* strong */
    struct ps_profile *profile; /* the maker's reference */
    struct ps_control *close_control; /* allocated ahead, so that closing cannot fail */
    PyObject *keep;             /* borrowed TLS context of Python's, kept alive; may be NULL */
    PyObject *weakrefs;
} PoolObject;

/* One asyncio loop's end of the bridge. */
typedef struct {
    PyObject_HEAD
    struct ps_home *home;     /* one reference; NULL once closed */
    PyObject *loop_ref;       /* weak reference to the loop */
    struct ps_list batch;     /* taken from home->ready, not yet delivered */
    struct ps_list parked;    /* exchanges with a parked wait, each with a Python reference */
    bool is_ended;            /* the engine was stopped: what is there is the last */
} HomeObject;

enum wait_kind { WAIT_HEAD, WAIT_CHUNK, WAIT_NEXT, WAIT_WHOLE, WAIT_ROOM };
enum { SLOT_READ, SLOT_ROOM, SLOTS_N };

struct wait_object;

typedef struct {
    PyObject_HEAD
    struct ps_exchange *x;    /* one reference; its `user` points back here */
    PoolObject *pool;         /* strong */
    HomeObject *home;         /* strong; NULL when blocking */
    PyObject *loop;           /* strong; NULL when blocking */
    struct wait_object *parked[SLOTS_N]; /* strong */
    struct ps_node parked_node; /* in home->parked while any slot is parked; holds a reference to self */
    PyObject *head_fields;    /* cached list; may be NULL */
    struct ps_head *head;     /* taken from the news; owned */
    size_t owed_n;            /* body bytes read and not yet credited */
    size_t sent_n;            /* upload bytes queued */
    bool is_sent;             /* send(..., end=True) was called */
    bool is_lost;             /* no memory for a piece of the body: what follows would have a gap */
    size_t window_bytes, upload_bytes;
} ExchangeObject;

typedef struct wait_object {
    PyObject_HEAD
    ExchangeObject *exchange; /* strong */
    enum wait_kind kind;
    bool is_yielded;          /* has shown itself to a task: a future from then on */
    bool is_blocking;         /* _asyncio_future_blocking */
    bool is_parked;
    bool is_cancelled;
    PyObject *callback;       /* the task's wake-up */
    PyObject *context;
    PyObject *cancel_message;
} WaitObject;

/* module.c */
struct core_state *core_state_of(PyTypeObject *type);
/* A new reference to a heap type from its spec. */
extern PyType_Spec engine_spec, pool_spec, exchange_spec, wait_spec, home_spec, tally_spec;

/* py_error.c: raises what the factory makes. Always returns NULL. */
PyObject *raise_error(struct core_state *state, const struct ps_err *err, const ExchangeObject *x,
                      const struct ps_timings *timings, bool maybe_processed, bool head_seen);
PyObject *timings_dict(const struct ps_timings *t, enum ps_phase phase);

/* py_proxy.c: PS_BAD_HEADER when the request carries credentials that the proxy would not get, or twice. */
PS_CHECK enum ps_status check_proxy_fields(const struct ps_request *request,
                                           const struct ps_proxy *proxy, struct ps_err *err);

/* py_config.c: a profile from the settings dict; *keep gets a new reference or NULL. */
struct ps_profile *profile_from_dict(PyObject *config, PyObject **keep);

/* py_home.c: the running loop's home, made on first use. New references. */
HomeObject *home_for_running_loop(struct core_state *state, EngineObject *engine, PyObject **loop);
void home_park(ExchangeObject *x);
void home_unpark(ExchangeObject *x); /* drops the list's reference */
void home_end(HomeObject *h);        /* the engine was stopped: the home ends itself on its loop */
void home_abandon(HomeObject *h);    /* in a forked child */

/* py_submit.c */
PyObject *pool_submit(PyObject *self, PyTypeObject *cls, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames);

/* py_exchange.c */
ExchangeObject *exchange_object_new(struct core_state *state, PoolObject *pool, HomeObject *home,
                                    PyObject *loop, struct ps_exchange *given);
PyObject *fields_list(const struct ps_head *head);
PyObject *exchange_origin(const ExchangeObject *x); /* str, "https://[::1]:443" */
PyObject *exchange_method(const ExchangeObject *x); /* str */

/* py_exchange.c: made before a fork, in the parent: its locks must not be touched. */
bool exchange_is_foreign(const ExchangeObject *x);

/* py_read.c: is what `kind` waits for there; and taking it (new reference, or NULL with an exception;
 * for WAIT_NEXT the end is StopAsyncIteration). */
bool exchange_has(const ExchangeObject *x, enum wait_kind kind);
PyObject *exchange_take(ExchangeObject *x, enum wait_kind kind);
PyObject *exchange_block(ExchangeObject *x, enum wait_kind kind);

/* py_wait.c */
PyObject *wait_new(ExchangeObject *x, enum wait_kind kind);
/* Resumes whoever awaits; 0, or -1 with KeyboardInterrupt or SystemExit. */
int wait_wake(WaitObject *w);

#endif
