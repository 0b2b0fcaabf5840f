/* Runs of small DATA frames: joined by exchange, in order, whole; and where a run must not begin or must end. */
#include "h2_rig.h"
#include "proto/h2_state.h"

#define OK_HEAD ":status=200\n"

enum { MANY_N = 400 };

/* Exchanges 1, 3, ... with their heads answered. */
static void start(struct h2_rig *r, size_t streams_n)
{
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    h2_settings(&w, 0, 0);
    for (size_t i = 0; i < streams_n; i++)
        T_EQ(h2_rig_open(r), 2 * i + 1);
    h2_rig_settle(r);
    for (uint32_t i = 0; i < streams_n; i++)
        h2_headers(&w, 2 * i + 1, 0, OK_HEAD);
    h2_rig_say(r, &w);
    h2_wire_free(&w);
    h2_wire_free(&r->log);
}

/* The number of BODY events that `w` makes of one exchange, whose bytes are compared. */
static size_t events_n(struct h2_rig *r, struct h2_wire *w, uint32_t id, const char *want)
{
    size_t n = 0, at = 0;
    struct ps_event ev;
    ps_codec_feed(r->c, ps_bytes_of(w->p, w->n));
    for (;;) {
        ps_codec_next(r->c, &ev);
        if (ev.kind == PS_EV_NONE)
            break;
        if (ev.kind == PS_EV_BODY && ev.id == id) {
            T_CHECK(at + ev.body.n <= strlen(want) && memcmp(want + at, ev.body.p, ev.body.n) == 0);
            at += ev.body.n;
            n++;
        }
        h2_log_event(r, &ev);
        ps_head_free(ev.head);
    }
    T_EQ(at, strlen(want));
    w->n = 0;
    h2_rig_settle(r);
    return n;
}

