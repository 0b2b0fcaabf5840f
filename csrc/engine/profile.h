/* engine/profile.h -- one configuration and the pool it made: what clients with equal settings share.
 * Made on any thread (loading certificates costs milliseconds), then used on io only. Two holders, each with
 * a reference: the maker, and from first use the engine, until the profile was closed and its last call and
 * connection are gone. */
#ifndef PS_ENGINE_PROFILE_H
#define PS_ENGINE_PROFILE_H

#include <stdatomic.h>

#include "pool/pool.h"

struct ps_engine;

struct ps_profile {
    atomic_uint refs_n;
    struct ps_pool_settings settings; /* its strings are the ones below */
    char *local_address;              /* owned; may be NULL */
    char *uds_path;                   /* owned; may be NULL */
    struct ps_sock_option *options;   /* owned; may be NULL */
    struct ps_proxy *proxy;           /* owned; NULL = straight to the origins */
    struct ps_tls_config *tls;        /* one reference; NULL = http only */
    struct ps_tls_sessions *sessions; /* owned */
    size_t upload_bytes;              /* unsent request body held per call */
    uint64_t gather_ns;               /* how long pieces of a body may wait for others, after a wake-up; 0 = not */
    /* io */
    struct ps_pool pool;
    struct ps_engine *engine;         /* NULL until first used */
    struct ps_node node;              /* in engine.profiles */
    size_t calls_n;                   /* calls between start and done */
    uint64_t replayed_n;
    bool is_closed;
};

/* A profile with the suggested defaults of every setting, no TLS and one reference. NULL: no memory. */
struct ps_profile *ps_profile_new(void);
/* Copies the strings (NULL = none). */
PS_CHECK enum ps_status ps_profile_set_local_address(struct ps_profile *p, const char *ip);
PS_CHECK enum ps_status ps_profile_set_uds(struct ps_profile *p, const char *path);
/* Copies the options; PS_NOMEM. */
PS_CHECK enum ps_status ps_profile_set_options(struct ps_profile *p,
                                               const struct ps_sock_option *options, size_t n);
/* Takes `given`. Once, before first use. */
void ps_profile_set_proxy(struct ps_profile *p, struct ps_proxy *given);
/* Makes the TLS config and the session cache. */
PS_CHECK enum ps_status ps_profile_set_tls(struct ps_profile *p,
                                           const struct ps_tls_settings *settings,
                                           struct ps_err *err);
void ps_profile_ref(struct ps_profile *p);
void ps_profile_unref(struct ps_profile *p); /* accepts NULL */

#endif
