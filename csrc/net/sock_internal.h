/* net/sock_internal.h -- how a sock is made, for dial.c and its tests alone; others see net/sock.h.
 * A sock is made unconnected, connected by dial through `uv`, and then given away. */
#ifndef PS_NET_SOCK_INTERNAL_H
#define PS_NET_SOCK_INTERNAL_H

#include "net/sock.h"

enum { PS_SOCK_TEXT_BYTES = 112 }; /* an address, or a Unix path of at most 107 bytes */

struct ps_sock {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct ps_sock_share *share;
    const struct ps_sock_ops *ops; /* NULL until adopted: then nobody is called */
    void *owner;
    uv_write_t write;
    struct ps_buf queue;  /* waits for `flight` to land; empty unless is_writing */
    struct ps_buf flight; /* being written by libuv, so it must not move */
    int write_sys;        /* first write error, negative errno; later writes fail with it */
    bool is_writing;      /* `write` and `flight` are libuv's */
    bool is_reading;
    bool read_over;       /* EOF or a read error came: nothing more can be read */
    bool eof_waits;       /* EOF came, but the write under way must first say what it means */
    bool is_closing;
    char peer_text[PS_SOCK_TEXT_BYTES];
    char local_text[PS_SOCK_TEXT_BYTES];
};

/* An unconnected TCP sock whose descriptor exists already (`af`: AF_INET or AF_INET6). 0 or a
 * negative errno (UV_ENOMEM: no memory for it). */
int ps_sock_new_tcp(struct ps_sock **out, uv_loop_t *loop, struct ps_sock_share *share, int af,
                    size_t queue_limit_bytes);
/* A sock around a connected Unix socket. On success it owns `fd`, on an error the caller still
 * does. */
int ps_sock_new_pipe(struct ps_sock **out, uv_loop_t *loop, struct ps_sock_share *share, int fd,
                     size_t queue_limit_bytes, const char *path);
/* Once connected: notes both addresses. */
void ps_sock_note_addresses(struct ps_sock *s, const struct ps_addr *peer);

#endif
