/* SOCKS5 as bytes: what is said, what is understood, cut at every place. */
#include "proto/socks5.h"
#include "t.h"

#define B(text) {(const uint8_t *)(text), sizeof(text) - 1}

struct row {
    const char *user, *password;
    struct ps_bytes answers;
    enum ps_status st;
    long detail;
    struct ps_bytes said; /* all of it */
    size_t rest_n;        /* bytes of the tunnel */
};

#define PLAIN "\x05\x01\x00"
#define BOTH "\x05\x02\x00\x02"
#define LOGIN "\x01\x03tom\x02pw"
#define ASK "\x05\x01\x00\x03\x0b" "api.example\x01\xbb"
#define GRANTED "\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"

static const struct row rows[] = {
    {NULL, NULL, B("\x05\x00" GRANTED), PS_OK, 0, B(PLAIN ASK), 0},
    {NULL, NULL, B("\x05\x00" GRANTED "abc"), PS_OK, 0, B(PLAIN ASK), 3},
    {NULL, NULL, B("\x05\x00\x05\x00\x00\x03\x02xy\x00\x01z"), PS_OK, 0, B(PLAIN ASK), 1},
    {NULL, NULL, B("\x05\x00\x05\x00\x00\x03\x00\x00\x01"), PS_OK, 0, B(PLAIN ASK), 0},
    {NULL, NULL, B("\x05\x00\x05\x00\x00\x04" "0123456789abcdef\x00\x01q"), PS_OK, 0, B(PLAIN ASK), 1},
    {"tom", "pw", B("\x05\x00" GRANTED), PS_OK, 0, B(BOTH ASK), 0},
    {"tom", "pw", B("\x05\x02\x01\x00" GRANTED), PS_OK, 0, B(BOTH LOGIN ASK), 0},
    {"tom", NULL, B("\x05\x02\x01\x00" GRANTED), PS_OK, 0, B(BOTH "\x01\x03tom\x00" ASK), 0},
    {"tom", "pw", B("\x05\x02\x01\x01"), PS_PROXY_AUTH, 0, B(BOTH LOGIN), 0},
    {"tom", "pw", B("\x05\x02\x07\x00"), PS_PROXY_FAILED, 0, B(BOTH LOGIN), 0},
    {"tom", "pw", B("\x05\xff"), PS_PROXY_AUTH, 0, B(BOTH), 0},
    {NULL, NULL, B("\x05\xff"), PS_PROXY_AUTH, 0, B(PLAIN), 0},
    {NULL, NULL, B("\x05\x02"), PS_PROXY_FAILED, 0, B(PLAIN), 0},
    {NULL, NULL, B("\x05\x01"), PS_PROXY_FAILED, 0, B(PLAIN), 0},
    {NULL, NULL, B("\x04\x5a"), PS_PROXY_FAILED, 0, B(PLAIN), 0},
    {NULL, NULL, B("HTTP/1.1 400 x\r\n"), PS_PROXY_FAILED, 0, B(PLAIN), 0},
    {NULL, NULL, B("\x05\x00\x05\x05\x00\x01"), PS_PROXY_FAILED, 5, B(PLAIN ASK), 0},
    {NULL, NULL, B("\x05\x00\x05\x02"), PS_PROXY_FAILED, 2, B(PLAIN ASK), 0},
    {NULL, NULL, B("\x05\x00\x05\x5b"), PS_PROXY_FAILED, 0x5b, B(PLAIN ASK), 0},
    {NULL, NULL, B("\x05\x00\x05\x00\x00\x02"), PS_PROXY_FAILED, 0, B(PLAIN ASK), 0},
    {NULL, NULL, B("\x05\x00\x06\x00"), PS_PROXY_FAILED, 0, B(PLAIN ASK), 0},
};

static struct ps_socks5_wants wants_of(const struct row *row)
{
    return (struct ps_socks5_wants){.user = row->user,
                                    .password = row->password,
                                    .kind = PS_SOCKS5_NAME,
                                    .host = ps_bytes_str("api.example"),
                                    .port = 443};
}

