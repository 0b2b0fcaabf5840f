/* net/sock_probe.c -- one look at an idle socket before it is used again (rule 41).
 * The peer's FIN may lie in the kernel while the loop has not polled yet. Thread: io. */
#include <errno.h>
#include <sys/socket.h>

#include "net/sock_internal.h"

bool ps_sock_is_dead(const struct ps_sock *s)
{
    uv_os_fd_t fd;
    char one;
    if (s->is_closing || s->read_over || s->write_sys != 0 || uv_fileno(&s->uv.handle, &fd) != 0)
        return true;
    ssize_t n = recv(fd, &one, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    return n == 0; /* bytes may be TLS's own (a ticket): the codec judges them when they are read */
}
