/* Resumption and its cache: single use, expiry, limits, and never past the name check (rule 87). */
#include <time.h>

#include "tls_pair.h"

static SSL_CTX *server_of(int version, bool no_tickets)
{
    static struct fake_tls_wants wants;
    pair_certs();
    wants = (struct fake_tls_wants){.leaf = &pair_leaf,
                                    .min_version = version,
                                    .max_version = version,
                                    .no_tickets = no_tickets};
    return fake_tls_ctx(&wants);
}

/* Handshake, one read (which takes in the tickets of TLS 1.3), and the session earned. */
static enum ps_status visit(struct ps_tls_config *config, SSL_CTX *server, const char *name,
                            struct ps_tls_session **session, bool *resumed, struct ps_err *err)
{
    struct pair p;
    struct ps_tls_session *given = *session;
    struct ps_tls_info info;
    uint8_t got[8];
    size_t n;
    enum ps_status st = pair_init(&p, config, server, &(struct ps_tls_peer){.name = name}, given);
    if (st == PS_OK)
        *session = NULL; /* taken */
    if (st == PS_OK)
        st = pair_shake(&p);
    ps_tls_link_info(&p.link, &info);
    *resumed = info.resumed;
    if (st == PS_OK)
        st = pair_read(&p, got, sizeof got, &n);
    if (st == PS_OK)
        *session = ps_tls_link_session(&p.link);
    if (err != NULL)
        *err = p.err;
    pair_fini(&p); /* without close_notify: the session stays good */
    return st;
}

static void resumes_on(int version, bool no_tickets)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = pair_config(&settings);
    SSL_CTX *server = server_of(version, no_tickets);
    struct ps_tls_session *session = NULL;
    bool resumed;
    T_EQ(visit(config, server, "api.example", &session, &resumed, NULL), PS_OK);
    T_CHECK(!resumed);
    for (int i = 0; i < 3; i++) {
        T_CHECK(session != NULL);
        T_EQ(visit(config, server, "api.example", &session, &resumed, NULL), PS_OK);
        T_CHECK(resumed);
    }
    ps_tls_session_free(session);
    SSL_CTX_free(server);
    ps_tls_config_unref(config);
}

static void resumes_on_tls_1_2_by_ticket(void)
{
    resumes_on(TLS1_2_VERSION, false);
}

static void resumes_on_tls_1_2_by_session_id(void)
{
    resumes_on(TLS1_2_VERSION, true);
}

static void resumes_on_tls_1_3(void)
{
    resumes_on(TLS1_3_VERSION, false);
}

/* TLS 1.3: nothing before the first ticket was read, and each ticket is handed out once. */
static void a_ticket_is_handed_out_once(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = pair_config(&settings);
    SSL_CTX *server = server_of(TLS1_3_VERSION, false);
    const struct ps_tls_peer peer = {.name = "api.example"};
    struct pair p;
    uint8_t got[8];
    size_t n;
    T_EQ(pair_init(&p, config, server, &peer, NULL), PS_OK);
    T_CHECK(ps_tls_link_session(&p.link) == NULL);
    T_EQ(pair_shake(&p), PS_OK);
    T_CHECK(ps_tls_link_session(&p.link) == NULL); /* fed, but not read yet */
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    struct ps_tls_session *session = ps_tls_link_session(&p.link);
    T_CHECK(session != NULL);
    T_CHECK(ps_tls_link_session(&p.link) == NULL);
    pair_fini(&p);

    SSL_CTX_set_num_tickets(server, 0); /* resumes, but gives nothing new */
    T_EQ(pair_init(&p, config, server, &peer, session), PS_OK);
    T_EQ(pair_shake(&p), PS_OK);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_CHECK(SSL_session_reused(p.link.ssl));
    T_CHECK(ps_tls_link_session(&p.link) == NULL);
    pair_fini(&p);
    SSL_CTX_free(server);
    ps_tls_config_unref(config);
}

/* A session kept under the wrong key must not lend its peer's identity to another name. */
static void a_resumed_link_is_held_to_its_name(void)
{
    static const struct {
        const char *name;
        enum ps_status status;
        long result;
    } cases[] = {
        {"api.example", PS_OK, 0},
        {"one.wild.example", PS_OK, 0},
        {"127.0.0.1", PS_OK, 0},
        {"db.example", PS_CERT_REJECTED, X509_V_ERR_HOSTNAME_MISMATCH},
        {"10.0.0.1", PS_CERT_REJECTED, X509_V_ERR_IP_ADDRESS_MISMATCH},
    };
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = pair_config(&settings);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            SSL_CTX *server = server_of(version, false);
            struct ps_tls_session *session = NULL;
            struct ps_err err;
            bool resumed;
            /* by IP first: a server may refuse to resume under another SNI */
            T_EQ(visit(config, server, "127.0.0.1", &session, &resumed, NULL), PS_OK);
            T_EQ(visit(config, server, cases[i].name, &session, &resumed, &err), cases[i].status);
            if (cases[i].status != PS_OK) {
                T_EQ(err.detail, cases[i].result);
                pair_wants_text(&err, cases[i].name);
                pair_wants_text(&err, "it is for api.example");
            }
            ps_tls_session_free(session);
            SSL_CTX_free(server);
        }
    ps_tls_config_unref(config);
}

