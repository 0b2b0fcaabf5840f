/* bench/paced_client.c -- many paced streams through a gateway at once: how late each event is, how long until the
 * first one, and the gateway's CPU while all of them run. One thread, epoll; it is not what is measured.
 *
 *   paced_client PORT STREAMS SPREAD_MS SETTLE_MS WINDOW_MS PID... < request
 *
 * Each content event holds 40 digits: its number, and CLOCK_MONOTONIC of its sending (penstock.testing.stamps). They
 * are looked for in the bytes as they come, so whatever a gateway writes around them is no matter. A missing or
 * repeated number is counted as lost.
 * STREAMS requests are sent within SPREAD_MS. When each has given its first event and SETTLE_MS have passed, the
 * window begins: events are counted and CPU is taken from the clocks of the processes PID.... Then all is closed.
 * Prints one line of JSON. Owner of a stream: main's array. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DIGITS_N = 40, PIECE_BYTES = 65536, START_LIMIT_MS = 8000, SAMPLES_N = 1 << 20 };

struct stream {
    int fd;
    int64_t asked_ns, first_ns, next_seq;
    unsigned digits_n; /* of the present run */
    char digits[DIGITS_N];
};

struct result {
    int64_t events_n, lost_n, begun_n, broken_n, late_n;
    int64_t rss_kib, largest_kib;
    bool in_window;
};

static float late_us[SAMPLES_N];
static struct result got;

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* User and system time of these processes, all threads, dead ones too. */
static int64_t cpu_ns(char **pids, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++) {
        struct timespec ts;
        clockid_t clock = (clockid_t)((~(unsigned)atoi(pids[i]) << 3) | 2);
        if (clock_gettime(clock, &ts) == 0)
            sum += ts.tv_sec * 1000000000LL + ts.tv_nsec;
    }
    return sum;
}

/* Resident memory of all of them, and of the largest. */
static void look_at_memory(char **pids, int n)
{
    for (int i = 0; i < n; i++) {
        char path[64];
        long pages = 0;
        snprintf(path, sizeof path, "/proc/%s/statm", pids[i]);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fscanf(file, "%*d %ld", &pages) == 1) {
            int64_t kib = pages * sysconf(_SC_PAGESIZE) / 1024;
            got.rss_kib += kib;
            got.largest_kib = kib > got.largest_kib ? kib : got.largest_kib;
        }
        fclose(file);
    }
}

static void event(struct stream *s, int64_t at_ns)
{
    int64_t seq = 0, sent_ns = 0;
    for (int i = 0; i < DIGITS_N / 2; i++) {
        seq = seq * 10 + (s->digits[i] - '0');
        sent_ns = sent_ns * 10 + (s->digits[DIGITS_N / 2 + i] - '0');
    }
    if (s->first_ns == 0) {
        s->first_ns = at_ns;
        s->next_seq = seq;
        got.begun_n++;
    }
    got.lost_n += seq != s->next_seq;
    s->next_seq = seq + 1;
    if (!got.in_window)
        return;
    got.events_n++;
    if (got.late_n < SAMPLES_N)
        late_us[got.late_n++] = (float)(at_ns - sent_ns) / 1e3F;
}

static void feed(struct stream *s, const char *data, size_t n, int64_t at_ns)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] < '0' || data[i] > '9') {
            s->digits_n = 0;
            continue;
        }
        s->digits[s->digits_n++] = data[i];
        if (s->digits_n == DIGITS_N) {
            event(s, at_ns);
            s->digits_n = 0;
        }
    }
}

static bool readable(struct stream *s)
{
    static char piece[PIECE_BYTES];
    for (;;) {
        ssize_t n = recv(s->fd, piece, sizeof piece, 0);
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return false;
        feed(s, piece, (size_t)n, now_ns());
        if ((size_t)n < sizeof piece)
            return true;
    }
}

