/* The tally of streams: framing at every cut, what is given out, and every allocation refused. */
#include "sse/gathered.h"
#include "sse/tally.h"
#include "t.h"

static const char chat[] =
    "\xef\xbb\xbf"
    ": hi\r\n\r\n"
    "data: {\"id\":\"c1\",\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\\u00e9\"}}],\"usage\":null}\r\r"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\","
    "\"tool_calls\":[{\"index\":1,\"id\":\"t\",\"function\":"
    "{\"name\":\"f\",\"arguments\":\"{}\"}}]}}],\ndata: \"usage\":null}\n\n"
    "data: nonsense\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\r\n\r\n"
    "data: [DONE]\n\n";

static const char messages[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":\"c\",\"usage\":"
    "{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
    "data: {\"type\":\"content_block_start\",\"index\":1,"
    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\"}}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"partial_json\":\"{}\"}}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"text\":\"x\",\"thinking\":\"y\"}}\n\n"
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n"
    "data: {\"type\":\"message_stop\"}\n\n";

static const char responses[] =
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n"
    "data: {\"type\":\"response.output_item.added\",\"output_index\":0,"
    "\"item\":{\"type\":\"function_call\",\"call_id\":\"t\"}}\n\n"
    "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"{}\"}\n\n"
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n"
    "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"quota\"}}}\n\n"
    "data: late\n\n";

struct outcome {
    uint8_t relayed[2048];
    size_t relayed_n;
    unsigned seen;
};

static enum ps_status feed_into(struct ps_tally *t, struct ps_bytes piece, struct outcome *o)
{
    struct ps_bytes out;
    enum ps_status st = ps_tally_feed(t, piece, &out);
    if (st != PS_OK)
        return st;
    memcpy(o->relayed + o->relayed_n, out.p == NULL ? piece.p : out.p, out.n);
    o->relayed_n += out.n;
    o->seen = t->seen;
    return PS_OK;
}

/* The whole stream, in two pieces. */
static enum ps_status run(enum ps_dialect dialect, bool is_stripped, const char *text, size_t cut, struct outcome *o)
{
    const struct ps_tally_settings settings = {.dialect = dialect, .strip_usage = is_stripped, .keep_text = true,
                                               .is_strict = is_stripped, .max_event_bytes = 4096};
    struct ps_tally t;
    struct ps_bytes all = ps_bytes_str(text);
    *o = (struct outcome){.relayed_n = 0};
    enum ps_status st = ps_tally_init(&t, &settings);
    if (st == PS_OK)
        st = feed_into(&t, ps_bytes_of(all.p, cut), o);
    if (st == PS_OK)
        st = feed_into(&t, ps_bytes_of(all.p + cut, all.n - cut), o);
    ps_tally_fini(&t);
    return st;
}

static void cuts_change_nothing(void)
{
    static const struct {
        enum ps_dialect dialect;
        const char *text;
    } table[] = {{PS_CHAT, chat}, {PS_MESSAGES, messages}, {PS_RESPONSES, responses}, {PS_COMPLETIONS, chat}};
    for (size_t i = 0; i < 2 * sizeof table / sizeof table[0]; i++) {
        const char *text = table[i / 2].text;
        struct outcome whole, cut;
        T_EQ(run(table[i / 2].dialect, i % 2, text, 0, &whole), PS_OK);
        for (size_t at = 1; at <= strlen(text); at++) {
            T_EQ(run(table[i / 2].dialect, i % 2, text, at, &cut), PS_OK);
            T_EQ(cut.seen, whole.seen);
            T_CHECK(ps_bytes_eq(ps_bytes_of(cut.relayed, cut.relayed_n), ps_bytes_of(whole.relayed, whole.relayed_n)));
        }
    }
}

static void counts_and_gathers(void)
{
    const struct ps_tally_settings settings = {.dialect = PS_CHAT, .keep_text = true, .max_event_bytes = 4096};
    struct ps_tally t;
    struct ps_bytes out, in = ps_bytes_str(chat);
    T_EQ(ps_tally_init(&t, &settings), PS_OK);
    T_EQ(ps_tally_feed(&t, in, &out), PS_OK);
    T_CHECK(out.p == in.p && out.n == in.n); /* no copy */
    T_EQ(t.seen, PS_SEEN_SEMANTIC | PS_SEEN_FINISHED | PS_SEEN_USAGE | PS_SEEN_DONE | PS_SEEN_MALFORMED);
    T_EQ(t.events_n, 6);
    T_EQ(t.semantic_n, 2);
    T_EQ(t.malformed_n, 1);
    T_EQ(t.text_bytes, 3);
    T_CHECK(ps_tally_is_complete(&t));
    T_CHECK(ps_bytes_eq(ps_buf_view(&t.usage), ps_bytes_str("{\"prompt_tokens\":3}")));
    T_CHECK(ps_bytes_eq(ps_buf_view(&t.gathered->text), ps_bytes_str("h\xc3\xa9")));
    T_CHECK(ps_bytes_eq(ps_buf_view(&t.gathered->reasoning), ps_bytes_str("hm")));
    T_EQ(t.gathered->tools_n, 1);
    T_CHECK(ps_bytes_eq(ps_buf_view(&t.gathered->tools[0].arguments), ps_bytes_str("{}")));
    ps_tally_fini(&t);
}

static void too_long_is_for_ever(void)
{
    const struct ps_tally_settings settings = {.dialect = PS_CHAT, .max_event_bytes = 8};
    struct ps_tally t;
    struct ps_bytes out;
    T_EQ(ps_tally_init(&t, &settings), PS_OK);
    T_EQ(ps_tally_feed(&t, ps_bytes_str("data:x\n\n"), &out), PS_OK);
    T_EQ(ps_tally_feed(&t, ps_bytes_str("data:xxx"), &out), PS_OK);
    T_EQ(ps_tally_held(&t).n, 8);
    T_EQ(ps_tally_feed(&t, ps_bytes_str("x"), &out), PS_LIMIT);
    T_EQ(ps_tally_feed(&t, ps_bytes_str("\n\n"), &out), PS_LIMIT);
    ps_tally_fini(&t);
}

static enum ps_status each_stream(void)
{
    struct outcome o;
    enum ps_status st = run(PS_CHAT, true, chat, 200, &o);
    if (st == PS_OK)
        st = run(PS_CHAT, false, chat, 100, &o);
    if (st == PS_OK)
        st = run(PS_MESSAGES, false, messages, 333, &o);
    if (st == PS_OK)
        st = run(PS_RESPONSES, false, responses, 70, &o);
    return st;
}

static void each_allocation_may_fail(void)
{
    t_each_alloc(each_stream);
}

static const struct t_test tests[] = {
    {"cuts_change_nothing", cuts_change_nothing},
    {"counts_and_gathers", counts_and_gathers},
    {"too_long_is_for_ever", too_long_is_for_ever},
    {"each_allocation_may_fail", each_allocation_may_fail},
};
T_MAIN(tests)
