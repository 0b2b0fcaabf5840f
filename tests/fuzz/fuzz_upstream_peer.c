/* A connection of the scripted upstream without its socket: any bytes, as HTTP/2 frames that are mostly well formed or
 * as HTTP/1.1, against a script with steps of every kind. The input chooses also when the answer is taken, when timers
 * ring, and what the server is told to do. Nothing may crash, leak or grow without bound, and in the end nothing runs. */
#include "h2_input.h"
#include "upstream/h1_peer.h"
#include "upstream/h2_peer.h"
#include "upstream_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MOST_BYTES = 4096,
    RULES_N = 9,
    BODY_LIMIT_BYTES = 256,
};

/* -- the script: /0 to /8, each with a program of its own -- */

static void add_raw_and_cut(struct up_program *p)
{
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_data(p, UP_RAW, "zz\r\n");
    up_program_add(p, UP_CUT)->as.cut = UP_CUT_FIN;
}

static void add_goaway(struct up_program *p, enum up_last last)
{
    struct up_step *s = up_program_add(p, UP_GOAWAY);
    s->as.goaway.last = last;
    rig_head(p, 200, 2);
    rig_data(p, UP_BODY, "ok");
}

static void add_settings(struct up_program *p)
{
    struct up_step *s = up_program_add(p, UP_SETTINGS);
    s->as.settings.entries = ps_zalloc(sizeof *s->as.settings.entries);
    s->as.settings.entries[0] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 3};
    s->as.settings.n = 1;
    rig_head(p, 200, UP_BODY_CLOSE);
    rig_data(p, UP_BODY, "until the end");
}

static void add_stream(struct up_program *p)
{
    static const struct up_pair sum[] = {{{(const uint8_t *)"sum", 3}, {(const uint8_t *)"1", 1}}};
    rig_head(p, 103, 0);
    p->steps[p->n - 1].kind = UP_INFO;
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_events(p, "data: 00000000000000000000\n\n", 100, 0, true);
    T_EQ(up_head_set_trailers(&up_program_add(p, UP_TRAILERS)->as.head, sum, 1), PS_OK);
}

static void add_paced(struct up_program *p)
{
    up_program_add(p, UP_DELAY)->as.delay_us = 1;
    rig_head(p, 200, UP_BODY_CHUNKED);
    rig_events(p, "data: x\n\n", 3, 1e6, false);
    up_program_add(p, UP_STALL);
}

static struct up_script *script_new(void)
{
    struct up_rig rig = {.script = up_script_new(RULES_N)};
    struct up_program *p[RULES_N];
    static const char *const paths[RULES_N] = {"/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"};
    const char *why = "";
    for (size_t i = 0; i < RULES_N; i++)
        p[i] = rig_program(&rig, i, paths[i]);
    rig_head(p[0], 200, 5);
    rig_data(p[0], UP_BODY, "hello");
    add_stream(p[1]);
    add_paced(p[2]);
    add_raw_and_cut(p[3]);
    add_goaway(p[4], UP_LAST_MAX);
    add_goaway(p[5], UP_LAST_BEFORE);
    add_settings(p[6]);
    rig.script->rules[7].is_early = true;
    rig_head(p[7], 204, 0);
    up_program_add(p[8], UP_SPLIT)->as.split.bytes_n = 1;
    rig_head(p[8], 200, UP_BODY_CHUNKED);
    rig_data(p[8], UP_BODY, "part");
    up_program_add(p[8], UP_RST)->as.code = 8;
    T_EQ(up_script_check(rig.script, &why), PS_OK);
    return rig.script;
}

/* -- the server and its one connection -- */

static struct up_server *server_new(void)
{
    struct up_server *s = ps_zalloc(sizeof *s);
    ps_list_init(&s->listeners);
    ps_list_init(&s->peers);
    ps_list_init(&s->ready);
    s->body_limit_bytes = BODY_LIMIT_BYTES;
    T_EQ(up_log_init(&s->log, 4), 0);
    T_EQ(uv_loop_init(&s->loop), 0);
    T_EQ(up_pace_open(&s->pace, &s->loop), 0);
    s->script = script_new();
    return s;
}

static void server_free(struct up_server *s)
{
    struct up_stats stats;
    up_log_stats(&s->log, &stats);
    T_EQ(stats.running, 0);
    T_EQ(stats.connections, 0);
    up_script_unref(s->script);
    up_pace_close(&s->pace);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    up_pace_fini(&s->pace);
    T_EQ(uv_loop_close(&s->loop), 0);
    up_log_fini(&s->log);
    ps_free(s);
}

static void never(struct up_alarm *a)
{
    (void)a; /* the pauses of writing are the socket's */
}

