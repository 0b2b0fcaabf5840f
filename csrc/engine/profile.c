/* engine/profile.c -- a configuration's defaults and strings (see profile.h). */
#include "engine/profile.h"

#include "base/mem.h"

enum { SESSION_PEERS_N = 256 };

struct ps_profile *ps_profile_new(void)
{
    struct ps_profile *p = ps_zalloc(sizeof *p);
    if (p == NULL)
        return NULL;
    atomic_init(&p->refs_n, 1);
    p->upload_bytes = 256 * 1024;
    p->settings = (struct ps_pool_settings){
        .max_conns_n = 1000,
        .max_per_origin_n = 100,
        .max_waiting_n = 100000,
        .max_idle_n = SIZE_MAX,
        .idle_ms = 55000,
        .age_ms = 600000,
        .conn =
            {
                .dial = {.nodelay = true,
                         .keepalive_s = 60,
                         .eyeballs_ms = 250,
                         .queue_limit_bytes = 1024 * 1024},
                .dns_ttl_ms = 30000,
                .http2 = PS_HTTP2_ALPN,
                .h2 = {.settings_ms = 10000,
                       .quiet_ms = 5000,
                       .quiet_answer_ms = 1000,
                       .silence_ms = 30000,
                       .silence_answer_ms = 20000},
                .expect_ms = 1000,
                .codec =
                    {
                        .head = {.bytes = 128 * 1024, .fields_n = 500},
                        .trailer = {.bytes = 16 * 1024, .fields_n = 100},
                        .line_bytes = 64 * 1024,
                        .chunk_ext_bytes = 256,
                        .info_n = 16,
                        .window_bytes = 1024 * 1024,
                    },
            },
    };
    return p;
}

static enum ps_status set_text(char **slot, const char *text)
{
    char *copy = NULL;
    if (text != NULL) {
        copy = ps_strndup(text, strlen(text));
        if (copy == NULL)
            return PS_NOMEM;
    }
    ps_free(*slot);
    *slot = copy;
    return PS_OK;
}

enum ps_status ps_profile_set_local_address(struct ps_profile *p, const char *ip)
{
    enum ps_status st = set_text(&p->local_address, ip);
    p->settings.conn.dial.local_address = p->local_address;
    return st;
}

enum ps_status ps_profile_set_uds(struct ps_profile *p, const char *path)
{
    enum ps_status st = set_text(&p->uds_path, path);
    p->settings.conn.dial.uds_path = p->uds_path;
    return st;
}

enum ps_status ps_profile_set_options(struct ps_profile *p, const struct ps_sock_option *options,
                                      size_t n)
{
    struct ps_sock_option *copy = n == 0 ? NULL : ps_zalloc(n * sizeof *copy);
    if (n > 0 && copy == NULL)
        return PS_NOMEM;
    if (n > 0)
        memcpy(copy, options, n * sizeof *copy);
    ps_free(p->options);
    p->options = copy;
    p->settings.conn.dial.options = copy;
    p->settings.conn.dial.options_n = n;
    return PS_OK;
}

void ps_profile_set_proxy(struct ps_profile *p, struct ps_proxy *given)
{
    p->proxy = given;
    p->settings.conn.proxy = given;
}

enum ps_status ps_profile_set_tls(struct ps_profile *p, const struct ps_tls_settings *settings,
                                  struct ps_err *err)
{
    struct ps_tls_sessions *sessions = ps_tls_sessions_new(SESSION_PEERS_N);
    if (sessions == NULL)
        return ps_err_nomem(err);
    enum ps_status st = ps_tls_config_new(&p->tls, settings, err);
    if (st != PS_OK) {
        ps_tls_sessions_free(sessions);
        return st;
    }
    p->sessions = sessions;
    p->settings.conn.tls = p->tls;
    p->settings.conn.sessions = p->sessions;
    return PS_OK;
}

void ps_profile_ref(struct ps_profile *p)
{
    atomic_fetch_add_explicit(&p->refs_n, 1, memory_order_relaxed);
}

void ps_profile_unref(struct ps_profile *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs_n, 1, memory_order_acq_rel) != 1)
        return;
    ps_tls_sessions_free(p->sessions);
    ps_tls_config_unref(p->tls);
    ps_free(p->local_address);
    ps_free(p->uds_path);
    ps_free(p->options);
    ps_proxy_free(p->proxy);
    ps_free(p);
}
