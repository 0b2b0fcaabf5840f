/* Any bytes as what a server sends, frame by frame: the input chooses frames, their contents, how
 * they are cut, and between them opens, drops, credits, uploads, pings, tags. Whatever comes: no
 * crash, no leak, each exchange ends at most once, bodies come only between HEAD and end, FAIL is
 * final, the end of input ends everything. */
#include "h2_input.h"
#include "h2_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MOST_BYTES = 8192,
    MOST_STREAMS = 64
};

static const struct ps_codec_limits small_limits = {
    .head = {.bytes = 512, .fields_n = 6},
    .trailer = {.bytes = 128, .fields_n = 2},
    .info_n = 2,
    .window_bytes = 256,
};

struct world {
    struct h2_rig r;
    enum {
        UNUSED,
        OPEN,
        HEADED,
        OVER
    } states[MOST_STREAMS]; /* by (id - 1) / 2 */
    size_t opened_n;
    size_t unread[MOST_STREAMS];
    bool was_sent[MOST_STREAMS];
    void *tags[MOST_STREAMS];
};

static size_t slot_of(uint32_t id)
{
    T_CHECK(id % 2 == 1 && (id - 1) / 2 < MOST_STREAMS);
    return (id - 1) / 2;
}

static void check_event(struct world *w, const struct ps_event *ev)
{
    T_CHECK(!w->r.has_failed);
    if (ev->kind == PS_EV_GOAWAY)
        return;
    if (ev->kind == PS_EV_FAIL) {
        w->r.has_failed = true;
        for (size_t i = 0; i < w->opened_n; i++)
            T_EQ(w->states[i], OVER);
        return;
    }
    size_t at = slot_of(ev->id);
    T_CHECK(w->states[at] == OPEN || w->states[at] == HEADED);
    T_CHECK(ev->tag == w->tags[at]);
    if (ev->kind == PS_EV_HEAD || ev->kind == PS_EV_INFO)
        T_EQ(w->states[at], OPEN);
    if (ev->kind == PS_EV_BODY || ev->kind == PS_EV_TRAILERS || ev->kind == PS_EV_END)
        T_EQ(w->states[at], HEADED);
    if (ev->kind == PS_EV_HEAD)
        w->states[at] = HEADED;
    if (ev->kind == PS_EV_END || ev->kind == PS_EV_RESET)
        w->states[at] = OVER;
    if (ev->kind == PS_EV_BODY) {
        volatile uint8_t sum = 0; /* the view must be readable */
        for (size_t i = 0; i < ev->body.n; i++)
            sum = (uint8_t)(sum + ev->body.p[i]);
        w->unread[at] += ev->body.n;
    }
}

static void events(struct world *w)
{
    for (;;) {
        struct ps_event ev;
        ps_codec_next(w->r.c, &ev);
        if (ev.kind == PS_EV_NONE)
            return;
        check_event(w, &ev);
        ps_head_free(ev.head);
    }
}

/* What the codec says of itself must fit what it told. */
static void look(struct world *w)
{
    for (size_t at = 0; at < w->opened_n; at++) {
        uint32_t id = (uint32_t)at * 2 + 1;
        bool is_over = w->states[at] == OVER;
        bool is_sent = ps_h2_is_sent(w->r.c, id);
        T_CHECK(!is_sent || !is_over);
        T_CHECK(is_sent || is_over || !w->was_sent[at]);
        w->was_sent[at] = is_sent;
        T_CHECK(w->states[at] != HEADED || is_sent);
        T_CHECK(ps_h2_unsent_n(w->r.c, id) <= (is_over ? 0 : 65536));
        T_CHECK(!ps_codec_is_waiting(w->r.c, id) || !is_over);
    }
    T_CHECK(!w->r.has_failed || ps_codec_free_slots(w->r.c) == 0);
}

static void pull(struct world *w, size_t room)
{
    struct ps_buf out;
    bool was_wanted = ps_codec_wants_write(w->r.c);
    ps_buf_init(&out, room);
    T_EQ(ps_codec_pull(w->r.c, &out, NULL), PS_OK);
    T_CHECK(was_wanted || ps_buf_n(&out) == 0);
    ps_buf_fini(&out);
}

static void feed(struct world *w, const struct h2_wire *bytes, uint8_t cut)
{
    uint64_t frames_n = ps_h2_frames_seen_n(w->r.c);
    for (size_t at = 0; at < bytes->n;) {
        size_t n = bytes->n - at;
        if (cut != 0 && n > cut)
            n = cut;
        uint8_t *piece = malloc(n);
        T_CHECK(piece != NULL);
        memcpy(piece, bytes->p + at, n);
        ps_codec_feed(w->r.c, ps_bytes_of(piece, n));
        events(w);
        free(piece);
        at += n;
    }
    if (ps_h2_frames_seen_n(w->r.c) > frames_n)
        T_CHECK(!ps_h2_is_doubtful(w->r.c));
}

