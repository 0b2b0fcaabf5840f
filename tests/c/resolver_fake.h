/* tests/c/resolver_fake.h -- a name server under control, and askers that note what they are told.
 * The tests decide when a lookup returns and what it says: nothing is asked of the network. */
#ifndef PS_TEST_RESOLVER_FAKE_H
#define PS_TEST_RESOLVER_FAKE_H

#include <netdb.h>
#include <pthread.h>
#include <sched.h>

#include "net/resolver.h"
#include "net_world.h"
#include "t_swept.h"

/* Lookups whose host begins with "hang" wait for free_hung(). */
struct fake {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    size_t calls_n;     /* lookups begun */
    size_t returned_n;
    size_t hanging_n;   /* waiting now */
    bool hung_are_free;
    int codes[8];       /* what the next calls return; 0 = an address */
    size_t codes_n;
    struct ps_addrs addrs;
    bool signals_open;  /* some thread of a lookup takes signals: wrong */
};

static struct fake fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static inline int fake_lookup(void *data, const char *host, enum ps_family family,
                              struct ps_addrs *out)
{
    struct fake *f = data;
    sigset_t blocked;
    (void)family;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    pthread_mutex_lock(&f->lock);
    f->signals_open = f->signals_open || !sigismember(&blocked, SIGTERM);
    int code = f->calls_n < f->codes_n ? f->codes[f->calls_n] : 0;
    f->calls_n++;
    pthread_cond_broadcast(&f->moved);
    if (strncmp(host, "hang", 4) == 0) {
        f->hanging_n++;
        while (!f->hung_are_free)
            pthread_cond_wait(&f->moved, &f->lock);
        f->hanging_n--;
    }
    if (code == 0)
        *out = f->addrs;
    f->returned_n++;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->lock);
    return code;
}

static inline size_t read_locked(struct fake *f, const size_t *n)
{
    pthread_mutex_lock(&f->lock);
    size_t value = *n;
    pthread_mutex_unlock(&f->lock);
    return value;
}

static inline void wait_locked(struct fake *f, const size_t *n, size_t wanted)
{
    pthread_mutex_lock(&f->lock);
    while (*n != wanted)
        pthread_cond_wait(&f->moved, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static inline void free_hung(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    f->hung_are_free = true;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->lock);
}

/* A thread frees what it holds before it ends, but nobody waits for that, only this. */
static inline void until_threads_let_go(size_t live_n)
{
    while (ps_mem_live_n() > live_n)
        sched_yield();
}

/* -- a resolver and askers -- */

struct asker {
    struct ps_lookup lookup;
    struct ps_resolver *r;
    size_t done_n;
    struct ps_addrs addrs; /* n == 0: failed */
    struct ps_err err;
    void (*then)(struct asker *a); /* NULL: nothing */
    struct asker *other;
};

static inline void on_answer(void *owner, const struct ps_addrs *addrs, const struct ps_err *err)
{
    struct asker *a = owner;
    T_CHECK((addrs == NULL) != (err == NULL));
    T_CHECK(addrs == NULL || addrs->n > 0);
    a->done_n++;
    if (addrs != NULL)
        a->addrs = *addrs;
    else
        a->err = *err;
    if (a->then != NULL)
        a->then(a);
}

static const struct ps_resolver_settings plain_settings = {.ttl_ms = 30000,
                                                           .negative_ms = 1000,
                                                           .stale_ms = 300000,
                                                           .threads_n = 8,
                                                           .lookup = fake_lookup,
                                                           .lookup_data = &fake};

static inline void fake_reset(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.calls_n = fake.returned_n = fake.codes_n = 0;
    fake.hung_are_free = fake.signals_open = false;
    fake.addrs = (struct ps_addrs){.at = {addr_of("192.0.2.1", 0), addr_of("2001:db8::1", 0)},
                                   .n = 2};
    pthread_mutex_unlock(&fake.lock);
}

static inline void open_resolver(struct ps_resolver **r, struct world *w,
                                 const struct ps_resolver_settings *settings)
{
    struct ps_err err = {0};
    enum ps_status st = ps_resolver_open(r, &w->loop, &w->clock, settings, &err);
    T_EQ(err.status, st);
    if (t_refused(st))
        st = ps_resolver_open(r, &w->loop, &w->clock, settings, &err);
    T_EQ(st, PS_OK);
}

static inline struct ps_resolver *opened(struct world *w, size_t threads_n)
{
    struct ps_resolver_settings settings = plain_settings;
    struct ps_resolver *r = NULL;
    settings.threads_n = threads_n;
    fake_reset();
    open_resolver(&r, w, &settings);
    return r;
}

static inline void closed(struct world *w, struct ps_resolver *r)
{
    ps_resolver_close(r);
    world_close(w);
    T_CHECK(!fake.signals_open);
}

enum { TTL_MS = 30000 };

static inline enum ps_status ask_once(struct asker *a, struct ps_resolver *r, const char *host,
                                      enum ps_family family, uint64_t ttl_ms)
{
    a->r = r;
    a->lookup.owner = a;
    a->lookup.on_done = on_answer;
    a->done_n = 0;
    a->addrs.n = 0;
    ps_err_clear(&a->err);
    size_t told_n = a->done_n;
    enum ps_status st =
        ps_resolver_ask(r, host, family, ttl_ms, &a->lookup, &a->addrs, &a->err);
    T_EQ(a->done_n, told_n); /* never from inside */
    T_EQ(a->err.status, st);
    T_CHECK(st == PS_OK || a->addrs.n == 0);
    return st;
}

/* A question that was refused for want of memory leaves nothing behind, and is asked again. */
static inline enum ps_status ask_for(struct asker *a, struct ps_resolver *r, const char *host,
                                     enum ps_family family, uint64_t ttl_ms)
{
    size_t live_n = ps_mem_live_n();
    enum ps_status st = ask_once(a, r, host, family, ttl_ms);
    if (!t_refused(st))
        return st;
    T_EQ(ps_mem_live_n(), live_n);
    return ask_once(a, r, host, family, ttl_ms);
}

static inline void ask(struct asker *a, struct ps_resolver *r, const char *host)
{
    T_EQ(ask_for(a, r, host, PS_FAMILY_ANY, TTL_MS), PS_OK);
}

/* Asks a name that is not known yet, until the answer. */
static inline void ask_and_wait(struct world *w, struct asker *a, struct ps_resolver *r,
                                const char *host)
{
    ask(a, r, host);
    T_EQ(a->addrs.n, 0);
    world_until(w, &a->done_n, 1);
}

static inline void next_codes(int first, int second)
{
    pthread_mutex_lock(&fake.lock);
    fake.calls_n = fake.returned_n = 0;
    fake.codes[0] = first;
    fake.codes[1] = second;
    fake.codes_n = 2;
    pthread_mutex_unlock(&fake.lock);
}

#endif
