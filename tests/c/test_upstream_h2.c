/* The scripted upstream as HTTP/2 clients see it: libnghttp2's client session on a blocking socket, plain with prior
 * knowledge and over TLS with ALPN. What the client saw is written down, one line a frame. */
#include <openssl/ssl.h>
#include <stdarg.h>

#include "fake_certs.h"
#include "upstream/h2_peer.h"
#include "upstream_rig.h"

struct client {
    int fd;
    SSL *ssl; /* NULL: plain */
    nghttp2_session *session;
    char log[8192];
    size_t log_n;
    size_t data_n, closed_n;
    int ended; /* -1: not; 0: FIN; else errno */
};

static void note(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(c->log + c->log_n, sizeof c->log - c->log_n, format, args);
    va_end(args);
    T_CHECK(n >= 0 && (size_t)n < sizeof c->log - c->log_n);
    c->log_n += (size_t)n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)session, (void)flags;
    struct client *c = user;
    note(c, "%d %.*s=%.*s\n", frame->hd.stream_id, (int)name_n, (const char *)name, (int)value_n,
             (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
    (void)session, (void)flags, (void)id, (void)p;
    ((struct client *)user)->data_n += n;
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    (void)session;
    struct client *c = user;
    c->closed_n++;
    note(c, "%d closed %u\n", id, code);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct client *c = user;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        note(c, "goaway %d %u\n", frame->goaway.last_stream_id, frame->goaway.error_code);
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
        for (size_t i = 0; i < frame->settings.niv; i++)
            note(c, "setting %d=%u\n", frame->settings.iv[i].settings_id, frame->settings.iv[i].value);
    }
    return 0;
}

static void client_open(struct client *c, int port, SSL_CTX *tls)
{
    nghttp2_session_callbacks *cb;
    *c = (struct client){.fd = rig_connect(port), .ended = -1};
    T_CHECK(c->fd >= 0);
    if (tls != NULL) {
        const unsigned char *alpn;
        unsigned alpn_n;
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, c->fd);
        T_EQ(SSL_connect(c->ssl), 1);
        SSL_get0_alpn_selected(c->ssl, &alpn, &alpn_n);
        T_CHECK(alpn_n == 2 && memcmp(alpn, "h2", 2) == 0);
    }
    T_EQ(nghttp2_session_callbacks_new(&cb), 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    T_EQ(nghttp2_session_client_new(&c->session, cb, c), 0);
    nghttp2_session_callbacks_del(cb);
    T_EQ(nghttp2_submit_settings(c->session, 0, NULL, 0), 0);
}

static void client_close(struct client *c)
{
    nghttp2_session_del(c->session);
    SSL_free(c->ssl);
    close(c->fd);
}

static void client_flush(struct client *c)
{
    const uint8_t *p;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(c->session, &p)) > 0) {
        if (c->ssl != NULL)
            SSL_write(c->ssl, p, (int)n);
        else if (send(c->fd, p, (size_t)n, MSG_NOSIGNAL) != n)
            return; /* its end is read next */
    }
}

/* One read; false at the end. */
static bool client_turn(struct client *c)
{
    uint8_t bytes[16384];
    client_flush(c);
    ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, bytes, sizeof bytes) : recv(c->fd, bytes, sizeof bytes, 0);
    if (n <= 0) {
        c->ended = n == 0 || c->ssl != NULL ? 0 : errno;
        T_CHECK(c->ended != EAGAIN);
        return false;
    }
    if (nghttp2_session_mem_recv(c->session, bytes, (size_t)n) < 0)
        return false;
    client_flush(c);
    return true;
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0};
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    (void)session, (void)id, (void)room, (void)source, (void)user;
    memcpy(to, "{\"a\":1}", 7);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return 7;
}

static void client_ask(struct client *c, const char *method, const char *path, bool has_body)
{
    nghttp2_nv head[] = {nv(":method", method), nv(":scheme", "http"), nv(":authority", "x"), nv(":path", path)};
    nghttp2_data_provider body = {.read_callback = read_body};
    T_CHECK(nghttp2_submit_request(c->session, NULL, head, 4, has_body ? &body : NULL, NULL) > 0);
}

