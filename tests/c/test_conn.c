/* A connection alone, without pool and engine: its states, its up-calls, and what its owner may do in
 * them. The owner here is the test: it opens, drops and closes at the moments that hurt. */
#include <sys/socket.h>

#include "conn/conn.h"
#include "rig.h"
#include "tls_serve.h"

/* One connection and one exchange on it. */
struct one {
    struct rig *rig; /* for its loop and engine's environment */
    struct ps_conn_settings settings;
    struct ps_conn *conn;
    struct ps_stream stream;
    struct ps_request *request;
    struct ps_chunk *body;
    size_t body_at;
    int opened_n, freed_n, downs_n, closed_n, sent_n, over_n;
    struct ps_err down_err, over_err;
    bool not_processed;
    bool refuses_head;
    void (*on_free)(struct one *o);
    void (*on_sent)(struct one *o);
};

static void on_open(void *owner, struct ps_conn *c)
{
    struct one *o = owner;
    (void)c;
    o->opened_n++;
}

static void on_free(void *owner, struct ps_conn *c)
{
    struct one *o = owner;
    (void)c;
    o->freed_n++;
    if (o->on_free != NULL)
        o->on_free(o);
}

static void on_down(void *owner, struct ps_conn *c, const struct ps_err *err)
{
    struct one *o = owner;
    (void)c;
    o->downs_n++;
    if (err != NULL)
        o->down_err = *err;
    (void)t_told(o->down_err.status);
}

static void on_closed(void *owner, struct ps_conn *c)
{
    struct one *o = owner;
    T_CHECK(o->conn == c);
    o->conn = NULL;
    o->closed_n++;
}

static const struct ps_conn_ops conn_ops = {on_open, on_free, on_down, on_closed};

static enum ps_status on_head(void *owner, struct ps_head *given, struct ps_err *err)
{
    struct one *o = owner;
    if (o->refuses_head) /* refused, so it stays with who gave it */
        return ps_err_set(err, PS_LIMIT, PS_PHASE_BODY, "no room");
    ps_head_free(given);
    return PS_OK;
}

static enum ps_status on_body(void *owner, struct ps_bytes view, struct ps_err *err)
{
    (void)owner, (void)view, (void)err;
    return PS_OK;
}

static bool body_peek(void *owner, struct ps_bytes *view, bool *end)
{
    struct one *o = owner;
    *view = ps_bytes_of(o->body->data + o->body_at, o->body->n - o->body_at);
    *end = true;
    return true;
}

static void body_taken(void *owner, size_t n)
{
    struct one *o = owner;
    o->body_at += n;
}

static void on_sent(void *owner)
{
    struct one *o = owner;
    o->sent_n++;
    if (o->on_sent != NULL)
        o->on_sent(o);
}

static void on_over(void *owner, const struct ps_err *err, bool not_processed)
{
    struct one *o = owner;
    o->over_n++;
    o->not_processed = not_processed;
    if (err != NULL)
        o->over_err = *err;
    (void)t_told(o->over_err.status);
}

static const struct ps_stream_ops stream_ops = {.on_info = on_head,
                                                .on_head = on_head,
                                                .on_body = on_body,
                                                .on_trailers = on_head,
                                                .body_peek = body_peek,
                                                .body_taken = body_taken,
                                                .on_sent = on_sent,
                                                .on_over = on_over};

static enum ps_status one_request(struct one *o, size_t body_n, struct ps_err *err)
{
    struct ps_url url;
    T_EQ(ps_url_split(&url, ps_bytes_str("http://127.0.0.1/x"), err), PS_OK);
    enum ps_status st = ps_request_new(&o->request, ps_bytes_str("POST"), &url, err);
    if (st == PS_OK && body_n > 0) {
        o->body = ps_chunk_new(body_n);
        if (o->body == NULL)
            return PS_NOMEM;
        memset(o->body->data, 'x', body_n);
    }
    if (st == PS_OK)
        st = ps_request_seal(o->request, body_n > 0 ? PS_BODY_FIXED : PS_BODY_NONE, body_n, err);
    o->stream.ops = &stream_ops;
    o->stream.owner = o;
    o->stream.request = o->request;
    o->stream.auto_credit = true;
    return st;
}

