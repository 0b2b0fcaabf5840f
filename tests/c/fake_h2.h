/* tests/c/fake_h2.h -- a scripted HTTP/2 server on a fake peer's threads, libnghttp2 on their side.
 * What it does with each request is written down before it starts; what it does later it is told
 * by orders, which its thread carries out between two reads. Speaks HTTP/1.1 to whom does not send
 * the preface, or when TLS chose so: any head is answered by "ok". Uses none of the code under test. */
#ifndef PS_TEST_FAKE_H2_H
#define PS_TEST_FAKE_H2_H

#include <pthread.h>
#include <stdatomic.h>

#include "fake_peer.h"
#include "fake_tls.h"

enum { FAKE_H2_CONNS_MAX = 128, FAKE_H2_TURNS_MAX = 8, FAKE_H2_ORDERS_MAX = 64 };

enum fake_h2_deed {
    FAKE_H2_ANSWER,   /* 200 and "ok" as soon as the request is whole */
    FAKE_H2_HOLD,     /* the same when released */
    FAKE_H2_BEGIN,    /* 200 and "ok" at its head, END_STREAM when released */
    FAKE_H2_CONTINUE, /* 100 at its head, then as ANSWER */
    FAKE_H2_EARLY,    /* 200, "ok" and END_STREAM at its head: the body is not waited for */
    FAKE_H2_RESET,    /* RST_STREAM with `code` at its head */
    FAKE_H2_GOAWAY,   /* GOAWAY with `id`, `code`, `debug` at its head, then as HOLD */
};

struct fake_h2_turn {
    enum fake_h2_deed deed;
    uint32_t code;
    int32_t id;
    const char *debug; /* NULL = none */
};

struct fake_h2_wants {
    struct fake_h2_turn turns[FAKE_H2_TURNS_MAX]; /* the first requests over all connections */
    int turns_n;
    struct fake_h2_turn then; /* all others */
    int max_streams;          /* in the first SETTINGS; 0 = says nothing */
    bool no_streams;          /* in the first SETTINGS: a limit of 0 */
    int hangs_n;              /* so many connections say nothing until fake_h2_free() or RELEASE */
    bool keeps_window;        /* sends no WINDOW_UPDATE of its own: 65535 bytes may come */
    bool no_settings_ack, no_pong;
    const struct fake_tls_wants *tls; /* lives as long; NULL = plain */
};

enum fake_h2_order_kind {
    FAKE_H2_DO_RELEASE,  /* what is held under `id`, 0 = all; a hanging connection goes on */
    FAKE_H2_DO_RESET,    /* `id`, `code` */
    FAKE_H2_DO_GOAWAY,   /* `id`, `code`, `debug` */
    FAKE_H2_DO_SETTINGS, /* `n` concurrent streams */
    FAKE_H2_DO_WINDOW,   /* `n` bytes for stream `id` and for the connection */
    FAKE_H2_DO_CLOSE,    /* FIN */
};

struct fake_h2_order {
    int conn; /* nth */
    enum fake_h2_order_kind kind;
    int32_t id;
    uint32_t code, n;
    const char *debug;
    bool waits; /* for the next order: both are written at once */
};

struct fake_h2 {
    struct fake_h2_wants wants;
    struct fake_peer *peer;
    SSL_CTX *ctx; /* NULL = plain */
    pthread_mutex_t lock;
    struct fake_h2_order orders[FAKE_H2_ORDERS_MAX];
    int orders_n;
    int wake[FAKE_H2_CONNS_MAX]; /* eventfd by connection; -1 = not there */
    atomic_bool is_free;
    /* what was seen, over all connections */
    atomic_int requests_n, bodies_n, resets_n, pings_n, h1_n;
    atomic_int by_conn[FAKE_H2_CONNS_MAX]; /* requests */
    atomic_size_t body_bytes;
};

struct fake_h2 *fake_h2_start(const struct fake_h2_wants *wants);
void fake_h2_stop(struct fake_h2 *p);
void fake_h2_tell(struct fake_h2 *p, const struct fake_h2_order *order);
/* From now on it is a peer without tricks: what is held is answered, and all that comes. */
void fake_h2_free(struct fake_h2 *p);

#endif
