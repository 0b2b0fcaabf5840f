/* tls/config_parts.h -- what a link needs of its configuration. Room-internal. */
#ifndef PS_TLS_CONFIG_PARTS_H
#define PS_TLS_CONFIG_PARTS_H

#include <stdatomic.h>

#include "tls/config.h"

/* Owner: its users, by count. Never changes after ps_tls_config_new(). */
struct ps_tls_config {
    atomic_uint refs_n;
    void *ctx;        /* SSL_CTX*, one reference */
    bool is_borrowed; /* made by Python's ssl module: no callback may be put on it */
    bool check_hostname;
    int keylog_fd; /* -1 = none */
};

#endif
