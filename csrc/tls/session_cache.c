/* tls/session_cache.c -- what session_cache.h promises, as a ring of peers in order of last put.
 * In: sessions that links earned.  Out: one session at most once, so that a TLS 1.3 ticket cannot
 * link two connections on the wire (RFC 8446 C.4).  A pool knows tens of peers, so a walk that
 * compares a hash first is as quick as a table and needs no growing. Thread: io.  Owner: pool.
 * Limit: peers_n x 4 sessions; the peer put longest ago goes first. */
#include "tls/session_cache.h"

#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#include "base/list.h"
#include "base/mem.h"

enum {
    SESSIONS_PER_PEER = 4
};

/* Owner: the cache. */
struct cached_peer {
    struct ps_node node;
    uint32_t hash;
    size_t n;
    SSL_SESSION *sessions[SESSIONS_PER_PEER]; /* owned, oldest first */
    char name[];                              /* NUL-terminated */
};

struct ps_tls_sessions {
    struct ps_list peers; /* newest put first */
    size_t n;
    size_t limit_n;
};

static struct cached_peer *peer_of(struct ps_node *node)
{
    return PS_ITEM(node, struct cached_peer, node);
}

static uint32_t hash_of(const char *name) /* FNV-1a; names are our own, not an attacker's choice */
{
    uint32_t h = 2166136261u;
    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

static bool is_usable(const SSL_SESSION *session, time_t now)
{
    if (!SSL_SESSION_is_resumable(session))
        return false;
    time_t since = (time_t)SSL_SESSION_get_time(session);
    return now >= since && now - since < (time_t)SSL_SESSION_get_timeout(session);
}

static void forget_peer(struct ps_tls_sessions *s, struct cached_peer *p)
{
    for (size_t i = 0; i < p->n; i++)
        SSL_SESSION_free(p->sessions[i]);
    ps_node_unlink(&p->node);
    s->n--;
    ps_free(p);
}

static struct cached_peer *find_peer(struct ps_tls_sessions *s, const char *name)
{
    uint32_t hash = hash_of(name);
    for (struct ps_node *at = ps_list_first(&s->peers); at != NULL;
         at = ps_list_next(&s->peers, at)) {
        struct cached_peer *p = peer_of(at);
        if (p->hash == hash && strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

/* A new empty peer in front; makes room first. NULL: no memory, or the cache holds nothing at all.
 */
static struct cached_peer *add_peer(struct ps_tls_sessions *s, const char *name)
{
    if (s->limit_n == 0)
        return NULL;
    size_t n = strlen(name) + 1;
    struct cached_peer *p = ps_zalloc(sizeof *p + n);
    if (p == NULL)
        return NULL;
    memcpy(p->name, name, n);
    p->hash = hash_of(name);
    if (s->n == s->limit_n)
        forget_peer(s, peer_of(s->peers.head.prev));
    ps_list_push_front(&s->peers, &p->node);
    s->n++;
    return p;
}

struct ps_tls_sessions *ps_tls_sessions_new(size_t peers_n)
{
    struct ps_tls_sessions *s = ps_zalloc(sizeof *s);
    if (s == NULL)
        return NULL;
    ps_list_init(&s->peers);
    s->limit_n = peers_n;
    return s;
}

void ps_tls_sessions_free(struct ps_tls_sessions *s)
{
    if (s == NULL)
        return;
    while (!ps_list_empty(&s->peers))
        forget_peer(s, peer_of(ps_list_first(&s->peers)));
    ps_free(s);
}

void ps_tls_sessions_put(struct ps_tls_sessions *s, const char *peer, struct ps_tls_session *given)
{
    SSL_SESSION *session = (SSL_SESSION *)given;
    if (session == NULL || !is_usable(session, time(NULL)))
        goto drop;
    struct cached_peer *p = find_peer(s, peer);
    if (p == NULL)
        p = add_peer(s, peer);
    if (p == NULL)
        goto drop; /* resumption is a luxury */
    if (p->n == SESSIONS_PER_PEER) {
        SSL_SESSION_free(p->sessions[0]);
        memmove(p->sessions, p->sessions + 1, sizeof p->sessions - sizeof p->sessions[0]);
        p->n--;
    }
    p->sessions[p->n++] = session;
    ps_node_unlink(&p->node);
    ps_list_push_front(&s->peers, &p->node);
    return;
drop:
    SSL_SESSION_free(session);
}

struct ps_tls_session *ps_tls_sessions_take(struct ps_tls_sessions *s, const char *peer)
{
    struct cached_peer *p = find_peer(s, peer);
    if (p == NULL)
        return NULL;
    time_t now = time(NULL);
    SSL_SESSION *found = NULL;
    while (found == NULL && p->n > 0) {
        SSL_SESSION *newest = p->sessions[--p->n];
        if (is_usable(newest, now))
            found = newest;
        else
            SSL_SESSION_free(newest);
    }
    if (p->n == 0)
        forget_peer(s, p);
    return (struct ps_tls_session *)found;
}

void ps_tls_session_free(struct ps_tls_session *given)
{
    SSL_SESSION_free((SSL_SESSION *)given);
}
