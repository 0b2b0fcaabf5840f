/* The tally of streams: JSON looked into, framing at every cut, what is given out, and every allocation refused. */
#include "sse/gathered.h"
#include "sse/json.h"
#include "sse/tally.h"
#include "t.h"

/* -- JSON -- */

static bool is_good(const char *text)
{
    char wrapped[256];
    int n = snprintf(wrapped, sizeof wrapped, " {\"a\" : %s } ", text);
    return ps_json_members(ps_bytes_of(wrapped, (size_t)n), NULL, 0, NULL);
}

static void json_is_strict(void)
{
    static const char *const good[] = {"0", "-0", "1.5e-7", "1E+9", "12345678901234567890", "true", "false", "null",
        "\"\"", "\"a\\\"b\\\\\\/\\b\\f\\n\\r\\t\\u12aF\"", "\"\x7f\xff\"",
        "[]", "[ ]", "{}", "{ }", "[1,[2,{\"b\":[]}],\"]\"]",
        "{\"x\":{\"y\":[{}]},\"z\":\"}\"}", " [ 1 , 2 ] "};
    static const char *const bad[] = {"", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "tru", "True", "nul", "NaN",
        "Infinity", "\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "\"\t\"", "\"\n\"",
        "[", "]", "[1,]", "[,1]", "[1 2]", "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{a:1}", "{,}", "[}", "{]", "1 1", "'a'", "/**/1", "[1]]", ("\xef\xbb\xbf" "1")};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!is_good(good[i])) {
            fprintf(stderr, "refused: %s\n", good[i]);
            abort();
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (is_good(bad[i])) {
            fprintf(stderr, "taken: %s\n", bad[i]);
            abort();
        }
    }
    T_CHECK(!ps_json_members(ps_bytes_str("[]"), NULL, 0, NULL));
    T_CHECK(!ps_json_members(ps_bytes_of(NULL, 0), NULL, 0, NULL));
    T_CHECK(!ps_json_members(ps_bytes_str("{} x"), NULL, 0, NULL));
    T_CHECK(ps_json_members(ps_bytes_str("\r\n\t {} "), NULL, 0, NULL));
}

/* Every byte of a string, at every place of the eight that are looked at together. */
static void every_byte_of_a_string(void)
{
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 17; at++) {
            char text[40] = "{\"a\":\"_________________\"}";
            text[6 + at] = (char)c;
            bool is_plain = c >= 0x20 && c != '"' && c != '\\';
            T_EQ(ps_json_members(ps_bytes_str(text), NULL, 0, NULL) && strlen(text) == 25, is_plain && c != 0);
        }
    }
}

static void nesting_is_limited(void)
{
    char text[4 * PS_JSON_DEPTH];
    for (int depth = PS_JSON_DEPTH - 2; depth <= PS_JSON_DEPTH + 2; depth++) {
        size_t n = (size_t)snprintf(text, sizeof text, "{\"a\":");
        for (int i = 1; i < depth; i++)
            text[n++] = '[';
        for (int i = 1; i < depth; i++)
            text[n++] = ']';
        text[n++] = '}';
        T_EQ(ps_json_members(ps_bytes_of(text, n), NULL, 0, NULL), depth <= PS_JSON_DEPTH);
    }
}

static void members_are_found(void)
{
    static const struct ps_json_key keys[] = {PS_JSON_KEY("usage"), PS_JSON_KEY("id"), PS_JSON_KEY("none")};
    static const char text[] = " { \"id\":1, \"i\\u0064\" : [ 2 ] ,\"idx\":3,\"usage\" :null}";
    struct ps_json_member m[3];
    T_CHECK(ps_json_members(ps_bytes_str(text), keys, 3, m));
    T_CHECK(ps_bytes_eq(m[1].value, ps_bytes_str("[ 2 ]")));
    T_EQ(m[1].count, 2);
    T_CHECK(m[1].is_escaped && !m[0].is_escaped);
    T_CHECK(ps_bytes_eq(m[0].value, ps_bytes_str("null")));
    T_CHECK(strncmp((const char *)m[0].before, ",\"usage\" :null}", 15) == 0);
    T_CHECK(strncmp((const char *)m[0].name, "\"usage\"", 7) == 0);
    T_CHECK(m[2].value.p == NULL && m[2].count == 0);
    T_EQ(ps_json_index(ps_bytes_str("12")), 12);
    T_EQ(ps_json_index(ps_bytes_str("999999")), 999999);
    T_EQ(ps_json_index(ps_bytes_str("1000000")), -1);
    T_EQ(ps_json_index(ps_bytes_str("-1")), -1);
    T_EQ(ps_json_index(ps_bytes_str("1.0")), -1);
    T_EQ(ps_json_index(ps_bytes_str("\"1\"")), 0);
    T_EQ(ps_json_index(ps_bytes_of(NULL, 0)), 0);
}

static void elements_come_one_by_one(void)
{
    static const struct ps_json_key keys[] = {PS_JSON_KEY("a")};
    static const char *const none[] = {"[ ]", "[1,\"{\",[{}]]", "{\"a\":1}", "null"};
    struct ps_bytes left = ps_bytes_str("[ 1 , {\"a\":2} ,[{\"a\":3}], { } ,{\"b\":4, \"a\": 5 } ]");
    struct ps_json_member m;
    T_CHECK(ps_json_next(&left, keys, 1, &m) && ps_bytes_eq(m.value, ps_bytes_str("2")));
    T_CHECK(ps_json_next(&left, keys, 1, &m) && m.value.p == NULL);
    T_CHECK(ps_json_next(&left, keys, 1, &m) && ps_bytes_eq(m.value, ps_bytes_str("5")));
    T_CHECK(!ps_json_next(&left, keys, 1, &m));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        left = ps_bytes_str(none[i]);
        T_CHECK(!ps_json_next(&left, keys, 1, &m));
    }
}

static void strings_become_utf8(void)
{
    static const struct {
        const char *inside, *text;
    } table[] = {
        {"plain", "plain"},
        {"\\u00e9\\u20AC\\ud83d\\ude00", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\\ud83d", "\xef\xbf\xbd"},
        {"\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"\\ud83dx", "\xef\xbf\xbdx"},
        {"\\ud83d\\n", "\xef\xbf\xbd\n"},
        {"\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t text[128];
        struct ps_bytes inside = ps_bytes_str(table[i].inside);
        size_t n = ps_json_text(inside, NULL);
        T_CHECK(n <= 3 * inside.n);
        T_EQ(ps_json_text(inside, text), n);
        T_CHECK(ps_bytes_eq(ps_bytes_of(text, n), ps_bytes_str(table[i].text)));
    }
}

/* -- the tally -- */

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
    {"json_is_strict", json_is_strict},
    {"every_byte_of_a_string", every_byte_of_a_string},
    {"nesting_is_limited", nesting_is_limited},
    {"members_are_found", members_are_found},
    {"elements_come_one_by_one", elements_come_one_by_one},
    {"strings_become_utf8", strings_become_utf8},
    {"cuts_change_nothing", cuts_change_nothing},
    {"counts_and_gathers", counts_and_gathers},
    {"too_long_is_for_ever", too_long_is_for_ever},
    {"each_allocation_may_fail", each_allocation_may_fail},
};
T_MAIN(tests)
