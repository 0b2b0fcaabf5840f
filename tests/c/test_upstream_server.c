/* The scripted upstream as HTTP/1.1 clients see it, on real sockets. */
#include <errno.h>

#include "upstream_rig.h"

#define HOST "Host: x\r\n"
#define CLOSE "Connection: close\r\n"

static void test_framings(void)
{
    struct up_rig r;
    rig_start(&r, 4);
    struct up_program *p = rig_program(&r, 0, "/length");
    rig_head(p, 200, 5);
    rig_data(p, UP_BODY, "hello");
    p = rig_program(&r, 1, "/chunked");
    rig_head(p, 201, UP_BODY_CHUNKED);
    rig_data(p, UP_BODY, "hel");
    rig_data(p, UP_BODY, "");
    rig_data(p, UP_BODY, "lo");
    p = rig_program(&r, 2, "/close");
    rig_head(p, 200, UP_BODY_CLOSE);
    rig_data(p, UP_BODY, "bye");
    p = rig_program(&r, 3, "/short");
    rig_head(p, 200, 9);
    rig_data(p, UP_BODY, "bye");
    rig_serve(&r, NULL);
    rig_expect(r.port, "GET /length HTTP/1.1\r\n" HOST CLOSE "\r\n",
               "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", 0);
    rig_expect(r.port, "HEAD /length HTTP/1.1\r\n" HOST CLOSE "\r\n",
               "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n" CLOSE "\r\n", 0);
    rig_expect(r.port, "GET /chunked HTTP/1.1\r\n" HOST CLOSE "\r\n",
               "HTTP/1.1 201 Created\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n" CLOSE
               "\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
               0);
    rig_expect(r.port, "GET /close HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\nX-A: b\r\n" CLOSE "\r\nbye", 0);
    rig_expect(r.port, "GET /short HTTP/1.1\r\n" HOST "\r\n",
               "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 9\r\n\r\nbye", 0);
    rig_stop(&r);
}

static void test_pipelining_and_continue(void)
{
    struct up_rig r;
    rig_start(&r, 2);
    struct up_program *p = rig_program(&r, 0, "/slow");
    up_program_add(p, UP_DELAY)->as.delay_us = 20000;
    rig_head(p, 200, 1);
    rig_data(p, UP_BODY, "s");
    p = rig_program(&r, 1, "/early");
    r.script->rules[1].is_early = true;
    rig_head(p, 413, 0);
    rig_serve(&r, NULL);
    rig_expect(r.port,
               "GET /slow HTTP/1.1\r\n" HOST "\r\nPOST /slow HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
               "GET /gone HTTP/1.1\r\n" HOST CLOSE "\r\n",
               "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 1\r\n\r\ns"
               "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 1\r\n\r\ns"
               "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n" CLOSE
               "\r\nno rule for GET /gone\n",
               0);
    rig_expect(r.port, "POST /early HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
               "HTTP/1.1 413 Content Too Large\r\nX-A: b\r\nContent-Length: 0\r\n" CLOSE "\r\n", 0);
    rig_expect(r.port, "POST /slow HTTP/1.1\r\n" HOST CLOSE "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 1\r\n" CLOSE "\r\ns", 0);
    T_CHECK(up_log_wait_seen(&r.server->log, 5, 1000000000));
    rig_stop(&r);
}

