/* upstream/server.h -- the scripted upstream: a thread with a loop of its own, ports, connections, a script, a log.
 *
 * Other threads talk to it by commands: one at a time is posted and waited for, without the GIL. The log is read
 * under its own mutex. The thread takes no other lock and knows no Python; all signals are blocked on it.
 * Thread: functions of the first half any (never io), members io but where said. */
#ifndef PS_UPSTREAM_SERVER_H
#define PS_UPSTREAM_SERVER_H

#include <uv.h>

#include "base/err.h"
#include "base/list.h"
#include "upstream/listener.h"
#include "upstream/pace.h"
#include "upstream/program.h"
#include "upstream/record.h"
#include "upstream/script.h"

struct up_command;

enum { UP_READ_BYTES = 65536 };

struct up_server {
    uv_loop_t loop;
    uv_async_t async;
    uv_prepare_t before_poll;
    uv_idle_t again; /* running: somebody is ready, do not block */
    struct up_pace pace;
    struct ps_list listeners, peers, ready;
    struct up_script *script; /* counted; NULL: nothing matches */
    uint64_t peers_n;         /* so far: ids */
    size_t body_limit_bytes;
    uint8_t read_buf[UP_READ_BYTES];  /* lent to whichever socket reads */
    uint8_t plain_buf[UP_READ_BYTES]; /* what TLS makes of it */
    bool is_stopping;
    /* any thread */
    struct up_log log;
    uv_thread_t thread;
    uv_mutex_t lock; /* of the rest */
    uv_cond_t obeyed;
    struct ps_list commands;
    bool is_gone; /* the thread takes no more commands */
    /* the thread that closes it */
    bool is_joined;
};

/* PS_OK, PS_NOMEM, PS_INTERNAL (the system has no thread or descriptor for it). */
PS_CHECK enum ps_status up_server_start(struct up_server **out, size_t record_limit_n,
                                        size_t body_limit_bytes, struct ps_err *err);
/* Everything gone but the log and the memory. May be called twice, by one thread at a time. */
void up_server_stop(struct up_server *s);
void up_server_free(struct up_server *s); /* after stop, or in the child of a fork; accepts NULL */

/* All of these: PS_CLOSED once it was stopped. */

/* Takes settings->tls in any case. Stores the port. */
PS_CHECK enum ps_status up_server_listen(struct up_server *s, const struct up_listener_settings *settings,
                                         int *port, struct ps_err *err);
/* PS_INVALID: no such port. */
PS_CHECK enum ps_status up_server_close_port(struct up_server *s, int port);
/* Takes the caller's reference in any case. */
PS_CHECK enum ps_status up_server_set_script(struct up_server *s, struct up_script *script);
PS_CHECK enum ps_status up_server_drop(struct up_server *s, enum up_cut how);
PS_CHECK enum ps_status up_server_goaway(struct up_server *s);

/* -- io -- */

/* Keeps the loop turning while the ready list is not empty. */
void up_server_keep_turning(struct up_server *s);

#endif
