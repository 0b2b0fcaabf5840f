/* Settings that work, settings that are refused with a sentence, and contexts borrowed from others.
 */
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls_pair.h"

static const struct ps_tls_peer api = {.name = "api.example"};

/* The settings must be refused, and the sentence must hold these parts. */
static void refused(const struct ps_tls_settings *settings, const char *says, const char *also)
{
    struct ps_tls_config *config = NULL;
    struct ps_err err = {0};
    enum ps_status st = ps_tls_config_new(&config, settings, &err);
    if (st != PS_INVALID)
        fprintf(stderr, "wanted \"%s\"\n", says);
    T_EQ(st, PS_INVALID);
    T_CHECK(config == NULL);
    T_CHECK(strstr(err.text, "s3cret") == NULL);
    pair_wants_text(&err, says);
    pair_wants_text(&err, also);
}

/* Handshake with the usual server under these settings. */
static enum ps_status try_settings(const struct ps_tls_settings *settings, struct ps_err *err)
{
    pair_certs();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf};
    struct pair p;
    enum ps_status st = pair_meet(&p, settings, &wants, &api, 0);
    if (err != NULL)
        *err = p.err;
    pair_fini(&p);
    return st;
}

/* --- trust --- */

static void no_ca_at_all_is_refused(void)
{
    const struct ps_tls_settings settings = {.verify = true, .security_level = -1};
    refused(&settings, "nothing is trusted", "TLS(ca_file=...)");
}

