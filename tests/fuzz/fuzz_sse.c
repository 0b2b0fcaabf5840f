/* Any bytes as a stream of any dialect: cuts change nothing, and what is relayed is what came, less what is left out.
 * The first three bytes choose the dialect, the settings, the limit and the cuts. */
#include "sse/gathered.h"
#include "sse/tally.h"
#include "t.h"

enum { CHOICES = 3, MOST_BYTES = 8192 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct run {
    struct ps_tally tally;
    struct ps_buf relayed;
    enum ps_status st;
};

static void feed(struct run *r, struct ps_bytes piece)
{
    struct ps_bytes out;
    uint8_t *copy = malloc(piece.n + 1); /* exactly as long as it is, for the sanitizer */
    if (copy == NULL)
        abort();
    memcpy(copy, piece.p, piece.n);
    r->st = ps_tally_feed(&r->tally, ps_bytes_of(copy, piece.n), &out);
    if (r->st == PS_OK)
        T_EQ(ps_buf_append(&r->relayed, out), PS_OK);
    free(copy);
}

/* Pieces of 1 + choice bytes. */
static void run(struct run *r, const struct ps_tally_settings *settings, struct ps_bytes all, size_t piece_n)
{
    T_EQ(ps_tally_init(&r->tally, settings), PS_OK);
    ps_buf_init(&r->relayed, SIZE_MAX / 4);
    r->st = PS_OK;
    while (all.n > 0 && r->st == PS_OK) {
        size_t n = piece_n < all.n ? piece_n : all.n;
        feed(r, ps_bytes_of(all.p, n));
        all = ps_bytes_of(all.p + n, all.n - n);
    }
}

static bool is_same(const struct ps_buf *a, const struct ps_buf *b)
{
    return ps_bytes_eq(ps_buf_view(a), ps_buf_view(b));
}

static void compare(const struct run *a, const struct run *b)
{
    T_EQ(a->st, b->st);
    if (a->st != PS_OK)
        return;
    const struct ps_tally *s = &a->tally, *t = &b->tally;
    T_CHECK(is_same(&a->relayed, &b->relayed));
    T_CHECK(ps_bytes_eq(ps_tally_held(s), ps_tally_held(t)));
    T_EQ(s->seen, t->seen);
    T_EQ(s->events_n, t->events_n);
    T_EQ(s->semantic_n, t->semantic_n);
    T_EQ(s->malformed_n, t->malformed_n);
    T_EQ(s->text_bytes, t->text_bytes);
    T_CHECK(is_same(&s->id, &t->id) && is_same(&s->model, &t->model) && is_same(&s->usage, &t->usage));
    T_CHECK(is_same(&s->finish_reason, &t->finish_reason) && is_same(&s->error, &t->error));
    if (s->gathered == NULL)
        return;
    T_CHECK(is_same(&s->gathered->text, &t->gathered->text));
    T_CHECK(is_same(&s->gathered->reasoning, &t->gathered->reasoning));
    T_EQ(s->gathered->tools_n, t->gathered->tools_n);
    for (size_t i = 0; i < s->gathered->tools_n; i++)
        T_CHECK(is_same(&s->gathered->tools[i].arguments, &t->gathered->tools[i].arguments));
}

/* What is relayed is a piece of what came, in order; all of it when nothing may be left out. */
static void check_relayed(const struct run *r, struct ps_bytes all)
{
    struct ps_bytes out = ps_buf_view(&r->relayed), held = ps_tally_held(&r->tally);
    bool is_whole = (r->tally.seen & PS_SEEN_ERROR) == 0;
    bool is_untouched = !r->tally.settings.strip_usage && !r->tally.settings.is_strict;
    if (r->st != PS_OK)
        return;
    T_CHECK(held.n <= r->tally.settings.max_event_bytes);
    if (is_untouched)
        T_CHECK(out.n <= all.n && (out.n == 0 || memcmp(out.p, all.p, out.n) == 0));
    if (is_untouched && is_whole)
        T_CHECK(out.n + held.n == all.n && (held.n == 0 || memcmp(held.p, all.p + out.n, held.n) == 0));
    size_t at = 0;
    for (size_t i = 0; i < all.n && at < out.n; i++)
        at += all.p[i] == out.p[at];
    T_EQ(at, out.n);
    T_CHECK(r->tally.semantic_n <= r->tally.events_n && r->tally.malformed_n <= r->tally.events_n);
    T_CHECK(r->tally.text_bytes <= 3 * all.n);
}

static void run_free(struct run *r)
{
    ps_tally_fini(&r->tally);
    ps_buf_fini(&r->relayed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < CHOICES || n > MOST_BYTES)
        return 0;
    const struct ps_tally_settings settings = {
        .dialect = (enum ps_dialect)(data[0] & 3),
        .strip_usage = (data[0] & 4) != 0,
        .keep_text = (data[0] & 8) != 0,
        .is_strict = (data[0] & 16) != 0,
        .max_event_bytes = data[1] == 0 ? MOST_BYTES : (size_t)data[1] * 4,
    };
    struct ps_bytes all = ps_bytes_of(data + CHOICES, n - CHOICES);
    struct run whole, cut;
    run(&whole, &settings, all, MOST_BYTES);
    run(&cut, &settings, all, 1 + data[2]);
    compare(&whole, &cut);
    check_relayed(&whole, all);
    run_free(&whole);
    run_free(&cut);
    T_EQ(ps_mem_live_n(), 0);
    return 0;
}
