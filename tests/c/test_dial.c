/* Happy eyeballs over loopback: who wins, when the next is tried, what the error says. */
#include <errno.h>
#include <netinet/tcp.h>

#include "net_pair.h"

enum { FULL_N = 4 };

/* A listener whose backlog is full: the kernel drops further SYNs, as a black hole would. */
struct hole {
    int fd;
    int fill[FULL_N];
};

static struct ps_addr hole_open(struct hole *h, const char *ip)
{
    h->fd = listen_at(ip, 0);
    struct ps_addr a = addr_of(ip, port_of(h->fd));
    for (size_t i = 0; i < FULL_N; i++) {
        h->fill[i] = socket(a.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int r = connect(h->fill[i], (struct sockaddr *)&a.sa, sa_bytes(&a));
        T_CHECK(r == 0 || errno == EINPROGRESS);
    }
    return a;
}

static void hole_close(struct hole *h)
{
    for (size_t i = 0; i < FULL_N; i++)
        close(h->fill[i]);
    close(h->fd);
}

/* A port where nobody listens: bound, so that nobody else takes it. */
static struct ps_addr refused_at(const char *ip, int *keep_fd)
{
    *keep_fd = bound_at(ip, 0);
    return addr_of(ip, port_of(*keep_fd));
}

static void connects_with_its_options(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_dial_settings settings = plain_settings;
    settings.keepalive_s = 61;
    settings.user_timeout_ms = 31000;
    int listener = listen_at("127.0.0.1", 8);
    struct ps_addrs at = {.at = {addr_of("127.0.0.1", port_of(listener))}, .n = 1};
    struct ps_dial d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    T_EQ(to.done_n, 0);
    world_until(w, &to.done_n, 1);
    T_CHECK(to.sock != NULL && !d.active && d.tries == NULL);
    char text[PS_ADDR_TEXT_BYTES];
    ps_addr_text(&at.at[0], text);
    T_STR(ps_sock_peer_text(to.sock), text);
    T_CHECK(strncmp(ps_sock_local_text(to.sock), "127.0.0.1:", 10) == 0);
    T_CHECK(!to.sock->is_reading);
    int fd, value = 0;
    T_EQ(uv_fileno(&to.sock->uv.handle, &fd), 0);
    const struct {
        int level, name, wanted;
    } options[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
                   {SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 61},
                   {IPPROTO_TCP, TCP_KEEPINTVL, 61},
                   {IPPROTO_TCP, TCP_USER_TIMEOUT, 31000}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        socklen_t n = sizeof value;
        T_EQ(getsockopt(fd, options[i].level, options[i].name, &value, &n), 0);
        T_EQ(value, options[i].wanted);
    }
    T_CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    ps_sock_close(to.sock);
    world_close(w);
    close(listener);
}

static void the_callers_own_options_come_last(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_sock_option own[2] = {
        {.level = IPPROTO_TCP, .name = TCP_NODELAY, .value_n = sizeof(int)},
        {.level = SOL_SOCKET, .name = 0x7fff, .value_n = sizeof(int)}, /* no such option */
    };
    struct ps_dial_settings settings = plain_settings;
    settings.nodelay = true;
    settings.options = own;
    settings.options_n = 1;
    int listener = listen_at("127.0.0.1", 8);
    struct ps_addrs at = {.at = {addr_of("127.0.0.1", port_of(listener))}, .n = 1};
    struct ps_dial d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    world_until(w, &to.done_n, 1);
    int fd, value = 1;
    socklen_t n = sizeof value;
    T_EQ(uv_fileno(&to.sock->uv.handle, &fd), 0);
    T_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &n), 0);
    T_EQ(value, 0);
    ps_sock_close(to.sock);
    settings.options_n = 2;
    d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    world_until(w, &to.done_n, 2);
    T_EQ(to.err.status, PS_CONNECT_FAILED);
    T_EQ(to.err.sys, UV_ENOPROTOOPT);
    world_close(w);
    close(listener);
}

