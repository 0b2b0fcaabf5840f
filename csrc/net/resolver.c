/* net/resolver.c -- names to addresses (see resolver.h): who asks, who waits, who is told.
 * ask() answers from literals and the cache, else joins the name's waiters. A name with waiters is
 * either queued for a thread or has one running; its answer comes back through the inbox.
 * Two limits: `threads_n` lookups that somebody waits for, and ALIVE_FACTOR times as many threads
 * in all. So lookups that hang are given up by their waiters' deadlines and hold nobody up, but a
 * dead name server cannot make threads without end. RFC 8305's 50 ms between A and AAAA (rule 92)
 * have no place: getaddrinfo gives both at once. */
#include "net/resolver.h"

#include <assert.h>

#include "base/mem.h"
#include "base/thread.h"
#include "net/name_cache.h"

enum { ALIVE_FACTOR = 4, HOST_MAX_BYTES = 255 };

struct ps_resolver {
    uv_async_t wake; /* data = the resolver */
    struct ps_resolver_settings settings;
    struct ps_clock *clock;
    struct ps_inbox *inbox; /* NULL once closed */
    struct ps_name_cache names;
    struct ps_list queue;   /* ps_name.queued: waiting for a thread */
    struct ps_list to_tell; /* ps_lookup.node: waiters of the name that was just answered */
    size_t running_n;       /* threads alive */
    size_t awaited_n;       /* of these, the ones that somebody waits for */
};

static void on_wake(uv_async_t *wake);

enum ps_status ps_resolver_open(struct ps_resolver **out, uv_loop_t *loop, struct ps_clock *clock,
                                const struct ps_resolver_settings *settings, struct ps_err *err)
{
    enum ps_status st = PS_OK;
    struct ps_resolver *r = ps_zalloc(sizeof *r);
    if (r == NULL)
        return ps_err_nomem(err);
    r->settings = *settings;
    r->clock = clock;
    ps_name_cache_init(&r->names);
    ps_list_init(&r->queue);
    ps_list_init(&r->to_tell);
    r->wake.data = r;
    r->inbox = ps_inbox_new(&r->wake);
    if (r->inbox == NULL) {
        st = ps_err_nomem(err);
        goto fail;
    }
    int sys = uv_async_init(loop, &r->wake, on_wake);
    if (sys != 0) {
        st = ps_err_set(err, PS_INTERNAL, PS_PHASE_NONE, "no resolver: %s", uv_strerror(sys));
        goto fail;
    }
    *out = r;
    return PS_OK;
fail:
    if (r->inbox != NULL)
        ps_inbox_close(r->inbox);
    ps_free(r);
    return st;
}

static void on_handle_closed(uv_handle_t *wake)
{
    ps_free(wake->data);
}

void ps_resolver_close(struct ps_resolver *r)
{
    ps_assert_io();
    if (r->inbox == NULL)
        return;
    ps_inbox_close(r->inbox); /* no thread touches `wake` from here on */
    r->inbox = NULL;
    while (ps_list_pop_front(&r->to_tell) != NULL) {
    }
    ps_name_cache_fini(&r->names);
    uv_close((uv_handle_t *)&r->wake, on_handle_closed);
}

/* -- threads -- */

static bool has_room(const struct ps_resolver *r)
{
    size_t most_n = r->settings.threads_n == 0 ? 1 : r->settings.threads_n;
    return r->awaited_n < most_n && r->running_n < ALIVE_FACTOR * most_n;
}

/* Gives threads to queued names, the longest waiting first. */
static void start_queued(struct ps_resolver *r)
{
    while (!ps_list_empty(&r->queue) && has_room(r)) {
        struct ps_name *name = PS_ITEM(ps_list_pop_front(&r->queue), struct ps_name, queued);
        struct ps_lookup_job *job = name->job;
        name->job = NULL;
        name->is_running = true;
        r->running_n++;
        r->awaited_n++;
        ps_lookup_job_start(job, r->inbox);
    }
}

static enum ps_status enqueue(struct ps_resolver *r, struct ps_name *name)
{
    name->job =
        ps_lookup_job_new(name->host, name->family, r->settings.lookup, r->settings.lookup_data);
    if (name->job == NULL)
        return PS_NOMEM;
    name->job->owner = name;
    ps_list_push_back(&r->queue, &name->queued);
    return PS_OK;
}

/* -- answers -- */

/* Tells all waiters of one name. Any of them may ask again, cancel others or close the resolver, so
 * the answer is told from copies and the name is not touched. */
static void tell(struct ps_resolver *r, struct ps_name *name, uint64_t now_ms)
{
    struct ps_err err = {0};
    struct ps_addrs addrs = name->addrs;
    bool is_usable = !name->has_failed || ps_name_is_known(name, r->settings.stale_ms, now_ms);
    if (!is_usable)
        ps_name_say_failure(name, &err);
    ps_list_move_all(&r->to_tell, &name->waiters);
    const struct ps_list *all = &r->to_tell;
    for (struct ps_node *n = ps_list_first(all); n != NULL; n = ps_list_next(all, n))
        PS_ITEM(n, struct ps_lookup, node)->name = NULL;
    struct ps_node *n;
    while ((n = ps_list_pop_front(&r->to_tell)) != NULL) {
        struct ps_lookup *l = PS_ITEM(n, struct ps_lookup, node);
        l->on_done(l->owner, is_usable ? &addrs : NULL, is_usable ? NULL : &err);
    }
}

