/* net/uds.h -- Unix sockets by path, or by abstract name ('@' first; Linux) (rule 99).
 * libuv 1.44 cannot connect to abstract names, so this makes the calls itself. Thread: any. */
#ifndef PS_NET_UDS_H
#define PS_NET_UDS_H

#include "base/err.h"

/* PS_OK, or PS_INVALID with the reason: empty, too long, or not possible on this system. */
PS_CHECK enum ps_status ps_uds_check(const char *path, struct ps_err *err);
/* Connects to a checked path, which succeeds or fails at once. A non-blocking descriptor, the
 * caller's; or a negative errno (-EAGAIN: the listener's backlog is full). */
int ps_uds_connect(const char *path);

#endif
