/* net/uds.c -- Unix sockets by path or abstract name (see uds.h). */
#include "net/compat.h"

#include "net/uds.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum ps_status ps_uds_check(const char *path, struct ps_err *err)
{
    struct sockaddr_un to;
    size_t n = strlen(path);
    bool is_abstract = path[0] == '@';
    if (is_abstract && !PS_COMPAT_HAS_ABSTRACT)
        return ps_err_set(err, PS_INVALID, PS_PHASE_CONNECT, "abstract Unix sockets need Linux");
    if (n <= (size_t)is_abstract || n + !is_abstract > sizeof to.sun_path)
        return ps_err_set(err, PS_INVALID, PS_PHASE_CONNECT,
                          "the Unix socket's path has %zu bytes; 1 to %zu are possible", n,
                          sizeof to.sun_path - 1);
    return PS_OK;
}

int ps_uds_connect(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    memcpy(to.sun_path, path, n);
    bool is_abstract = path[0] == '@';
    if (is_abstract)
        to.sun_path[0] = '\0'; /* the name's length counts then, it has no NUL at its end */
    int fd = ps_compat_unix_socket();
    if (fd < 0)
        return -errno;
    size_t len = offsetof(struct sockaddr_un, sun_path) + n + !is_abstract;
    int r;
    do
        r = connect(fd, (const struct sockaddr *)(const void *)&to, (socklen_t)len);
    while (r != 0 && errno == EINTR);
    if (r == 0)
        return fd;
    int sys = -errno;
    close(fd);
    return sys;
}
