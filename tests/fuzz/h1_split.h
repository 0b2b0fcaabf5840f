/* Feeds the same bytes whole and cut in pieces to two codecs; both must tell the same.
 * Used by fuzz_h1_head.c and fuzz_h1_body.c. The first input bytes choose method, end, limits and
 * cuts. */
#ifndef PS_FUZZ_H1_SPLIT_H
#define PS_FUZZ_H1_SPLIT_H

#include "h1_log.h"

enum {
    FUZZ_CHOICES = 4,
    FUZZ_MOST_BYTES = 8192
};

static const struct ps_codec_limits fuzz_small_limits = {
    .head = {.bytes = 256, .fields_n = 5},
    .trailer = {.bytes = 100, .fields_n = 2},
    .line_bytes = 64,
    .chunk_ext_bytes = 8,
    .info_n = 2,
    .window_bytes = 1024,
};

/* Pieces of 1 + (choice % 16), + (next choice % 16)... bytes, over and over. */
static inline size_t fuzz_cut(size_t at, size_t left_n, const void *arg)
{
    const uint8_t *choices = arg;
    size_t n = 1 + choices[1 + at % 3] % 16;
    return n < left_n ? n : left_n;
}

static inline void fuzz_compare(const uint8_t choices[FUZZ_CHOICES], struct ps_bytes wire)
{
    static const char *const methods[] = {"GET", "HEAD", "CONNECT", "POST"};
    struct h1_run run = {
        .method = methods[choices[0] & 3],
        .wire = wire,
        .eof = "\0cd\0"[choices[0] >> 2 & 3],
        .limits = choices[0] & 0x10 ? &fuzz_small_limits : NULL,
    };
    struct h1_log whole = {0}, cut = {0};
    T_EQ(h1_run_cut(&run, h1_cut_whole, NULL, &whole), PS_OK);
    T_EQ(h1_run_cut(&run, fuzz_cut, choices, &cut), PS_OK);
    T_CHECK(ps_bytes_eq(ps_bytes_of(whole.text, whole.n), ps_bytes_of(cut.text, cut.n)));
    T_EQ(whole.reusable, cut.reusable);
    T_CHECK(whole.body_n <= wire.n);
    T_CHECK(!(whole.failed != PS_OK && whole.reusable));
    T_CHECK(run.eof == 0 || whole.failed != PS_OK); /* an end is always told */
    h1_log_free(&whole);
    h1_log_free(&cut);
    T_EQ(ps_mem_live_n(), 0);
}

#endif