static int connected(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void poll_until(int epoll, int64_t until_ns, int64_t begun_n)
{
    struct epoll_event ready[256];
    for (;;) {
        int64_t left_ns = until_ns - now_ns();
        if (left_ns <= 0 || (begun_n > 0 && got.begun_n >= begun_n))
            return;
        int n = epoll_wait(epoll, ready, 256, (int)(left_ns / 1000000));
        for (int i = 0; i < n; i++) {
            struct stream *s = ready[i].data.ptr;
            if (!readable(s)) {
                got.broken_n++;
                epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL);
            }
        }
    }
}

static int ascending(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

static double part(float *sorted, int64_t n, double share)
{
    return n ? sorted[(int64_t)((double)(n - 1) * share)] : -1;
}

static void tell(struct stream *streams, int n, double cpu_us, double took_ms)
{
    float *ttft_us = calloc((size_t)n, sizeof *ttft_us);
    int64_t first_n = 0;
    for (int i = 0; i < n && ttft_us != NULL; i++)
        if (streams[i].first_ns)
            ttft_us[first_n++] = (float)(streams[i].first_ns - streams[i].asked_ns) / 1e3F;
    qsort(ttft_us, (size_t)first_n, sizeof *ttft_us, ascending);
    qsort(late_us, (size_t)got.late_n, sizeof *late_us, ascending);
    printf("{\"streams\":%d,\"begun\":%lld,\"broken\":%lld,\"lost\":%lld,\"events\":%lld,\"window_ms\":%.1f,"
           "\"cpu_us\":%.1f,\"ttft_p50_us\":%.1f,\"ttft_p99_us\":%.1f,\"late_p50_us\":%.1f,\"late_p99_us\":%.1f,"
           "\"rss_kib\":%lld,\"largest_kib\":%lld}\n",
           n, (long long)got.begun_n, (long long)got.broken_n, (long long)got.lost_n, (long long)got.events_n,
           took_ms, cpu_us, part(ttft_us, first_n, 0.5), part(ttft_us, first_n, 0.99),
           part(late_us, got.late_n, 0.5), part(late_us, got.late_n, 0.99), (long long)got.rss_kib,
           (long long)got.largest_kib);
    free(ttft_us);
}

static void begin(struct stream *streams, int n, int epoll, int64_t spread_ns)
{
    static char request[PIECE_BYTES];
    size_t request_n = fread(request, 1, sizeof request, stdin);
    int64_t start_ns = now_ns();
    for (int i = 0; i < n; i++) {
        poll_until(epoll, start_ns + spread_ns * i / n, 0);
        streams[i].asked_ns = now_ns();
        if (send(streams[i].fd, request, request_n, MSG_NOSIGNAL) != (ssize_t)request_n)
            got.broken_n++;
    }
    poll_until(epoll, now_ns() + START_LIMIT_MS * 1000000LL, n);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    int n = atoi(argv[2]), epoll = epoll_create1(0);
    int64_t spread_ns = atoll(argv[3]) * 1000000, settle_ns = atoll(argv[4]) * 1000000;
    int64_t window_ns = atoll(argv[5]) * 1000000;
    struct stream *streams = calloc((size_t)n, sizeof *streams);
    if (streams == NULL || epoll < 0)
        return 1;
    for (int i = 0; i < n; i++) {
        streams[i].fd = connected(atoi(argv[1]));
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &streams[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, streams[i].fd, &ev);
    }
    begin(streams, n, epoll, spread_ns);
    poll_until(epoll, now_ns() + settle_ns, 0);
    int64_t begun_ns = now_ns(), cpu_begun_ns = cpu_ns(argv + 6, argc - 6);
    got.in_window = true;
    poll_until(epoll, begun_ns + window_ns, 0);
    double cpu_us = (double)(cpu_ns(argv + 6, argc - 6) - cpu_begun_ns) / 1e3;
    look_at_memory(argv + 6, argc - 6);
    tell(streams, n, cpu_us, (double)(now_ns() - begun_ns) / 1e6);
    return 0;
}
