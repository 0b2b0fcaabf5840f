/* The resolver: cache, single flight, limits, and lookups that hang. The tests decide when a lookup
 * returns and what it says; only one test asks the system, for localhost. */
#include <netdb.h>
#include <pthread.h>
#include <sched.h>

#include "net/resolver.h"
#include "net_world.h"

/* A name server under control. Lookups whose host begins with "hang" wait for free_hung(). */
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

static int fake_lookup(void *data, const char *host, enum ps_family family, struct ps_addrs *out)
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

static size_t read_locked(struct fake *f, const size_t *n)
{
    pthread_mutex_lock(&f->lock);
    size_t value = *n;
    pthread_mutex_unlock(&f->lock);
    return value;
}

static void wait_locked(struct fake *f, const size_t *n, size_t wanted)
{
    pthread_mutex_lock(&f->lock);
    while (*n != wanted)
        pthread_cond_wait(&f->moved, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static void free_hung(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    f->hung_are_free = true;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->lock);
}

/* A thread frees what it holds before it ends, but nobody waits for that, only this. */
static void until_threads_let_go(size_t live_n)
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

static void on_answer(void *owner, const struct ps_addrs *addrs, const struct ps_err *err)
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

static void fake_reset(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.calls_n = fake.returned_n = fake.codes_n = 0;
    fake.hung_are_free = fake.signals_open = false;
    fake.addrs = (struct ps_addrs){.at = {addr_of("192.0.2.1", 0), addr_of("2001:db8::1", 0)},
                                   .n = 2};
    pthread_mutex_unlock(&fake.lock);
}

static struct ps_resolver *opened(struct world *w, size_t threads_n)
{
    struct ps_resolver_settings settings = plain_settings;
    struct ps_resolver *r = NULL;
    settings.threads_n = threads_n;
    fake_reset();
    T_EQ(ps_resolver_open(&r, &w->loop, &w->clock, &settings, NULL), PS_OK);
    return r;
}

static void closed(struct world *w, struct ps_resolver *r)
{
    ps_resolver_close(r);
    world_close(w);
    T_CHECK(!fake.signals_open);
}

enum { TTL_MS = 30000 };

static enum ps_status ask_for(struct asker *a, struct ps_resolver *r, const char *host,
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
    return st;
}

static void ask(struct asker *a, struct ps_resolver *r, const char *host)
{
    T_EQ(ask_for(a, r, host, PS_FAMILY_ANY, TTL_MS), PS_OK);
}

/* Asks a name that is not known yet, until the answer. */
static void ask_and_wait(struct world *w, struct asker *a, struct ps_resolver *r, const char *host)
{
    ask(a, r, host);
    T_EQ(a->addrs.n, 0);
    world_until(w, &a->done_n, 1);
}

/* -- answers -- */

static void literals_are_answered_at_once(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    char text[PS_ADDR_TEXT_BYTES];
    ask(&a, r, "127.0.0.1");
    T_EQ(a.addrs.n, 1);
    ps_addr_text(&a.addrs.at[0], text);
    T_STR(text, "127.0.0.1:0");
    ask(&a, r, "::1");
    T_EQ(a.addrs.n, 1);
    T_CHECK(ps_addr_is_v6(&a.addrs.at[0]));
    T_EQ(ask_for(&a, r, "::1", PS_FAMILY_IPV6, 0), PS_OK);
    T_EQ(ask_for(&a, r, "::1", PS_FAMILY_IPV4, 0), PS_RESOLVE_FAILED);
    T_STR(a.err.text, "::1 is not an IPv4 address");
    T_EQ(ask_for(&a, r, "127.0.0.1", PS_FAMILY_IPV6, 0), PS_RESOLVE_FAILED);
    T_EQ(read_locked(&fake, &fake.calls_n), 0);
    closed(w, r);
}

static void an_answer_is_cached_for_the_askers_ttl(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 2);
    ask(&a, r, "API.Example"); /* names have no case */
    T_EQ(a.addrs.n, 2);
    T_EQ(fake.calls_n, 1);
    world_skip(w, 20000);
    ask(&a, r, "api.example");
    T_EQ(a.addrs.n, 2);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, 10000), PS_OK);
    T_EQ(a.addrs.n, 0); /* too old for this one */
    world_until(w, &a.done_n, 1);
    T_EQ(fake.calls_n, 2);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, 0), PS_OK);
    T_EQ(a.addrs.n, 0);
    world_until(w, &a.done_n, 1);
    T_EQ(fake.calls_n, 3);
    world_skip(w, 29000);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, UINT64_MAX), PS_OK);
    T_EQ(a.addrs.n, 2);
    world_skip(w, 1000);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, UINT64_MAX), PS_OK);
    T_EQ(a.addrs.n, 0);
    world_until(w, &a.done_n, 1);
    closed(w, r);
}