/* Until so many streams are closed. */
static void client_run(struct client *c, size_t closed_n)
{
    while (c->closed_n < closed_n)
        T_CHECK(client_turn(c));
}

static void client_drain(struct client *c)
{
    while (client_turn(c))
        ;
}

static bool saw(struct client *c, const char *text)
{
    bool is_there = strstr(c->log, text) != NULL;
    if (!is_there)
        fprintf(stderr, "not seen: %s in:\n%s", text, c->log);
    return is_there;
}

static void add_answers(struct up_rig *r)
{
    static const struct up_pair trailer[] = {{{(const uint8_t *)"X-T", 3}, {(const uint8_t *)"1", 1}}};
    struct up_program *p = rig_program(r, 0, "/plain");
    rig_head(p, 200, 5);
    rig_data(p, UP_BODY, "hello");
    p = rig_program(r, 1, "/trailers");
    T_EQ(up_head_set(&up_program_add(p, UP_INFO)->as.head, 103, NULL, 0, UP_BODY_VERBATIM), PS_OK);
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_events(p, "0123456789", 5, 1000, false);
    T_EQ(up_head_set_trailers(&up_program_add(p, UP_TRAILERS)->as.head, trailer, 1), PS_OK);
    p = rig_program(r, 2, "/rst");
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_data(p, UP_BODY, "abc");
    up_program_add(p, UP_RST)->as.code = NGHTTP2_ENHANCE_YOUR_CALM;
    p = rig_program(r, 3, "/empty");
    rig_head(p, 204, UP_BODY_CLOSE);
    p = rig_program(r, 4, "/none");
    p = rig_program(r, 5, "/many");
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_events(p, "0123456789", 30000, 0, false);
}

static void run_answers(struct up_rig *r, SSL_CTX *tls)
{
    struct client c;
    client_open(&c, r->port, tls);
    client_ask(&c, "GET", "/plain?x", false);
    client_ask(&c, "POST", "/trailers", true);
    client_ask(&c, "GET", "/rst", false);
    client_ask(&c, "GET", "/empty", false);
    client_ask(&c, "GET", "/none", false);
    client_ask(&c, "HEAD", "/plain", false);
    client_ask(&c, "GET", "/nowhere", false);
    client_run(&c, 7);
    T_CHECK(saw(&c, "1 :status=200\n1 x-a=b\n1 content-length=5\n"));
    T_CHECK(saw(&c, "3 :status=103\n") && saw(&c, "3 x-t=1\n3 closed 0\n"));
    T_CHECK(saw(&c, "5 closed 11\n") && saw(&c, "7 :status=204\n") && saw(&c, "9 closed 2\n"));
    T_CHECK(saw(&c, "11 content-length=5\n11 closed 0\n") && saw(&c, "13 :status=404\n"));
    T_EQ(c.data_n, 5 + 50 + 3 + strlen("no rule for GET /nowhere\n"));
    c.data_n = 0;
    client_ask(&c, "GET", "/many", false);
    client_ask(&c, "GET", "/many", false);
    client_run(&c, 9);
    T_EQ(c.data_n, 2 * 300000);
    client_close(&c);
}

static void test_answers(void)
{
    struct up_rig r;
    rig_start(&r, 6);
    add_answers(&r);
    rig_serve(&r, NULL);
    run_answers(&r, NULL);
    struct up_stats stats;
    up_log_stats(&r.server->log, &stats);
    T_EQ(stats.requests, 9);
    T_EQ(stats.aborted, 0);
    T_EQ(stats.running, 0);
    T_EQ(stats.events, 60005);
    rig_stop(&r);
}

