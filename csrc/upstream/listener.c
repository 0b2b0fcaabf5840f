/* upstream/listener.c -- one port (see listener.h). */
#include "upstream/listener.h"

#include "base/mem.h"
#include "upstream/peer.h"
#include "upstream/server.h"

enum {
    BACKLOG_N = 1024
};

void up_listener_unref(struct up_listener *l)
{
    if (--l->refs_n > 0)
        return;
    up_tls_context_free(l->settings.tls);
    ps_free(l);
}

static void on_closed(uv_handle_t *handle)
{
    up_listener_unref(handle->data);
}

void up_listener_close(struct up_listener *l)
{
    if (l->is_closing)
        return;
    l->is_closing = true;
    ps_node_unlink(&l->node);
    uv_close(&l->uv.handle, on_closed);
}

static void on_spare_closed(uv_handle_t *handle)
{
    struct up_listener *l = handle->data;
    l->is_spare_busy = false;
    up_listener_unref(l);
}

/* A connection that is not accepted would keep libuv from telling of the next ones. */
static void turn_away(struct up_listener *l)
{
    if (l->is_spare_busy)
        return;
    l->is_spare_busy = true;
    l->refs_n++;
    uv_tcp_init(&l->server->loop, &l->spare); /* always 0 */
    l->spare.data = l;
    (void)!uv_accept(&l->uv.stream, (uv_stream_t *)&l->spare);
    uv_close((uv_handle_t *)&l->spare, on_spare_closed);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct up_listener *l = stream->data;
    if (status != 0 || l->is_closing)
        return; /* out of descriptors, say: libuv tells again */
    if (up_peer_accept(l) != PS_OK)
        turn_away(l);
}

static int bind_to(struct up_listener *l, const struct sockaddr_storage *at)
{
    struct sockaddr_storage got;
    int got_n = sizeof got;
    int sys = uv_tcp_bind(&l->uv.tcp, (const struct sockaddr *)at, 0);
    if (sys == 0)
        sys = uv_listen(&l->uv.stream, BACKLOG_N, on_connection);
    if (sys == 0)
        sys = uv_tcp_getsockname(&l->uv.tcp, (struct sockaddr *)&got, &got_n);
    if (sys == 0)
        l->port = ntohs(got.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&got)->sin6_port
                                                  : ((struct sockaddr_in *)&got)->sin_port);
    return sys;
}

enum ps_status up_listener_open(struct up_listener **out, struct up_server *server,
                                const struct up_listener_settings *settings, struct ps_err *err)
{
    struct sockaddr_storage at;
    struct up_listener *l = ps_zalloc(sizeof *l);
    if (l == NULL) {
        up_tls_context_free(settings->tls);
        return ps_err_nomem(err);
    }
    l->server = server;
    l->settings = *settings;
    l->refs_n = 1;
    int sys = uv_ip4_addr(settings->host, settings->port, (struct sockaddr_in *)&at);
    if (sys != 0)
        sys = uv_ip6_addr(settings->host, settings->port, (struct sockaddr_in6 *)&at);
    if (sys != 0) {
        up_listener_unref(l);
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "host \"%s\" is not an IP address", settings->host);
    }
    uv_tcp_init(&server->loop, &l->uv.tcp); /* always 0 */
    l->uv.handle.data = l;
    ps_list_push_back(&server->listeners, &l->node);
    sys = bind_to(l, &at);
    if (sys != 0) {
        up_listener_close(l);
        ps_err_set(err, PS_CONNECT_FAILED, PS_PHASE_NONE, "%s port %d: %s", settings->host, settings->port,
                   uv_strerror(sys));
        if (err != NULL)
            err->sys = sys;
        return PS_CONNECT_FAILED;
    }
    *out = l;
    return PS_OK;
}