static void test_ends(void)
{
    struct up_rig r;
    rig_start(&r, 3);
    struct up_program *p = rig_program(&r, 0, "/reset");
    rig_head(p, 200, 9);
    up_program_add(p, UP_DELAY)->as.delay_us = 20000; /* the head is read before the reset */
    up_program_add(p, UP_CUT)->as.cut = UP_CUT_RESET;
    p = rig_program(&r, 1, "/mute");
    p = rig_program(&r, 2, "/raw");
    rig_data(p, UP_RAW, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    rig_serve(&r, NULL);
    rig_expect(r.port, "GET /reset HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 9\r\n\r\n",
               ECONNRESET);
    rig_expect(r.port, "GET /mute HTTP/1.1\r\n" HOST "\r\n", "", 0);
    rig_expect(r.port, "GET /raw HTTP/1.1\r\n" HOST "\r\nGET /raw HTTP/1.1\r\n" HOST CLOSE "\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0);
    rig_expect(r.port, "GET / HTTP/1.1\r\nA: b\r\n\r\n",
               "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
               "Content-Length: 19\r\n\r\nmalformed: no Host\n",
               0);
    struct up_stats stats;
    up_log_stats(&r.server->log, &stats);
    T_EQ(stats.malformed, 1);
    T_EQ(stats.requests, 4);
    rig_stop(&r);
}

/* A client that leaves, ports that close, connections that are dropped. */
static void test_leaving(void)
{
    struct up_rig r;
    int ended;
    rig_start(&r, 1);
    struct up_program *p = rig_program(&r, 0, "/stall");
    rig_head(p, 200, UP_BODY_CHUNKED);
    up_program_add(p, UP_STALL);
    rig_serve(&r, NULL);
    int fd = rig_connect(r.port);
    rig_send(fd, "GET /stall HTTP/1.1\r\n" HOST "\r\n");
    free(rig_recv(fd, "\r\n\r\n", &ended));
    close(fd);
    T_CHECK(up_log_wait_over(&r.server->log, 0, 20000000000));
    fd = rig_connect(r.port);
    rig_send(fd, "GET /stall HTTP/1.1\r\n" HOST "\r\n");
    free(rig_recv(fd, "\r\n\r\n", &ended));
    T_EQ(up_server_close_port(r.server, r.port), PS_OK);
    T_EQ(up_server_close_port(r.server, r.port), PS_INVALID);
    T_EQ(rig_connect(r.port), -1);
    T_EQ(up_server_drop(r.server, UP_CUT_RESET), PS_OK);
    free(rig_recv(fd, NULL, &ended));
    T_EQ(ended, ECONNRESET);
    close(fd);
    struct up_stats stats;
    up_log_stats(&r.server->log, &stats);
    T_EQ(stats.aborted, 2);
    T_EQ(stats.connections, 0);
    up_server_stop(r.server);
    T_EQ(up_server_goaway(r.server), PS_CLOSED);
    T_EQ(up_server_set_script(r.server, up_script_new(0)), PS_CLOSED);
    rig_stop(&r);
}

static void test_events(void)
{
    struct up_rig r;
    int ended;
    rig_start(&r, 2);
    struct up_program *p = rig_program(&r, 0, "/fast");
    rig_head(p, 200, UP_BODY_CLOSE);
    rig_events(p, "00000000000000000000\n", 30000, 0, true);
    p = rig_program(&r, 1, "/paced");
    up_program_add(p, UP_SPLIT)->as.split.bytes_n = 3;
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_events(p, "e", 20, 1000, false);
    rig_serve(&r, NULL);
    int fd = rig_connect(r.port);
    rig_send(fd, "GET /fast HTTP/1.1\r\n" HOST "\r\n");
    char *got = rig_recv(fd, NULL, &ended);
    const char *at = strstr(got, "\r\n\r\n") + 4;
    T_EQ(strlen(at), 21 * 30000);
    for (int i = 0; i < 30000; i++)
        T_EQ(atoi(at + (size_t)i * 21), i);
    free(got);
    close(fd);
    fd = rig_connect(r.port);
    rig_send(fd, "GET /paced HTTP/1.1\r\n" HOST "\r\n");
    got = rig_recv(fd, "0\r\n\r\n", &ended);
    T_EQ(strlen(strstr(got, "\r\n\r\n")), 4 + 20 * 6 + 5);
    free(got);
    close(fd);
    rig_stop(&r);
}

/* A reader that stands still does not make the server hold more than its limit. */
static void test_backpressure(void)
{
    struct up_rig r;
    int ended;
    struct up_shot *shots;
    size_t n;
    rig_start(&r, 1);
    struct up_program *p = rig_program(&r, 0, "/");
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_events(p, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 100000000, 0, false);
    rig_serve(&r, NULL);
    int fd = rig_connect(r.port);
    rig_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    char *got = rig_recv(fd, NULL, &ended); /* 1 MiB */
    free(got);
    T_EQ(up_log_shoot(&r.server->log, 0, &shots, &n), PS_OK);
    T_EQ(n, 1);
    T_CHECK(shots[0].progress.sent_events < 1000000 && shots[0].progress.done_ns == 0);
    up_log_drop(&r.server->log, shots, n);
    close(fd);
    T_CHECK(up_log_wait_over(&r.server->log, 0, 20000000000));
    rig_stop(&r);
}

static enum ps_status serve_with_little_memory(void)
{
    struct up_server *s;
    int port, ended;
    struct up_listener_settings at = {.host = "127.0.0.1", .max_streams = 100};
    enum ps_status st = up_server_start(&s, 10, 100, NULL);
    if (st != PS_OK)
        return st;
    st = up_server_listen(s, &at, &port, NULL);
    if (st == PS_OK) {
        int fd = rig_connect(port);
        rig_send(fd, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                     "5\r\nhello\r\n0\r\n\r\n");
        char *got = rig_recv(fd, NULL, &ended);
        T_CHECK(ended != EAGAIN); /* an end always comes */
        free(got);
        close(fd);
    }
    up_server_stop(s);
    up_server_free(s);
    return st;
}

static void test_memory(void)
{
    t_each_alloc(serve_with_little_memory);
}

static void test_many_starts(void)
{
    for (int i = 0; i < 50; i++) {
        struct up_rig r;
        rig_start(&r, 0);
        rig_serve(&r, NULL);
        int fd = rig_connect(r.port);
        rig_send(fd, "GET / HTTP/1.1\r\n" HOST); /* and stops while it is open */
        rig_stop(&r);
        close(fd);
    }
}

static const struct t_test tests[] = {
    {"framings", test_framings},         {"pipelining_and_continue", test_pipelining_and_continue},
    {"ends", test_ends},                 {"leaving", test_leaving},
    {"events", test_events},             {"backpressure", test_backpressure},
    {"memory", test_memory},             {"many_starts", test_many_starts},
};

T_MAIN(tests)
