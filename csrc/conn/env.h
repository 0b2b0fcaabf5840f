/* conn/env.h -- what every connection of a loop borrows: loop, clock, resolver and scratch memory.
 * Idle connections hold no buffers of their own: bytes pass through these.
 *
 * `dirty` holds the HTTP/2 connections that somebody asked something of. They are pumped together before
 * the loop polls again, so that the requests of one turn share a write. Thread: io. Owner: engine. */
#ifndef PS_CONN_ENV_H
#define PS_CONN_ENV_H

#include "base/buf.h"
#include "base/list.h"
#include "net/clock.h"
#include "net/resolver.h"
#include "net/sock.h"

enum { PS_ENV_SCRATCH_BYTES = 65536, PS_ENV_OUTER_BYTES = 16384 };

struct ps_env {
    uv_loop_t *loop;
    struct ps_clock *clock;
    struct ps_resolver *resolver;
    struct ps_sock_share *sock_share;
    struct ps_buf wire_out;  /* codec output on its way to the socket or to TLS */
    struct ps_buf cipher_out; /* TLS output on its way to the socket */
    struct ps_buf outer_out;  /* the same, once more encrypted for an https proxy */
    uint8_t plain_in[PS_ENV_SCRATCH_BYTES]; /* decrypted bytes on their way to the codec */
    uint8_t outer_in[PS_ENV_OUTER_BYTES];   /* decrypted once, from an https proxy */
    uint64_t next_conn_id;
    struct ps_list dirty;
};

/* Pumps what is dirty. Whoever runs the loop calls it before each poll. */
void ps_env_flush(struct ps_env *env);

#endif