/* A dialing connection to the peer and a request ready for it. */
static enum ps_status one_open(struct one *o, const struct fake_peer *peer, size_t body_n,
                               bool is_https)
{
    struct ps_err err;
    *o = (struct one){.rig = rig_open()};
    if (o->rig == NULL)
        return PS_NOMEM;
    if (is_https) {
        struct ps_tls_settings tls = pair_settings();
        enum ps_status st = ps_profile_set_tls(o->rig->profile, &tls, &err);
        if (st != PS_OK)
            return st;
    }
    o->settings = o->rig->profile->settings.conn;
    struct ps_conn_target target = {
        .host = "127.0.0.1", .port = fake_peer_port(peer), .is_https = is_https, .key = "k"};
    enum ps_status st = one_request(o, body_n, &err);
    if (st == PS_OK)
        st = ps_conn_new(&o->conn, &o->rig->engine->env, &o->settings, &target, 10000, &conn_ops,
                         o, &err);
    return st;
}

static void one_close(struct one *o)
{
    if (o->conn != NULL)
        ps_conn_close(o->conn, NULL);
    if (o->rig != NULL) {
        RIG_UNTIL(o->rig, o->conn == NULL);
        rig_close(o->rig);
    }
    T_EQ(o->closed_n, o->downs_n); /* each told once */
    ps_request_free(o->request);
    ps_chunk_unref(o->body);
}

/* A refused one is made at the second try. */
static void must_open(struct one *o, const struct fake_peer *peer, size_t body_n, bool is_https)
{
    enum ps_status st = one_open(o, peer, body_n, is_https);
    if (st == PS_NOMEM && t_lame_test != NULL) {
        one_close(o);
        st = one_open(o, peer, body_n, is_https);
    }
    T_EQ(st, PS_OK);
}

static void open_stream(struct one *o)
{
    struct ps_err err;
    if (o->conn == NULL || o->conn->state != PS_CONN_OPEN) {
        T_CHECK(false); /* only a lame test comes here */
        return;
    }
    enum ps_status st = ps_conn_open_stream(o->conn, &o->stream, &err);
    (void)t_told(st);
    T_EQ(st, PS_OK);
}

static void start(struct one *o)
{
    RIG_UNTIL(o->rig, o->opened_n == 1);
    open_stream(o);
}

/* -- tests -- */

static enum ps_status life_scenario(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct one o;
    struct ps_err err;
    enum ps_status st = one_open(&o, peer, 10, false);
    if (st == PS_OK) {
        RIG_UNTIL(o.rig, o.opened_n == 1 || o.downs_n == 1);
        st = o.opened_n == 1 ? ps_conn_open_stream(o.conn, &o.stream, &err) : o.down_err.status;
    }
    if (st == PS_OK) {
        RIG_UNTIL(o.rig, o.over_n == 1);
        st = o.over_err.status;
    }
    if (st == PS_OK) {
        T_EQ(o.sent_n, 1);
        T_EQ(o.freed_n, 1);
        T_EQ(o.conn->state, PS_CONN_OPEN);
        ps_conn_drain(o.conn);
        T_EQ(o.downs_n, 1);
    }
    one_close(&o);
    fake_peer_stop(peer);
    return st;
}

static void a_connection_lives_and_drains(void)
{
    t_each_alloc(life_scenario);
}

static void close_in_on_sent(struct one *o)
{
    ps_conn_close(o->conn, NULL);
}

static void the_connection_may_be_closed_in_on_sent(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_silence, NULL);
    struct one o;
    must_open(&o, peer, 10, false);
    o.on_sent = close_in_on_sent;
    start(&o);
    RIG_UNTIL(o.rig, o.over_n == 1);
    T_EQ(o.over_err.status, PS_CLOSED);
    T_CHECK(!o.not_processed);
    one_close(&o);
    fake_peer_stop(peer);
}

static void drop_in_on_sent(struct one *o)
{
    ps_conn_drop_stream(&o->stream);
}

static void the_stream_may_be_dropped_in_on_sent(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_silence, NULL);
    struct one o;
    must_open(&o, peer, 10, false);
    o.on_sent = drop_in_on_sent;
    start(&o);
    RIG_UNTIL(o.rig, o.conn == NULL); /* the peer has the request: the connection is spent */
    T_EQ(o.over_n, 0);
    one_close(&o);
    fake_peer_stop(peer);
}

/* Opens the next exchange and gives it up before a byte of it was pulled. */
static void open_and_drop(struct one *o)
{
    if (o->freed_n > 1)
        return;
    o->body_at = 0;
    open_stream(o);
    ps_conn_drop_stream(&o->stream);
}

static void a_slot_given_back_unused_is_told_again(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct one o;
    must_open(&o, peer, 10, false);
    o.on_free = open_and_drop;
    start(&o);
    RIG_UNTIL(o.rig, o.freed_n > 0);
    T_EQ(o.freed_n, 2);
    T_CHECK(o.conn != NULL && o.conn->state == PS_CONN_OPEN && ps_conn_free_slots(o.conn) == 1);
    one_close(&o);
    fake_peer_stop(peer);
}