static void test_answers_over_tls(void)
{
    const struct fake_cert_wants wants = {.cn = "localhost", .san = "IP:127.0.0.1"};
    struct fake_id id = fake_cert_make(&wants, NULL);
    const struct fake_id *ids[] = {&id, NULL};
    char cert_path[64], key_path[64], *cert = fake_certs_pem(ids), *key = fake_key_pem(&id, NULL);
    struct up_tls_context *tls;
    struct up_rig r;
    fake_file_make(cert_path, cert);
    fake_file_make(key_path, key);
    T_EQ(up_tls_context_new(&tls, cert_path, key_path, ps_bytes_of("\2h2\10http/1.1", 12), NULL), PS_OK);
    rig_start(&r, 6);
    add_answers(&r);
    rig_serve(&r, tls);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\2h2", 3);
    run_answers(&r, ctx);
    SSL_CTX_free(ctx);
    T_EQ(up_tls_context_new(&tls, "/nowhere", key_path, ps_bytes_of("", 0), NULL), PS_INVALID);
    rig_stop(&r);
    unlink(cert_path);
    unlink(key_path);
    free(cert);
    free(key);
    fake_cert_free(&id);
}

static struct up_program *goaway_program(struct up_rig *r, size_t i, const char *path, enum up_last last)
{
    struct up_program *p = rig_program(r, i, path);
    struct up_step *s = up_program_add(p, UP_GOAWAY);
    s->as.goaway.code = NGHTTP2_NO_ERROR;
    s->as.goaway.last = last;
    rig_head(p, 200, 1);
    rig_data(p, UP_BODY, "x");
    return p;
}

static void test_goaways(void)
{
    struct up_rig r;
    struct client c;
    rig_start(&r, 4);
    goaway_program(&r, 0, "/max", UP_LAST_MAX);
    goaway_program(&r, 1, "/this", UP_LAST_THIS);
    goaway_program(&r, 2, "/before", UP_LAST_BEFORE);
    struct up_program *p = rig_program(&r, 3, "/slow");
    up_program_add(p, UP_DELAY)->as.delay_us = 50000;
    rig_head(p, 200, 0);
    rig_serve(&r, NULL);
    client_open(&c, r.port, NULL);
    client_ask(&c, "GET", "/slow", false);
    client_ask(&c, "GET", "/max", false);
    client_run(&c, 2);
    T_CHECK(saw(&c, "goaway 2147483647 0\n") && saw(&c, "3 closed 0\n") && saw(&c, "1 :status=200\n"));
    client_close(&c);
    client_open(&c, r.port, NULL);
    client_ask(&c, "GET", "/slow", false);
    client_ask(&c, "GET", "/before", false);
    client_run(&c, 2);
    T_CHECK(saw(&c, "goaway 1 0\n") && saw(&c, "3 closed 7\n") && saw(&c, "1 :status=200\n"));
    client_close(&c);
    client_open(&c, r.port, NULL);
    client_ask(&c, "GET", "/this", false);
    client_run(&c, 1);
    T_CHECK(saw(&c, "goaway 1 0\n1 :status=200\n"));
    client_close(&c);
    client_open(&c, r.port, NULL); /* the server's own, graceful one */
    client_ask(&c, "GET", "/slow", false);
    while (c.log_n == 0) /* its SETTINGS: it speaks HTTP/2 */
        T_CHECK(client_turn(&c));
    T_CHECK(up_log_wait_seen(&r.server->log, 6, 20000000000));
    T_EQ(up_server_goaway(r.server), PS_OK);
    client_drain(&c);
    T_EQ(c.ended, 0);
    T_CHECK(saw(&c, "goaway 2147483647 0\n") && saw(&c, "goaway 1 0\n") && saw(&c, "1 :status=200\n"));
    client_close(&c);
    rig_stop(&r);
}

