/* What a handshake agrees to or refuses: versions, suites, ALPN, SNI, garbage, client certificates.
 */
#include <unistd.h>

#include "tls_pair.h"

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
    for (size_t i = 0; i < 2; i++) {
        struct pair p;
        struct ps_tls_info info;
        pair_open(&p, cases[i].version);
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
    T_EQ(pair_meet(&p, &settings, &wants, &api, 0), PS_TLS_FAILED);
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
    T_EQ(pair_meet(&p, &settings, &wants, &api, 0), PS_TLS_FAILED);
    pair_fini(&p);
}

/* Rule 80: the default offer has no CBC suite at all, so there is nothing in common. */
static void appendix_a_suites_are_not_offered(void)
{
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {
        .leaf = &pair_leaf, .max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA256"};
    struct pair p;
    T_EQ(pair_meet(&p, &settings, &wants, &api_h2, 0), PS_TLS_FAILED);
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
    T_EQ(pair_meet(&p, &settings, &wants, &api_h2, 0), PS_OK);
    pair_fini(&p);
    wants.alpn = "h2";
    T_EQ(pair_meet(&p, &settings, &wants, &api_h2, 0), PS_TLS_FAILED);
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
        T_EQ(pair_meet(&p, &settings, &wants, cases[i].offers ? &api_h2 : &api, 0),
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
    T_EQ(pair_meet(&p, &settings, &wants, &api_h2, 0), PS_TLS_FAILED);
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
        T_EQ(pair_meet(&p, &settings, &wants, &peer, 0), PS_INVALID);
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
        T_EQ(pair_meet(&p, &settings, &wants, &(struct ps_tls_peer){.name = cases[i].name}, 0),
             PS_OK);
        const char *sent = SSL_get_servername(p.server.ssl, TLSEXT_NAMETYPE_host_name);
        T_CHECK((sent == NULL) == (cases[i].sent == NULL));
        if (sent != NULL)
            T_STR(sent, cases[i].sent);
        pair_fini(&p);
    }
}

static void garbage_for_a_server_hello(void)
{
    static const struct {
        const char *bytes;
        const char *says;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "is this a plain http:// port?"},
        {"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "is this a plain http:// port?"},
        {"\x16\x03\x03\x00\x04\x63\x00\x00\x00", "TLS with api.example failed: "},
        {"\x15\x03\x03\x00\x02\x02\x28", "api.example refused TLS: alert 40"},
        {"\x15\x03\x03\x00\x02\x01\x70", NULL}, /* a warning is no failure (unrecognized_name) */
        {"\xff\xff\xff\xff\xff\xff\xff\xff", "TLS with api.example failed: "},
    };
    static const size_t lens[] = {47, 30, 9, 7, 7, 8};
    struct ps_tls_settings settings = pair_settings();
    struct ps_tls_config *config = pair_config(&settings);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t piece = 1; piece <= lens[i]; piece += lens[i] - 1) {
            struct ps_tls_link link;
            struct ps_err err = {0};
            T_EQ(ps_tls_link_init(&link, config, &api, NULL, &err), PS_OK);
            enum ps_status st = ps_tls_link_step(&link, &err);
            for (size_t at = 0; st == PS_OK && at < lens[i]; at += piece) {
                T_EQ(ps_tls_link_feed(&link, ps_bytes_of(cases[i].bytes + at, piece), &err), PS_OK);
                st = ps_tls_link_step(&link, &err);
            }
            T_EQ(st, cases[i].says == NULL ? PS_OK : PS_TLS_FAILED);
            pair_wants_text(&err, cases[i].says);
            ps_tls_link_fini(&link);
        }
    ps_tls_config_unref(config);
}

/* --- client certificates --- */

struct client_files {
    struct fake_id id;
    char cert[64], key[64];
};

static void client_files_make(struct client_files *f, const struct fake_id *ca)
{
    f->id = fake_cert_make(&(struct fake_cert_wants){.cn = "me", .eku = "clientAuth"}, ca);
    char *cert = fake_certs_pem((const struct fake_id *const[]){&f->id, NULL});
    char *key = fake_key_pem(&f->id, NULL);
    fake_file_make(f->cert, cert);
    fake_file_make(f->key, key);
    free(cert);
    free(key);
}