static void families_are_kept_apart(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0}, b = {0};
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_IPV4, TTL_MS), PS_OK);
    T_EQ(ask_for(&b, r, "api.example", PS_FAMILY_IPV6, TTL_MS), PS_OK);
    world_until(w, &a.done_n, 1);
    world_until(w, &b.done_n, 1);
    T_EQ(fake.calls_n, 2);
    T_EQ(a.addrs.n, 1);
    T_CHECK(!ps_addr_is_v6(&a.addrs.at[0]));
    T_EQ(b.addrs.n, 1);
    T_CHECK(ps_addr_is_v6(&b.addrs.at[0]));
    fake.addrs.n = 1; /* only IPv4 is left */
    T_EQ(ask_for(&b, r, "v4.example", PS_FAMILY_IPV6, TTL_MS), PS_OK);
    world_until(w, &b.done_n, 1);
    T_STR(b.err.text, "no such host with an IPv6 address: v4.example");
    closed(w, r);
}

static void askers_at_once_share_a_flight(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a[3] = {0};
    for (size_t i = 0; i < 3; i++)
        ask(&a[i], r, "hang.example");
    ps_resolver_cancel(r, &a[1].lookup);
    ps_resolver_cancel(r, &a[1].lookup);
    free_hung(&fake);
    world_until(w, &a[0].done_n, 1);
    T_EQ(a[2].done_n, 1);
    T_EQ(a[1].done_n, 0);
    T_EQ(fake.calls_n, 1);
    ps_resolver_cancel(r, &a[0].lookup); /* done: harmless */
    closed(w, r);
}

static void localhost_is_the_systems_business(void)
{
    struct world *w = world_open();
    struct ps_resolver_settings settings = plain_settings;
    struct ps_resolver *r = NULL;
    struct asker a = {0};
    char text[PS_ADDR_TEXT_BYTES];
    settings.lookup = NULL;
    T_EQ(ps_resolver_open(&r, &w->loop, &w->clock, &settings, NULL), PS_OK);
    T_EQ(ask_for(&a, r, "localhost", PS_FAMILY_IPV4, TTL_MS), PS_OK);
    world_until(w, &a.done_n, 1);
    T_EQ(a.addrs.n, 1);
    ps_addr_text(&a.addrs.at[0], text);
    T_STR(text, "127.0.0.1:0");
    closed(w, r);
}

/* -- failures -- */

static void next_codes(int first, int second)
{
    pthread_mutex_lock(&fake.lock);
    fake.calls_n = fake.returned_n = 0;
    fake.codes[0] = first;
    fake.codes[1] = second;
    fake.codes_n = 2;
    pthread_mutex_unlock(&fake.lock);
}

static void no_such_host_is_asked_once_and_remembered(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    next_codes(EAI_NONAME, 0);
    ask_and_wait(w, &a, r, "api.example.invalid");
    T_EQ(a.err.status, PS_RESOLVE_FAILED);
    T_EQ(a.err.phase, PS_PHASE_RESOLVE);
    T_EQ(a.err.sys, UV_EAI_NONAME);
    T_STR(a.err.text, "no such host: api.example.invalid");
    T_EQ(ask_for(&a, r, "api.example.invalid", PS_FAMILY_ANY, TTL_MS), PS_RESOLVE_FAILED);
    T_STR(a.err.text, "no such host: api.example.invalid");
    T_EQ(fake.calls_n, 1);
    T_EQ(ask_for(&a, r, "api.example.invalid", PS_FAMILY_ANY, 0), PS_OK); /* fresh */
    world_until(w, &a.done_n, 1);
    T_EQ(a.addrs.n, 2);
    closed(w, r);
}

static void a_failure_is_forgotten_soon(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    next_codes(EAI_FAIL, 0);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.err.sys, UV_EAI_FAIL);
    T_CHECK(strstr(a.err.text, "api.example") != NULL);
    world_skip(w, 1000);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 2);
    closed(w, r);
}

static void a_temporary_failure_is_tried_once_more(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    next_codes(EAI_AGAIN, 0);
    ask_and_wait(w, &a, r, "one.example");
    T_EQ(a.addrs.n, 2);
    T_EQ(fake.calls_n, 2);
    next_codes(EAI_AGAIN, EAI_AGAIN);
    ask_and_wait(w, &a, r, "two.example");
    T_EQ(fake.calls_n, 2);
    T_EQ(a.err.sys, UV_EAI_AGAIN);
    T_STR(a.err.text, "temporary failure (EAI_AGAIN) looking up two.example");
    closed(w, r);
}

