/* What a handshake agrees to or refuses: versions, suites, ALPN, SNI, garbage, the key log; all of it
 * with each allocation refused as well. */
#include <unistd.h>

#include "tls_swept.h"

static const struct ps_tls_peer api = {.name = "api.example"};
static const uint8_t both_alpn[] = "\x02h2\x08http/1.1";
static const struct ps_tls_peer api_h2 = {
    .name = "api.example", .alpn = both_alpn, .alpn_n = sizeof both_alpn - 1};

/* --- versions and ciphers --- */

static void info_tells_version_and_cipher(void)
{
    static const struct {
        int version;
        const char *name;
    } cases[] = {{TLS1_2_VERSION, "TLSv1.2"}, {TLS1_3_VERSION, "TLSv1.3"}};
    struct ps_tls_settings settings = pair_settings();
    for (size_t i = 0; i < 2; i++) {
        const struct fake_tls_wants wants = {.leaf = &pair_leaf,
                                             .min_version = cases[i].version,
                                             .max_version = cases[i].version};
        struct pair p;
        struct ps_tls_info info;
        T_EQ(pair_meet_swept(&p, &settings, &wants, &api), PS_OK);
        ps_tls_link_info(&p.link, &info);
        T_STR(info.version, cases[i].name);
        T_CHECK(strstr(info.cipher, "GCM") != NULL || strstr(info.cipher, "POLY1305") != NULL);
        T_STR(info.alpn, "");
        T_CHECK(!info.resumed);
        pair_fini(&p);
    }
}

static void tls_1_1_is_refused(void)
{
    struct ps_tls_settings settings = pair_settings();
    settings.security_level = 0;
    const struct fake_tls_wants wants = {.leaf = &pair_leaf,
                                         .min_version = TLS1_VERSION,
                                         .max_version = TLS1_1_VERSION,
                                         .ciphers = "ALL"};
    struct pair p;
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api), PS_TLS_FAILED);
    T_EQ(p.err.phase, PS_PHASE_TLS);
    pair_wants_text(&p.err, "api.example refused TLS: alert 70, protocol version");
    pair_wants_text(&p.err, "TLS 1.2 is the lowest");
    pair_fini(&p);
}

static void min_version_tls_1_3_refuses_1_2(void)
{
    struct ps_tls_settings settings = pair_settings();
    settings.min_version = TLS1_3_VERSION;
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .max_version = TLS1_2_VERSION};
    struct pair p;
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api), PS_TLS_FAILED);
    pair_fini(&p);
}

/* Rule 80: the default offer has no CBC suite at all, so there is nothing in common. */
static void appendix_a_suites_are_not_offered(void)
{
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {
        .leaf = &pair_leaf, .max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA256"};
    struct pair p;
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api_h2), PS_TLS_FAILED);
    pair_wants_text(&p.err, "alert 40, handshake failure; no cipher");
    pair_fini(&p);
}

/* Whoever opens the cipher list may use old suites, only not for h2. */
static void appendix_a_suites_are_refused_for_h2_alone(void)
{
    struct ps_tls_settings settings = pair_settings();
    settings.ciphers = "ECDHE-ECDSA-AES128-SHA256";
    struct fake_tls_wants wants = {
        .leaf = &pair_leaf, .max_version = TLS1_2_VERSION, .alpn = "http/1.1"};
    struct pair p;
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api_h2), PS_OK);
    pair_fini(&p);
    wants.alpn = "h2";
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api_h2), PS_TLS_FAILED);
    T_CHECK(!p.link.open);
    pair_wants_text(&p.err, "ECDHE-ECDSA-AES128-SHA256, which HTTP/2 forbids");
    pair_fini(&p);
}

/* --- ALPN and SNI --- */

static void alpn_each_answer(void)
{
    static const struct {
        const char *answer;
        const char *info;
        bool offers;
        enum ps_status status;
    } cases[] = {
        {"h2", "h2", true, PS_OK},
        {"http/1.1", "http/1.1", true, PS_OK},
        {NULL, "", true, PS_OK},
        {"h2", "", false, PS_OK}, /* not asked: the server's callback does not even run */
        {"spdy/3", "", true, PS_TLS_FAILED},
        {"h", "", true, PS_TLS_FAILED},
    };
    struct ps_tls_settings settings = pair_settings();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct fake_tls_wants wants = {.leaf = &pair_leaf, .alpn = cases[i].answer};
        struct pair p;
        struct ps_tls_info info;
        T_EQ(pair_meet_swept(&p, &settings, &wants, cases[i].offers ? &api_h2 : &api),
             cases[i].status);
        T_EQ(p.link.open, cases[i].status == PS_OK);
        ps_tls_link_info(&p.link, &info);
        T_STR(info.alpn, cases[i].info);
        pair_fini(&p);
    }
}

static void alpn_refusal_is_explained(void)
{
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .alpn_refuses = true};
    struct pair p;
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api_h2), PS_TLS_FAILED);
    pair_wants_text(&p.err, "alert 120, no application protocol; it speaks none");
    pair_fini(&p);
}