static void client_files_drop(struct client_files *f)
{
    unlink(f->cert);
    unlink(f->key);
    fake_cert_free(&f->id);
}

/* In TLS 1.3 the server judges after our side is open, so its alert is met by the first read. */
static enum ps_status meet_and_read(struct pair *p, const struct ps_tls_settings *settings,
                                    const struct fake_tls_wants *wants)
{
    uint8_t got[8];
    size_t n;
    enum ps_status st = pair_meet(p, settings, wants, &api, 0);
    return st == PS_OK ? pair_read(p, got, sizeof got, &n) : st;
}

static void client_certificate_supplied(void)
{
    struct client_files f;
    struct ps_tls_settings settings = pair_settings();
    client_files_make(&f, &pair_ca);
    settings.cert_file = f.cert;
    settings.key_file = f.key;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        const struct fake_tls_wants wants = {.leaf = &pair_leaf,
                                             .client_ca = &pair_ca,
                                             .min_version = version,
                                             .max_version = version};
        struct pair p;
        T_EQ(meet_and_read(&p, &settings, &wants), PS_OK);
        X509 *seen = SSL_get1_peer_certificate(p.server.ssl);
        T_CHECK(seen != NULL && X509_cmp(seen, f.id.cert) == 0);
        X509_free(seen);
        pair_fini(&p);
    }
    client_files_drop(&f);
}

static void client_certificate_required_but_missing(void)
{
    struct ps_tls_settings settings = pair_settings();
    struct fake_tls_wants wants = {.leaf = &pair_leaf, .client_ca = &pair_ca};
    struct pair p;
    T_EQ(meet_and_read(&p, &settings, &wants), PS_TLS_FAILED);
    pair_wants_text(&p.err, "api.example ended TLS: alert 116");
    pair_wants_text(&p.err, "pass TLS(cert_file=..., key_file=...)");
    T_EQ(p.err.phase, PS_PHASE_NONE); /* conn knows where the request was */
    pair_fini(&p);
    wants.max_version = TLS1_2_VERSION;
    T_EQ(meet_and_read(&p, &settings, &wants), PS_TLS_FAILED);
    pair_wants_text(&p.err, "api.example refused TLS: alert 40");
    pair_wants_text(&p.err, "client certificate");
    pair_fini(&p);
}

static void client_certificate_of_an_unknown_ca(void)
{
    struct client_files f;
    struct ps_tls_settings settings = pair_settings();
    struct fake_id other =
        fake_cert_make(&(struct fake_cert_wants){.cn = "Other", .is_ca = true}, NULL);
    client_files_make(&f, &other);
    settings.cert_file = f.cert;
    settings.key_file = f.key;
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .client_ca = &pair_ca};
    struct pair p;
    T_EQ(meet_and_read(&p, &settings, &wants), PS_TLS_FAILED);
    pair_wants_text(&p.err, "alert 48, unknown CA; it does not know the CA of the client");
    pair_fini(&p);
    client_files_drop(&f);
    fake_cert_free(&other);
}

/* --- key log --- */

static void keylog_is_written_only_when_asked(void)
{
    char path[64], text[8192];
    struct ps_tls_settings settings = pair_settings();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .min_version = TLS1_3_VERSION};
    struct pair p;
    fake_file_make(path, "# before\n");
    settings.keylog_file = path;
    T_EQ(pair_meet(&p, &settings, &wants, &api, 0), PS_OK);
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
    T_EQ(pair_meet(&p, &settings, &wants, &api, 0), PS_OK);
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
    {"client_certificate_supplied", client_certificate_supplied},
    {"client_certificate_required_but_missing", client_certificate_required_but_missing},
    {"client_certificate_of_an_unknown_ca", client_certificate_of_an_unknown_ca},
    {"keylog_is_written_only_when_asked", keylog_is_written_only_when_asked},
};

T_MAIN(tests)
