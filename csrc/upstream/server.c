/* upstream/server.c -- the io thread's life and its turn (see server.h; commands are in command.c). */
#include "upstream/server.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>

#include "base/mem.h"
#include "upstream/command.h"
#include "upstream/peer.h"

static struct up_command *next_command(struct up_server *s)
{
    uv_mutex_lock(&s->lock);
    struct ps_node *n = ps_list_pop_front(&s->commands);
    uv_mutex_unlock(&s->lock);
    return n == NULL ? NULL : PS_ITEM(n, struct up_command, node);
}

static void on_async(uv_async_t *async)
{
    struct up_server *s = async->data;
    struct up_command *c;
    while ((c = next_command(s)) != NULL) {
        bool is_last = c->kind == UP_COMMAND_STOP;
        up_command_obey(s, c);
        uv_mutex_lock(&s->lock);
        s->is_gone = s->is_gone || is_last;
        c->is_done = true; /* the asker's stack: gone after unlocking */
        uv_cond_broadcast(&s->obeyed);
        uv_mutex_unlock(&s->lock);
    }
}

static void on_again(uv_idle_t *again)
{
    (void)again; /* its only purpose is that the poll does not block */
}

void up_server_keep_turning(struct up_server *s)
{
    if (!s->is_stopping)
        uv_idle_start(&s->again, on_again); /* harmless while it runs */
}

static void on_before_poll(uv_prepare_t *prepare)
{
    struct up_server *s = prepare->data;
    struct ps_list now;
    struct ps_node *n;
    ps_list_init(&now);
    ps_list_move_all(&now, &s->ready);
    while ((n = ps_list_pop_front(&now)) != NULL)
        up_peer_pump(PS_ITEM(n, struct up_peer, ready_node));
    if (s->is_stopping)
        return;
    if (ps_list_empty(&s->ready))
        uv_idle_stop(&s->again);
    else
        up_server_keep_turning(s);
}

static void run(void *arg)
{
    struct up_server *s = arg;
    uv_run(&s->loop, UV_RUN_DEFAULT);
    up_pace_fini(&s->pace);
    int busy = uv_loop_close(&s->loop);
    assert(busy == 0);
    (void)busy;
    up_log_end(&s->log);
}

static int spawn(struct up_server *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int sys = uv_thread_create(&s->thread, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sys;
}

static int open_handles(struct up_server *s)
{
    int sys = up_pace_open(&s->pace, &s->loop);
    if (sys != 0)
        return sys;
    sys = uv_async_init(&s->loop, &s->async, on_async);
    if (sys != 0) {
        up_pace_close(&s->pace);
        return sys;
    }
    uv_prepare_init(&s->loop, &s->before_poll);
    uv_idle_init(&s->loop, &s->again);
    s->async.data = s->before_poll.data = s;
    uv_prepare_start(&s->before_poll, on_before_poll);
    sys = spawn(s);
    if (sys != 0)
        up_server_let_go(s);
    return sys;
}

static int open_loop(struct up_server *s)
{
    int sys = uv_loop_init(&s->loop);
    if (sys != 0)
        return sys;
    sys = open_handles(s);
    if (sys != 0) {
        uv_run(&s->loop, UV_RUN_DEFAULT);
        up_pace_fini(&s->pace);
        uv_loop_close(&s->loop);
    }
    return sys;
}

static int open_locks(struct up_server *s, size_t record_limit_n)
{
    int sys = up_log_init(&s->log, record_limit_n);
    if (sys != 0)
        return sys;
    uv_mutex_init(&s->lock); /* these two cannot fail where the log's two have not */
    uv_cond_init(&s->obeyed);
    return 0;
}

static void fini_locks(struct up_server *s)
{
    up_log_fini(&s->log);
    uv_cond_destroy(&s->obeyed);
    uv_mutex_destroy(&s->lock);
}

enum ps_status up_server_start(struct up_server **out, size_t record_limit_n, size_t body_limit_bytes,
                               struct ps_err *err)
{
    struct up_server *s = ps_zalloc(sizeof *s);
    if (s == NULL)
        return ps_err_nomem(err);
    s->body_limit_bytes = body_limit_bytes;
    ps_list_init(&s->listeners);
    ps_list_init(&s->peers);
    ps_list_init(&s->ready);
    ps_list_init(&s->commands);
    int sys = open_locks(s, record_limit_n);
    if (sys == 0) {
        sys = open_loop(s);
        if (sys != 0)
            fini_locks(s);
    }
    if (sys != 0) {
        ps_free(s);
        return ps_err_set(err, PS_INTERNAL, PS_PHASE_NONE, "the upstream did not start: %s", uv_strerror(sys));
    }
    *out = s;
    return PS_OK;
}

void up_server_free(struct up_server *s)
{
    if (s == NULL)
        return;
    if (s->is_joined)
        fini_locks(s);
    ps_free(s);
}
