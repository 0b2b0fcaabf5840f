/* upstream/command.c -- commands, as they are posted and as they are obeyed (see command.h). */
#include "upstream/command.h"

#include "upstream/peer.h"

/* -- any thread -- */

static enum ps_status refuse(struct up_command *c)
{
    up_script_unref(c->script);
    if (c->settings != NULL)
        up_tls_context_free(c->settings->tls);
    return PS_CLOSED;
}

static enum ps_status post(struct up_server *s, struct up_command *c)
{
    uv_mutex_lock(&s->lock);
    if (s->is_gone) {
        uv_mutex_unlock(&s->lock);
        return refuse(c);
    }
    ps_list_push_back(&s->commands, &c->node);
    uv_async_send(&s->async);
    while (!c->is_done)
        uv_cond_wait(&s->obeyed, &s->lock);
    uv_mutex_unlock(&s->lock);
    return c->status;
}

enum ps_status up_server_listen(struct up_server *s, const struct up_listener_settings *settings, int *port,
                                struct ps_err *err)
{
    struct up_command c = {.kind = UP_COMMAND_LISTEN, .settings = settings, .err = err};
    enum ps_status st = post(s, &c);
    *port = c.port;
    if (st == PS_CLOSED)
        return ps_err_set(err, PS_CLOSED, PS_PHASE_NONE, "the server is closed");
    return st;
}

enum ps_status up_server_close_port(struct up_server *s, int port)
{
    struct up_command c = {.kind = UP_COMMAND_CLOSE_PORT, .port = port};
    return post(s, &c);
}

enum ps_status up_server_set_script(struct up_server *s, struct up_script *script)
{
    struct up_command c = {.kind = UP_COMMAND_SCRIPT, .script = script};
    return post(s, &c);
}

enum ps_status up_server_drop(struct up_server *s, enum up_cut how)
{
    struct up_command c = {.kind = UP_COMMAND_DROP, .how = how};
    return post(s, &c);
}

enum ps_status up_server_goaway(struct up_server *s)
{
    struct up_command c = {.kind = UP_COMMAND_GOAWAY};
    return post(s, &c);
}

void up_server_stop(struct up_server *s)
{
    struct up_command c = {.kind = UP_COMMAND_STOP};
    if (s->is_joined)
        return;
    (void)!post(s, &c);
    uv_thread_join(&s->thread);
    s->is_joined = true;
}

/* -- io -- */

static enum ps_status listen_on(struct up_server *s, struct up_command *c)
{
    struct up_listener *l;
    enum ps_status st = up_listener_open(&l, s, c->settings, c->err);
    if (st == PS_OK)
        c->port = l->port;
    return st;
}

static enum ps_status close_port(struct up_server *s, int port)
{
    enum ps_status st = PS_INVALID;
    for (struct ps_node *n = ps_list_first(&s->listeners), *next; n != NULL; n = next) {
        struct up_listener *l = PS_ITEM(n, struct up_listener, node);
        next = ps_list_next(&s->listeners, n);
        if (l->port != port)
            continue;
        up_listener_close(l);
        st = PS_OK;
    }
    return st;
}

static void set_script(struct up_server *s, struct up_script *script)
{
    up_script_unref(s->script);
    s->script = script;
}

static void each_peer(struct up_server *s, void (*act)(struct up_peer *p, enum up_cut how), enum up_cut how)
{
    for (struct ps_node *n = ps_list_first(&s->peers), *next; n != NULL; n = next) {
        next = ps_list_next(&s->peers, n);
        act(PS_ITEM(n, struct up_peer, node), how);
    }
}

static void drop(struct up_peer *p, enum up_cut how)
{
    if (how == UP_CUT_RESET)
        up_peer_reset(p);
    else
        up_peer_cut(p, how);
}

static void say_goaway(struct up_peer *p, enum up_cut unused)
{
    (void)unused;
    if (p->phase == UP_PEER_OPEN && p->protocol != NULL && p->protocol->goaway != NULL)
        p->protocol->goaway(p);
}

static void close_peer(struct up_peer *p, enum up_cut unused)
{
    (void)unused;
    up_peer_close(p);
}

void up_server_let_go(struct up_server *s)
{
    if (s->is_stopping)
        return;
    s->is_stopping = true;
    while (!ps_list_empty(&s->listeners))
        up_listener_close(PS_ITEM(ps_list_first(&s->listeners), struct up_listener, node));
    each_peer(s, close_peer, UP_CUT_NONE);
    set_script(s, NULL);
    up_pace_close(&s->pace);
    uv_close((uv_handle_t *)&s->async, NULL);
    uv_close((uv_handle_t *)&s->before_poll, NULL);
    uv_close((uv_handle_t *)&s->again, NULL);
}

void up_command_obey(struct up_server *s, struct up_command *c)
{
    if (s->is_stopping) {
        c->status = refuse(c); /* posted while the stop was obeyed */
        return;
    }
    switch (c->kind) {
    case UP_COMMAND_LISTEN:
        c->status = listen_on(s, c);
        return;
    case UP_COMMAND_CLOSE_PORT:
        c->status = close_port(s, c->port);
        return;
    case UP_COMMAND_SCRIPT:
        set_script(s, c->script);
        return;
    case UP_COMMAND_DROP:
        each_peer(s, drop, c->how);
        return;
    case UP_COMMAND_GOAWAY:
        each_peer(s, say_goaway, UP_CUT_NONE);
        return;
    case UP_COMMAND_STOP:
        up_server_let_go(s);
        return;
    }
}