static void test_frames_of_many_are_joined_by_exchange(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    char want[MANY_N + 1] = {0};
    start(&r, 2);
    for (int i = 0; i < MANY_N; i++) {
        char one[2] = {(char)('a' + i % 26), 0};
        want[i] = one[0];
        h2_data(&w, 1, 0, one);
        h2_data(&w, 3, i + 1 == MANY_N ? END_STREAM : 0, "xyz");
    }
    T_EQ(events_n(&r, &w, 1, want), 1);
    T_EQ(r.body_n, 4 * MANY_N);
    T_EQ(r.ends_n, 1);
    h2_data(&w, 1, END_STREAM, "!");
    T_EQ(events_n(&r, &w, 1, "!"), 1);
    T_EQ(r.ends_n, 2);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* More than one run holds: the runs follow one another, none falls apart into frames. */
static void test_long_input_makes_few_events(void)
{
    enum { FRAMES_N = 500, FRAME_BYTES = 100 };
    struct h2_rig r;
    struct h2_wire w = {0};
    static char want[FRAMES_N * FRAME_BYTES + 1];
    start(&r, 1);
    for (int i = 0; i < FRAMES_N; i++) {
        char *frame = want + i * FRAME_BYTES;
        memset(frame, 'a' + i % 26, FRAME_BYTES);
        char one[FRAME_BYTES + 1] = {0};
        memcpy(one, frame, FRAME_BYTES);
        h2_data(&w, 1, i + 1 == FRAMES_N ? END_STREAM : 0, one);
    }
    T_EQ(events_n(&r, &w, 1, want), (sizeof want + H2_RUN_BYTES - 1) / H2_RUN_BYTES);
    T_EQ(r.ends_n, 1);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* Wherever the input is cut, each exchange gets its bytes in order, then its end. */
static void test_cuts(void)
{
    static const char *const frames[] = {"a", "bc", "def", "g", "hi", "jkl", "mnop", "q"};
    enum { FRAMES_N = sizeof frames / sizeof frames[0], WIRE_N = FRAMES_N * 9 + 17 };
    for (size_t cut = 0; cut < WIRE_N; cut++) {
        struct h2_rig r;
        struct h2_wire w = {0};
        start(&r, 2);
        for (uint32_t i = 0; i < FRAMES_N; i++)
            h2_data(&w, i % 2 == 0 ? 1 : 3, i + 2 < FRAMES_N ? 0 : END_STREAM, frames[i]);
        T_EQ(w.n, WIRE_N);
        h2_feed_cut(&r, &w, cut);
        h2_wire_free(&w);
        T_EQ(r.body_n, 17);
        T_EQ(r.ends_n, 2);
        T_EQ(r.resets_n, 0);
        h2_rig_fini(&r);
    }
}

static void test_what_ends_a_run(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    char large[1026] = {0};
    memset(large, 'l', sizeof large - 1);
    start(&r, 1);
    h2_data(&w, 1, 0, "ab");
    h2_data(&w, 1, 0, "cd");
    h2_data(&w, 1, 0, large); /* a view of its own */
    h2_data(&w, 1, 0, "ef");
    h2_frame(&w, F_PING, 0, 0, "12345678", 8);
    h2_data(&w, 1, 0, "gh");
    h2_frame(&w, F_DATA, PADDED, 1, "\1ij\0", 4);
    h2_frame(&w, F_DATA, 0, 1, "", 0);
    h2_data(&w, 1, 0, "kl");
    h2_data(&w, 1, END_STREAM, "mn");
    h2_data(&w, 1, 0, "stray");
    char want[2048];
    snprintf(want, sizeof want, "abcd%sefghijklmn", large);
    T_EQ(events_n(&r, &w, 1, want), 6);
    T_EQ(r.ends_n, 1);
    T_CHECK(!r.has_failed);
    T_EQ(((struct ps_h2 *)(void *)r.c)->flood.seen_n[H2_NOISE_STRAY], 1);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* Its bytes are not told any more, its neighbour's are. */
static void test_a_dropped_exchange_is_not_told_of(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    struct ps_event ev;
    start(&r, 2);
    h2_data(&w, 1, 0, "one");
    h2_data(&w, 3, 0, "three");
    h2_data(&w, 1, 0, "one");
    ps_codec_feed(r.c, ps_bytes_of(w.p, w.n));
    ps_codec_next(r.c, &ev);
    T_EQ(ev.id, 1);
    T_EQ(ev.body.n, 6);
    ps_codec_drop(r.c, 3);
    ps_codec_next(r.c, &ev);
    T_EQ(ev.kind, PS_EV_NONE);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* What is remembered of one is not taken for the other, nor found once it is over. */
static void test_two_exchanges_with_one_place(void)
{
    enum { OTHER = 1 + 2 * H2_RECENT_N };
    struct h2_rig r;
    struct h2_wire w = {0};
    start(&r, H2_RECENT_N + 1);
    for (int i = 0; i < 3; i++) {
        h2_data(&w, 1, 0, "one");
        h2_data(&w, OTHER, 0, "two");
    }
    T_EQ(events_n(&r, &w, OTHER, "twotwotwo"), 1);
    T_EQ(r.body_n, 18);
    h2_data(&w, 1, 0, "one");
    h2_rig_say(&r, &w);
    ps_codec_drop(r.c, 1);
    h2_data(&w, 1, 0, "one");
    h2_data(&w, 1, 0, "one");
    h2_data(&w, OTHER, 0, "two");
    h2_data(&w, OTHER, END_STREAM, "two");
    h2_data(&w, OTHER, 0, "stray");
    T_EQ(events_n(&r, &w, OTHER, "twotwo"), 1);
    T_EQ(r.body_n, 27);
    T_EQ(r.ends_n, 1);
    T_EQ(((struct ps_h2 *)(void *)r.c)->flood.seen_n[H2_NOISE_STRAY], 3);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* `streams_n` GETs to a peer that may send five bytes of each, their heads answered. */
static void start_narrow(struct h2_rig *r, size_t streams_n)
{
    static const struct ps_codec_limits limits = {.head = {.bytes = 131072, .fields_n = 500},
                                                  .trailer = {.bytes = 16384, .fields_n = 100},
                                                  .line_bytes = 16384,
                                                  .chunk_ext_bytes = 256,
                                                  .info_n = 16,
                                                  .window_bytes = 5};
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(r, "GET", PS_BODY_NONE, 0, &limits), PS_OK);
    r->keeps_credit = true;
    h2_settings(&w, 0, 0);
    h2_frame(&w, F_SETTINGS, ACK, 0, "", 0);
    for (size_t i = 0; i < streams_n; i++)
        (void)h2_rig_open(r);
    h2_rig_settle(r);
    for (uint32_t i = 0; i < streams_n; i++)
        h2_headers(&w, 2 * i + 1, 0, OK_HEAD);
    h2_rig_say(r, &w);
    h2_wire_free(&w);
}

/* More than the peer was allowed to send: what came before is told, then the failure. */
static void test_a_fault_inside_a_run(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    start_narrow(&r, 1);
    h2_data(&w, 1, 0, "abc");
    h2_data(&w, 1, 0, "de");
    h2_data(&w, 1, 0, "f");
    h2_data(&w, 1, 0, "g");
    h2_rig_say(&r, &w);
    const char *got = h2_text(&r.log);
    T_STR(got, h2_one_of(got, "HEAD 1 200\nBODY 1 abcdef\nRESET 1 PROTOCOL FLOW_CONTROL_ERROR\n",
                         "HEAD 1 200\nBODY 1 abcde\nRESET 1 PROTOCOL FLOW_CONTROL_ERROR\n"
                         "FAIL PROTOCOL FLOW_CONTROL_ERROR\n"));
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* Newer libnghttp2 ends the connection for it: not before what others sent earlier was told. */
static void test_a_complete_neighbour_is_not_lost(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    start_narrow(&r, 2);
    h2_data(&w, 1, 0, "abc");
    h2_data(&w, 3, 0, "x");
    h2_data(&w, 3, END_STREAM, "y");
    h2_data(&w, 1, 0, "def");
    h2_data(&w, 1, 0, "g");
    h2_rig_say(&r, &w);
    T_EQ(r.ends_n, 1);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

static uint32_t empty_data_left(const struct h2_rig *r)
{
    return ((struct ps_h2 *)(void *)r->c)->flood.left_n[H2_NOISE_EMPTY_DATA];
}

/* Rule 48: 100 empty frames, and one more for each useful one. */
static void test_a_run_pays_as_much_as_its_frames(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    start(&r, 2);
    for (int i = 0; i < 90; i++)
        h2_data(&w, 1, 0, "");
    for (int i = 0; i < 10; i++) {
        h2_data(&w, 1, 0, "a");
        h2_data(&w, 3, 0, "b");
        h2_frame(&w, F_PING, 0, 0, "12345678", 8);
    }
    h2_rig_say(&r, &w);
    T_EQ(empty_data_left(&r), 100 - 90 + 20);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

static void test_refused_bytes_pay_nothing(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    T_EQ(h2_rig_init(&r, "GET", PS_BODY_NONE, 0, NULL), PS_OK);
    h2_settings(&w, 0, 0);
    (void)h2_rig_open(&r);
    h2_rig_settle(&r);
    h2_headers(&w, 1, 0, ":status=200\ncontent-length=1\n");
    for (int i = 0; i < 90; i++)
        h2_data(&w, 1, 0, "");
    for (int i = 0; i < 51; i++)
        h2_data(&w, 1, 0, "ab");
    h2_rig_say(&r, &w);
    T_EQ(r.resets_n, 1);
    T_EQ(empty_data_left(&r), 10);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* Frame by frame then. */
static void test_without_memory_nothing_is_lost(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    start(&r, 1);
    h2_data(&w, 1, 0, "ab");
    h2_data(&w, 1, 0, "cd");
    ps_mem_fail_at(1);
    size_t n = events_n(&r, &w, 1, "abcd");
    ps_mem_fail_at(0);
    T_EQ(n, 2);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

/* And no frame is looked at again for each frame before it. */
static void test_without_memory_a_run_is_measured_once(void)
{
    struct h2_rig r;
    struct h2_wire w = {0};
    struct ps_event ev;
    size_t asked_n = 0;
    start(&r, 1);
    for (int i = 0; i < MANY_N; i++)
        h2_data(&w, 1, 0, "a");
    ps_codec_feed(r.c, ps_bytes_of(w.p, w.n));
    do {
        ps_mem_fail_at(1);
        ps_codec_next(r.c, &ev);
        asked_n += ps_mem_asked_n();
    } while (ev.kind != PS_EV_NONE);
    ps_mem_fail_at(0);
    T_EQ(asked_n, 1);
    h2_rig_fini(&r);
    h2_wire_free(&w);
}

static const struct t_test tests[] = {
    {"frames_of_many_are_joined_by_exchange", test_frames_of_many_are_joined_by_exchange},
    {"long_input_makes_few_events", test_long_input_makes_few_events},
    {"cuts", test_cuts},
    {"what_ends_a_run", test_what_ends_a_run},
    {"a_dropped_exchange_is_not_told_of", test_a_dropped_exchange_is_not_told_of},
    {"two_exchanges_with_one_place", test_two_exchanges_with_one_place},
    {"a_fault_inside_a_run", test_a_fault_inside_a_run},
    {"a_complete_neighbour_is_not_lost", test_a_complete_neighbour_is_not_lost},
    {"a_run_pays_as_much_as_its_frames", test_a_run_pays_as_much_as_its_frames},
    {"refused_bytes_pay_nothing", test_refused_bytes_pay_nothing},
    {"without_memory_nothing_is_lost", test_without_memory_nothing_is_lost},
    {"without_memory_a_run_is_measured_once", test_without_memory_a_run_is_measured_once},
};

T_MAIN(tests)