static void open_one(struct world *w)
{
    uint32_t id = 0;
    if (w->opened_n == MOST_STREAMS || ps_codec_free_slots(w->r.c) == 0)
        return;
    enum ps_status st = ps_codec_open(w->r.c, w->r.req, &id, NULL);
    T_CHECK(st == PS_OK || st == PS_LIMIT);
    if (st != PS_OK)
        return;
    T_EQ(slot_of(id), w->opened_n);
    w->states[w->opened_n++] = OPEN;
}

static void act(struct world *w, struct input *in)
{
    static const uint8_t body[256] = {0};
    uint8_t what = take(in);
    uint32_t id = (uint32_t)(take(in) % 8) * 2 + 1;
    size_t at = slot_of(id), taken_n;
    switch (what % 12) {
    case 0:
        open_one(w);
        break;
    case 1:
        ps_codec_drop(w->r.c, id);
        if (w->states[at] != UNUSED)
            w->states[at] = OVER;
        break;
    case 2:
        ps_codec_credit(w->r.c, id, w->unread[at]);
        w->unread[at] = 0;
        break;
    case 3:
        if (w->states[at] != UNUSED)
            (void)!ps_codec_send(w->r.c, id, ps_bytes_of(body, take(in)), what > 200, &taken_n,
                                 NULL);
        break;
    case 4:
        T_EQ(ps_h2_ping(w->r.c, NULL), PS_OK);
        break;
    case 5:
        if (what > 240)
            T_EQ(ps_h2_shutdown(w->r.c, NULL), PS_OK);
        break;
    case 6:
        ps_codec_stop_waiting(w->r.c, id);
        break;
    case 7:
        ps_h2_tag(w->r.c, id, &w->tags[what % MOST_STREAMS]);
        if (w->states[at] == OPEN || w->states[at] == HEADED)
            w->tags[at] = &w->tags[what % MOST_STREAMS];
        break;
    default:
        pull(w, 1 + take(in) * 64u);
        break;
    }
    events(w);
}

static void run(struct world *w, struct input *in)
{
    struct h2_wire bytes = {0};
    h2_settings(&bytes, 0, 0);
    feed(w, &bytes, 0);
    while (in->n > 0) {
        uint8_t choice = take(in);
        bytes.n = 0;
        if (choice < 64) {
            act(w, in);
        } else if (choice < 250) {
            for (uint8_t left = choice % 4 + 1; left > 0; left--)
                put_frame(&bytes, in);
            feed(w, &bytes, choice % 5 == 0 ? take(in) : 0);
        } else {
            put_raw(&bytes, in);
            feed(w, &bytes, choice == 250 ? 1 : choice == 251 ? 9 : 0);
        }
        look(w);
    }
    h2_wire_free(&bytes);
    pull(w, 1u << 20);
    events(w);
    ps_codec_feed_eof(w->r.c, true);
    events(w);
    T_CHECK(w->r.has_failed); /* an end is always told, and checks that all are over */
    T_EQ(ps_codec_free_slots(w->r.c), 0);
    T_CHECK(!ps_codec_is_reusable(w->r.c) && !ps_codec_wants_read(w->r.c));
}

/* A request as the input's first byte has it; with 16 a body waits for 100 Continue. */
static void make_rig(struct world *w, uint8_t choice)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "POST"};
    enum ps_body_kind kind = choice % 4 < 2    ? PS_BODY_NONE
                             : choice % 4 == 2 ? PS_BODY_FIXED
                                               : PS_BODY_STREAM;
    struct ps_url url;
    struct ps_request **req = &w->r.req;
    T_EQ(ps_url_split(&url, ps_bytes_str("https://a.example/x"), NULL), PS_OK);
    T_EQ(ps_request_new(req, ps_bytes_str(methods[choice % 4]), &url, NULL), PS_OK);
    if (choice & 16)
        T_EQ(ps_request_add(*req, ps_bytes_str("expect"), ps_bytes_str("100-continue"), NULL),
             PS_OK);
    T_EQ(ps_request_seal(*req, kind, kind == PS_BODY_FIXED ? 300 : 0, NULL), PS_OK);
    T_EQ(ps_h2_new(&w->r.c, choice & 4 ? &small_limits : &h2_test_limits, NULL), PS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n < MOST_BYTES ? n : MOST_BYTES};
    struct world w = {0};
    uint8_t choice = take(&in);
    make_rig(&w, choice);
    for (uint8_t i = 0; i < choice / 64 + 1; i++)
        open_one(&w);
    if (choice & 8)
        pull(&w, 4096);
    run(&w, &in);
    h2_rig_fini(&w.r);
    T_EQ(ps_mem_live_n(), 0);
    return 0;
}
