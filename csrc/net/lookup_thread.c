/* net/lookup_thread.c -- blocking lookups on detached threads (see lookup_thread.h).
 * Everything shared lies under one mutex. A thread gives up its reference in the same locked
 * section in which it posts its answer, so whoever takes an answer knows that its thread holds
 * nothing any more.
 * Limit: the resolver's, it starts at most so many. */
#include "net/lookup_thread.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"

enum { STACK_BYTES = 256 * 1024 }; /* plenty for getaddrinfo; the usual 8 MiB are far more */

struct ps_inbox {
    pthread_mutex_t lock;
    size_t refs_n;
    uv_async_t *wake;        /* borrowed; NULL once closed */
    struct ps_list answered; /* ps_lookup_job.node */
};

struct ps_inbox *ps_inbox_new(uv_async_t *wake)
{
    struct ps_inbox *in = ps_zalloc(sizeof *in);
    if (in == NULL)
        return NULL;
    pthread_mutex_init(&in->lock, NULL);
    in->refs_n = 1;
    in->wake = wake;
    ps_list_init(&in->answered);
    return in;
}

/* Unlocks, and frees the inbox with its last reference. */
static void unlock_and_unref(struct ps_inbox *in)
{
    bool is_last = --in->refs_n == 0;
    pthread_mutex_unlock(&in->lock);
    if (!is_last)
        return;
    pthread_mutex_destroy(&in->lock);
    ps_free(in);
}

void ps_inbox_close(struct ps_inbox *in)
{
    struct ps_node *n;
    pthread_mutex_lock(&in->lock);
    in->wake = NULL;
    while ((n = ps_list_pop_front(&in->answered)) != NULL)
        ps_free(PS_ITEM(n, struct ps_lookup_job, node));
    unlock_and_unref(in);
}

void ps_inbox_take(struct ps_inbox *in, struct ps_list *to)
{
    pthread_mutex_lock(&in->lock);
    ps_list_move_all(to, &in->answered);
    pthread_mutex_unlock(&in->lock);
}

/* Gives the answer to the inbox, or frees it when nobody is there, and the reference with it. */
static void post(struct ps_lookup_job *job)
{
    struct ps_inbox *in = job->inbox;
    pthread_mutex_lock(&in->lock);
    job->inbox = NULL;
    if (in->wake != NULL) {
        ps_list_push_back(&in->answered, &job->node);
        uv_async_send(in->wake); /* under the lock: so ps_inbox_close() ends all sending */
    } else {
        ps_free(job);
    }
    unlock_and_unref(in);
}

/* Asks for every family, whatever interfaces there are: AI_ADDRCONFIG does not count loopback, so
 * it would hide ::1 and break hosts that have nothing else. Addresses without a route are sorted
 * last by the system (RFC 6724) and fail at once when dialed. */
static int lookup_system(void *data, const char *host, enum ps_family family, struct ps_addrs *out)
{
    static const int af[] = {AF_UNSPEC, AF_INET, AF_INET6}; /* by enum ps_family */
    struct addrinfo hints = {
        .ai_family = af[family], .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct addrinfo *found = NULL;
    (void)data;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0)
        return code;
    for (const struct addrinfo *ai = found; ai != NULL && out->n < PS_ADDRS_MAX; ai = ai->ai_next) {
        if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
            continue;
        struct ps_addr *a = &out->at[out->n++];
        *a = (struct ps_addr){0};
        memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
    }
    freeaddrinfo(found);
    return 0;
}

static void *thread_main(void *arg)
{
    struct ps_lookup_job *job = arg;
    job->code = job->lookup(job->lookup_data, job->host, job->family, &job->addrs);
    if (job->code == EAI_AGAIN) { /* rule 93: once more, then it is a failure */
        job->addrs.n = 0;
        job->code = job->lookup(job->lookup_data, job->host, job->family, &job->addrs);
    }
    post(job);
    return NULL;
}

struct ps_lookup_job *ps_lookup_job_new(const char *host, enum ps_family family,
                                        ps_lookup_fn lookup, void *lookup_data)
{
    size_t n = strlen(host);
    struct ps_lookup_job *job = ps_zalloc(sizeof *job + n + 1);
    if (job == NULL)
        return NULL;
    memcpy(job->host, host, n);
    job->family = family;
    job->lookup = lookup != NULL ? lookup : lookup_system;
    job->lookup_data = lookup_data;
    return job;
}

/* 0 or a negative errno. */
static int spawn(struct ps_lookup_job *job)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int sys = pthread_attr_init(&attr);
    if (sys != 0)
        return -sys;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* Refused when less than the system's minimum; then the default size serves as well. */
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all); /* signals are not this thread's business: it starts with all blocked */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    sys = pthread_create(&thread, &attr, thread_main, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return -sys;
}

void ps_lookup_job_start(struct ps_lookup_job *job, struct ps_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->refs_n++;
    pthread_mutex_unlock(&in->lock);
    job->inbox = in;
    int sys = spawn(job);
    if (sys == 0)
        return;
    job->spawn_sys = sys;
    post(job); /* told from the loop, like any other failure */
}
