/* Bytes through an open link, how a link ends, and what it declines after the handshake. */
#include "tls_pair.h"

static const struct ps_tls_peer api = {.name = "api.example"};
static const uint8_t both_alpn[] = "\x02h2\x08http/1.1";
static const struct ps_tls_peer api_h2 = {
    .name = "api.example", .alpn = both_alpn, .alpn_n = sizeof both_alpn - 1};

/* --- data --- */

enum {
    MIB = 1 << 20
};

static uint8_t *pattern(size_t n)
{
    uint8_t *bytes = malloc(n);
    T_CHECK(bytes != NULL);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 11));
    return bytes;
}

static enum ps_status send_mib(struct pair *p, const uint8_t *bytes, uint8_t *got)
{
    size_t n = 0;
    for (size_t at = 0; at < MIB; at += 65536) {
        bool moved = false;
        enum ps_status st = ps_tls_link_write(&p->link, ps_bytes_of(bytes + at, 65536), &p->err);
        if (st == PS_OK)
            st = pair_forward(p, &moved);
        if (st != PS_OK)
            return st;
        n += fake_tls_read(&p->server, got + n, MIB - n);
    }
    T_EQ(n, MIB);
    T_CHECK(memcmp(bytes, got, MIB) == 0);
    return PS_OK;
}

/* The server writes all at once; the link gets `feed_bytes` at a time and is read in odd pieces. */
static enum ps_status receive_mib(struct pair *p, const uint8_t *bytes, uint8_t *got,
                                  size_t feed_bytes)
{
    uint8_t *cipher = malloc(feed_bytes);
    size_t n = 0, one, have;
    fake_tls_write(&p->server, bytes, MIB);
    enum ps_status st = PS_OK;
    while (st == PS_OK && (have = fake_tls_pull(&p->server, cipher, feed_bytes)) > 0) {
        st = ps_tls_link_feed(&p->link, ps_bytes_of(cipher, have), &p->err);
        do {
            size_t cap = MIB - n < 10007 ? MIB - n : 10007;
            one = 0;
            if (st == PS_OK)
                st = pair_read(p, got + n, cap, &one);
            n += one;
        } while (one > 0);
    }
    free(cipher);
    if (st != PS_OK)
        return st;
    T_EQ(n, MIB);
    T_CHECK(memcmp(bytes, got, MIB) == 0);
    return PS_OK;
}

static void a_mebibyte_each_way(void)
{
    static const size_t feeds[] = {65536, 4096, 1};
    uint8_t *bytes = pattern(MIB), *got = malloc(MIB);
    for (size_t i = 0; i < 3; i++)
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct pair p;
            pair_open(&p, version);
            T_EQ(send_mib(&p, bytes, got), PS_OK);
            memset(got, 0, MIB);
            T_EQ(receive_mib(&p, bytes, got, feeds[i]), PS_OK);
            pair_fini(&p);
        }
    free(bytes);
    free(got);
}

static void handshake_one_byte_at_a_time(void)
{
    struct ps_tls_settings settings = pair_settings();
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        const struct fake_tls_wants wants = {
            .leaf = &pair_leaf, .min_version = version, .max_version = version};
        struct pair p;
        T_EQ(pair_meet(&p, &settings, &wants, &api, 1), PS_OK);
        T_CHECK(p.link.open && p.server.open);
        pair_fini(&p);
    }
}

static void read_gives_what_arrived_and_no_more(void)
{
    struct pair p;
    uint8_t got[64];
    size_t n;
    bool moved = false;
    pair_open(&p, 0);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_EQ(n, 0);
    fake_tls_write(&p.server, "hello ", 6);
    fake_tls_write(&p.server, "world", 5);
    T_EQ(pair_back(&p, &moved), PS_OK);
    T_EQ(pair_read(&p, got, 3, &n), PS_OK);
    T_EQ(n, 3);
    T_EQ(pair_read(&p, got + 3, sizeof got - 3, &n), PS_OK); /* two records in one read */
    T_EQ(n, 8);
    T_CHECK(memcmp(got, "hello world", 11) == 0);
    pair_fini(&p);
}