static void a_bad_ca_file_is_named(void)
{
    char empty[64], broken[64], key_only[64];
    struct ps_tls_settings settings = {.verify = true, .security_level = -1};
    pair_certs();
    char *key = fake_key_pem(&pair_ca, "s3cret");
    fake_file_make(empty, "no certificate in here\n");
    fake_file_make(key_only, key);
    fake_file_make(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    settings.ca_file = "/nonexistent/ca.pem";
    refused(&settings, "CA file /nonexistent/ca.pem cannot be opened", "No such file");
    settings.ca_file = empty;
    refused(&settings, empty, "holds no PEM certificate");
    settings.ca_file = key_only; /* encrypted: must not ask the terminal */
    refused(&settings, key_only, "CA file");
    settings.ca_file = broken;
    refused(&settings, broken, "broken certificate");
    settings.ca_file = "/tmp";
    refused(&settings, "CA file /tmp is a folder", "ca_dir");
    if (geteuid() != 0) { /* root reads everything */
        chmod(empty, 0);
        settings.ca_file = empty;
        refused(&settings, "cannot be opened", "Permission denied");
    }
    free(key);
    unlink(empty);
    unlink(broken);
    unlink(key_only);
}

static void a_bad_ca_text_or_folder_is_refused(void)
{
    char folder[] = "/tmp/penstock-test-XXXXXX";
    struct ps_tls_settings settings = {.verify = true, .security_level = -1};
    settings.ca_pem = "";
    refused(&settings, "CA text given as ca_pem holds no PEM certificate", NULL);
    settings.ca_pem = NULL;
    settings.ca_dir = "/nonexistent/ca";
    refused(&settings, "CA folder /nonexistent/ca cannot be opened", "No such file");
    T_CHECK(mkdtemp(folder) != NULL);
    settings.ca_dir = folder;
    refused(&settings, folder, "is empty");
    rmdir(folder);
}

static void a_system_without_cas_is_told(void)
{
    const struct ps_tls_settings settings = {
        .verify = true, .use_system_ca = true, .security_level = -1};
    setenv("SSL_CERT_FILE", "/nonexistent/file.pem", 1);
    setenv("SSL_CERT_DIR", "/nonexistent/dir", 1);
    refused(&settings, "no CA certificates (neither /nonexistent/file.pem nor /nonexistent/dir)",
            "ca-certificates");
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
}

static void ca_from_file_folder_and_system(void)
{
    char path[64], folder[] = "/tmp/penstock-test-XXXXXX", hashed[128];
    struct ps_tls_settings settings = {
        .verify = true, .check_hostname = true, .security_level = -1};
    pair_certs();
    fake_file_make(path, pair_ca_pem);
    settings.ca_file = path;
    T_EQ(try_settings(&settings, NULL), PS_OK);

    T_CHECK(mkdtemp(folder) != NULL);
    snprintf(hashed, sizeof hashed, "%s/%08lx.0", folder, X509_subject_name_hash(pair_ca.cert));
    T_EQ(symlink(path, hashed), 0);
    settings.ca_file = NULL;
    settings.ca_dir = folder;
    T_EQ(try_settings(&settings, NULL), PS_OK);

    settings.ca_dir = NULL;
    settings.use_system_ca = true;
    setenv("SSL_CERT_FILE", path, 1);
    T_EQ(try_settings(&settings, NULL), PS_OK);
    unsetenv("SSL_CERT_FILE");
    unlink(hashed);
    rmdir(folder);
    unlink(path);
}

/* --- client certificate --- */

/* A certificate chain, its key plain and locked, keys of others, and a file that is nothing. */
struct client_files {
    char cert[64], key[64], locked[64], other[64], rsa[64], junk[64];
};

static void file_of(char *path, char *text)
{
    fake_file_make(path, text);
    free(text);
}

static void client_files_make(struct client_files *f)
{
    pair_certs();
    struct fake_id other = fake_cert_make(&(struct fake_cert_wants){.cn = "other"}, &pair_ca);
    struct fake_id rsa =
        fake_cert_make(&(struct fake_cert_wants){.cn = "rsa", .rsa_bits = 2048}, &pair_ca);
    file_of(f->cert, fake_certs_pem((const struct fake_id *const[]){&pair_leaf, &pair_ca, NULL}));
    file_of(f->key, fake_key_pem(&pair_leaf, NULL));
    file_of(f->locked, fake_key_pem(&pair_leaf, "s3cret"));
    file_of(f->other, fake_key_pem(&other, NULL));
    file_of(f->rsa, fake_key_pem(&rsa, NULL));
    fake_file_make(f->junk, "hello\n");
    fake_cert_free(&other);
    fake_cert_free(&rsa);
}

static void client_files_drop(struct client_files *f)
{
    const char *paths[] = {f->cert, f->key, f->locked, f->other, f->rsa, f->junk};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        unlink(paths[i]);
}

static void a_bad_client_certificate_is_explained(void)
{
    struct client_files f;
    struct ps_tls_settings settings = pair_settings();
    client_files_make(&f);
    settings.key_file = f.key;
    refused(&settings, "is given without cert_file", f.key);
    settings.cert_file = "/nonexistent/me.pem";
    refused(&settings, "certificate file /nonexistent/me.pem cannot be opened", "No such file");
    settings.cert_file = f.junk;
    refused(&settings, f.junk, "holds no usable certificate");
    settings.cert_file = f.cert;
    settings.key_file = "/nonexistent/me.key";
    refused(&settings, "key file /nonexistent/me.key cannot be opened", "No such file");
    settings.key_file = f.junk;
    refused(&settings, f.junk, "holds no private key");
    settings.key_file = NULL; /* cert_file holds no key */
    refused(&settings, f.cert, "holds no private key");
    settings.key_file = f.other;
    refused(&settings, f.other, "does not belong to the certificate in");
    settings.key_file = f.rsa;
    refused(&settings, f.rsa, "does not belong to the certificate in");
    client_files_drop(&f);
}

static void a_locked_key_never_asks_the_terminal(void)
{
    struct client_files f;
    struct ps_tls_settings settings = pair_settings();
    char longer[2000];
    client_files_make(&f);
    settings.cert_file = f.cert;
    settings.key_file = f.locked;
    refused(&settings, f.locked, "is encrypted; pass TLS(key_password=...)");
    settings.key_password = "wrong s3cret";
    refused(&settings, f.locked, "cannot be decrypted with the given key_password");
    memset(longer, 'p', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    settings.key_password = longer;
    refused(&settings, "key_password is too long", NULL);
    settings.key_password = "s3cret";
    T_EQ(try_settings(&settings, NULL), PS_OK);
    settings.key_file = f.key; /* a password nobody needs does no harm */
    const struct fake_tls_wants wants = {.leaf = &pair_leaf};
    struct pair p;
    T_EQ(pair_meet(&p, &settings, &wants, &api, 0), PS_OK);
    /* OpenSSL's own callback is the one that prompts; it is used where none is set */
    T_CHECK(SSL_CTX_get_default_passwd_cb(SSL_get_SSL_CTX(p.link.ssl)) != NULL);
    T_CHECK(SSL_CTX_get_default_passwd_cb_userdata(SSL_get_SSL_CTX(p.link.ssl)) == NULL);
    pair_fini(&p);
    client_files_drop(&f);
}

/* --- versions and algorithms --- */

static void bad_versions_and_algorithms_are_refused(void)
{
    struct ps_tls_settings s = pair_settings();
    s.min_version = 0x0302;
    refused(&s, "TLS 1.2 is the lowest version", NULL);
    s.min_version = 0;
    s.max_version = 0x0302;
    refused(&s, "TLS 1.2 is the lowest version", NULL);
    s.max_version = 0x0305;
    refused(&s, "TLS 1.3 is the highest version", NULL);
    s.max_version = 0x0303;
    s.min_version = 0x0304;
    refused(&s, "the lowest TLS version is above the highest", NULL);
    s = pair_settings();
    s.ciphers = "NO-SUCH-CIPHER";
    refused(&s, "ciphers \"NO-SUCH-CIPHER\" cannot be used", "no cipher match");
    s = pair_settings();
    s.ciphersuites = "TLS_NO_SUCH";
    refused(&s, "ciphersuites \"TLS_NO_SUCH\" cannot be used", NULL);
    s = pair_settings();
    s.groups = "nistp-nothing";
    refused(&s, "groups \"nistp-nothing\" cannot be used", NULL);
    s = pair_settings();
    s.security_level = 6;
    refused(&s, "security_level is 6", NULL);
    s = pair_settings();
    s.keylog_file = "/nonexistent/keys";
    refused(&s, "key log file /nonexistent/keys cannot be opened", "No such file");
}

static void chosen_algorithms_are_used(void)
{
    struct ps_tls_settings s = pair_settings();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf};
    struct ps_tls_info info;
    struct pair p;
    s.min_version = s.max_version = 0x0303;
    s.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305";
    s.groups = "P-256";
    s.security_level = 1;
    T_EQ(pair_meet(&p, &s, &wants, &api, 0), PS_OK);
    ps_tls_link_info(&p.link, &info);
    T_STR(info.cipher, "ECDHE-ECDSA-CHACHA20-POLY1305");
    T_STR(info.version, "TLSv1.2");
    pair_fini(&p);
    s = pair_settings();
    s.min_version = 0x0304;
    s.ciphersuites = "TLS_CHACHA20_POLY1305_SHA256";
    T_EQ(pair_meet(&p, &s, &wants, &api, 0), PS_OK);
    ps_tls_link_info(&p.link, &info);
    T_STR(info.cipher, "TLS_CHACHA20_POLY1305_SHA256");
    pair_fini(&p);
}

/* --- borrowed contexts --- */

static SSL_CTX *python_like_ctx(bool trusts)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    pair_certs();
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF); /* as Python's ssl does */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (trusts)
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), pair_ca.cert);
    return ctx;
}