static void answer(struct ps_resolver *r, const struct ps_lookup_job *job)
{
    struct ps_name *name = job->owner;
    uint64_t now_ms = ps_clock_now_ms(r->clock);
    assert(name->is_running && r->running_n > 0);
    name->is_running = false;
    r->running_n--;
    if (!ps_list_empty(&name->waiters))
        r->awaited_n--;
    ps_name_learn(name, job, now_ms);
    start_queued(r); /* first the threads, then the waiters */
    tell(r, name, now_ms);
}

static void on_wake(uv_async_t *wake)
{
    struct ps_resolver *r = wake->data;
    struct ps_list answered;
    struct ps_node *n;
    ps_list_init(&answered);
    if (r->inbox != NULL)
        ps_inbox_take(r->inbox, &answered);
    while ((n = ps_list_pop_front(&answered)) != NULL) {
        struct ps_lookup_job *job = PS_ITEM(n, struct ps_lookup_job, node);
        if (r->inbox != NULL) /* a waiter may have closed the resolver; its names are gone then */
            answer(r, job);
        ps_free(job);
    }
}

/* -- questions -- */

static enum ps_status answer_literal(const struct ps_addr *ip, const char *host,
                                     enum ps_family family, struct ps_addrs *cached,
                                     struct ps_err *err)
{
    bool v6 = ps_addr_is_v6(ip);
    if (family != PS_FAMILY_ANY && v6 != (family == PS_FAMILY_IPV6))
        return ps_err_set(err, PS_RESOLVE_FAILED, PS_PHASE_RESOLVE, "%s is not an %s address", host,
                          v6 ? "IPv4" : "IPv6");
    cached->at[0] = *ip;
    cached->n = 1;
    return PS_OK;
}

/* Names are equal without case; `to` has room for HOST_MAX_BYTES and a NUL. */
static bool lower(char *to, const char *host)
{
    size_t n = strlen(host);
    if (n == 0 || n > HOST_MAX_BYTES)
        return false;
    for (size_t i = 0; i <= n; i++)
        to[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] + 32) : host[i];
    return true;
}

/* Answers from what is known. True: done, with *st. */
static bool answer_cached(const struct ps_resolver *r, const struct ps_name *name, uint64_t ttl_ms,
                          struct ps_addrs *cached, struct ps_err *err, enum ps_status *st)
{
    uint64_t now_ms = ps_clock_now_ms(r->clock);
    *st = PS_OK;
    if (ttl_ms == 0)
        return false;
    bool is_refused = ps_name_is_refused(name, r->settings.negative_ms, now_ms);
    if (ps_name_is_known(name, is_refused ? r->settings.stale_ms : ttl_ms, now_ms)) {
        *cached = name->addrs;
        return true;
    }
    if (is_refused)
        *st = ps_name_say_failure(name, err);
    return is_refused;
}

enum ps_status ps_resolver_ask(struct ps_resolver *r, const char *host, enum ps_family family,
                               uint64_t ttl_ms, struct ps_lookup *lookup, struct ps_addrs *cached,
                               struct ps_err *err)
{
    ps_assert_io();
    char key[HOST_MAX_BYTES + 1];
    struct ps_addr ip;
    enum ps_status st;
    cached->n = 0;
    if (r->inbox == NULL)
        return ps_err_set(err, PS_CLOSED, PS_PHASE_RESOLVE, "the resolver is closed");
    if (ps_addr_parse(&ip, host, 0) == PS_OK)
        return answer_literal(&ip, host, family, cached, err);
    if (!lower(key, host))
        return ps_err_set(err, PS_RESOLVE_FAILED, PS_PHASE_RESOLVE, "a host name has 1 to %d bytes",
                          HOST_MAX_BYTES);
    struct ps_name *name = ps_name_cache_get(&r->names, key, family);
    if (name == NULL)
        return ps_err_nomem(err);
    if (ttl_ms == UINT64_MAX)
        ttl_ms = r->settings.ttl_ms;
    if (answer_cached(r, name, ttl_ms, cached, err, &st))
        return st;
    if (!name->is_running && name->job == NULL && enqueue(r, name) != PS_OK) {
        ps_name_cache_tidy(&r->names, name);
        return ps_err_nomem(err);
    }
    if (name->is_running && ps_list_empty(&name->waiters))
        r->awaited_n++; /* its waiters had given up, now it counts again */
    lookup->name = name;
    ps_list_push_back(&name->waiters, &lookup->node);
    start_queued(r);
    return PS_OK;
}

void ps_resolver_cancel(struct ps_resolver *r, struct ps_lookup *lookup)
{
    ps_assert_io();
    struct ps_name *name = lookup->name;
    ps_node_unlink(&lookup->node);
    lookup->name = NULL;
    if (name == NULL || !ps_list_empty(&name->waiters))
        return;
    if (name->is_running) { /* it goes on: its answer is worth keeping, but it holds nobody up */
        r->awaited_n--;
        start_queued(r);
        return;
    }
    ps_node_unlink(&name->queued);
    ps_free(name->job);
    name->job = NULL;
    ps_name_cache_tidy(&r->names, name);
}
