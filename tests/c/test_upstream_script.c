/* The scripted upstream without sockets: JSON pointers, rules and their counters, programs, the log. */
#include "base/json.h"
#include "t.h"
#include "upstream/json_point.h"
#include "upstream/record.h"
#include "upstream/script.h"

static bool holds(const char *text, const char *pointer, const char *scalar)
{
    T_CHECK(up_json_pointer_is_good(ps_bytes_str(pointer)));
    T_CHECK(up_json_scalar_is_good(ps_bytes_str(scalar)));
    char *copy = strdup(text); /* so that a look beyond the end is seen */
    size_t n = strlen(text);
    uint8_t *exact = malloc(n + (n == 0));
    memcpy(exact, copy, n);
    bool is_so = up_json_point_holds(ps_bytes_of(exact, n), ps_bytes_str(pointer), ps_bytes_str(scalar));
    free(exact);
    free(copy);
    return is_so;
}

static void test_json_holds(void)
{
    T_CHECK(holds("{\"a\":1}", "/a", "1"));
    T_CHECK(holds(" { \"b\" : [ ] , \"a\" : [ 1 , { \"c\" : true } ] } ", "/a/1/c", "true"));
    T_CHECK(holds("\"x\"", "", "\"x\""));
    T_CHECK(holds("{\"a/b\":{\"~\":null}}", "/a~1b/~0", "null"));
    T_CHECK(holds("{\"\":\"e\"}", "/", "\"e\""));
    T_CHECK(holds("{\"a\":\"\\u00e9\\ud83d\\ude00\\n\"}", "/a", "\"\xc3\xa9\xf0\x9f\x98\x80\\n\""));
    T_CHECK(holds("{\"m\\u006fdel\":\"x\"}", "/model", "\"x\""));
    T_CHECK(holds("{\"\\u007e\\/\\\\n\\u00e9\":1}", "/~0~1\\n\xc3\xa9", "1"));
    T_CHECK(holds("[\"\\ud800\"]", "/0", "\"\\ufffd\"")); /* lone surrogates mean no character */
    T_CHECK(holds("{\"a\":1,\"a\":2}", "/a", "1"));
    T_CHECK(holds("{\"a\":1.0}", "/a", "1"));
    T_CHECK(holds("{\"a\":1e2}", "/a", "100"));
    T_CHECK(holds("{\"a\":[[1,2],[3,{\"x\":\"]}\"}],5]}", "/a/2", "5"));
}

static void test_json_holds_not(void)
{
    static const char *const texts[] = {"", "{", "[", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":12}", "{\"a\":\"1\"}",
                                        "{\"b\":1}", "{\"a\":{}}", "{\"a\":[1]}", "{a:1}", "[1]", "1", "nul",
                                        "{\"b\":tru,\"a\":1}", "{\"b\":\"\\x\",\"a\":1}", "{\"b\":[}],\"a\":1}",
                                        "{\"aa\":1}", "{\"\":1}", "{\"b\":01,\"a\":1}", "{\"a\":-}",
                                        "{\"a\":1x}", "{\"b\":[1 2],\"a\":1}", "{\"b\":{\"c\",1},\"a\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool is_partial = strcmp(texts[i], "{\"a\":1") == 0; /* looked at no further than the way needs */
        T_EQ(holds(texts[i], "/a", "1"), is_partial);
    }
    T_CHECK(!holds("[0,1]", "/01", "1"));
    T_CHECK(!holds("[0,1]", "/2", "1"));
    T_CHECK(!holds("[0,1]", "/-", "1"));
    T_CHECK(!holds("[0,1]", "/", "0") && !holds("[0,1]", "/x", "0") && !holds("{\"a\":1}", "/ab", "1"));
    T_CHECK(!holds("[\"ab\"]", "/0", "\"a\"") && !holds("[\"a\"]", "/0", "\"ab\"") && !holds("[\"1\"]", "/0", "1"));
    T_CHECK(!holds("{\"a\":9007199254740993}", "/a", "9007199254740992"));
    char deep[2000];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    memcpy(deep, "{\"b\":", 5);
    T_CHECK(!holds(deep, "/a", "1"));
    for (size_t levels = PS_JSON_DEPTH - 1; levels <= PS_JSON_DEPTH + 1; levels++) {
        memset(deep + 5 + levels, ']', levels);
        memcpy(deep + 5 + 2 * levels, ",\"a\":1}", 8);
        T_EQ(holds(deep, "/a", "1"), levels <= PS_JSON_DEPTH);
        memset(deep + 5, '[', 2 * levels + 8);
    }
    T_CHECK(!up_json_pointer_is_good(ps_bytes_str("a")));
    T_CHECK(!up_json_pointer_is_good(ps_bytes_str("/a~2")));
    T_CHECK(!up_json_scalar_is_good(ps_bytes_str("[]")));
    T_CHECK(!up_json_scalar_is_good(ps_bytes_str("\"x")));
    T_CHECK(!up_json_scalar_is_good(ps_bytes_str("1 ")));
}

/* -- rules -- */

static enum ps_status plain_rule(struct up_rule *r, const char *path)
{
    r->programs = ps_zalloc(2 * sizeof *r->programs);
    if (r->programs == NULL)
        return PS_NOMEM;
    r->programs_n = 2;
    for (size_t i = 0; i < 2; i++) {
        enum ps_status st = up_program_plain(&r->programs[i], 200 + (int)i, ps_bytes_str("x"));
        if (st != PS_OK)
            return st;
    }
    r->path = up_rule_keep(r, ps_bytes_str(path));
    return r->path.p == NULL ? PS_NOMEM : PS_OK;
}