static void malformed_alpn_is_the_callers_mistake(void)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {{"\x03h2", 3}, {"\x00", 1}, {"\x02h2\x00", 4}, {"h2,http/1.1", 11}};
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        const struct ps_tls_peer peer = {
            .name = "api.example", .alpn = (const uint8_t *)cases[i].bytes, .alpn_n = cases[i].n};
        T_EQ(pair_meet_swept(&p, &settings, &wants, &peer), PS_INVALID);
        pair_fini(&p);
    }
}

static void sni_is_sent_for_dns_names_only(void)
{
    static const struct {
        const char *name, *sent;
    } cases[] = {{"API.example.", "api.example"}, {"127.0.0.1", NULL}, {"::1", NULL}};
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        const struct ps_tls_peer peer = {.name = cases[i].name};
        T_EQ(pair_meet_swept(&p, &settings, &wants, &peer), PS_OK);
        const char *sent = SSL_get_servername(p.server.ssl, TLSEXT_NAMETYPE_host_name);
        T_CHECK((sent == NULL) == (cases[i].sent == NULL));
        if (sent != NULL)
            T_STR(sent, cases[i].sent);
        pair_fini(&p);
    }
}

static const struct garbage {
    const char *bytes;
    size_t n;
    const char *says;
} garbage[] = {
    {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", 47, "is this a plain http:// port?"},
    {"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", 30, "is this a plain http:// port?"},
    {"\x16\x03\x03\x00\x04\x63\x00\x00\x00", 9, "TLS with api.example failed: "},
    {"\x15\x03\x03\x00\x02\x02\x28", 7, "api.example refused TLS: alert 40"},
    {"\x15\x03\x03\x00\x02\x01\x70", 7, NULL}, /* a warning is no failure (unrecognized_name) */
    {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, "TLS with api.example failed: "},
};

/* The garbage of one run, and how much of it comes at once. */
static const struct garbage *fed;
static size_t fed_piece;

static void feed_garbage(struct ps_tls_link *link)
{
    struct ps_err err = {0};
    enum ps_status st = ps_tls_link_step(link, &err);
    for (size_t at = 0; st == PS_OK && at < fed->n; at += fed_piece) {
        T_EQ(ps_tls_link_feed(link, ps_bytes_of(fed->bytes + at, fed_piece), &err), PS_OK);
        st = ps_tls_link_step(link, &err);
    }
    T_EQ(st, fed->says == NULL ? PS_OK : PS_TLS_FAILED);
    pair_wants_text(&err, fed->says);
}

static enum ps_status garbage_scenario(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config;
    struct ps_tls_link link;
    struct ps_err err;
    enum ps_status st = ps_tls_config_new(&config, &settings, &err);
    if (st != PS_OK)
        return st;
    st = ps_tls_link_init(&link, config, &api, NULL, &err);
    if (st == PS_OK)
        feed_garbage(&link);
    ps_tls_link_fini(&link);
    ps_tls_config_unref(config);
    return st;
}

static void garbage_for_a_server_hello(void)
{
    for (fed = garbage; fed < garbage + sizeof garbage / sizeof garbage[0]; fed++)
        for (fed_piece = 1; fed_piece <= fed->n; fed_piece += fed->n - 1)
            t_each_alloc(garbage_scenario);
}

/* --- key log --- */

static void keylog_is_written_only_when_asked(void)
{
    char path[64], text[32768]; /* the sweep's lines as well */
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .min_version = TLS1_3_VERSION};
    struct pair p;
    fake_file_make(path, "# before\n");
    settings.keylog_file = path;
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api), PS_OK);
    pair_fini(&p);
    FILE *f = fopen(path, "r");
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    unlink(path);
    T_CHECK(strncmp(text, "# before\n", 9) == 0); /* appended */
    T_CHECK(strstr(text, "\nCLIENT_TRAFFIC_SECRET_0 ") != NULL);
    T_CHECK(text[n - 1] == '\n');
    settings.keylog_file = NULL;
    T_EQ(pair_meet_swept(&p, &settings, &wants, &api), PS_OK);
    pair_fini(&p);
    T_CHECK(access(path, F_OK) != 0);
}

static const struct t_test tests[] = {
    {"info_tells_version_and_cipher", info_tells_version_and_cipher},
    {"tls_1_1_is_refused", tls_1_1_is_refused},
    {"min_version_tls_1_3_refuses_1_2", min_version_tls_1_3_refuses_1_2},
    {"appendix_a_suites_are_not_offered", appendix_a_suites_are_not_offered},
    {"appendix_a_suites_are_refused_for_h2_alone", appendix_a_suites_are_refused_for_h2_alone},
    {"alpn_each_answer", alpn_each_answer},
    {"alpn_refusal_is_explained", alpn_refusal_is_explained},
    {"malformed_alpn_is_the_callers_mistake", malformed_alpn_is_the_callers_mistake},
    {"sni_is_sent_for_dns_names_only", sni_is_sent_for_dns_names_only},
    {"garbage_for_a_server_hello", garbage_for_a_server_hello},
    {"keylog_is_written_only_when_asked", keylog_is_written_only_when_asked},
};

T_MAIN(tests)
