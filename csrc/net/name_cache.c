/* net/name_cache.c -- what the resolver knows of each name (see name_cache.h). */
#include "net/compat.h"

#include "net/name_cache.h"

#include "base/mem.h"

void ps_name_cache_init(struct ps_name_cache *c)
{
    for (size_t i = 0; i < PS_NAME_BUCKETS_N; i++)
        ps_list_init(&c->buckets[i]);
    ps_list_init(&c->recent);
    c->n = 0;
}

static void drop(struct ps_name_cache *c, struct ps_name *name)
{
    struct ps_node *n;
    while ((n = ps_list_pop_front(&name->waiters)) != NULL)
        PS_ITEM(n, struct ps_lookup, node)->name = NULL;
    ps_node_unlink(&name->bucket);
    ps_node_unlink(&name->recent);
    ps_node_unlink(&name->queued);
    ps_free(name->job);
    ps_free(name);
    c->n--;
}

void ps_name_cache_fini(struct ps_name_cache *c)
{
    struct ps_node *n;
    while ((n = ps_list_first(&c->recent)) != NULL)
        drop(c, PS_ITEM(n, struct ps_name, recent));
}

static bool is_idle(const struct ps_name *name)
{
    return !name->is_running && ps_list_empty(&name->waiters);
}

/* FNV-1a; the names come from our own callers, so nobody aims at one bucket. */
static uint32_t hash_of(const char *host, enum ps_family family)
{
    uint32_t h = 2166136261u ^ (uint32_t)family;
    for (; *host != '\0'; host++)
        h = (h ^ (uint8_t)*host) * 16777619u;
    return h;
}

static struct ps_name *find(const struct ps_list *bucket, uint32_t hash, const char *host,
                            enum ps_family family)
{
    for (struct ps_node *n = ps_list_first(bucket); n != NULL; n = ps_list_next(bucket, n)) {
        struct ps_name *name = PS_ITEM(n, struct ps_name, bucket);
        if (name->hash == hash && name->family == family && strcmp(name->host, host) == 0)
            return name;
    }
    return NULL;
}

/* Makes room for one more. Names in use stay: they are bounded by who waits for them. */
static void make_room(struct ps_name_cache *c)
{
    struct ps_node *n = c->recent.head.prev;
    while (c->n >= PS_NAMES_MAX && n != &c->recent.head) {
        struct ps_name *name = PS_ITEM(n, struct ps_name, recent);
        n = n->prev;
        if (is_idle(name))
            drop(c, name);
    }
}

struct ps_name *ps_name_cache_get(struct ps_name_cache *c, const char *host, enum ps_family family)
{
    uint32_t hash = hash_of(host, family);
    struct ps_list *bucket = &c->buckets[hash % PS_NAME_BUCKETS_N];
    struct ps_name *name = find(bucket, hash, host, family);
    if (name == NULL) {
        size_t n = strlen(host);
        name = ps_zalloc(sizeof *name + n + 1);
        if (name == NULL)
            return NULL;
        make_room(c);
        memcpy(name->host, host, n);
        name->hash = hash;
        name->family = family;
        ps_list_init(&name->waiters);
        ps_list_push_front(bucket, &name->bucket);
        c->n++;
    }
    ps_node_unlink(&name->recent);
    ps_list_push_front(&c->recent, &name->recent);
    return name;
}

void ps_name_cache_tidy(struct ps_name_cache *c, struct ps_name *name)
{
    if (is_idle(name) && name->addrs.n == 0 && !name->has_failed)
        drop(c, name);
}

/* "No such name" is an answer and ends the old one (RFC 8767 4); other failures say nothing about
 * it. */
static bool is_denial(int code)
{
    return code == EAI_NONAME || code == PS_COMPAT_EAI_NODATA || code == PS_COMPAT_EAI_ADDRFAMILY;
}

static void keep_family(struct ps_addrs *to, const struct ps_addrs *from, enum ps_family family)
{
    to->n = 0;
    for (size_t i = 0; i < from->n; i++) {
        if (family == PS_FAMILY_ANY || ps_addr_is_v6(&from->at[i]) == (family == PS_FAMILY_IPV6))
            to->at[to->n++] = from->at[i];
    }
}

void ps_name_learn(struct ps_name *name, const struct ps_lookup_job *job, uint64_t now_ms)
{
    struct ps_addrs addrs = {.n = 0};
    name->code = job->code;
    name->spawn_sys = job->spawn_sys;
    if (job->spawn_sys == 0 && job->code == 0) {
        keep_family(&addrs, &job->addrs, name->family);
        if (addrs.n == 0)
            name->code = EAI_NONAME; /* an answer without a usable address */
    }
    name->has_failed = name->spawn_sys != 0 || name->code != 0;
    if (!name->has_failed) {
        name->addrs = addrs;
        name->answered_ms = now_ms;
        return;
    }
    name->failed_ms = now_ms;
    if (name->spawn_sys == 0 && is_denial(name->code))
        name->addrs.n = 0;
}

bool ps_name_is_known(const struct ps_name *name, uint64_t age_ms, uint64_t now_ms)
{
    return name->addrs.n > 0 && now_ms - name->answered_ms < age_ms;
}

bool ps_name_is_refused(const struct ps_name *name, uint64_t age_ms, uint64_t now_ms)
{
    return name->has_failed && now_ms - name->failed_ms < age_ms;
}

/* The EAI_ code in libuv's numbers, as ps_err.sys has them. */
static int sys_of(int code)
{
    switch (code) {
    case EAI_AGAIN:
        return UV_EAI_AGAIN;
    case EAI_FAIL:
        return UV_EAI_FAIL;
    case EAI_FAMILY:
        return UV_EAI_FAMILY;
    case EAI_MEMORY:
        return UV_EAI_MEMORY;
    default:
        return UV_EAI_NONAME;
    }
}

enum ps_status ps_name_say_failure(const struct ps_name *name, struct ps_err *err)
{
    static const char *const of_family[] = {"", " with an IPv4 address", " with an IPv6 address"};
    enum ps_status st = PS_RESOLVE_FAILED;
    if (name->code == EAI_MEMORY && name->spawn_sys == 0)
        return ps_err_nomem(err);
    if (name->spawn_sys != 0)
        ps_err_set(err, st, PS_PHASE_RESOLVE, "no thread to look up %s: %s", name->host,
                   uv_strerror(name->spawn_sys));
    else if (is_denial(name->code))
        ps_err_set(err, st, PS_PHASE_RESOLVE, "no such host%s: %s", of_family[name->family],
                   name->host);
    else if (name->code == EAI_AGAIN)
        ps_err_set(err, st, PS_PHASE_RESOLVE, "temporary failure (EAI_AGAIN) looking up %s",
                   name->host);
    else
        ps_err_set(err, st, PS_PHASE_RESOLVE, "%s (%d) looking up %s", gai_strerror(name->code),
                   name->code, name->host);
    if (err != NULL)
        err->sys = name->spawn_sys != 0 ? name->spawn_sys : sys_of(name->code);
    return st;
}