static void pull_stops_at_the_buffers_limit(void)
{
    struct pair p;
    struct ps_buf small;
    pair_open(&p, 0);
    ps_buf_init(&small, 100);
    T_EQ(ps_tls_link_write(&p.link, ps_bytes_of(both_alpn, 0), &p.err), PS_OK);
    T_EQ(ps_tls_link_pending(&p.link), 0);
    uint8_t bytes[300] = {0};
    T_EQ(ps_tls_link_write(&p.link, ps_bytes_of(bytes, sizeof bytes), &p.err), PS_OK);
    size_t all = ps_tls_link_pending(&p.link);
    T_CHECK(all > 300);
    T_EQ(ps_tls_link_pull(&p.link, &small), PS_OK);
    T_EQ(ps_buf_n(&small), 100);
    T_EQ(ps_tls_link_pending(&p.link), all - 100);
    T_EQ(ps_tls_link_pull(&p.link, &small), PS_OK); /* full: nothing moves, nothing is lost */
    T_EQ(ps_tls_link_pending(&p.link), all - 100);
    ps_buf_fini(&small);
    pair_fini(&p);
}

static size_t bio_memory(void *bio)
{
    BUF_MEM *memory = NULL;
    BIO_get_mem_ptr((BIO *)bio, &memory);
    return memory->max;
}

/* An idle connection must not hold what its largest transfer needed. */
static void bulk_memory_is_given_back(void)
{
    struct pair p;
    bool moved = false;
    size_t n;
    uint8_t *bytes = pattern(MIB), *got = malloc(MIB);
    pair_open(&p, 0);
    T_EQ(send_mib(&p, bytes, got), PS_OK);
    fake_tls_write(&p.server, bytes, 60000);
    T_EQ(pair_back(&p, &moved), PS_OK);
    T_EQ(pair_read(&p, got, MIB, &n), PS_OK);
    T_EQ(n, 60000);
    T_CHECK(bio_memory(p.link.in) > 60000 && bio_memory(p.link.out) > 60000);
    T_EQ(ps_tls_link_write(&p.link, ps_bytes_str("ping"), &p.err), PS_OK);
    T_EQ(pair_forward(&p, &moved), PS_OK);
    T_EQ(fake_tls_read(&p.server, got, MIB), 4);
    fake_tls_write(&p.server, "pong", 4);
    T_EQ(pair_back(&p, &moved), PS_OK);
    T_EQ(pair_read(&p, got, MIB, &n), PS_OK);
    T_EQ(n, 4);
    T_CHECK(bio_memory(p.link.in) < 4096 && bio_memory(p.link.out) < 4096);
    T_EQ(send_mib(&p, bytes, got), PS_OK);
    T_EQ(receive_mib(&p, bytes, got, 65536), PS_OK);
    pair_fini(&p);
    free(bytes);
    free(got);
}

/* --- endings --- */

static void close_notify_is_seen_after_the_data(void)
{
    struct pair p;
    uint8_t got[16];
    size_t n;
    bool moved = false;
    pair_open(&p, 0);
    fake_tls_write(&p.server, "bye", 3);
    SSL_shutdown(p.server.ssl);
    T_EQ(pair_back(&p, &moved), PS_OK);
    T_CHECK(!p.link.peer_closed);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_EQ(n, 3);
    T_CHECK(p.link.peer_closed && !p.link.failed);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_EQ(n, 0);
    /* half closed: our side may still speak */
    T_EQ(ps_tls_link_write(&p.link, ps_bytes_str("ok"), &p.err), PS_OK);
    T_EQ(pair_forward(&p, &moved), PS_OK);
    T_EQ(fake_tls_read(&p.server, got, sizeof got), 2);
    pair_fini(&p);
}