static void a_borrowed_context_keeps_its_own_ways(void)
{
    struct fake_id cn_only = {0};
    pair_certs();
    cn_only = fake_cert_make(&(struct fake_cert_wants){.cn = "api.example"}, &pair_ca);
    const struct fake_tls_wants wants = {.leaf = &pair_leaf, .alpn = "h2"};
    const struct fake_tls_wants cn_wants = {.leaf = &cn_only};
    const struct ps_tls_peer peer = {
        .name = "api.example", .alpn = (const uint8_t *)"\x02h2", .alpn_n = 3};
    SSL_CTX *ctx = python_like_ctx(true);
    struct ps_tls_settings s = {.borrowed_ctx = ctx, .check_hostname = true};
    struct ps_tls_info info;
    struct pair p;
    T_EQ(pair_meet(&p, &s, &wants, &peer, 0), PS_OK);
    ps_tls_link_info(&p.link, &info);
    T_STR(info.alpn, "h2");
    T_STR(SSL_get_servername(p.server.ssl, TLSEXT_NAMETYPE_host_name), "api.example");
    T_EQ(SSL_get_options(p.link.ssl) & SSL_OP_IGNORE_UNEXPECTED_EOF, 0);
    T_CHECK((SSL_get_options(p.link.ssl) & SSL_OP_NO_RENEGOTIATION) != 0);
    pair_fini(&p);
    /* its host flags allow a name in the subject; ours would not, and are for own contexts only */
    T_EQ(pair_meet(&p, &s, &cn_wants, &api, 0), PS_OK);
    pair_fini(&p);
    T_EQ(pair_meet(&p, &s, &wants, &(struct ps_tls_peer){.name = "db.example"}, 0),
         PS_CERT_REJECTED);
    pair_fini(&p);
    s.check_hostname = false; /* SSLContext.check_hostname */
    T_EQ(pair_meet(&p, &s, &wants, &(struct ps_tls_peer){.name = "db.example"}, 0), PS_OK);
    pair_fini(&p);
    T_CHECK(SSL_CTX_get_verify_callback(ctx) == NULL); /* nothing was put on it */
    T_CHECK((SSL_CTX_get_options(ctx) & SSL_OP_IGNORE_UNEXPECTED_EOF) != 0);
    SSL_CTX_free(ctx);
    fake_cert_free(&cn_only);
}

