/* Any bytes as a proxy's answers, to CONNECT and in SOCKS5: what they mean must not depend on the cuts, and what is
 * taken is never more than was given. */
#include "proto/proxy_connect.h"
#include "proto/socks5.h"
#include "t.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* How a dialogue ended. */
struct end {
    enum ps_status st;
    bool is_open;
    size_t used_n;
    long detail;
    char text[sizeof((struct ps_err *)0)->text];
    size_t said_n;
};

struct talk {
    bool is_socks;
    struct ps_connect_answer answer;
    struct ps_socks5 socks;
    struct ps_buf out;
};

static void feed(struct talk *t, struct ps_bytes piece, struct end *end)
{
    struct ps_err err = {0};
    size_t used_n = 0;
    end->st = t->is_socks ? ps_socks5_feed(&t->socks, piece, &used_n, &t->out, &err)
                          : ps_connect_feed(&t->answer, piece, &used_n, &err);
    T_CHECK(used_n <= piece.n);
    end->used_n += used_n;
    end->is_open = t->is_socks ? t->socks.at == PS_SOCKS5_OPEN : t->answer.at == PS_CONNECT_OPEN;
    T_CHECK(end->is_open || used_n == piece.n || end->st != PS_OK);
    if (end->st == PS_OK)
        return;
    T_CHECK(end->st == PS_PROXY_AUTH || end->st == PS_PROXY_FAILED);
    T_CHECK(err.status == end->st && err.phase == PS_PHASE_PROXY && err.text[0] != '\0');
    end->detail = err.detail;
    memcpy(end->text, err.text, sizeof end->text);
}

/* `cut` bytes at a time. */
static struct end talk(bool is_socks, bool has_user, struct ps_bytes all, size_t cut)
{
    struct talk t = {.is_socks = is_socks};
    struct end end = {0};
    struct ps_socks5_wants wants = {.user = has_user ? "u" : NULL,
                                    .password = "p",
                                    .kind = PS_SOCKS5_NAME,
                                    .host = ps_bytes_str("h"),
                                    .port = 1};
    ps_buf_init(&t.out, 4096);
    if (is_socks)
        T_EQ(ps_socks5_start(&t.socks, &wants, &t.out, NULL), PS_OK);
    for (size_t at = 0; at < all.n && end.st == PS_OK && !end.is_open; at += cut) {
        size_t left_n = all.n - at;
        feed(&t, ps_bytes_of(all.p + at, left_n < cut ? left_n : cut), &end);
    }
    end.said_n = ps_buf_n(&t.out);
    ps_buf_fini(&t.out);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    bool is_socks = (data[0] & 1) != 0, has_user = (data[0] & 2) != 0;
    struct ps_bytes all = ps_bytes_of(data + 2, n - 2);
    struct end whole = talk(is_socks, has_user, all, all.n + 1);
    struct end cut = talk(is_socks, has_user, all, (size_t)data[1] % 7 + 1);
    T_EQ(whole.st, cut.st);
    T_EQ(whole.is_open, cut.is_open);
    T_EQ(whole.used_n, cut.used_n);
    T_EQ(whole.detail, cut.detail);
    T_STR(whole.text, cut.text);
    T_EQ(whole.said_n, cut.said_n);
    T_CHECK(whole.used_n <= PS_CONNECT_HEAD_BYTES + 1);
    return 0;
}
