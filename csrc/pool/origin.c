/* pool/origin.c -- the table of origins: scheme, host, port and TLS name (rule 86; the rest of the key is
 * the pool itself, which has one set of TLS, network and limit settings).
 * Thread: io. Owner: pool. An origin is freed when it has no connections and no waiters. */
#include "pool/origin.h"

#include <stdio.h>

#include "base/mem.h"

static size_t bucket_of(const char *host, uint16_t port)
{
    uint32_t h = 2166136261u ^ port; /* FNV-1a */
    for (const char *at = host; *at != '\0'; at++)
        h = (h ^ (uint8_t)*at) * 16777619u;
    return h % PS_POOL_BUCKETS_N;
}

static bool same_text(const char *a, const char *b)
{
    return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

static struct ps_origin *find(const struct ps_list *bucket, const struct ps_waiter *w)
{
    for (struct ps_node *n = ps_list_first(bucket); n; n = ps_list_next(bucket, n)) {
        struct ps_origin *o = PS_ITEM(n, struct ps_origin, node);
        if (o->port == w->port && o->is_https == w->is_https && strcmp(o->host, w->host) == 0 &&
            same_text(o->sni, w->sni))
            return o;
    }
    return NULL;
}

static void origin_free(struct ps_origin *o)
{
    ps_free(o->host);
    ps_free(o->sni);
    ps_free(o->key);
    ps_free(o);
}

static char *make_key(const struct ps_waiter *w)
{
    size_t cap = strlen(w->host) + (w->sni == NULL ? 0 : strlen(w->sni)) + 32;
    char *key = ps_malloc(cap);
    if (key == NULL)
        return NULL;
    bool is_v6 = strchr(w->host, ':') != NULL;
    snprintf(key, cap, "%s://%s%s%s:%u%s%s", w->is_https ? "https" : "http", is_v6 ? "[" : "",
             w->host, is_v6 ? "]" : "", w->port, w->sni == NULL ? "" : "#",
             w->sni == NULL ? "" : w->sni);
    return key;
}

enum ps_status origin_get(struct ps_pool *p, const struct ps_waiter *w, struct ps_origin **out,
                          struct ps_err *err)
{
    struct ps_list *bucket = &p->buckets[bucket_of(w->host, w->port)];
    *out = find(bucket, w);
    if (*out != NULL)
        return PS_OK;
    struct ps_origin *o = ps_zalloc(sizeof *o);
    if (o == NULL)
        return ps_err_nomem(err);
    o->pool = p;
    o->port = w->port;
    o->is_https = w->is_https;
    o->host = ps_strndup(w->host, strlen(w->host));
    o->sni = w->sni == NULL ? NULL : ps_strndup(w->sni, strlen(w->sni));
    o->key = make_key(w);
    if (o->host == NULL || o->key == NULL || (w->sni != NULL && o->sni == NULL)) {
        origin_free(o);
        return ps_err_nomem(err);
    }
    ps_list_init(&o->conns);
    ps_list_init(&o->idle);
    ps_list_init(&o->waiting);
    ps_list_push_back(bucket, &o->node);
    ps_list_push_back(&p->origins, &o->all_node);
    *out = o;
    return PS_OK;
}

void origin_release(struct ps_origin *o)
{
    if (o->conns_n > 0 || !ps_list_empty(&o->waiting))
        return;
    ps_node_unlink(&o->node);
    ps_node_unlink(&o->all_node);
    origin_free(o);
}