static void a_stale_answer_bridges_failures(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask_and_wait(w, &a, r, "api.example");
    world_skip(w, TTL_MS);
    next_codes(EAI_AGAIN, EAI_AGAIN);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 2); /* stale */
    ask(&a, r, "api.example");
    T_EQ(a.addrs.n, 2); /* the failure is remembered: nobody is asked again yet */
    T_EQ(fake.calls_n, 2);
    world_skip(w, 270000);
    next_codes(EAI_FAIL, 0);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 0); /* too stale */
    T_EQ(a.err.sys, UV_EAI_FAIL);
    closed(w, r);
}

static void a_denial_ends_the_old_answer(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask_and_wait(w, &a, r, "api.example");
    world_skip(w, TTL_MS);
    next_codes(EAI_NONAME, 0);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 0);
    T_STR(a.err.text, "no such host: api.example");
    closed(w, r);
}

static void impossible_names_are_refused(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    char host[300];
    memset(host, 'h', sizeof host);
    host[256] = '\0';
    T_EQ(ask_for(&a, r, host, PS_FAMILY_ANY, TTL_MS), PS_RESOLVE_FAILED);
    T_EQ(ask_for(&a, r, "", PS_FAMILY_ANY, TTL_MS), PS_RESOLVE_FAILED);
    host[255] = '\0';
    ask_and_wait(w, &a, r, host);
    T_EQ(a.addrs.n, 2);
    closed(w, r);
}

/* -- threads -- */

static void lookups_wait_for_a_thread(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 2);
    struct asker a[4] = {0};
    const char *const hosts[] = {"hang1", "hang2", "c.example", "d.example"};
    for (size_t i = 0; i < 4; i++)
        ask(&a[i], r, hosts[i]);
    wait_locked(&fake, &fake.hanging_n, 2);
    world_turn(w);
    T_EQ(read_locked(&fake, &fake.calls_n), 2);
    ps_resolver_cancel(r, &a[2].lookup); /* never begun */
    free_hung(&fake);
    world_until(w, &a[3].done_n, 1);
    world_until(w, &a[0].done_n, 1);
    world_until(w, &a[1].done_n, 1);
    T_EQ(a[2].done_n, 0);
    T_EQ(fake.calls_n, 3);
    closed(w, r);
}

static void a_hung_lookup_that_was_given_up_holds_nobody_up(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    ask(&a, r, "hang.example");
    ask(&b, r, "b.example");
    wait_locked(&fake, &fake.hanging_n, 1);
    world_turn(w);
    T_EQ(b.done_n, 0);
    ps_resolver_cancel(r, &a.lookup);
    world_until(w, &b.done_n, 1);
    T_EQ(b.addrs.n, 2);
    ask(&a, r, "hang.example"); /* joins the one that hangs */
    free_hung(&fake);
    world_until(w, &a.done_n, 1);
    T_EQ(fake.calls_n, 2);
    closed(w, r);
}

static void a_late_answer_is_kept(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    ask(&a, r, "hang.example");
    wait_locked(&fake, &fake.hanging_n, 1);
    ps_resolver_cancel(r, &a.lookup);
    free_hung(&fake);
    ask_and_wait(w, &b, r, "b.example"); /* its own thread */
    wait_locked(&fake, &fake.returned_n, 2);
    while (ask(&a, r, "hang.example"), a.addrs.n == 0) { /* its thread may still be posting */
        ps_resolver_cancel(r, &a.lookup);
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    T_EQ(fake.calls_n, 2);
    closed(w, r);
}

static void hung_threads_are_bounded(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    char host[16];
    for (size_t i = 0; i < 4; i++) {
        snprintf(host, sizeof host, "hang%zu", i);
        ask(&a, r, host);
        wait_locked(&fake, &fake.hanging_n, i + 1);
        ps_resolver_cancel(r, &a.lookup);
    }
    ask(&b, r, "b.example");
    world_turn(w);
    T_EQ(read_locked(&fake, &fake.calls_n), 4);
    free_hung(&fake);
    world_until(w, &b.done_n, 1);
    T_EQ(b.addrs.n, 2);
    wait_locked(&fake, &fake.returned_n, 5);
    closed(w, r);
    until_threads_let_go(0);
}

/* -- the end -- */

static void close_waits_for_no_lookup(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 1);
    struct asker a = {0}, b = {0};
    ask(&a, r, "hang.example");
    ask(&b, r, "b.example"); /* queued */
    wait_locked(&fake, &fake.hanging_n, 1);
    ps_resolver_close(r);
    T_EQ(ask_for(&b, r, "c.example", PS_FAMILY_ANY, TTL_MS), PS_CLOSED);
    ps_resolver_cancel(r, &a.lookup); /* waiters may come late */
    ps_resolver_cancel(r, &b.lookup);
    closed(w, r); /* closes twice; the loop has nothing left, although the lookup still hangs */
    T_EQ(a.done_n + b.done_n, 0);
    T_CHECK(ps_mem_live_n() > 0);
    free_hung(&fake);
    until_threads_let_go(0);
}