static struct up_peer *peer_new(struct up_server *s)
{
    struct up_peer *p = ps_zalloc(sizeof *p);
    struct up_listener *l = ps_zalloc(sizeof *l);
    *l = (struct up_listener){.server = s, .refs_n = 1, .open_n = 1, .settings.max_streams = 4};
    uv_tcp_init(&s->loop, &p->uv.tcp);
    p->uv.handle.data = p;
    p->server = s;
    p->listener = l;
    p->is_reading = true;
    p->pause.ring = never;
    ps_buf_init(&p->plain, SIZE_MAX / 4);
    ps_buf_init(&p->out, SIZE_MAX / 4);
    ps_buf_init(&p->flight, SIZE_MAX / 4);
    ps_list_push_back(&s->peers, &p->node);
    up_log_connection(&s->log, true);
    return p;
}

/* Fills, and with `takes` the socket has taken all. */
static void fill(struct up_peer *p, bool takes)
{
    ps_node_unlink(&p->ready_node);
    if (p->phase == UP_PEER_OPEN)
        p->protocol->fill(p);
    T_CHECK(ps_buf_n(&p->out) <= UP_OUT_BYTES + UP_READ_BYTES);
    if (takes)
        ps_buf_clear(&p->out);
}

static void feed(struct up_peer *p, const struct h2_wire *wire)
{
    if (wire->n == 0 || p->phase != UP_PEER_OPEN)
        return;
    uint8_t *copy = malloc(wire->n); /* so that a view kept too long is seen */
    memcpy(copy, wire->p, wire->n);
    p->protocol->feed(p, ps_bytes_of(copy, wire->n));
    free(copy);
}

/* -- what the input says -- */

static void put_request(struct h2_wire *w, struct input *in, uint32_t id)
{
    static const char *const methods[] = {":method=GET\n", ":method=HEAD\n", ":method=POST\n", ":method=CONNECT\n"};
    static const char *const more[] = {"", "expect=100-continue\n", "content-length=3\n", "A=b\n"};
    char path[] = ":scheme=http\n:authority=a\n:path=/0\n";
    struct h2_wire block = {0};
    uint8_t choice = take(in), flags = take(in);
    path[sizeof path - 3] = (char)('0' + choice % 16);
    h2_block(&block, methods[(choice >> 4) % 4]);
    h2_block(&block, path);
    h2_block(&block, more[choice >> 6]);
    h2_frame(w, F_HEADERS, END_HEADERS | (flags & END_STREAM), id, block.p, block.n);
    h2_wire_free(&block);
}

static void put_h1(struct h2_wire *w, struct input *in)
{
    static const char *const heads[] = {"GET /%c HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /%c HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /%c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "GET /%c HTTP/1.0\r\n\r\n",
        "POST /%c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"};
    char text[128];
    uint8_t choice = take(in);
    int n = snprintf(text, sizeof text, heads[(choice >> 4) % 5], '0' + choice % 16);
    h2_raw(w, text, (size_t)n);
}

/* One thing that happens; `wire` gathers what is fed at once. */
static void act(struct up_peer *p, bool is_h2, struct input *in, struct h2_wire *wire)
{
    uint8_t what = take(in);
    switch (what % 8) {
    case 0:
    case 1:
        if (is_h2)
            put_request(wire, in, 1 + 2u * (what / 8));
        else
            put_h1(wire, in);
        break;
    case 2:
        is_h2 ? put_frame(wire, in) : put_h1(wire, in);
        break;
    case 3:
        put_raw(wire, in);
        break;
    case 4:
        feed(p, wire);
        wire->n = 0;
        break;
    case 5:
    case 6:
        fill(p, what % 8 == 5);
        break;
    default:
        if (what < 128)
            uv_run(&p->server->loop, UV_RUN_NOWAIT);
        else if (what < 192 && p->phase == UP_PEER_OPEN && p->protocol->goaway != NULL)
            p->protocol->goaway(p);
        else if (what > 250)
            up_peer_cut(p, UP_CUT_RESET);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > MOST_BYTES)
        return 0;
    struct up_server *s = server_new();
    struct up_peer *p = peer_new(s);
    struct input in = {data + 1, n - 1};
    struct h2_wire wire = {0};
    bool is_h2 = data[0] % 4 != 0;
    T_EQ(is_h2 ? up_h2_start(p) : up_h1_start(p), PS_OK);
    if (is_h2 && data[0] % 4 != 1) {
        h2_raw(&wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
        h2_settings(&wire, 0, 0);
    }
    while (in.n > 0 && p->phase == UP_PEER_OPEN)
        act(p, is_h2, &in, &wire);
    feed(p, &wire);
    fill(p, true);
    up_peer_close(p);
    h2_wire_free(&wire);
    server_free(s);
    T_EQ(ps_mem_live_n(), 0);
    return 0;
}