static void a_borrowed_context_trusts_its_own_cas(void)
{
    SSL_CTX *ctx = python_like_ctx(false);
    struct ps_tls_settings s = pair_settings(); /* our CA is not added to a borrowed context */
    struct ps_err err;
    s.borrowed_ctx = ctx;
    T_EQ(try_settings(&s, &err), PS_CERT_REJECTED);
    pair_wants_text(&err, "local issuer");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    T_EQ(try_settings(&s, &err), PS_OK);
    SSL_CTX_free(ctx);
}

static void on_keylog(const SSL *ssl, const char *line)
{
    (void)ssl, (void)line;
    abort();
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    abort();
}

static void on_info(const SSL *ssl, int where, int ret)
{
    (void)ssl, (void)where, (void)ret;
    abort();
}

static int on_client_cert(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
    (void)ssl, (void)cert, (void)key;
    abort();
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl, (void)session;
    abort();
}

static void on_message(int writing, int version, int type, const void *buf, size_t n, SSL *ssl,
                       void *arg)
{
    (void)writing, (void)version, (void)type, (void)buf, (void)n, (void)ssl, (void)arg;
    abort();
}

static void objected(SSL_CTX *ctx, const char *says)
{
    const char *objection = ps_tls_config_borrow_objection(ctx);
    const struct ps_tls_settings s = {.borrowed_ctx = ctx};
    T_CHECK(objection != NULL && strstr(objection, says) != NULL);
    refused(&s, says, NULL);
}

