/* net/compat.h -- what Linux and macOS name differently; the only #if of this room.
 * Include it first: POLLRDHUP and EAI_NODATA are declared only under _GNU_SOURCE. Thread: any. */
#ifndef PS_NET_COMPAT_H
#define PS_NET_COMPAT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

static inline void ps_compat_set_int(int fd, int level, int name, int value)
{
    /* Best effort: an option that the system refuses leaves a working socket. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* The codes that stand beside EAI_NONAME for "no such name"; not every libc has them. */
#ifdef EAI_NODATA
enum { PS_COMPAT_EAI_NODATA = EAI_NODATA };
#else
enum { PS_COMPAT_EAI_NODATA = EAI_NONAME };
#endif
#ifdef EAI_ADDRFAMILY
enum { PS_COMPAT_EAI_ADDRFAMILY = EAI_ADDRFAMILY };
#else
enum { PS_COMPAT_EAI_ADDRFAMILY = EAI_NONAME };
#endif

#if defined(__linux__)

enum { PS_COMPAT_HAS_ABSTRACT = 1 };
enum { PS_COMPAT_HANGUP = POLLRDHUP }; /* poll() tells a FIN even behind unread bytes */

static inline void ps_compat_keepalive(int fd, int idle_s)
{
    ps_compat_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    ps_compat_set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
    ps_compat_set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, idle_s);
}

static inline void ps_compat_user_timeout(int fd, int ms)
{
    ps_compat_set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
}

/* Before bind() to port 0: take the port at connect(), so that one local address is good for more
 * than 28,000 connections in all. */
static inline void ps_compat_late_port(int fd)
{
    ps_compat_set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}

static inline int ps_compat_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

#else /* macOS */

#include <fcntl.h>

enum { PS_COMPAT_HAS_ABSTRACT = 0 };
enum { PS_COMPAT_HANGUP = 0 };

static inline void ps_compat_keepalive(int fd, int idle_s)
{
    ps_compat_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    ps_compat_set_int(fd, IPPROTO_TCP, TCP_KEEPALIVE, idle_s);
    ps_compat_set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, idle_s);
}

static inline void ps_compat_user_timeout(int fd, int ms)
{
    ps_compat_set_int(fd, IPPROTO_TCP, TCP_RXT_CONNDROPTIME, ms / 1000 + (ms % 1000 != 0));
}

static inline void ps_compat_late_port(int fd)
{
    (void)fd;
}

static inline int ps_compat_unix_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    ps_compat_set_int(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
    return fd;
}

#endif

#endif