static void check_cut(const struct row *row, size_t cut)
{
    struct ps_socks5 s;
    struct ps_buf out;
    struct ps_err err = {0};
    struct ps_socks5_wants wants = wants_of(row);
    size_t used_n, at = 0;
    ps_buf_init(&out, 4096);
    T_EQ(ps_socks5_start(&s, &wants, &out, &err), PS_OK);
    enum ps_status st = ps_socks5_feed(&s, ps_bytes_of(row->answers.p, cut), &used_n, &out, &err);
    at += used_n;
    if (st == PS_OK && s.at != PS_SOCKS5_OPEN) {
        T_EQ(used_n, cut);
        st = ps_socks5_feed(&s, ps_bytes_of(row->answers.p + cut, row->answers.n - cut), &used_n,
                            &out, &err);
        at += used_n;
    }
    T_EQ(st, row->st);
    T_EQ(s.at == PS_SOCKS5_OPEN, row->st == PS_OK);
    T_CHECK(ps_bytes_eq(ps_buf_view(&out), row->said));
    if (row->st == PS_OK) {
        T_EQ(row->answers.n - at, row->rest_n);
    } else {
        T_EQ(err.status, row->st);
        T_EQ(err.phase, PS_PHASE_PROXY);
        T_EQ(err.detail, row->detail);
        T_CHECK(strstr(err.text, "pw") == NULL && strstr(err.text, "tom") == NULL);
    }
    ps_buf_fini(&out);
}

static void answers_mean_the_same_however_they_are_cut(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t cut = 0; cut <= rows[i].answers.n; cut++)
            check_cut(&rows[i], cut);
}

static void check_ask(enum ps_socks5_kind kind, struct ps_bytes host, struct ps_bytes said)
{
    struct ps_socks5 s;
    struct ps_buf out;
    struct ps_err err;
    size_t used_n;
    ps_buf_init(&out, 4096);
    struct ps_socks5_wants wants = {.kind = kind, .host = host, .port = 8080};
    T_EQ(ps_socks5_start(&s, &wants, &out, &err), PS_OK);
    ps_buf_clear(&out);
    T_EQ(ps_socks5_feed(&s, ps_bytes_str("\x05"), &used_n, &out, &err), PS_OK);
    T_EQ(ps_buf_n(&out), 0);
    T_EQ(ps_socks5_feed(&s, ps_bytes_of("", 1), &used_n, &out, &err), PS_OK);
    T_CHECK(ps_bytes_eq(ps_buf_view(&out), said));
    ps_buf_fini(&out);
}

static void addresses_are_asked_for_by_kind(void)
{
    check_ask(PS_SOCKS5_IPV4, (struct ps_bytes)B("\x7f\x00\x00\x01"),
              (struct ps_bytes)B("\x05\x01\x00\x01\x7f\x00\x00\x01\x1f\x90"));
    check_ask(PS_SOCKS5_IPV6, (struct ps_bytes)B("0123456789abcdef"),
              (struct ps_bytes)B("\x05\x01\x00\x04" "0123456789abcdef\x1f\x90"));
}

static void what_cannot_be_said_is_refused(void)
{
    static char lengthy[257];
    struct ps_socks5 s;
    struct ps_buf out;
    struct ps_err err;
    memset(lengthy, 'x', sizeof lengthy - 1);
    const struct ps_socks5_wants bad[] = {
        {.host = ps_bytes_str("")},
        {.host = ps_bytes_str(lengthy)},
        {.host = ps_bytes_str("abc"), .kind = PS_SOCKS5_IPV4},
        {.host = ps_bytes_str("h"), .user = ""},
        {.host = ps_bytes_str("h"), .user = lengthy},
        {.host = ps_bytes_str("h"), .user = "u", .password = lengthy},
    };
    ps_buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        T_EQ(ps_socks5_start(&s, &bad[i], &out, &err), PS_INVALID);
    T_EQ(ps_buf_n(&out), 0);
    ps_buf_fini(&out);
}

static enum ps_status dialogue_scenario(void)
{
    struct ps_socks5 s;
    struct ps_buf out;
    struct ps_err err;
    struct ps_socks5_wants wants = wants_of(&rows[6]);
    size_t used_n;
    ps_buf_init(&out, 4096);
    enum ps_status st = ps_socks5_start(&s, &wants, &out, &err);
    if (st == PS_OK)
        st = ps_socks5_feed(&s, rows[6].answers, &used_n, &out, &err);
    ps_buf_fini(&out);
    return st;
}

static void a_dialogue_may_lack_memory(void)
{
    t_each_alloc(dialogue_scenario);
}

static const struct t_test tests[] = {
    {"answers_mean_the_same_however_they_are_cut", answers_mean_the_same_however_they_are_cut},
    {"addresses_are_asked_for_by_kind", addresses_are_asked_for_by_kind},
    {"what_cannot_be_said_is_refused", what_cannot_be_said_is_refused},
    {"a_dialogue_may_lack_memory", a_dialogue_may_lack_memory},
};
T_MAIN(tests)