static void a_refused_head_is_not_lost(void)
{
    struct fake_peer *peer = fake_peer_start(rig_serve_ok, NULL);
    struct one o;
    must_open(&o, peer, 10, false);
    o.refuses_head = true;
    start(&o);
    RIG_UNTIL(o.rig, o.over_n == 1);
    T_EQ(o.over_err.status, PS_LIMIT);
    T_CHECK(!o.not_processed);
    one_close(&o);
    fake_peer_stop(peer);
}

/* -- proof that nothing was processed -- */

struct script {
    SSL_CTX *ctx; /* NULL = plain */
    atomic_int gate, is_gone;
};

/* Goes away, entirely, without a request: whatever is written then is answered by a reset. */
static void serve_and_go(struct fake_peer *p, int fd, int nth, void *data)
{
    struct script *s = data;
    (void)p, (void)nth;
    SSL *ssl = s->ctx == NULL ? NULL : tls_serve_open(s->ctx, fd);
    rig_await(&s->gate, 1);
    if (ssl != NULL)
        SSL_free(ssl);
    shutdown(fd, SHUT_RDWR);
    rig_set(&s->is_gone);
}

/* The peer goes while the loop stands still, then a request of `body_n` bytes is written. */
static void write_to_the_gone(struct one *o, struct script *s)
{
    RIG_UNTIL(o->rig, o->opened_n == 1);
    rig_set(&s->gate);
    rig_await(&s->is_gone, 1);
    open_stream(o);
    RIG_UNTIL(o->rig, o->over_n == 1);
}

static void a_request_that_the_kernel_took_may_be_processed(void)
{
    struct script s = {0};
    struct fake_peer *peer = fake_peer_start(serve_and_go, &s);
    struct one o;
    must_open(&o, peer, 10, false);
    write_to_the_gone(&o, &s);
    T_CHECK(o.over_err.status != PS_OK);
    T_CHECK(!o.not_processed);
    one_close(&o);
    fake_peer_stop(peer);
}

/* TLS makes two writes of one piece: when the second fails, the first has left all the same. */
static void half_a_piece_may_be_processed(void)
{
    pair_certs();
    const struct fake_tls_wants wants = {.leaf = &pair_leaf};
    struct script s = {.ctx = fake_tls_ctx(&wants)};
    struct fake_peer *peer = fake_peer_start(serve_and_go, &s);
    struct one o;
    must_open(&o, peer, 1 << 20, true);
    write_to_the_gone(&o, &s);
    T_CHECK(o.over_err.status != PS_OK);
    T_CHECK(!o.not_processed);
    one_close(&o);
    fake_peer_stop(peer);
    SSL_CTX_free(s.ctx);
}

/* Goes with a reset, so that the first write already fails. */
static void serve_and_reset(struct fake_peer *p, int fd, int nth, void *data)
{
    struct script *s = data;
    (void)p, (void)nth;
    rig_await(&s->gate, 1);
    fake_peer_abort(fd);
    rig_set(&s->is_gone);
}

static void a_request_that_the_kernel_refused_was_not_processed(void)
{
    struct script s = {0};
    struct fake_peer *peer = fake_peer_start(serve_and_reset, &s);
    struct one o;
    must_open(&o, peer, 10, false);
    write_to_the_gone(&o, &s);
    T_EQ(o.over_err.status, PS_WRITE_FAILED);
    T_EQ(o.over_err.phase, PS_PHASE_SEND);
    T_CHECK(o.not_processed);
    T_EQ(o.sent_n, 0);
    one_close(&o);
    fake_peer_stop(peer);
}

static const struct t_test tests[] = {
    {"a_connection_lives_and_drains", a_connection_lives_and_drains},
    {"the_connection_may_be_closed_in_on_sent", the_connection_may_be_closed_in_on_sent},
    {"the_stream_may_be_dropped_in_on_sent", the_stream_may_be_dropped_in_on_sent},
    {"a_slot_given_back_unused_is_told_again", a_slot_given_back_unused_is_told_again},
    {"a_refused_head_is_not_lost", a_refused_head_is_not_lost},
    {"a_request_that_the_kernel_took_may_be_processed",
     a_request_that_the_kernel_took_may_be_processed},
    {"half_a_piece_may_be_processed", half_a_piece_may_be_processed},
    {"a_request_that_the_kernel_refused_was_not_processed",
     a_request_that_the_kernel_refused_was_not_processed},
};

T_MAIN_LAME(tests)
