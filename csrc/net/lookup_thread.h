/* net/lookup_thread.h -- blocking lookups on detached threads, and the inbox where their answers
 * lie. The resolver makes an inbox, starts jobs, and takes the answered ones when its uv_async
 * fires. After ps_inbox_close() a late answer is freed by its own thread: nobody ever waits for a
 * lookup.
 * A job belongs to its maker until it is started, then to its thread, then to who takes it.
 * Thread: io, but for the thread's own function. */
#ifndef PS_NET_LOOKUP_THREAD_H
#define PS_NET_LOOKUP_THREAD_H

#include "base/list.h"
#include "net/resolver.h"

struct ps_inbox; /* counted: one reference of the resolver, one of each running thread */

struct ps_lookup_job {
    struct ps_node node;
    void *owner; /* the resolver's; the thread does not look at it */
    ps_lookup_fn lookup;
    void *lookup_data;
    struct ps_inbox *inbox; /* set while it runs */
    enum ps_family family;
    int code;      /* 0 or the EAI_ code */
    int spawn_sys; /* not 0: no thread could be started, negative errno */
    struct ps_addrs addrs;
    char host[];
};

/* NULL: no memory. `wake` is sent to when the inbox gets an answer, until ps_inbox_close(). */
struct ps_inbox *ps_inbox_new(uv_async_t *wake);
void ps_inbox_close(struct ps_inbox *in); /* before `wake` is closed; gives up the reference */
/* Moves the answered jobs to `to`. */
void ps_inbox_take(struct ps_inbox *in, struct ps_list *to);

/* NULL: no memory. `lookup` NULL = getaddrinfo. */
struct ps_lookup_job *ps_lookup_job_new(const char *host, enum ps_family family,
                                        ps_lookup_fn lookup, void *lookup_data);
/* Takes the job; it comes back through the inbox in any case, also when no thread can be had. */
void ps_lookup_job_start(struct ps_lookup_job *job, struct ps_inbox *in);

#endif
