/* bench/sse_server.c -- answers every request with the same burst of server-sent events, each event its own
 * chunk, from memory. One thread, epoll, keep-alive; as little work per response as can be, so that the
 * client is what is measured.
 *
 *   sse_server EVENTS EVENT_BYTES WRITES     prints its port; ends when its standard input closes
 *
 * WRITES: in how many pieces the response is given to the kernel, one per turn of the loop. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, EVENTS_PER_TURN = 256 };

struct peer {
    int fd;
    size_t head_n;  /* bytes of the request head so far */
    size_t sent_n;  /* bytes of the response given to the kernel */
    bool answering;
    char head[HEAD_BYTES];
};

static char *response;
static size_t response_n;
static size_t piece_n; /* bytes per write */

static void check(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void make_response(size_t events, size_t event_bytes, size_t writes)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    response = malloc(sizeof head + events * (event_bytes + 32) + 16);
    check(response != NULL, "malloc");
    char *at = response + sprintf(response, "%s", head);
    for (size_t i = 0; i < events; i++) {
        at += sprintf(at, "%zx\r\n", event_bytes);
        char *event = at;
        at += sprintf(at, "data: {\"id\":\"cmpl-0\",\"index\":%zu,\"delta\":\"", i);
        for (; (size_t)(at - event) < event_bytes - 4; at++)
            *at = (char)('a' + (at - event) % 26);
        at += sprintf(at, "\"}\n\n\r\n");
    }
    at += sprintf(at, "0\r\n\r\n");
    response_n = (size_t)(at - response);
    piece_n = (response_n + writes - 1) / writes;
}

static void end(struct peer *p)
{
    close(p->fd);
    free(p);
}

/* Writes one piece, or what the kernel takes of it. False when the peer is gone. */
static bool write_piece(struct peer *p)
{
    size_t left = response_n - p->sent_n;
    ssize_t n = send(p->fd, response + p->sent_n, left < piece_n ? left : piece_n, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN;
    p->sent_n += (size_t)n;
    if (p->sent_n == response_n) {
        p->answering = false;
        p->sent_n = 0;
    }
    return true;
}

static bool read_head(struct peer *p)
{
    ssize_t n = recv(p->fd, p->head + p->head_n, HEAD_BYTES - 1 - p->head_n, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    p->head_n += (size_t)n;
    p->head[p->head_n] = '\0';
    if (strstr(p->head, "\r\n\r\n") == NULL) /* GET only: no body follows, no pipelining */
        return p->head_n < HEAD_BYTES - 1;
    p->head_n = 0;
    p->answering = true;
    return write_piece(p);
}

static void wish(int poller, struct peer *p)
{
    struct epoll_event e = {.events = p->answering ? EPOLLOUT : EPOLLIN, .data.ptr = p};
    check(epoll_ctl(poller, EPOLL_CTL_MOD, p->fd, &e) == 0, "epoll_ctl");
}

static void serve(int poller, struct peer *p)
{
    bool was_answering = p->answering;
    if (!(p->answering ? write_piece(p) : read_head(p))) {
        end(p);
        return;
    }
    if (p->answering != was_answering)
        wish(poller, p);
}

static void greet(int poller, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct peer *p = calloc(1, sizeof *p);
    check(p != NULL, "calloc");
    p->fd = fd;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static int listen_on_loopback(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_n = sizeof at;
    check(fd >= 0 && bind(fd, (struct sockaddr *)&at, at_n) == 0 && listen(fd, 1024) == 0, "listen");
    check(getsockname(fd, (struct sockaddr *)&at, &at_n) == 0, "getsockname");
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: sse_server EVENTS EVENT_BYTES WRITES\n");
        return 2;
    }
    make_response(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    int poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on_loopback();
    static char is_listener, is_stdin;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &is_listener};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e) == 0, "epoll_ctl");
    e.data.ptr = &is_stdin;
    check(epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &e) == 0, "epoll_ctl stdin");
    for (;;) {
        struct epoll_event ready[EVENTS_PER_TURN];
        int n = epoll_wait(poller, ready, EVENTS_PER_TURN, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr == &is_stdin)
                return 0;
            if (ready[i].data.ptr == &is_listener)
                greet(poller, listener);
            else
                serve(poller, ready[i].data.ptr);
        }
    }
}