static void an_answer_nobody_took_is_freed(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask(&a, r, "a.example");
    wait_locked(&fake, &fake.returned_n, 1); /* in the inbox now, or soon */
    closed(w, r);
    T_EQ(a.done_n, 0);
    until_threads_let_go(0);
}

/* -- what an answer's callback may do -- */

static void cancel_other(struct asker *a)
{
    ps_resolver_cancel(a->r, &a->other->lookup);
}

static void close_resolver(struct asker *a)
{
    ps_resolver_close(a->r);
}

static void ask_other_name(struct asker *a)
{
    ask(a->other, a->r, "other.example");
}

static void callbacks_may_cancel_ask_and_close(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker b = {0}, a = {.then = cancel_other, .other = &b};
    ask(&a, r, "hang1");
    ask(&b, r, "hang1");
    free_hung(&fake);
    world_until(w, &a.done_n, 1);
    T_EQ(b.done_n, 0);
    a.then = ask_other_name;
    ask(&a, r, "first.example");
    world_until(w, &a.done_n, 1);
    world_until(w, &b.done_n, 1);
    T_EQ(b.addrs.n, 2);
    a.then = close_resolver;
    ask(&a, r, "last.example");
    ask(&b, r, "last.example");
    world_until(w, &a.done_n, 1);
    world_turn(w);
    T_EQ(b.done_n, 0);
    T_CHECK(b.lookup.name == NULL && !ps_node_linked(&b.lookup.node));
    world_close(w);
}

/* -- limits -- */

static void the_least_recently_used_name_is_dropped(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    char host[32];
    for (size_t i = 0; i < 1026; i++) {
        snprintf(host, sizeof host, "n%zu.example", i);
        ask_and_wait(w, &a, r, host);
        ask(&a, r, "n0.example"); /* used all the time */
        T_EQ(a.addrs.n, 2);
    }
    T_EQ(fake.calls_n, 1026);
    ask(&a, r, "n3.example");
    T_EQ(a.addrs.n, 2);
    ask_and_wait(w, &a, r, "n1.example"); /* dropped */
    T_EQ(fake.calls_n, 1027);
    closed(w, r);
}

static enum ps_status scenario(void)
{
    struct world *w = world_open();
    struct ps_resolver_settings settings = plain_settings;
    struct ps_resolver *r = NULL;
    struct asker a = {0}, b = {0};
    fake_reset();
    settings.threads_n = 1;
    enum ps_status st = ps_resolver_open(&r, &w->loop, &w->clock, &settings, NULL);
    if (st == PS_OK)
        st = ask_for(&a, r, "a.example", PS_FAMILY_ANY, TTL_MS);
    if (st == PS_OK) {
        st = ask_for(&b, r, "b.example", PS_FAMILY_ANY, TTL_MS);
        world_until(w, &a.done_n, 1);
    }
    if (st == PS_OK)
        world_until(w, &b.done_n, 1);
    if (r != NULL)
        ps_resolver_close(r);
    world_close(w);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(scenario);
}

static const struct t_test tests[] = {
    {"literals_are_answered_at_once", literals_are_answered_at_once},
    {"an_answer_is_cached_for_the_askers_ttl", an_answer_is_cached_for_the_askers_ttl},
    {"families_are_kept_apart", families_are_kept_apart},
    {"askers_at_once_share_a_flight", askers_at_once_share_a_flight},
    {"localhost_is_the_systems_business", localhost_is_the_systems_business},
    {"no_such_host_is_asked_once_and_remembered", no_such_host_is_asked_once_and_remembered},
    {"a_failure_is_forgotten_soon", a_failure_is_forgotten_soon},
    {"a_temporary_failure_is_tried_once_more", a_temporary_failure_is_tried_once_more},
    {"a_stale_answer_bridges_failures", a_stale_answer_bridges_failures},
    {"a_denial_ends_the_old_answer", a_denial_ends_the_old_answer},
    {"impossible_names_are_refused", impossible_names_are_refused},
    {"lookups_wait_for_a_thread", lookups_wait_for_a_thread},
    {"a_hung_lookup_that_was_given_up_holds_nobody_up",
     a_hung_lookup_that_was_given_up_holds_nobody_up},
    {"a_late_answer_is_kept", a_late_answer_is_kept},
    {"hung_threads_are_bounded", hung_threads_are_bounded},
    {"close_waits_for_no_lookup", close_waits_for_no_lookup},
    {"an_answer_nobody_took_is_freed", an_answer_nobody_took_is_freed},
    {"callbacks_may_cancel_ask_and_close", callbacks_may_cancel_ask_and_close},
    {"the_least_recently_used_name_is_dropped", the_least_recently_used_name_is_dropped},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
};

T_MAIN(tests)