static void close_queues_close_notify_once(void)
{
    struct pair p;
    bool moved = false;
    uint8_t got[4];
    size_t n;
    pair_open(&p, 0);
    ps_tls_link_close(&p.link);
    size_t queued = ps_tls_link_pending(&p.link);
    T_CHECK(queued > 0);
    ps_tls_link_close(&p.link);
    T_EQ(ps_tls_link_pending(&p.link), queued);
    T_EQ(pair_forward(&p, &moved), PS_OK);
    T_EQ(fake_tls_read(&p.server, got, sizeof got), 0);
    T_CHECK((SSL_get_shutdown(p.server.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
    fake_tls_write(&p.server, "late", 4); /* what was under way still arrives */
    T_EQ(pair_back(&p, &moved), PS_OK);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_EQ(n, 4);
    pair_fini(&p);
}

static void close_before_open_is_harmless(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = pair_config(&settings);
    struct ps_tls_link link = {0};
    ps_tls_link_close(&link);
    T_EQ(ps_tls_link_pending(&link), 0);
    T_CHECK(ps_tls_link_session(&link) == NULL);
    ps_tls_link_fini(&link);
    T_EQ(ps_tls_link_init(&link, config, &api, NULL, NULL), PS_OK);
    ps_tls_link_close(&link);
    T_EQ(ps_tls_link_pending(&link), 0);
    ps_tls_link_fini(&link);
    ps_tls_link_fini(&link);
    ps_tls_config_unref(config);
}

/* A damaged record after good data: the data first, then the failure, then the failure again. */
static void bytes_before_a_failure_are_given_first(void)
{
    struct pair p;
    uint8_t cipher[512], got[64];
    size_t n;
    struct ps_err err;
    pair_open(&p, 0);
    fake_tls_pull(&p.server, cipher, sizeof cipher);
    fake_tls_write(&p.server, "good", 4);
    fake_tls_write(&p.server, "bad", 3);
    size_t have = fake_tls_pull(&p.server, cipher, sizeof cipher);
    cipher[have - 1] ^= 1;
    T_EQ(ps_tls_link_feed(&p.link, ps_bytes_of(cipher, have), &p.err), PS_OK);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_EQ(n, 4);
    T_CHECK(!p.link.failed && !p.link.peer_closed && p.err.status == PS_OK);
    for (int i = 0; i < 2; i++) {
        T_EQ(ps_tls_link_read(&p.link, got, sizeof got, &n, &err), PS_TLS_FAILED);
        T_EQ(n, 0);
        T_CHECK(p.link.failed && !p.link.peer_closed);
        pair_wants_text(&err, "TLS with api.example failed: decryption failed or bad record mac");
    }
    T_EQ(ps_tls_link_write(&p.link, ps_bytes_str("x"), &err), PS_TLS_FAILED);
    T_EQ(ps_tls_link_feed(&p.link, ps_bytes_str("x"), &err), PS_TLS_FAILED);
    T_EQ(ps_tls_link_step(&p.link, &err), PS_TLS_FAILED);
    T_CHECK(ps_tls_link_pending(&p.link) > 0); /* our alert, for the peer's log */
    ps_tls_link_close(&p.link);
    pair_fini(&p);
}

static void use_before_open_is_a_bug_of_ours(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = pair_config(&settings);
    struct ps_tls_link link;
    uint8_t got[4];
    size_t n;
    T_EQ(ps_tls_link_init(&link, config, &api, NULL, NULL), PS_OK);
    T_EQ(ps_tls_link_read(&link, got, sizeof got, &n, NULL), PS_INTERNAL);
    T_EQ(ps_tls_link_write(&link, ps_bytes_str("x"), NULL), PS_INTERNAL);
    ps_tls_link_fini(&link);
    ps_tls_config_unref(config);
}

/* Renegotiation is off (rule 88): the request is answered with a warning and the data goes on. */
static void renegotiation_is_declined(void)
{
    struct pair p;
    uint8_t got[8];
    size_t n;
    bool moved = false;
    pair_open(&p, TLS1_2_VERSION);
    SSL_renegotiate(p.server.ssl);
    SSL_do_handshake(p.server.ssl); /* queues HelloRequest */
    T_EQ(pair_back(&p, &moved), PS_OK);
    T_CHECK(moved);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_EQ(n, 0);
    T_CHECK(p.link.open && !p.link.failed);
    T_CHECK(ps_tls_link_pending(&p.link) > 0);
    T_EQ(SSL_renegotiate_pending(p.link.ssl), 0);
    pair_fini(&p);
}

static void key_updates_are_followed(void)
{
    struct pair p;
    uint8_t got[8];
    size_t n;
    bool moved = false;
    pair_open(&p, TLS1_3_VERSION);
    T_EQ(SSL_key_update(p.server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    fake_tls_write(&p.server, "after", 5);
    T_EQ(pair_back(&p, &moved), PS_OK);
    T_EQ(pair_read(&p, got, sizeof got, &n), PS_OK);
    T_EQ(n, 5);
    T_EQ(ps_tls_link_write(&p.link, ps_bytes_str("mine"), &p.err), PS_OK);
    T_EQ(pair_forward(&p, &moved), PS_OK);
    T_EQ(fake_tls_read(&p.server, got, sizeof got), 4);
    pair_fini(&p);
}

static uint8_t *scenario_bytes, *scenario_got;

static enum ps_status talk_scenario(void)
{
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .alpn = "h2"};
    struct ps_tls_config *config = NULL;
    struct pair p = {0};
    SSL_CTX *server = fake_tls_ctx(&wants);
    enum ps_status st = ps_tls_config_new(&config, &settings, &p.err);
    if (st == PS_OK)
        st = pair_init(&p, config, server, &api_h2, NULL);
    if (st == PS_OK)
        st = pair_shake(&p);
    if (st == PS_OK)
        st = send_mib(&p, scenario_bytes, scenario_got);
    if (st == PS_OK)
        st = receive_mib(&p, scenario_bytes, scenario_got, 65536);
    if (st == PS_OK)
        ps_tls_link_close(&p.link);
    T_CHECK(st == PS_OK || p.err.status == PS_NOMEM || p.err.status == PS_OK);
    pair_fini(&p);
    ps_tls_config_unref(config);
    SSL_CTX_free(server);
    return st;
}

static void talk_survives_each_allocation_failure(void)
{
    scenario_bytes = pattern(MIB);
    scenario_got = malloc(MIB);
    t_each_alloc(talk_scenario);
    free(scenario_bytes);
    free(scenario_got);
}

static const struct t_test tests[] = {
    {"a_mebibyte_each_way", a_mebibyte_each_way},
    {"handshake_one_byte_at_a_time", handshake_one_byte_at_a_time},
    {"read_gives_what_arrived_and_no_more", read_gives_what_arrived_and_no_more},
    {"pull_stops_at_the_buffers_limit", pull_stops_at_the_buffers_limit},
    {"bulk_memory_is_given_back", bulk_memory_is_given_back},
    {"close_notify_is_seen_after_the_data", close_notify_is_seen_after_the_data},
    {"close_queues_close_notify_once", close_queues_close_notify_once},
    {"close_before_open_is_harmless", close_before_open_is_harmless},
    {"bytes_before_a_failure_are_given_first", bytes_before_a_failure_are_given_first},
    {"use_before_open_is_a_bug_of_ours", use_before_open_is_a_bug_of_ours},
    {"renegotiation_is_declined", renegotiation_is_declined},
    {"key_updates_are_followed", key_updates_are_followed},
    {"talk_survives_each_allocation_failure", talk_survives_each_allocation_failure},
};

T_MAIN(tests)
