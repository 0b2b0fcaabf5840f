/* proto/h2_flood.c -- frames that serve nobody are counted against the traffic that serves somebody
 * (rules 48 to 52).
 * libnghttp2 1.52 lets a server send any number of them, 1.70 10,000 at once and 330 a second of those
 * it finds odd (empty DATA, PRIORITY, unknown frames, HEADERS for no stream). Each kind has a purse: a frame takes one
 * coin, every useful frame (a head or body bytes for a running exchange, body bytes of ours) puts
 * some back, never above the purse's size. An empty purse ends the connection. DATA with bytes is
 * never counted, however small: token streams are made of it (rule 49). Without a clock the purses
 * must outlast silence: 10,000 PINGs are nearly three hours of one per second. Thread: io. Owner:
 * embedded in ps_h2. Limit: the purses below. */
#include "proto/h2_state.h"

struct purse {
    const char *name;
    uint32_t size_n;
    uint32_t gain_n; /* coins per useful frame */
};

static const struct purse purses[H2_NOISE_KINDS] = {
    [H2_NOISE_WINDOW_UPDATE] = {"WINDOW_UPDATE", 10000, 20},
    [H2_NOISE_PRIORITY] = {"PRIORITY", 1000, 10},
    [H2_NOISE_UNKNOWN] = {"unknown", 1000, 10},
    [H2_NOISE_PING] = {"PING", 10000, 10},
    [H2_NOISE_SETTINGS] = {"SETTINGS", 1000, 1},
    [H2_NOISE_EMPTY_DATA] = {"empty DATA", 100, 1},
    [H2_NOISE_RESET] = {"RST_STREAM", 2000, 2},
    [H2_NOISE_GOAWAY] = {"GOAWAY", 100, 0},
    [H2_NOISE_STRAY] = {"HEADERS and DATA", 20000, 100},
};

void h2_flood_init(struct h2_flood *f)
{
    for (size_t i = 0; i < H2_NOISE_KINDS; i++)
        f->left_n[i] = purses[i].size_n;
}

void ps_h2_note_noise(struct ps_h2 *h, enum h2_noise kind)
{
    struct h2_flood *f = &h->flood;
    f->seen_n[kind]++;
    f->is_touched = true;
    if (f->left_n[kind] > 0) {
        f->left_n[kind]--;
        return;
    }
    ps_h2_doom(h, PS_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM,
               "the peer sent %llu %s frames%s with too little else between them",
               (unsigned long long)f->seen_n[kind], purses[kind].name,
               kind == H2_NOISE_STRAY ? " for no running exchange" : "");
}

void ps_h2_note_use(struct ps_h2 *h)
{
    if (!h->flood.is_touched) /* the usual case: nobody has taken a coin */
        return;
    h->flood.is_touched = false;
    for (size_t i = 0; i < H2_NOISE_KINDS; i++) {
        uint32_t missing_n = purses[i].size_n - h->flood.left_n[i];
        h->flood.left_n[i] += missing_n < purses[i].gain_n ? missing_n : purses[i].gain_n;
        h->flood.is_touched = h->flood.is_touched || missing_n > purses[i].gain_n;
    }
}
