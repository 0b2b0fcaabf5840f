/* bench/stream_server/main.c -- arguments, the loop, the clock of the answers. See server.h.
 *
 *   stream_server CERT KEY EVENT_BYTES PIECE_EVENTS DELAY_MS INTERVAL_MS PHASES
 *
 * Prints its port; ends when its standard input closes. PHASES: 1 lets all answers tick together, 100 spreads them
 * over a hundred points of the interval. */
#define _GNU_SOURCE
#include "server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { READY_PER_TURN = 256 };

static const uint64_t NS_PER_MS = 1000000, NS_PER_S = 1000000000;

struct plan plan;
static struct answer *running;
static size_t begun_n;
static struct conn *with_news; /* empty while the loop sleeps */

void check(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* With an interval the first piece waits for the answer's point of it, at least one interval away; so N pieces take no
 * less than N intervals. */
static uint64_t first_due_ns(void)
{
    uint64_t at_ns = now_ns() + plan.delay_ns, step_ns = plan.interval_ns;
    if (step_ns == 0)
        return at_ns;
    return (at_ns / step_ns + 2) * step_ns + begun_n % plan.phases * step_ns / plan.phases;
}

struct answer *answer_new(struct conn *c, int32_t stream_id)
{
    struct answer *a = calloc(1, sizeof *a);
    check(a != NULL, "calloc");
    a->conn = c;
    a->stream_id = stream_id;
    a->events_n = 1;
    a->next = running;
    if (running != NULL)
        running->before = a;
    running = a;
    return a;
}

void answer_ask(struct answer *a, const char *path, size_t n)
{
    size_t events_n = 0;
    for (size_t i = 1; i < n && path[i] >= '0' && path[i] <= '9' && events_n < EVENTS_MOST; i++)
        events_n = events_n * 10 + (size_t)(path[i] - '0');
    if (events_n > 0)
        a->events_n = events_n < EVENTS_MOST ? events_n : EVENTS_MOST;
}

void answer_begin(struct answer *a)
{
    a->due_ns = first_due_ns();
    a->whole_n = a->events_n * plan.event_bytes;
    begun_n++;
}

void answer_end(struct answer *a)
{
    if (a->next != NULL)
        a->next->before = a->before;
    if (a->before != NULL)
        a->before->next = a->next;
    else
        running = a->next;
    free(a);
}

void answers_drop(const struct conn *c)
{
    for (struct answer *a = running, *next; a != NULL; a = next) {
        next = a->next;
        if (a->conn == c)
            answer_end(a);
    }
}

void conn_has_news(struct conn *c)
{
    if (c->has_news)
        return;
    c->has_news = true;
    c->next_with_news = with_news;
    with_news = c;
}

/* Each answer that is due gets one piece. */
static void release_due(void)
{
    uint64_t at_ns = now_ns();
    for (struct answer *a = running; a != NULL; a = a->next) {
        if (a->released_n == a->whole_n || a->due_ns > at_ns)
            continue;
        a->released_n += plan.piece_events * plan.event_bytes;
        if (a->released_n > a->whole_n)
            a->released_n = a->whole_n;
        a->due_ns += plan.interval_ns;
        if (a->stream_id != 0)
            h2_resume(a);
        conn_has_news(a->conn);
    }
}

static void write_news(void)
{
    while (with_news != NULL) {
        struct conn *c = with_news;
        with_news = c->next_with_news;
        c->has_news = false;
        conn_write(c);
    }
}

/* How long the loop may sleep: until the next piece is due; without one, for ever (NULL). */
static const struct timespec *pause_of(struct timespec *pause)
{
    uint64_t at_ns = now_ns(), next_ns = UINT64_MAX;
    for (const struct answer *a = running; a != NULL; a = a->next)
        if (a->released_n < a->whole_n && a->due_ns < next_ns)
            next_ns = a->due_ns;
    if (next_ns == UINT64_MAX)
        return NULL;
    uint64_t left_ns = next_ns > at_ns ? next_ns - at_ns : 0;
    *pause = (struct timespec){.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
    return pause;
}

static void make_events(void)
{
    char *at = malloc(EVENTS_MOST * plan.event_bytes + 64);
    check(at != NULL, "malloc");
    plan.events = at;
    for (size_t i = 0; i < EVENTS_MOST; i++) {
        char *event = at;
        at += sprintf(at, "data: {\"i\":%zu,\"d\":\"", i);
        for (; (size_t)(at - event) < plan.event_bytes - 4; at++)
            *at = (char)('a' + (at - event) % 26);
        at = event + plan.event_bytes;
        memcpy(at - 4, "\"}\n\n", 4);
    }
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                           unsigned in_n, void *user)
{
    (void)ssl, (void)user;
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_tls(const char *cert_file, const char *key_file)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    check(tls != NULL && SSL_CTX_use_certificate_chain_file(tls, cert_file) == 1 &&
              SSL_CTX_use_PrivateKey_file(tls, key_file, SSL_FILETYPE_PEM) == 1,
          "certificate and key");
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    return tls;
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

static void greet(int poller, int listener, SSL_CTX *tls)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = conn_new(tls, fd)};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void watch(int poller, int fd, void *as)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = as};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: stream_server CERT KEY EVENT_BYTES PIECE_EVENTS DELAY_MS INTERVAL_MS PHASES\n");
        return 2;
    }
    plan = (struct plan){.event_bytes = strtoul(argv[3], NULL, 10),
                         .piece_events = strtoul(argv[4], NULL, 10),
                         .delay_ns = strtoul(argv[5], NULL, 10) * NS_PER_MS,
                         .interval_ns = strtoul(argv[6], NULL, 10) * NS_PER_MS,
                         .phases = strtoul(argv[7], NULL, 10)};
    check(plan.event_bytes >= 32 && plan.piece_events > 0 && plan.phases > 0, "arguments");
    signal(SIGPIPE, SIG_IGN); /* a client that has left is an error of its own connection */
    make_events();
    SSL_CTX *tls = make_tls(argv[1], argv[2]);
    int poller = epoll_create1(EPOLL_CLOEXEC), listener = listen_on_loopback();
    static char is_listener, is_stdin;
    watch(poller, listener, &is_listener);
    watch(poller, STDIN_FILENO, &is_stdin);
    for (;;) {
        struct epoll_event ready[READY_PER_TURN];
        struct timespec pause;
        int n = epoll_pwait2(poller, ready, READY_PER_TURN, pause_of(&pause), NULL);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr == &is_stdin) {
                SSL_CTX_free(tls);
                return 0;
            }
            if (ready[i].data.ptr == &is_listener)
                greet(poller, listener, tls);
            else
                conn_read(ready[i].data.ptr);
        }
        release_due();
        write_news();
    }
}
