/* bridge/home.c -- waking a consumer (see home.h). */
#include "bridge/home.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "bridge/bridge.h"
#include "bridge/waits.h"

/* In looks of NUDGE_MS each. */
enum { RING_AGAIN_N = 20, GIVE_UP_N = 1000 };

/* Non-blocking and close-on-exec, with calls that macOS has too. */
static int set_flags(int fd)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static enum ps_status open_pair(struct ps_home *h, struct ps_err *err)
{
    int fds[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || set_flags(fds[0]) < 0 ||
        set_flags(fds[1]) < 0) {
        int sys = errno;
        if (fds[0] >= 0) {
            close(fds[0]);
            close(fds[1]);
        }
        ps_err_set(err, PS_INTERNAL, PS_PHASE_NONE, "no socketpair to wake the event loop: %s",
                   strerror(sys));
        if (err != NULL)
            err->sys = -sys;
        return PS_INTERNAL;
    }
    h->read_fd = fds[0];
    h->wake_fd = fds[1];
    return PS_OK;
}

enum ps_status ps_home_new(struct ps_home **out, struct ps_bridge *bridge, enum ps_home_kind kind,
                           struct ps_err *err)
{
    struct ps_home *h = ps_zalloc(sizeof *h);
    if (h == NULL)
        return ps_err_nomem(err);
    h->kind = kind;
    h->bridge = bridge;
    h->wake_fd = h->read_fd = -1;
    if (kind == PS_HOME_LOOP && open_pair(h, err) != PS_OK) {
        ps_free(h);
        return PS_INTERNAL;
    }
    bridge_ref(bridge);
    atomic_init(&h->refs_n, 1);
    ps_list_init(&h->ready);
    pthread_mutex_init(&h->lock, NULL);
    bridge_init_cond(&h->news);
    *out = h;
    return PS_OK;
}

void ps_home_ref(struct ps_home *h)
{
    atomic_fetch_add_explicit(&h->refs_n, 1, memory_order_relaxed);
}

void ps_home_unref(struct ps_home *h)
{
    if (h == NULL || atomic_fetch_sub_explicit(&h->refs_n, 1, memory_order_acq_rel) != 1)
        return;
    ps_home_close(h);
    ps_spares_fini(&h->spares);
    pthread_cond_destroy(&h->news);
    pthread_mutex_destroy(&h->lock);
    bridge_unref(h->bridge);
    ps_free(h);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void ps_home_close(struct ps_home *h)
{
    struct ps_list dropped;
    ps_list_init(&dropped);
    pthread_mutex_lock(&h->lock);
    h->is_closed = true;
    h->is_awake = false;
    ps_list_move_all(&dropped, &h->ready);
    int read_fd = h->read_fd;
    int wake_fd = h->wake_fd;
    h->read_fd = h->wake_fd = -1;
    pthread_mutex_unlock(&h->lock);
    close_fd(read_fd);
    close_fd(wake_fd);
    ps_home_drop(h, &dropped);
}

void ps_home_end(struct ps_home *h)
{
    pthread_mutex_lock(&h->lock);
    if (h->wake_fd >= 0)
        shutdown(h->wake_fd, SHUT_WR); /* closing is the home's business: its loop reads there, too */
    pthread_mutex_unlock(&h->lock);
}

void ps_home_abandon(struct ps_home *h)
{
    close_fd(h->read_fd);
    close_fd(h->wake_fd);
    h->read_fd = h->wake_fd = -1;
}

/* False at the end of what can be read. */
static bool clear(int fd)
{
    char sink[64];
    ssize_t n;
    do {
        n = read(fd, sink, sizeof sink);
    } while (n == (ssize_t)sizeof sink || (n < 0 && errno == EINTR));
    return n != 0;
}

bool ps_home_clear_wake(struct ps_home *h)
{
    return clear(h->read_fd);
}

void ps_home_clear_rescue(struct ps_home *h)
{
    (void)clear(h->wake_fd);
}

/* Nodes are unlinked under the lock even where `batch` is the home's alone: io asks whether they are
 * linked. */
static struct ps_exchange *pop(struct ps_list *from)
{
    struct ps_node *n = ps_list_pop_front(from);
    return n == NULL ? NULL : PS_ITEM(n, struct ps_exchange, ready_node);
}

struct ps_exchange *ps_home_next(struct ps_home *h, struct ps_list *batch)
{
    pthread_mutex_lock(&h->lock);
    if (ps_list_empty(batch))
        ps_list_move_all(batch, &h->ready);
    struct ps_exchange *x = pop(batch);
    h->taken_n++;
    if (x == NULL)
        h->is_awake = false;
    pthread_mutex_unlock(&h->lock);
    return x;
}

void ps_home_drop(struct ps_home *h, struct ps_list *batch)
{
    struct ps_exchange *x;
    do {
        pthread_mutex_lock(&h->lock);
        x = pop(batch);
        pthread_mutex_unlock(&h->lock);
        ps_exchange_unref(x);
    } while (x != NULL);
}

void ps_home_hold(struct ps_home *h)
{
    atomic_store_explicit(&h->is_holding, true, memory_order_relaxed);
}

void ps_home_release(struct ps_home *h)
{
    atomic_store_explicit(&h->is_holding, false, memory_order_relaxed);
    bridge_signal_held(h->bridge);
}

/* With the lock held. When the descriptor is full there is a byte already. */
static void ring(int fd)
{
    ssize_t n = write(fd, "!", 1);
    (void)n;
}

void ps_home_wake(struct ps_home *h)
{
    ps_assert_io();
    pthread_mutex_lock(&h->lock);
    if (h->kind == PS_HOME_THREAD) {
        pthread_cond_broadcast(&h->news);
    } else if (!h->is_awake && !h->is_closed && !ps_list_empty(&h->ready)) {
        h->is_awake = true;
        ring(h->wake_fd);
    }
    pthread_mutex_unlock(&h->lock);
}

bool ps_home_look(struct ps_home *h)
{
    ps_assert_io();
    pthread_mutex_lock(&h->lock);
    bool is_awake = h->is_awake;
    h->stuck_n = h->taken_n == h->seen_taken_n ? h->stuck_n + 1 : 0;
    h->seen_taken_n = h->taken_n;
    if (is_awake && h->stuck_n == RING_AGAIN_N)
        ring(h->read_fd);
    bool goes_on = is_awake && h->stuck_n < GIVE_UP_N;
    if (!goes_on)
        h->stuck_n = 0;
    pthread_mutex_unlock(&h->lock);
    return goes_on;
}
