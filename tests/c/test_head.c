/* The field block keeps order, case and duplicates, and never exceeds its limits. */
#include "proto/field.h"
#include "proto/head.h"
#include "t.h"

static const struct ps_head_limits wide = {131072, 500};

static enum ps_status add(struct ps_head *h, const char *name, const char *value)
{
    return ps_head_add(h, ps_bytes_str(name), ps_bytes_str(value));
}

static void keeps_order_case_and_duplicates(void)
{
    struct ps_head *h = ps_head_new(&wide);
    T_EQ(ps_head_set_reason(h, ps_bytes_str("Very OK")), PS_OK);
    T_EQ(add(h, "B", "1"), PS_OK);
    T_EQ(add(h, "a", ""), PS_OK);
    T_EQ(add(h, "b", "2"), PS_OK);
    T_EQ(h->fields_n, 3);
    T_EQ(h->cost_bytes, 7 + 3 * 32 + 5);
    T_CHECK(ps_bytes_eq(ps_head_reason(h), ps_bytes_str("Very OK")));
    T_CHECK(ps_bytes_eq(ps_head_name(h, 0), ps_bytes_str("B")));
    T_CHECK(ps_bytes_eq(ps_head_value(h, 2), ps_bytes_str("2")));
    T_EQ(ps_head_value(h, 1).n, 0);
    T_EQ(ps_head_find(h, "b", 0), 0);
    T_EQ(ps_head_find(h, "b", 1), 2);
    T_EQ(ps_head_find(h, "A", 0), 1);
    T_EQ(ps_head_find(h, "b", 3), 3);
    T_EQ(ps_head_find(h, "c", 0), 3);
    T_EQ(ps_head_find(h, "c", 9), 3);
    ps_head_free(h);
    ps_head_free(NULL);
}

static void limits_are_exact(void)
{
    const struct ps_head_limits tight = {32 + 4 + 32 + 2, 2};
    struct ps_head *h = ps_head_new(&tight);
    T_EQ(add(h, "ab", "cd"), PS_OK);
    T_EQ(add(h, "ab", "c"), PS_LIMIT);
    T_EQ(h->fields_n, 1);
    T_EQ(add(h, "a", "b"), PS_OK);
    T_EQ(add(h, "", ""), PS_LIMIT);
    T_EQ(ps_head_set_reason(h, ps_bytes_str("x")), PS_LIMIT);
    ps_head_free(h);

    const struct ps_head_limits few = {1000, 2};
    h = ps_head_new(&few);
    T_EQ(add(h, "a", "1"), PS_OK);
    T_EQ(add(h, "a", "2"), PS_OK);
    T_EQ(add(h, "a", "3"), PS_LIMIT);
    ps_head_free(h);

    const struct ps_head_limits none = {0, 0};
    h = ps_head_new(&none);
    T_EQ(add(h, "a", "1"), PS_LIMIT);
    T_EQ(ps_head_set_reason(h, ps_bytes_str("")), PS_OK);
    ps_head_free(h);
}

static enum ps_status many_scenario(void)
{
    struct ps_head *h = ps_head_new(&wide);
    if (h == NULL)
        return PS_NOMEM;
    enum ps_status st = ps_head_set_reason(h, ps_bytes_str("OK"));
    for (int i = 0; i < 100 && st == PS_OK; i++)
        st = add(h, "a-name-of-some-length", "a value that is somewhat longer than the name");
    if (st == PS_OK)
        T_CHECK(ps_bytes_eq(ps_head_name(h, 99), ps_bytes_str("a-name-of-some-length")));
    ps_head_free(h);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(many_scenario);
}

static void decimals(void)
{
    uint64_t n = 7;
    T_CHECK(ps_parse_decimal(ps_bytes_str("9223372036854775807"), &n) && n == INT64_MAX);
    T_CHECK(!ps_parse_decimal(ps_bytes_str("9223372036854775808"), &n));
    T_CHECK(!ps_parse_decimal(ps_bytes_str("92233720368547758070"), &n));
    T_CHECK(!ps_parse_decimal(ps_bytes_str(""), &n));
    T_CHECK(!ps_parse_decimal(ps_bytes_str(" 1"), &n));
    T_CHECK(ps_parse_decimal(ps_bytes_str("000"), &n) && n == 0);
}

static void lists(void)
{
    struct ps_bytes rest = ps_bytes_str("a , ,\tb"), member;
    T_CHECK(ps_list_member(&rest, &member) && ps_bytes_eq(member, ps_bytes_str("a")));
    T_CHECK(ps_list_member(&rest, &member) && member.n == 0);
    T_CHECK(ps_list_member(&rest, &member) && ps_bytes_eq(member, ps_bytes_str("b")));
    T_CHECK(!ps_list_member(&rest, &member));
    rest = ps_bytes_str("a,");
    T_CHECK(ps_list_member(&rest, &member) && member.n == 1);
    T_CHECK(ps_list_member(&rest, &member) && member.n == 0);
    T_CHECK(!ps_list_member(&rest, &member));
}

static void quotes_are_bounded_and_printable(void)
{
    char out[PS_QUOTE_BYTES];
    uint8_t all[256];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    T_STR(ps_quote(out, ps_bytes_str("")), "\"\"");
    T_STR(ps_quote(out, ps_bytes_str("a\"\\\r\n\t\x01")), "\"a\\x22\\x5c\\r\\n\\t\\x01\"");
    T_STR(ps_quote(out, ps_bytes_str("0123456789012345678901234567890123456789")),
          "\"0123456789012345678901234567890123456789\"");
    T_STR(ps_quote(out, ps_bytes_str("01234567890123456789012345678901234567890")),
          "\"0123456789012345678901234567890123456789\"...");
    for (size_t at = 0; at < sizeof all; at++) {
        const char *q = ps_quote(out, ps_bytes_of(all + at, sizeof all - at));
        T_CHECK(strlen(q) < PS_QUOTE_BYTES);
        for (; *q != '\0'; q++)
            T_CHECK(*q >= 0x20 && *q < 0x7f);
    }
}

static const struct t_test tests[] = {
    {"keeps_order_case_and_duplicates", keeps_order_case_and_duplicates},
    {"limits_are_exact", limits_are_exact},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
    {"decimals", decimals},
    {"lists", lists},
    {"quotes_are_bounded_and_printable", quotes_are_bounded_and_printable},
};
T_MAIN(tests)