static void test_connection_steps(void)
{
    struct up_rig r;
    struct client c;
    rig_start(&r, 3);
    struct up_program *p = rig_program(&r, 0, "/settings");
    struct up_step *s = up_program_add(p, UP_SETTINGS);
    s->as.settings.entries = ps_malloc(sizeof *s->as.settings.entries);
    s->as.settings.entries[0] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 7};
    s->as.settings.n = 1;
    up_program_add(p, UP_SPLIT)->as.split.bytes_n = 5;
    rig_head(p, 200, 3);
    rig_data(p, UP_BODY, "abc");
    p = rig_program(&r, 1, "/raw");
    rig_head(p, 200, UP_BODY_CHUNKED);
    s = up_program_add(p, UP_RAW); /* RST_STREAM of stream 1, NO_ERROR */
    T_EQ(up_piece_set(&s->as.data, ps_bytes_of("\0\0\4\3\0\0\0\0\1\0\0\0\0", 13)), PS_OK);
    up_program_add(p, UP_STALL);
    p = rig_program(&r, 2, "/cut");
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_data(p, UP_BODY, "abc");
    up_program_add(p, UP_CUT)->as.cut = UP_CUT_ABRUPT;
    rig_serve(&r, NULL);
    client_open(&c, r.port, NULL);
    client_ask(&c, "GET", "/settings", false);
    client_run(&c, 1);
    T_CHECK(saw(&c, "setting 3=7\n") && saw(&c, "1 closed 0\n"));
    client_ask(&c, "GET", "/cut", false);
    client_drain(&c);
    T_EQ(c.ended, 0);
    T_EQ(c.data_n, 6);
    client_close(&c);
    client_open(&c, r.port, NULL);
    client_ask(&c, "GET", "/raw", false);
    client_run(&c, 1);
    T_CHECK(saw(&c, "1 :status=200\n"));
    client_close(&c);
    rig_stop(&r);
}

/* What is not HTTP/2 behind its preface, and a client that resets. */
static void test_bad_clients(void)
{
    struct up_rig r;
    struct client c;
    int ended;
    rig_start(&r, 1);
    struct up_program *p = rig_program(&r, 0, "/stall");
    rig_head(p, 200, UP_BODY_CHUNKED);
    up_program_add(p, UP_STALL);
    rig_serve(&r, NULL);
    int fd = rig_connect(r.port);
    rig_send(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    free(rig_recv(fd, NULL, &ended));
    T_EQ(ended, 0);
    close(fd);
    client_open(&c, r.port, NULL);
    client_ask(&c, "GET", "/stall", false);
    client_flush(&c);
    while (strstr(c.log, ":status") == NULL)
        T_CHECK(client_turn(&c));
    nghttp2_submit_rst_stream(c.session, 0, 1, NGHTTP2_CANCEL);
    client_flush(&c);
    T_CHECK(up_log_wait_over(&r.server->log, 0, 20000000000));
    struct up_stats stats;
    up_log_stats(&r.server->log, &stats);
    T_EQ(stats.aborted, 1);
    T_EQ(stats.malformed, 1);
    client_close(&c);
    rig_stop(&r);
}

/* Whatever is refused, the stream or the connection ends. */
static enum ps_status serve_with_little_memory(void)
{
    struct up_server *server;
    struct client c;
    int port;
    struct up_listener_settings at = {.host = "127.0.0.1", .max_streams = 100};
    enum ps_status st = up_server_start(&server, 10, 100, NULL);
    if (st != PS_OK)
        return st;
    st = up_server_listen(server, &at, &port, NULL);
    if (st == PS_OK) {
        client_open(&c, port, NULL);
        client_ask(&c, "POST", "/x", true);
        client_ask(&c, "GET", "/y", false);
        while (c.closed_n < 2 && client_turn(&c))
            ;
        client_close(&c);
    }
    up_server_stop(server);
    up_server_free(server);
    return st;
}

static void test_memory(void)
{
    t_each_alloc(serve_with_little_memory);
}

static const struct t_test tests[] = {
    {"answers", test_answers},     {"answers_over_tls", test_answers_over_tls},
    {"goaways", test_goaways},     {"connection_steps", test_connection_steps},
    {"bad_clients", test_bad_clients}, {"memory", test_memory},
};

T_MAIN(tests)