static void refused_lists_every_address(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    int keep[2];
    struct ps_addrs at = {.at = {refused_at("127.0.0.1", &keep[0]), refused_at("::1", &keep[1])},
                          .n = 2};
    struct ps_dial d = dial_of(w, &plain_settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    T_EQ(to.done_n, 0);
    world_until(w, &to.done_n, 1); /* at once: nobody moves the clock to the next pace */
    char text[sizeof to.err.text], a[PS_ADDR_TEXT_BYTES], b[PS_ADDR_TEXT_BYTES];
    ps_addr_text(&at.at[0], a);
    ps_addr_text(&at.at[1], b);
    snprintf(text, sizeof text, "cannot connect: %s connection refused; %s connection refused", a,
             b);
    T_STR(to.err.text, text);
    T_EQ(to.err.status, PS_CONNECT_FAILED);
    T_EQ(to.err.phase, PS_PHASE_CONNECT);
    T_EQ(to.err.sys, UV_ECONNREFUSED);
    T_CHECK(!d.active);
    ps_dial_cancel(&d);
    world_close(w);
    close(keep[0]);
    close(keep[1]);
}

static void the_next_is_tried_at_once_after_a_failure(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_dial_settings settings = plain_settings;
    settings.eyeballs_ms = 3600000;
    int keep, listener = listen_at("::1", 8);
    struct ps_addrs at = {
        .at = {refused_at("127.0.0.1", &keep), addr_of("::1", port_of(listener))}, .n = 2};
    struct ps_dial d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    world_until(w, &to.done_n, 1);
    T_CHECK(to.sock != NULL);
    T_CHECK(strncmp(ps_sock_peer_text(to.sock), "[::1]:", 6) == 0);
    ps_sock_close(to.sock);
    world_close(w);
    close(keep);
    close(listener);
}

static void a_silent_address_is_overtaken_after_the_pace(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_dial_settings settings = plain_settings;
    struct hole hole;
    settings.eyeballs_ms = 250000; /* so that real time plays no part */
    int listener = listen_at("127.0.0.1", 8);
    struct ps_addrs at = {
        .at = {hole_open(&hole, "::1"), addr_of("127.0.0.1", port_of(listener))}, .n = 2};
    struct ps_dial d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    world_skip(w, 240000);
    T_EQ(d.next, 1);
    char text[PS_ADDR_TEXT_BYTES + 16], who[PS_ADDR_TEXT_BYTES];
    ps_addr_text(&at.at[0], who);
    snprintf(text, sizeof text, "%s no answer", who);
    T_STR(d.tried_text, text); /* what a timeout's error will show */
    T_EQ(w->share.open_n, 1);
    ps_clock_skip(&w->clock, 10000);
    world_until(w, &to.done_n, 1);
    T_CHECK(to.sock != NULL);
    T_CHECK(strncmp(ps_sock_peer_text(to.sock), "127.0.0.1:", 10) == 0);
    world_turn(w);
    T_EQ(w->share.open_n, 1); /* the loser is closed */
    ps_sock_close(to.sock);
    world_close(w);
    hole_close(&hole);
    close(listener);
}

static void cancel_tells_nobody(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct hole holes[2];
    struct ps_addrs at = {.at = {hole_open(&holes[0], "::1"), hole_open(&holes[1], "127.0.0.1")},
                          .n = 2};
    struct ps_dial d = dial_of(w, &plain_settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    world_skip(w, 250);
    T_EQ(d.next, 2);
    T_EQ(w->share.open_n, 2);
    T_CHECK(!ps_deadline_is_set(&d.pace)); /* nobody is left to start */
    ps_dial_cancel(&d);
    ps_dial_cancel(&d);
    memset(&d, 0x5a, sizeof d); /* the owner may free it now */
    world_turn(w);
    T_EQ(to.done_n, 0);
    world_close(w);
    hole_close(&holes[0]);
    hole_close(&holes[1]);
}

/* Multicast fails within connect(), and no packet leaves. */
static void failures_within_the_call_are_told_from_the_loop(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_addrs at = {.at = {addr_of("224.0.0.1", 9), addr_of("224.0.0.2", 9)}, .n = 2};
    struct ps_dial d = dial_of(w, &plain_settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    T_EQ(to.done_n, 0);
    T_CHECK(d.active);
    world_until(w, &to.done_n, 1);
    T_EQ(to.err.sys, UV_ENETUNREACH);
    T_STR(to.err.text, "cannot connect: 224.0.0.1:9 network is unreachable; "
                       "224.0.0.2:9 network is unreachable");
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    ps_dial_cancel(&d); /* before it was told */
    world_turn(w);
    T_EQ(to.done_n, 1);
    world_close(w);
}

static void a_long_list_is_cut_and_counted(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_addrs at = {.n = PS_ADDRS_MAX};
    int keep;
    struct ps_addr one = refused_at("::1", &keep);
    for (size_t i = 0; i < PS_ADDRS_MAX; i++)
        at.at[i] = one;
    struct ps_dial d = dial_of(w, &plain_settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    world_until(w, &to.done_n, 1);
    const char *end = strstr(to.err.text, "connection refused; and 1");
    T_CHECK(end != NULL);
    T_STR(strrchr(end, ' '), " more");
    world_close(w);
    close(keep);
}

static void wrong_settings_are_refused_at_once(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_err err;
    struct ps_addrs at = {.at = {addr_of("127.0.0.1", 9)}, .n = 1};
    struct ps_dial_settings settings = plain_settings;
    struct ps_dial d = dial_of(w, &settings, &to);
    struct ps_addrs none = {.n = 0};
    T_EQ(ps_dial_start(&d, &none, &err), PS_INVALID);
    T_EQ(ps_dial_start(&d, NULL, &err), PS_INVALID);
    settings.local_address = "eth0";
    T_EQ(ps_dial_start(&d, &at, &err), PS_INVALID);
    T_STR(err.text, "\"eth0\" is not a local IP address");
    char path[200];
    memset(path, 'p', sizeof path);
    path[108] = '\0';
    settings.uds_path = path;
    T_EQ(ps_dial_start(&d, NULL, &err), PS_INVALID);
    T_STR(err.text, "the Unix socket's path has 108 bytes; 1 to 107 are possible");
    settings.uds_path = "";
    T_EQ(ps_dial_start(&d, NULL, &err), PS_INVALID);
    settings.uds_path = "@";
    T_EQ(ps_dial_start(&d, NULL, &err), PS_INVALID);
    T_CHECK(!d.active);
    ps_dial_cancel(&d);
    world_turn(w);
    T_EQ(to.done_n, 0);
    world_close(w);
}

static void binds_to_the_local_address(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_dial_settings settings = plain_settings;
    settings.local_address = "127.0.0.2";
    int listener = listen_at("127.0.0.1", 8);
    struct ps_addrs at = {
        .at = {addr_of("::1", port_of(listener)), addr_of("127.0.0.1", port_of(listener))},
        .n = 2};
    struct ps_dial d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, &at, NULL), PS_OK);
    world_until(w, &to.done_n, 1); /* the other family is passed over */
    T_CHECK(to.sock != NULL);
    T_CHECK(strncmp(ps_sock_local_text(to.sock), "127.0.0.2:", 10) == 0);
    T_CHECK(strncmp(ps_sock_peer_text(to.sock), "127.0.0.1:", 10) == 0);
    T_CHECK(strstr(d.tried_text, "not of the local address's family") != NULL);
    ps_sock_close(to.sock);
    world_close(w);
    close(listener);
}

/* -- Unix sockets -- */

static socklen_t uds_address(struct sockaddr_un *sa, const char *path)
{
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(sa->sun_path, path);
    if (path[0] == '@')
        sa->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] != '@'));
}

