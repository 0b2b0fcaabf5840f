/* net/sock.h -- one connected stream socket on the loop: bytes in as views, bytes out queued.
 *
 * Reads go into a buffer lent by the loop's owner (uv_loop_t.data is not used; the buffer is
 * passed in ps_sock_share), so idle sockets hold no read memory. An idle socket keeps reading, so
 * that a peer's close is noticed at once (rule 41).
 * Thread: io. Owner: whoever opened it, until ps_sock_close(); freed by its last close callback.
 * Limit: unsent bytes (ps_buf). */
#ifndef PS_NET_SOCK_H
#define PS_NET_SOCK_H

#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/addr.h"

/* One read buffer for all sockets of a loop: libuv fills it and on_read consumes it before the
 * next. */
enum { PS_SOCK_READ_BYTES = 65536 };
struct ps_sock_share {
    uint8_t read_buf[PS_SOCK_READ_BYTES];
    size_t open_n; /* socks alive, for tests and stats */
};

struct ps_sock;

/* Calls up to the owner; never from inside ps_sock_start(), ps_sock_write() or ps_sock_close().
 * After ps_sock_close() none comes but on_closed. Any of them may call ps_sock_close(). */
struct ps_sock_ops {
    void (*on_read)(void *owner, struct ps_bytes bytes); /* view, never empty */
    void (*on_eof)(void *owner);                         /* FIN */
    void (*on_fail)(void *owner, const struct ps_err *err); /* READ_FAILED, WRITE_FAILED */
    void (*on_drain)(void *owner);                       /* queued output went to zero */
    void (*on_closed)(void *owner); /* last call; the sock is freed afterwards */
};

/* Takes over events of a connected sock. */
void ps_sock_adopt(struct ps_sock *s, const struct ps_sock_ops *ops, void *owner);
/* Starts or stops reading; PS_READ_FAILED when libuv refuses. Repeating the state is harmless, and
 * so is starting after on_eof or on_fail: nothing comes any more. */
PS_CHECK enum ps_status ps_sock_read_start(struct ps_sock *s, struct ps_err *err);
void ps_sock_read_stop(struct ps_sock *s);
/* Sends what the kernel takes now and queues the rest (copied). PS_OK, PS_NOMEM (a part may be
 * sent: close it), PS_LIMIT (these and the queued bytes together exceed the limit: nothing was
 * taken), PS_WRITE_FAILED (on_fail does not repeat it; later writes fail alike). */
PS_CHECK enum ps_status ps_sock_write(struct ps_sock *s, struct ps_bytes bytes, struct ps_err *err);
size_t ps_sock_queued(const struct ps_sock *s); /* bytes not yet taken by the kernel */
/* Has the peer closed or reset it, although no event came yet? One system call, two at most.
 * Unread bytes alone do not make it dead. */
bool ps_sock_is_dead(const struct ps_sock *s);
/* Closes at once (queued output is lost). May be called twice. */
void ps_sock_close(struct ps_sock *s);
/* "127.0.0.1:443" or a path; "" when unknown. */
const char *ps_sock_peer_text(const struct ps_sock *s);
const char *ps_sock_local_text(const struct ps_sock *s);

#endif
