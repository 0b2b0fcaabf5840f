/* tests/c/fake_peer.c -- see fake_peer.h. */
#include "fake_peer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS_MAX = 4096 };

struct fake_conn {
    struct fake_peer *peer;
    pthread_t thread;
    int fd;
    int nth;
};

struct fake_peer {
    int listener;
    uint16_t port;
    fake_serve_fn serve;
    void *data;
    pthread_t acceptor;
    pthread_mutex_t lock;
    struct fake_conn conns[CONNS_MAX];
    int conns_n;
    bool stopping;
};

static void *serve_main(void *arg)
{
    struct fake_conn *c = arg;
    c->peer->serve(c->peer, c->fd, c->nth, c->peer->data);
    pthread_mutex_lock(&c->peer->lock);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->peer->lock);
    return NULL;
}

static void *accept_main(void *arg)
{
    struct fake_peer *p = arg;
    for (;;) {
        int fd = accept(p->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        pthread_mutex_lock(&p->lock);
        if (p->stopping || p->conns_n == CONNS_MAX) {
            pthread_mutex_unlock(&p->lock);
            close(fd);
            return NULL;
        }
        struct fake_conn *c = &p->conns[p->conns_n];
        *c = (struct fake_conn){.peer = p, .fd = fd, .nth = p->conns_n};
        p->conns_n++;
        pthread_create(&c->thread, NULL, serve_main, c);
        pthread_mutex_unlock(&p->lock);
    }
}

struct fake_peer *fake_peer_start(fake_serve_fn serve, void *data)
{
    struct fake_peer *p = calloc(1, sizeof *p);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    p->serve = serve;
    p->data = data;
    pthread_mutex_init(&p->lock, NULL);
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(p->listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(p->listener, 512) < 0 ||
        getsockname(p->listener, (struct sockaddr *)&at, &n) < 0)
        abort();
    p->port = ntohs(at.sin_port);
    pthread_create(&p->acceptor, NULL, accept_main, p);
    return p;
}

void fake_peer_stop(struct fake_peer *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    shutdown(p->listener, SHUT_RDWR);
    for (int i = 0; i < p->conns_n; i++) {
        if (p->conns[i].fd >= 0)
            shutdown(p->conns[i].fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->acceptor, NULL);
    for (int i = 0; i < p->conns_n; i++)
        pthread_join(p->conns[i].thread, NULL);
    close(p->listener);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

uint16_t fake_peer_port(const struct fake_peer *p)
{
    return p->port;
}

int fake_peer_accepted_n(struct fake_peer *p)
{
    pthread_mutex_lock(&p->lock);
    int n = p->conns_n;
    pthread_mutex_unlock(&p->lock);
    return n;
}

static bool read_line(int fd, char *line, size_t cap)
{
    size_t n = 0;
    char c;
    while (read(fd, &c, 1) == 1) {
        if (n + 1 < cap)
            line[n++] = c;
        if (c == '\n') {
            line[n] = '\0';
            return true;
        }
    }
    return false;
}

static bool skip(int fd, size_t n)
{
    char sink[16384];
    while (n > 0) {
        ssize_t got = read(fd, sink, n < sizeof sink ? n : sizeof sink);
        if (got <= 0)
            return false;
        n -= (size_t)got;
    }
    return true;
}

static bool skip_chunks(int fd, size_t *body_n)
{
    char line[256];
    while (read_line(fd, line, sizeof line)) {
        size_t n = strtoul(line, NULL, 16);
        *body_n += n;
        if (!skip(fd, n + 2)) /* data and CRLF; for the last chunk the empty line */
            return false;
        if (n == 0)
            return true;
    }
    return false;
}

bool fake_peer_read_request(int fd, char *head, size_t cap, size_t *body_n)
{
    char line[4096];
    size_t used = 0, length = 0, seen = 0;
    bool chunked = false;
    for (;;) {
        if (!read_line(fd, line, sizeof line))
            return false;
        if (strncasecmp(line, "content-length:", 15) == 0)
            length = strtoul(line + 15, NULL, 10);
        if (strncasecmp(line, "transfer-encoding:", 18) == 0)
            chunked = true;
        if (strcmp(line, "\r\n") == 0)
            break;
        used += (size_t)snprintf(head + used, cap - used, "%s", line);
        if (used >= cap)
            used = cap - 1;
    }
    bool ok = chunked ? skip_chunks(fd, &seen) : skip(fd, length);
    if (body_n != NULL)
        *body_n = chunked ? seen : length;
    return ok;
}

void fake_peer_write(int fd, const char *text)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

void fake_peer_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void fake_peer_close(int fd)
{
    shutdown(fd, SHUT_WR);
}

/* Disconnecting resets (connect(2), AF_UNSPEC); the descriptor stays for its owner to close. */
void fake_peer_abort(int fd)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    connect(fd, &nobody, sizeof nobody);
}
