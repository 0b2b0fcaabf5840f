/* tests/c/fake_h2_conn.h -- one connection of the scripted server; for fake_h2*.c alone. */
#ifndef PS_TEST_FAKE_H2_CONN_H
#define PS_TEST_FAKE_H2_CONN_H

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_h2.h"

/* One request. */
struct fake_h2_request {
    struct fake_h2_request *next;
    struct fake_h2_turn turn;
    int32_t id;
    bool has_head, has_sent, may_end;
};

struct fake_h2_conn {
    struct fake_h2 *p;
    int nth, fd, wake;
    nghttp2_session *session; /* NULL: HTTP/1.1, or not known yet */
    struct fake_tls tls;
    bool is_h1, is_hanging, is_closed, was_freed;
    unsigned h1_matched_n; /* of "\r\n\r\n" */
    int orders_seen_n;
    struct fake_h2_request *deeds;
    uint8_t *out;
    size_t out_n, out_cap;
};

static inline void fake_h2_must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fake_h2: %s failed\n", what);
    abort();
}

/* fake_h2_session.c */
void fake_h2_session_open(struct fake_h2_conn *c);
void fake_h2_session_close(struct fake_h2_conn *c);
/* Answers what is held under `id`, 0 = all. */
void fake_h2_release(struct fake_h2_conn *c, int32_t id);
void fake_h2_say_settings(struct fake_h2_conn *c, uint32_t streams_n);
void fake_h2_obey(struct fake_h2_conn *c, const struct fake_h2_order *o);

#endif
