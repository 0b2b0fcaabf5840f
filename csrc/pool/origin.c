/* pool/origin.c -- the table of origins: scheme, host, port and TLS name (rule 86; the rest of the key is
 * the pool itself, which has one proxy or none and one set of TLS, network and limit settings), and what is remembered of each:
 * the protocol it speaks, its wish for calm, its replay budget.
 * Thread: io. Owner: pool. Without connections and waiters an origin rests; the longest resting one is
 * freed when there are more than PS_POOL_RESTING_N. */
#include "pool/origin.h"

#include <stdio.h>

#include "base/mem.h"

enum {
    REPLAY_COST = 5, /* requests that earn a replay: 20 % */
    CALM_MS = 1000,
    CALM_DOUBLINGS = 5,
    CALM_FORGET_MS = 600000, /* without such a wish, the next one counts as the first */
};

static void on_calm(struct ps_deadline *d, uint64_t now_ms);

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

struct ps_origin *origin_find(const struct ps_pool *p, const struct ps_waiter *w)
{
    return find(&p->buckets[bucket_of(w->host, w->port)], w);
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

/* No longer resting, if it was. */
static void wake(struct ps_origin *o)
{
    if (o->conns_n > 0 || !ps_list_empty(&o->waiting))
        return;
    ps_node_unlink(&o->all_node);
    ps_list_push_back(&o->pool->origins, &o->all_node);
    o->pool->resting_n--;
}

enum ps_status origin_get(struct ps_pool *p, const struct ps_waiter *w, struct ps_origin **out,
                          struct ps_err *err)
{
    struct ps_list *bucket = &p->buckets[bucket_of(w->host, w->port)];
    *out = find(bucket, w);
    if (*out != NULL) {
        wake(*out);
        return PS_OK;
    }
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
    ps_list_init(&o->shared);
    ps_list_init(&o->idle);
    ps_list_init(&o->waiting);
    o->replay_tokens = REPLAY_COST * PS_POOL_REPLAYS_N;
    o->calm.fire = on_calm;
    ps_list_push_back(bucket, &o->node);
    ps_list_push_back(&p->origins, &o->all_node);
    *out = o;
    return PS_OK;
}

static void forget(struct ps_origin *o)
{
    ps_clock_clear(o->pool->env->clock, &o->calm);
    ps_node_unlink(&o->node);
    ps_node_unlink(&o->all_node);
    origin_free(o);
}

static void forget_longest(struct ps_pool *p)
{
    p->resting_n--;
    forget(PS_ITEM(ps_list_first(&p->resting), struct ps_origin, all_node));
}

void origin_release(struct ps_origin *o)
{
    struct ps_pool *p = o->pool;
    if (o->conns_n > 0 || !ps_list_empty(&o->waiting))
        return;
    if (p->is_closing) {
        forget(o);
        return;
    }
    ps_node_unlink(&o->all_node);
    ps_list_push_back(&p->resting, &o->all_node);
    if (++p->resting_n > PS_POOL_RESTING_N)
        forget_longest(p);
}

void origin_free_resting(struct ps_pool *p)
{
    while (p->resting_n > 0)
        forget_longest(p);
}

bool origin_may_share(const struct ps_origin *o)
{
    enum ps_http2 http2 = o->pool->settings.conn.http2;
    enum ps_http2 least = o->is_https ? PS_HTTP2_ALPN : PS_HTTP2_PRIOR;
    return http2 >= least && !o->h1_only && o->speaks != PS_SPEAKS_H1 &&
           !ps_proxy_forwards(o->pool->settings.conn.proxy, o->is_https);
}

bool origin_is_probing(const struct ps_origin *o)
{
    if (o->speaks != PS_SPEAKS_H2)
        return false;
    for (struct ps_node *n = ps_list_first(&o->idle); n; n = ps_list_next(&o->idle, n)) {
        if (PS_ITEM(n, struct ps_conn, node)->live.is_probing)
            return true;
    }
    for (struct ps_node *n = ps_list_first(&o->shared); n; n = ps_list_next(&o->shared, n)) {
        if (PS_ITEM(n, struct ps_conn, node)->target.is_wary)
            return true;
    }
    return false;
}

size_t origin_shut_n(const struct ps_origin *o)
{
    const struct ps_list *lists[] = {&o->shared, &o->idle};
    size_t shut_n = 0;
    for (size_t i = 0; i < 2; i++) {
        for (struct ps_node *n = ps_list_first(lists[i]); n; n = ps_list_next(lists[i], n))
            shut_n += ps_conn_takes_none(PS_ITEM(n, struct ps_conn, node));
    }
    return shut_n;
}

bool origin_has_h2(const struct ps_origin *o)
{
    return !ps_list_empty(&o->shared) || (o->speaks == PS_SPEAKS_H2 && !ps_list_empty(&o->idle));
}

/* -- the wish for calm (rule 20) -- */

static void on_calm(struct ps_deadline *d, uint64_t now_ms)
{
    (void)now_ms;
    limits_settle(PS_ITEM(d, struct ps_origin, calm)->pool);
}

/* A second without new connections, twice as long for each time it says so again. */
void origin_damp(struct ps_origin *o)
{
    struct ps_clock *clock = o->pool->env->clock;
    uint64_t now_ms = ps_clock_now_ms(clock);
    if (now_ms >= o->calm_ms + CALM_FORGET_MS)
        o->calm_n = 0;
    o->calm_ms = now_ms;
    uint64_t pause_ms = (uint64_t)CALM_MS << (o->calm_n < CALM_DOUBLINGS ? o->calm_n : CALM_DOUBLINGS);
    o->calm_n++;
    /* Without memory for the timer there is no pause. */
    (void)!ps_clock_set(clock, &o->calm, now_ms + pause_ms);
}

/* -- the replay budget (rule 21) -- */

bool ps_pool_take_replay(struct ps_pool *p, const struct ps_waiter *w)
{
    struct ps_origin *o = origin_find(p, w);
    if (o == NULL)
        return true;
    if (o->replay_tokens < REPLAY_COST)
        return false;
    o->replay_tokens -= REPLAY_COST;
    return true;
}

void origin_note_request(struct ps_origin *o)
{
    if (o->replay_tokens < REPLAY_COST * PS_POOL_REPLAYS_N)
        o->replay_tokens++;
}