static void contexts_with_callbacks_are_refused(void)
{
    SSL_CTX *ctx = python_like_ctx(true);
    T_CHECK(ps_tls_config_borrow_objection(ctx) == NULL);
    SSL_CTX_set_keylog_callback(ctx, on_keylog);
    objected(ctx, "key log");
    SSL_CTX_set_keylog_callback(ctx, NULL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    objected(ctx, "verify callback");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_info_callback(ctx, on_info);
    objected(ctx, "info callback");
    SSL_CTX_set_info_callback(ctx, NULL);
    SSL_CTX_set_client_cert_cb(ctx, on_client_cert);
    objected(ctx, "client certificate callback");
    SSL_CTX_set_client_cert_cb(ctx, NULL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    objected(ctx, "session callback");
    SSL_CTX_sess_set_new_cb(ctx, NULL);
    T_CHECK(ps_tls_config_borrow_objection(ctx) == NULL);
    SSL_CTX_free(ctx);
}

/* It cannot be seen on a context, so it is taken off each connection: it must not run. */
static void a_borrowed_message_callback_does_not_run(void)
{
    SSL_CTX *ctx = python_like_ctx(true);
    const struct ps_tls_settings s = {.borrowed_ctx = ctx, .check_hostname = true};
    SSL_CTX_set_msg_callback(ctx, on_message);
    T_EQ(try_settings(&s, NULL), PS_OK);
    SSL_CTX_free(ctx);
}

/* Python may switch a key log on after the context was given to us. */
static void a_callback_that_comes_later_is_refused_too(void)
{
    SSL_CTX *ctx = python_like_ctx(true);
    const struct ps_tls_settings s = {.borrowed_ctx = ctx, .check_hostname = true};
    struct ps_tls_config *config = pair_config(&s);
    struct ps_tls_link link;
    struct ps_err err;
    SSL_CTX_set_keylog_callback(ctx, on_keylog);
    T_EQ(ps_tls_link_init(&link, config, &api, NULL, &err), PS_INVALID);
    pair_wants_text(&err, "key log");
    ps_tls_link_fini(&link);
    ps_tls_config_unref(config);
    SSL_CTX_free(ctx);
}

static void facts_are_those_of_the_context(void)
{
    struct ps_tls_facts facts;
    SSL_CTX *ctx = python_like_ctx(true);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    ps_tls_config_facts(ctx, &facts);
    T_EQ(facts.options, SSL_CTX_get_options(ctx));
    T_EQ(facts.verify_mode, SSL_VERIFY_PEER);
    T_EQ(facts.min_version, TLS1_3_VERSION);
    SSL_CTX_free(ctx);
}

static enum ps_status new_scenario(void)
{
    struct ps_tls_settings s = pair_settings();
    struct ps_tls_config *config = NULL;
    enum ps_status st = ps_tls_config_new(&config, &s, NULL);
    ps_tls_config_unref(config);
    SSL_CTX *ctx = python_like_ctx(true);
    s.borrowed_ctx = ctx;
    config = NULL;
    if (st == PS_OK)
        st = ps_tls_config_new(&config, &s, NULL);
    SSL_CTX_free(ctx); /* the config has its own reference */
    ps_tls_config_unref(config);
    return st;
}

static void new_survives_each_allocation_failure(void)
{
    pair_certs();
    t_each_alloc(new_scenario);
}

static const struct t_test tests[] = {
    {"no_ca_at_all_is_refused", no_ca_at_all_is_refused},
    {"a_bad_ca_file_is_named", a_bad_ca_file_is_named},
    {"a_bad_ca_text_or_folder_is_refused", a_bad_ca_text_or_folder_is_refused},
    {"a_system_without_cas_is_told", a_system_without_cas_is_told},
    {"ca_from_file_folder_and_system", ca_from_file_folder_and_system},
    {"a_bad_client_certificate_is_explained", a_bad_client_certificate_is_explained},
    {"a_locked_key_never_asks_the_terminal", a_locked_key_never_asks_the_terminal},
    {"bad_versions_and_algorithms_are_refused", bad_versions_and_algorithms_are_refused},
    {"chosen_algorithms_are_used", chosen_algorithms_are_used},
    {"a_borrowed_context_keeps_its_own_ways", a_borrowed_context_keeps_its_own_ways},
    {"a_borrowed_context_trusts_its_own_cas", a_borrowed_context_trusts_its_own_cas},
    {"contexts_with_callbacks_are_refused", contexts_with_callbacks_are_refused},
    {"a_borrowed_message_callback_does_not_run", a_borrowed_message_callback_does_not_run},
    {"a_callback_that_comes_later_is_refused_too", a_callback_that_comes_later_is_refused_too},
    {"facts_are_those_of_the_context", facts_are_those_of_the_context},
    {"new_survives_each_allocation_failure", new_survives_each_allocation_failure},
};

T_MAIN(tests)
