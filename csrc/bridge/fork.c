/* bridge/fork.c -- forks: counted, so that a child knows what is not its own, and waited for, so that what
 * the child inherits is whole.
 *
 * Before a fork of any thread each bridge's io thread stops at the start of a turn: no list of libuv's or
 * ours is half changed then, and no lock of OpenSSL's is held by a thread that the child does not have. The
 * turn that is waited for takes microseconds (a TLS handshake: a millisecond).
 * Home threads that work in OpenSSL forbid forks meanwhile.
 * The child can close the inherited sockets, so that a peer sees the parent's close, and start anew.
 * Thread: the forking one. Statics: a fork concerns the process, there is nobody else to own them. */
#include <pthread.h>
#include <unistd.h>

#include "bridge/bridge.h"

static atomic_uint epoch; /* written only in a child that has one thread */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ps_list bridges; /* by fork_node; started and not yet joined */

static void before_fork(void)
{
    pthread_mutex_lock(&registry_lock);
    for (struct ps_node *n = ps_list_first(&bridges); n; n = ps_list_next(&bridges, n))
        bridge_pause(PS_ITEM(n, struct ps_bridge, fork_node));
}

static void after_fork_in_parent(void)
{
    for (struct ps_node *n = ps_list_first(&bridges); n; n = ps_list_next(&bridges, n))
        bridge_resume(PS_ITEM(n, struct ps_bridge, fork_node));
    pthread_mutex_unlock(&registry_lock);
}

static void after_fork_in_child(void)
{
    atomic_fetch_add(&epoch, 1);
    ps_list_init(&bridges); /* the parent's; their nodes are left alone */
    pthread_mutex_unlock(&registry_lock);
}

static void init_once(void)
{
    ps_list_init(&bridges);
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void bridge_watch_forks(struct ps_bridge *b)
{
    pthread_once(&once, init_once);
    pthread_mutex_lock(&registry_lock);
    b->epoch = atomic_load(&epoch);
    ps_list_push_back(&bridges, &b->fork_node);
    pthread_mutex_unlock(&registry_lock);
}

void bridge_unwatch_forks(struct ps_bridge *b)
{
    pthread_mutex_lock(&registry_lock);
    ps_node_unlink(&b->fork_node);
    pthread_mutex_unlock(&registry_lock);
}

void ps_bridge_forbid_fork(void)
{
    pthread_mutex_lock(&registry_lock);
}

void ps_bridge_allow_fork(void)
{
    pthread_mutex_unlock(&registry_lock);
}

bool ps_bridge_is_foreign(const struct ps_bridge *b)
{
    return b->epoch != atomic_load_explicit(&epoch, memory_order_relaxed);
}

static void close_inherited(uv_handle_t *handle, void *unused)
{
    uv_os_fd_t fd;
    (void)unused;
    if (uv_fileno(handle, &fd) == 0)
        close(fd);
}

/* A bridge that was on its way out did not stand still; it has closed nearly all, the rest stays open. */
void ps_bridge_abandon(struct ps_bridge *b)
{
    if (!ps_bridge_is_foreign(b) || !b->is_paused)
        return;
    b->is_paused = false;
    uv_walk(&b->loop, close_inherited, NULL);
    if (uv_backend_fd(&b->loop) >= 0)
        close(uv_backend_fd(&b->loop));
}
