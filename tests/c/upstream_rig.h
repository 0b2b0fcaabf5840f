/* A scripted upstream on its own thread, programs built by hand, and blocking clients with a limit of time. */
#ifndef PS_TEST_UPSTREAM_RIG_H
#define PS_TEST_UPSTREAM_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "t.h"
#include "upstream/server.h"

enum { RIG_ANSWER_BYTES = 1 << 20 };

struct up_rig {
    struct up_server *server;
    struct up_script *script; /* being built */
    int port;
};

static inline struct up_program *rig_program(struct up_rig *r, size_t i, const char *path)
{
    struct up_rule *rule = &r->script->rules[i];
    rule->programs = ps_zalloc(sizeof *rule->programs);
    T_CHECK(rule->programs != NULL);
    rule->programs_n = 1;
    rule->path = up_rule_keep(rule, ps_bytes_str(path));
    return rule->programs;
}

static inline void rig_head(struct up_program *p, int status, int64_t body_bytes)
{
    static const struct up_pair field[] = {{{(const uint8_t *)"X-A", 3}, {(const uint8_t *)"b", 1}}};
    T_EQ(up_head_set(&up_program_add(p, UP_HEAD)->as.head, status, field, 1, body_bytes), PS_OK);
}

static inline void rig_data(struct up_program *p, enum up_step_kind kind, const char *text)
{
    T_EQ(up_piece_set(&up_program_add(p, kind)->as.data, ps_bytes_str(text)), PS_OK);
}

static inline void rig_events(struct up_program *p, const char *piece, uint64_t count, double per_s, bool is_stamped)
{
    struct up_step *s = up_program_add(p, UP_EVENTS);
    struct up_events *e = &s->as.events;
    e->pieces = ps_zalloc(sizeof *e->pieces);
    T_EQ(up_piece_set(e->pieces, ps_bytes_str(piece)), PS_OK);
    e->pieces_n = 1;
    e->longest_n = e->pieces->framed_n;
    e->count = count;
    e->period_ns = per_s > 0 ? 1e9 / per_s : 0;
    if (is_stamped) {
        e->stamps = ps_zalloc(sizeof *e->stamps);
        e->stamps_n = 1;
    }
}

static inline void rig_start(struct up_rig *r, size_t rules_n)
{
    *r = (struct up_rig){0};
    T_EQ(up_server_start(&r->server, 100, 1000, NULL), PS_OK);
    r->script = up_script_new(rules_n);
}

/* The script goes to the server, which gets a port. */
static inline void rig_serve(struct up_rig *r, struct up_tls_context *tls)
{
    const char *why = "";
    struct up_listener_settings at = {.host = "127.0.0.1", .max_streams = 100, .tls = tls};
    T_EQ(up_script_check(r->script, &why), PS_OK);
    T_EQ(up_server_set_script(r->server, r->script), PS_OK);
    T_EQ(up_server_listen(r->server, &at, &r->port, NULL), PS_OK);
}

static inline void rig_stop(struct up_rig *r)
{
    up_server_stop(r->server);
    up_server_free(r->server);
}

static inline int rig_connect(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline void rig_send(int fd, const char *text)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the peer has gone: its answer tells */
        text += sent;
        n -= (size_t)sent;
    }
}

/* Up to `until` (NULL: the end) into a text to be freed; `ended` tells how: 0 FIN, else errno. */
static inline char *rig_recv(int fd, const char *until, int *ended)
{
    char *text = malloc(RIG_ANSWER_BYTES);
    size_t n = 0;
    *ended = -1;
    text[0] = '\0';
    while (n < RIG_ANSWER_BYTES - 1) {
        ssize_t got = recv(fd, text + n, RIG_ANSWER_BYTES - 1 - n, 0);
        if (got <= 0) {
            *ended = got == 0 ? 0 : errno;
            break;
        }
        n += (size_t)got;
        text[n] = '\0';
        if (until != NULL && n >= strlen(until) && strcmp(text + n - strlen(until), until) == 0)
            break;
    }
    return text;
}

/* Sends all, and compares all that comes back to the end. */
static inline void rig_expect(int port, const char *request, const char *answer, int how)
{
    int ended, fd = rig_connect(port);
    rig_send(fd, request);
    char *got = rig_recv(fd, NULL, &ended);
    T_STR(got, answer);
    T_EQ(ended, how);
    free(got);
    close(fd);
}

#endif
