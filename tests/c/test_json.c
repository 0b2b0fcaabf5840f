/* JSON looked into in place: what is refused, where members are, what strings mean. */
#include "base/json.h"
#include "t.h"

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

static const struct t_test tests[] = {
    {"json_is_strict", json_is_strict},
    {"every_byte_of_a_string", every_byte_of_a_string},
    {"nesting_is_limited", nesting_is_limited},
    {"members_are_found", members_are_found},
    {"elements_come_one_by_one", elements_come_one_by_one},
    {"strings_become_utf8", strings_become_utf8},
};
T_MAIN(tests)
