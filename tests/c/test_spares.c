/* The large buffers that a home keeps between two bodies: which it keeps, and that a body moves whole. */
#include "bridge/spares.h"

#include <stdlib.h>
#include <string.h>

#include "t.h"

static struct ps_buf filled(size_t n, size_t limit, char with)
{
    struct ps_buf b;
    char *text = malloc(n);
    T_CHECK(text != NULL);
    memset(text, with, n);
    ps_buf_init(&b, limit);
    T_EQ(ps_buf_append(&b, ps_bytes_of((const uint8_t *)text, n)), PS_OK);
    free(text);
    return b;
}

static void a_body_that_outgrows_its_buffer_moves_to_a_spare(void)
{
    struct ps_spares s = {0};
    struct ps_buf old = filled(100000, 1 << 20, 'o');
    uint8_t *memory = old.data;
    ps_spares_put(&s, &old);
    T_CHECK(old.data == NULL && s.n == 1);
    struct ps_buf b = filled(20000, 60000, 'b');
    ps_buf_consume(&b, 5);
    ps_spares_widen(&s, &b, 39000);
    T_CHECK(b.data == memory);
    T_CHECK(s.n == 1 && s.bufs[0].data != memory); /* what it outgrew is kept in turn */
    T_EQ(b.limit_bytes, 60000);
    T_EQ(ps_buf_n(&b), 19995);
    for (size_t i = 0; i < ps_buf_n(&b); i++)
        T_CHECK(ps_buf_view(&b).p[i] == 'b');
    ps_buf_fini(&b);
    ps_spares_fini(&s);
}

static void small_large_and_too_many_are_not_kept(void)
{
    struct ps_spares s = {0};
    struct ps_buf small = filled(1000, 1 << 20, 's'), large = filled(SPARE_MOST_BYTES + 1, 1 << 20, 'l');
    ps_spares_put(&s, &small);
    ps_spares_put(&s, &large);
    T_CHECK(s.n == 0 && small.data != NULL && large.data != NULL);
    ps_buf_fini(&small);
    ps_buf_fini(&large);
    for (int i = 0; i < SPARES_N + 1; i++) {
        struct ps_buf b = filled(SPARE_LEAST_BYTES, 1 << 20, 'b');
        ps_spares_put(&s, &b);
        T_CHECK((b.data == NULL) == (i < SPARES_N));
        ps_buf_fini(&b);
    }
    T_EQ(s.n, SPARES_N);
    ps_spares_fini(&s);
}

static void small_ones_do_not_keep_large_ones_out(void)
{
    struct ps_spares s = {0};
    for (int i = 0; i < SPARES_N; i++) {
        struct ps_buf b = filled(SPARE_LEAST_BYTES, 1 << 20, 's');
        ps_spares_put(&s, &b);
    }
    struct ps_buf large = filled(100000, 1 << 20, 'l');
    uint8_t *memory = large.data;
    ps_spares_put(&s, &large);
    T_CHECK(large.data != NULL && large.cap < 100000 && ps_buf_n(&large) == 0);
    T_EQ(s.n, SPARES_N);
    ps_buf_fini(&large);
    struct ps_buf b = filled(1000, 1 << 20, 'b');
    ps_spares_widen(&s, &b, SPARE_LEAST_BYTES - 1000);
    T_CHECK(b.cap >= SPARE_LEAST_BYTES && b.data != memory); /* the last one put, which has room */
    T_EQ(s.n, SPARES_N - 1);
    ps_spares_widen(&s, &b, 89000);
    T_CHECK(b.data == memory); /* found behind the small ones */
    T_EQ(s.n, SPARES_N - 1);   /* and the one before has gone back */
    ps_buf_fini(&b);
    ps_spares_fini(&s);
}

static void nothing_moves_without_need_or_room(void)
{
    struct ps_spares s = {0};
    struct ps_buf old = filled(SPARE_LEAST_BYTES, 1 << 20, 'o');
    size_t room = old.cap;
    ps_spares_put(&s, &old);
    struct ps_buf b = filled(1000, room + 5000, 'b');
    uint8_t *memory = b.data;
    ps_spares_widen(&s, &b, 10);           /* a small body stays small */
    ps_spares_widen(&s, &b, room);         /* the spare is too small */
    ps_spares_widen(&s, &b, 2 * room);     /* more than the body may have: the append says so */
    T_CHECK(b.data == memory && s.n == 1);
    ps_buf_fini(&b);
    ps_spares_fini(&s);
}

static const struct t_test tests[] = {
    {"a_body_that_outgrows_its_buffer_moves_to_a_spare", a_body_that_outgrows_its_buffer_moves_to_a_spare},
    {"small_large_and_too_many_are_not_kept", small_large_and_too_many_are_not_kept},
    {"small_ones_do_not_keep_large_ones_out", small_ones_do_not_keep_large_ones_out},
    {"nothing_moves_without_need_or_room", nothing_moves_without_need_or_room},
};

T_MAIN(tests)
