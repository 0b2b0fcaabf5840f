/* upstream/listener.h -- one port.
 * Thread: io, but for the settings, which are made before. Owner: server, and counted by its connections. */
#ifndef PS_UPSTREAM_LISTENER_H
#define PS_UPSTREAM_LISTENER_H

#include <uv.h>

#include "base/err.h"
#include "base/list.h"
#include "upstream/tls_server.h"

enum up_on_accept {
    UP_ACCEPT_SERVE,
    UP_ACCEPT_SILENCE,
    UP_ACCEPT_RESET
};

struct up_listener_settings {
    int port;
    char host[64];
    struct up_tls_context *tls; /* owned by the listener from the call on; NULL: plain */
    bool tls_stall;
    enum up_on_accept on_accept;
    uint64_t max_connections; /* 0: any */
    uint32_t max_streams;
};

struct up_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
    } uv;
    struct up_server *server;
    struct ps_node node;
    struct up_listener_settings settings;
    size_t refs_n; /* the handle, and each connection */
    uint64_t open_n;
    int port;
    bool is_closing;
    bool is_spare_busy;
    uv_tcp_t spare; /* accepts, only to close, what there is no memory for */
};

/* Takes settings->tls in any case. PS_OK, PS_NOMEM, PS_INVALID (host), PS_CONNECT_FAILED (err->sys). */
PS_CHECK enum ps_status up_listener_open(struct up_listener **out, struct up_server *server,
                                         const struct up_listener_settings *settings, struct ps_err *err);
void up_listener_close(struct up_listener *l); /* at once for peers */
void up_listener_unref(struct up_listener *l);

#endif