static int uds_listen(const char *path, int backlog)
{
    struct sockaddr_un sa;
    socklen_t n = uds_address(&sa, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    T_EQ(bind(fd, (struct sockaddr *)&sa, n), 0);
    T_EQ(listen(fd, backlog), 0);
    return fd;
}

/* A path of this process alone. */
static const char *uds_path(const char *first)
{
    static char path[100];
    snprintf(path, sizeof path, "%spenstock-dial-%d", first, (int)getpid());
    return path;
}

static void speaks_over_a_unix_socket(const char *path)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_dial_settings settings = plain_settings;
    settings.uds_path = path;
    int listener = uds_listen(path, 8);
    struct ps_dial d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, NULL, NULL), PS_OK);
    T_EQ(to.done_n, 0);
    world_until(w, &to.done_n, 1);
    T_CHECK(to.sock != NULL);
    T_STR(ps_sock_peer_text(to.sock), path);
    T_STR(ps_sock_local_text(to.sock), "");
    int peer = accept_one(listener), fd;
    char got[4] = {0};
    T_EQ(ps_sock_write(to.sock, ps_bytes_str("yes"), NULL), PS_OK);
    T_EQ(recv(peer, got, 3, MSG_WAITALL), 3);
    T_STR(got, "yes");
    T_EQ(uv_fileno(&to.sock->uv.handle, &fd), 0);
    T_CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    T_CHECK(!ps_sock_is_dead(to.sock));
    close(peer);
    T_CHECK(ps_sock_is_dead(to.sock));
    ps_sock_close(to.sock);
    world_close(w);
    close(listener);
    unlink(path);
}

static void speaks_to_a_path(void)
{
    speaks_over_a_unix_socket(uds_path("/tmp/"));
}

static void speaks_to_an_abstract_name(void)
{
    speaks_over_a_unix_socket(uds_path("@"));
}

static void a_missing_path_is_named(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct ps_dial_settings settings = plain_settings;
    settings.uds_path = "/nowhere/penstock.sock";
    struct ps_dial d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&d, NULL, NULL), PS_OK);
    world_until(w, &to.done_n, 1);
    T_EQ(to.err.status, PS_CONNECT_FAILED);
    T_EQ(to.err.sys, UV_ENOENT);
    T_STR(to.err.text,
          "cannot connect: /nowhere/penstock.sock no such file or directory");
    world_close(w);
}

