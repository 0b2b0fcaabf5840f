/* bench/stream_server/server.h -- a server of event streams over TLS, HTTP/2 and HTTP/1.1 by ALPN, from memory.
 *
 * GET or POST /N is answered by N events of one size, released in pieces: the first `delay` after the request, the
 * next ones in steps of `interval`. A burst is an interval of 0, a slow upstream one late piece, a model that writes
 * is one event per piece. One thread, epoll; as little work per event as can be, so that the client is measured.
 *
 *   main.c     arguments, the loop, the clock of the answers
 *   conn.c     one connection: TLS on a socket, bytes that wait to be written
 *   h1.c h2.c  the two protocols: bytes of requests in, bytes of answers out */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EVENTS_MOST = 4096,   /* in one answer */
    HEAD_BYTES = 16384,   /* of an HTTP/1.1 request */
    OUT_BYTES = 65536,    /* made at a time, before the socket has to take them */
    FRAME_BYTES = 32768,  /* room for one more frame or chunk, whatever it is */
    STREAMS_MOST = 128,   /* at once on a connection, as nginx has it */
};

struct plan { /* written by main once, before the loop */
    size_t event_bytes;
    size_t piece_events;  /* released together */
    uint64_t delay_ns;    /* from the request to its first piece */
    uint64_t interval_ns; /* between two pieces; 0 = one per turn of the loop */
    size_t phases;        /* the answers' clocks are spread over so many points of an interval */
    const char *events;   /* EVENTS_MOST of them, one behind the other */
};

extern struct plan plan;

struct answer { /* in the loop's list from answer_new() to answer_end() */
    struct answer *next, *before;
    struct conn *conn;
    int32_t stream_id;   /* 0 on HTTP/1.1 */
    size_t events_n;     /* asked for */
    uint64_t due_ns;     /* of the next piece */
    size_t whole_n;      /* bytes: all of it (0 = not begun), what is released, what the protocol has taken */
    size_t released_n;
    size_t sent_n;
};

struct conn { /* owned by itself; conn_end() frees it */
    struct conn *next_with_news;
    int fd;
    bool has_news;       /* stands in the loop's list: writes at the end of the turn */
    bool is_shaken;      /* the handshake is over */
    SSL *ssl;
    nghttp2_session *session; /* HTTP/2 only */
    struct answer *answer;    /* HTTP/1.1 only: the running one */
    bool is_answering;        /* its head is written */
    size_t head_n;            /* of the request's head so far */
    size_t body_left_n;       /* of the request's body, then the answer begins */
    size_t out_n, out_sent_n; /* bytes of `out`: made, written */
    char head[HEAD_BYTES];
    char out[OUT_BYTES + FRAME_BYTES];
};

/* main.c */
void check(bool ok, const char *what);
struct answer *answer_new(struct conn *c, int32_t stream_id);
void answer_ask(struct answer *a, const char *path, size_t n); /* "/500": 500 events */
void answer_begin(struct answer *a);
void answer_end(struct answer *a);
void answers_drop(const struct conn *c); /* end all of this connection */
void conn_has_news(struct conn *c);

/* conn.c; either may end the connection and free it */
struct conn *conn_new(SSL_CTX *tls, int fd);
void conn_read(struct conn *c);
void conn_write(struct conn *c);

/* h1.c, h2.c: false = the connection must end. fill appends to `out` */
bool h1_read(struct conn *c, const char *bytes, size_t n);
void h1_fill(struct conn *c);
void h2_begin(struct conn *c);
bool h2_read(struct conn *c, const char *bytes, size_t n);
bool h2_fill(struct conn *c);
void h2_resume(struct answer *a);

#endif