static enum ps_status make_request(struct up_request *r, const char *target)
{
    up_request_init(r, 100);
    enum ps_status st = up_request_put(r, &r->method, ps_bytes_str("GET"));
    if (st == PS_OK)
        st = up_request_put(r, &r->target, ps_bytes_str(target));
    if (st == PS_OK)
        st = up_request_add(r, ps_bytes_str(":authority"), ps_bytes_str("h"));
    if (st == PS_OK)
        st = up_request_body(r, ps_bytes_str("{\"a\":1}"));
    return st;
}

/* The first answer of its rule is 200, the later ones are 201. */
static struct up_script *one_rule(void)
{
    struct up_script *s = up_script_new(1);
    T_CHECK(s != NULL);
    T_EQ(plain_rule(&s->rules[0], "/a"), PS_OK);
    return s;
}

/* The status of the answer, 0 for none. */
static int ask(struct up_script *s, const char *target, uint64_t now_ns)
{
    struct up_request r;
    T_EQ(make_request(&r, target), PS_OK);
    struct up_choice c = up_script_choose(s, &r, now_ns);
    int status = c.program == NULL ? 0 : c.program->steps[0].as.head.status;
    up_request_fini(&r);
    return status;
}

static void test_paths(void)
{
    struct up_script *s = one_rule();
    T_EQ(ask(s, "/a?x", 1), 200);
    T_EQ(ask(s, "/ab", 1), 0);
    T_EQ(ask(s, "/a", 1), 201);
    T_EQ(ask(s, "/a", 1), 201);
    s->rules[0].path_is_prefix = true;
    T_EQ(ask(s, "/abc", 1), 201);
    T_EQ(ask(s, "/", 1), 0);
    up_script_unref(s);
}

static void test_counters(void)
{
    struct up_script *s = one_rule();
    s->rules[0].attempt = 2;
    T_EQ(ask(s, "/a", 1), 0);
    T_EQ(ask(s, "/b", 1), 0);
    T_EQ(ask(s, "/a", 1), 200);
    T_EQ(ask(s, "/a", 1), 0);
    up_script_unref(s);
    s = one_rule();
    s->rules[0].times = 1;
    T_EQ(ask(s, "/a", 1), 200);
    T_EQ(ask(s, "/a", 1), 0);
    up_script_unref(s);
    s = one_rule();
    s->rules[0].for_ns = 10;
    T_EQ(ask(s, "/a", 100), 200);
    T_EQ(ask(s, "/a", 110), 201);
    T_EQ(ask(s, "/a", 111), 0);
    up_script_unref(s);
}

static void test_headers_and_bodies(void)
{
    struct up_script *s = one_rule();
    const char *why = "";
    s->rules[0].headers = ps_zalloc(sizeof *s->rules[0].headers);
    s->rules[0].headers_n = 1;
    s->rules[0].headers[0] = (struct up_header_match){ps_bytes_str("host"), ps_bytes_str("h"), false};
    T_EQ(ask(s, "/a", 1), 200); /* of :authority */
    s->rules[0].headers[0].value = ps_bytes_str("i");
    T_EQ(ask(s, "/a", 1), 0);
    s->rules[0].headers[0].any_value = true;
    T_EQ(ask(s, "/a", 1), 201);
    s->rules[0].json = ps_zalloc(sizeof *s->rules[0].json);
    s->rules[0].json_n = 1;
    s->rules[0].json[0] = (struct up_json_match){ps_bytes_str("/a"), ps_bytes_str("1")};
    T_EQ(ask(s, "/a", 1), 201);
    s->rules[0].json[0].scalar = ps_bytes_str("2");
    T_EQ(ask(s, "/a", 1), 0);
    T_EQ(up_script_check(s, &why), PS_OK);
    s->rules[0].is_early = true;
    T_EQ(up_script_check(s, &why), PS_INVALID);
    up_script_unref(s);
}

static enum ps_status build_and_log(void)
{
    struct up_log log;
    struct up_request r;
    struct up_shot *shots = NULL;
    size_t n;
    struct up_script *s = up_script_new(2);
    if (s == NULL)
        return PS_NOMEM;
    T_EQ(up_log_init(&log, 1), 0);
    enum ps_status st = plain_rule(&s->rules[1], "/a");
    enum ps_status made = make_request(&r, "/a");
    if (st == PS_OK && made == PS_OK) {
        const struct up_origin origin = {.connection = 1};
        struct up_record *rec = up_log_arrive(&log, &r, &origin, 5);
        struct up_record *second = up_log_arrive(&log, &r, &origin, 5);
        T_CHECK(second == NULL);
        up_log_body(&log, rec, &r, 6);
        up_log_chosen(&log, rec, 1, 1);
        up_log_over(&log, rec, false, 7);
        up_log_over(&log, second, true, 7);
        T_CHECK(up_log_wait_seen(&log, 2, 0) && !up_log_wait_seen(&log, 3, 0));
        T_EQ(up_log_wait_over(&log, 0, 0), rec != NULL);
        st = up_log_shoot(&log, 0, &shots, &n);
        up_log_clear(&log);
        if (st == PS_OK && n == 1)
            T_EQ(shots[0].progress.body_n, 7); /* it outlives the log's */
        if (st == PS_OK)
            up_log_drop(&log, shots, n);
        T_EQ(log.stats.aborted, 1);
    }
    up_request_fini(&r);
    up_script_unref(s);
    up_log_fini(&log);
    return st == PS_OK ? made : st;
}

static void test_memory(void)
{
    t_each_alloc(build_and_log);
}

static const struct t_test tests[] = {
    {"json_holds", test_json_holds}, {"json_holds_not", test_json_holds_not},
    {"paths", test_paths},           {"counters", test_counters},
    {"headers_and_bodies", test_headers_and_bodies},
    {"memory", test_memory},
};

T_MAIN(tests)