static void a_full_unix_backlog_is_waited_for(void)
{
    struct world *w = world_open();
    struct dialed to = {0}, filled = {0};
    struct ps_dial_settings settings = plain_settings;
    settings.uds_path = uds_path("@full-");
    int listener = uds_listen(settings.uds_path, 0);
    struct ps_dial first = dial_of(w, &settings, &filled), d = dial_of(w, &settings, &to);
    T_EQ(ps_dial_start(&first, NULL, NULL), PS_OK);
    world_until(w, &filled.done_n, 1);
    T_EQ(ps_dial_start(&d, NULL, NULL), PS_OK);
    world_turn(w);
    world_skip(w, 50);
    T_EQ(to.done_n, 0);
    close(accept_one(listener));
    world_until(w, &to.done_n, 1);
    T_CHECK(filled.sock != NULL && to.sock != NULL);
    ps_sock_close(filled.sock);
    ps_sock_close(to.sock);
    world_close(w);
    close(listener);
}

/* -- memory -- */

static enum ps_status dial_once(struct world *w, const struct ps_dial_settings *settings,
                                const struct ps_addrs *at)
{
    struct dialed to = {0};
    struct ps_dial d = dial_of(w, settings, &to);
    enum ps_status st = ps_dial_start(&d, at, NULL);
    T_EQ(d.active, st == PS_OK);
    if (st == PS_OK) {
        world_until(w, &to.done_n, 1);
        st = to.err.status;
        T_CHECK(st == PS_OK || to.sock == NULL);
    }
    if (to.sock != NULL)
        ps_sock_close(to.sock);
    return st;
}

static enum ps_status tcp_scenario(void)
{
    struct world *w = world_open();
    int keep, listener = listen_at("127.0.0.1", 8);
    struct ps_addrs at = {
        .at = {refused_at("::1", &keep), addr_of("127.0.0.1", port_of(listener))}, .n = 2};
    enum ps_status st = dial_once(w, &plain_settings, &at);
    world_close(w);
    close(keep);
    close(listener);
    return st;
}

/* The second try is started by the pace, while the first is silent. */
static enum ps_status paced_scenario(void)
{
    struct world *w = world_open();
    struct dialed to = {0};
    struct hole hole;
    int listener = listen_at("127.0.0.1", 8);
    struct ps_addrs at = {
        .at = {hole_open(&hole, "::1"), addr_of("127.0.0.1", port_of(listener))}, .n = 2};
    struct ps_dial d = dial_of(w, &plain_settings, &to);
    enum ps_status st = ps_dial_start(&d, &at, NULL);
    if (st == PS_OK)
        ps_clock_skip(&w->clock, 250);
    while (st == PS_OK && to.done_n == 0 && strstr(d.tried_text, "memory") == NULL)
        uv_run(&w->loop, UV_RUN_NOWAIT); /* ONCE would fire the pace, then wait */
    if (to.sock != NULL)
        ps_sock_close(to.sock);
    else
        st = PS_NOMEM; /* the hole is still waited for: that is the owner's deadline */
    ps_dial_cancel(&d);
    world_close(w);
    hole_close(&hole);
    close(listener);
    return st;
}

static enum ps_status uds_scenario(void)
{
    struct world *w = world_open();
    struct ps_dial_settings settings = plain_settings;
    settings.uds_path = uds_path("@alloc-");
    int listener = uds_listen(settings.uds_path, 8);
    enum ps_status st = dial_once(w, &settings, NULL);
    world_close(w);
    close(listener);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(tcp_scenario);
    t_each_alloc(paced_scenario);
    t_each_alloc(uds_scenario);
}

static const struct t_test tests[] = {
    {"connects_with_its_options", connects_with_its_options},
    {"the_callers_own_options_come_last", the_callers_own_options_come_last},
    {"refused_lists_every_address", refused_lists_every_address},
    {"the_next_is_tried_at_once_after_a_failure", the_next_is_tried_at_once_after_a_failure},
    {"a_silent_address_is_overtaken_after_the_pace", a_silent_address_is_overtaken_after_the_pace},
    {"cancel_tells_nobody", cancel_tells_nobody},
    {"failures_within_the_call_are_told_from_the_loop",
     failures_within_the_call_are_told_from_the_loop},
    {"a_long_list_is_cut_and_counted", a_long_list_is_cut_and_counted},
    {"wrong_settings_are_refused_at_once", wrong_settings_are_refused_at_once},
    {"binds_to_the_local_address", binds_to_the_local_address},
    {"speaks_to_a_path", speaks_to_a_path},
    {"speaks_to_an_abstract_name", speaks_to_an_abstract_name},
    {"a_missing_path_is_named", a_missing_path_is_named},
    {"a_full_unix_backlog_is_waited_for", a_full_unix_backlog_is_waited_for},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
};

T_MAIN(tests)