/* What was earned without verification opens nothing that verifies. */
static void an_unverified_session_is_refused_by_a_verifying_link(void)
{
    const struct ps_tls_settings careless = {.security_level = -1};
    struct fake_id other =
        fake_cert_make(&(struct fake_cert_wants){.cn = "o", .san = "DNS:api.example"}, NULL);
    const struct fake_tls_wants wants = {.leaf = &other, .min_version = TLS1_3_VERSION};
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *trusting = pair_config(&careless), *config = pair_config(&settings);
    SSL_CTX *server = fake_tls_ctx(&wants);
    struct ps_tls_session *session = NULL;
    struct ps_err err;
    bool resumed;
    T_EQ(visit(trusting, server, "api.example", &session, &resumed, NULL), PS_OK);
    T_EQ(visit(config, server, "api.example", &session, &resumed, &err), PS_CERT_REJECTED);
    T_EQ(err.detail, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
    ps_tls_session_free(session);
    SSL_CTX_free(server);
    ps_tls_config_unref(trusting);
    ps_tls_config_unref(config);
    fake_cert_free(&other);
}

/* The certificate ended between two visits: no shortcut, the full handshake says so. */
static void an_ended_certificate_is_not_resumed(void)
{
    struct fake_id old = fake_cert_make(
        &(struct fake_cert_wants){
            .cn = "old", .san = "DNS:api.example", .from_days = -30, .to_days = -10},
        NULL);
    const struct fake_tls_wants wants = {.leaf = &old, .min_version = TLS1_3_VERSION};
    const struct ps_tls_settings careless = {.security_level = -1};
    struct ps_tls_config *config = pair_config(&careless);
    SSL_CTX *server = fake_tls_ctx(&wants);
    struct ps_tls_session *session = NULL;
    bool resumed;
    for (int i = 0; i < 2; i++) {
        T_EQ(visit(config, server, "api.example", &session, &resumed, NULL), PS_OK);
        T_CHECK(!resumed);
    }
    ps_tls_session_free(session);
    SSL_CTX_free(server);
    ps_tls_config_unref(config);
    fake_cert_free(&old);
}

static void a_refused_init_leaves_the_session_with_the_caller(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = pair_config(&settings);
    SSL_CTX *server = server_of(TLS1_3_VERSION, false);
    struct ps_tls_session *session = NULL;
    bool resumed;
    T_EQ(visit(config, server, "api.example", &session, &resumed, NULL), PS_OK);
    struct ps_tls_session *had = session;
    T_EQ(visit(config, server, "not a name", &session, &resumed, NULL), PS_INVALID);
    T_CHECK(session == had);
    ps_tls_session_free(session);
    SSL_CTX_free(server);
    ps_tls_config_unref(config);
}

/* --- the cache --- */

/* A session that is as good as one from a server, told apart by its address. */
static struct ps_tls_session *made_session(long age_s)
{
    static struct ps_tls_session *original;
    static struct ps_tls_session *kept; /* reachable until the end */
    if (original == NULL) {
        struct ps_tls_settings settings = pair_settings();
        struct ps_tls_config *config = pair_config(&settings);
        SSL_CTX *server = server_of(TLS1_3_VERSION, false);
        bool resumed;
        T_EQ(visit(config, server, "api.example", &original, &resumed, NULL), PS_OK);
        kept = original;
        SSL_CTX_free(server);
        ps_tls_config_unref(config);
    }
    T_CHECK(kept == original && original != NULL);
    SSL_SESSION *copy = SSL_SESSION_dup((SSL_SESSION *)original);
    T_CHECK(copy != NULL);
    SSL_SESSION_set_time(copy, (long)time(NULL) - age_s);
    SSL_SESSION_set_timeout(copy, 100);
    return (struct ps_tls_session *)copy;
}

static void newest_first_and_each_once(void)
{
    struct ps_tls_sessions *cache = ps_tls_sessions_new(8);
    struct ps_tls_session *s[6];
    for (int i = 0; i < 6; i++) {
        s[i] = made_session(0);
        ps_tls_sessions_put(cache, "a:443", s[i]);
    }
    T_CHECK(ps_tls_sessions_take(cache, "b:443") == NULL);
    for (int i = 5; i >= 2; i--) { /* four were kept */
        T_CHECK(ps_tls_sessions_take(cache, "a:443") == s[i]);
        ps_tls_session_free(s[i]);
    }
    T_CHECK(ps_tls_sessions_take(cache, "a:443") == NULL);
    ps_tls_sessions_free(cache);
}

static void expired_sessions_are_not_given(void)
{
    struct ps_tls_sessions *cache = ps_tls_sessions_new(8);
    struct ps_tls_session *fresh = made_session(0), *aging = made_session(50);
    ps_tls_sessions_put(cache, "a:443", made_session(101));
    T_CHECK(ps_tls_sessions_take(cache, "a:443") == NULL);
    ps_tls_sessions_put(cache, "a:443", fresh);
    ps_tls_sessions_put(cache, "a:443", aging);
    SSL_SESSION_set_timeout((SSL_SESSION *)aging, 10); /* ends while it is kept */
    T_CHECK(ps_tls_sessions_take(cache, "a:443") == fresh);
    T_CHECK(ps_tls_sessions_take(cache, "a:443") == NULL);
    ps_tls_session_free(fresh);
    ps_tls_sessions_free(cache);
}

static void the_peer_put_longest_ago_goes(void)
{
    struct ps_tls_sessions *cache = ps_tls_sessions_new(2);
    struct ps_tls_session *a = made_session(0), *c = made_session(0), *found;
    ps_tls_sessions_put(cache, "a:443", made_session(0));
    ps_tls_sessions_put(cache, "b:443", made_session(0));
    ps_tls_sessions_put(cache, "a:443", a);
    ps_tls_sessions_put(cache, "c:443", c);
    T_CHECK(ps_tls_sessions_take(cache, "b:443") == NULL);
    T_CHECK((found = ps_tls_sessions_take(cache, "a:443")) == a);
    ps_tls_session_free(found);
    T_CHECK((found = ps_tls_sessions_take(cache, "c:443")) == c);
    ps_tls_session_free(found);
    ps_tls_sessions_free(cache);
}

static void a_cache_of_nothing_keeps_nothing(void)
{
    struct ps_tls_sessions *cache = ps_tls_sessions_new(0);
    ps_tls_sessions_put(cache, "a:443", made_session(0));
    ps_tls_sessions_put(cache, "a:443", NULL);
    T_CHECK(ps_tls_sessions_take(cache, "a:443") == NULL);
    ps_tls_sessions_free(cache);
    ps_tls_sessions_free(NULL);
    ps_tls_session_free(NULL);
}

/* --- allocation failures --- */

static enum ps_status resume_scenario(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = NULL;
    struct ps_tls_session *session = NULL;
    SSL_CTX *server = server_of(TLS1_3_VERSION, false);
    bool resumed;
    struct ps_tls_sessions *cache = ps_tls_sessions_new(2);
    enum ps_status st = cache == NULL ? PS_NOMEM : ps_tls_config_new(&config, &settings, NULL);
    for (int i = 0; i < 3 && st == PS_OK; i++) {
        st = visit(config, server, "api.example", &session, &resumed, NULL);
        if (st == PS_OK) {
            ps_tls_sessions_put(cache, "api.example:443", session);
            session = ps_tls_sessions_take(cache, "api.example:443");
        }
    }
    ps_tls_session_free(session);
    ps_tls_sessions_free(cache);
    ps_tls_config_unref(config);
    SSL_CTX_free(server);
    return st;
}

static void resumption_survives_each_allocation_failure(void)
{
    t_each_alloc(resume_scenario);
}

static const struct t_test tests[] = {
    {"resumes_on_tls_1_2_by_ticket", resumes_on_tls_1_2_by_ticket},
    {"resumes_on_tls_1_2_by_session_id", resumes_on_tls_1_2_by_session_id},
    {"resumes_on_tls_1_3", resumes_on_tls_1_3},
    {"a_ticket_is_handed_out_once", a_ticket_is_handed_out_once},
    {"a_resumed_link_is_held_to_its_name", a_resumed_link_is_held_to_its_name},
    {"an_unverified_session_is_refused_by_a_verifying_link",
     an_unverified_session_is_refused_by_a_verifying_link},
    {"an_ended_certificate_is_not_resumed", an_ended_certificate_is_not_resumed},
    {"a_refused_init_leaves_the_session_with_the_caller",
     a_refused_init_leaves_the_session_with_the_caller},
    {"newest_first_and_each_once", newest_first_and_each_once},
    {"expired_sessions_are_not_given", expired_sessions_are_not_given},
    {"the_peer_put_longest_ago_goes", the_peer_put_longest_ago_goes},
    {"a_cache_of_nothing_keeps_nothing", a_cache_of_nothing_keeps_nothing},
    {"resumption_survives_each_allocation_failure", resumption_survives_each_allocation_failure},
};

T_MAIN(tests)
