/* The base room: buffers keep their limit, lists, chunks, error records. */
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "t.h"

static void buf_keeps_its_limit(void)
{
    struct ps_buf b;
    ps_buf_init(&b, 10);
    T_EQ(ps_buf_append(&b, ps_bytes_str("12345")), PS_OK);
    T_EQ(ps_buf_append(&b, ps_bytes_str("678901")), PS_LIMIT);
    T_EQ(ps_buf_n(&b), 5);
    ps_buf_consume(&b, 2);
    T_EQ(ps_buf_append(&b, ps_bytes_str("6789012")), PS_OK);
    T_CHECK(ps_bytes_eq(ps_buf_view(&b), ps_bytes_str("3456789012")));
    ps_buf_fini(&b);
}

static enum ps_status buf_scenario(void)
{
    struct ps_buf b;
    ps_buf_init(&b, 1u << 20);
    enum ps_status st = PS_OK;
    for (int i = 0; i < 100 && st == PS_OK; i++)
        st = ps_buf_append(&b, ps_bytes_str("a piece of text that is forty bytes long"));
    if (st == PS_OK)
        T_EQ(ps_buf_n(&b), 4000);
    ps_buf_fini(&b);
    return st;
}

static void buf_survives_each_allocation_failure(void)
{
    t_each_alloc(buf_scenario);
}

static void lists_move(void)
{
    struct ps_list a, b;
    struct ps_node n[3] = {0};
    ps_list_init(&a);
    ps_list_init(&b);
    ps_list_push_back(&a, &n[1]);
    ps_list_push_front(&a, &n[0]);
    ps_list_push_back(&b, &n[2]);
    ps_list_move_all(&b, &a);
    T_CHECK(ps_list_empty(&a));
    T_CHECK(ps_list_pop_front(&b) == &n[2]);
    ps_node_unlink(&n[1]);
    ps_node_unlink(&n[1]);
    T_CHECK(ps_list_first(&b) == &n[0]);
    T_CHECK(ps_list_next(&b, &n[0]) == NULL);
}

static void chunk_is_freed_by_the_last(void)
{
    struct ps_chunk *c = ps_chunk_new(3);
    T_EQ(ps_chunk_live_n(), 1);
    ps_chunk_unref(ps_chunk_ref(c));
    T_EQ(ps_chunk_live_n(), 1);
    ps_chunk_unref(c);
    T_EQ(ps_chunk_live_n(), 0);
}

static void err_text_is_bounded(void)
{
    struct ps_err err;
    char longer[1000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    T_EQ(ps_err_set(&err, PS_PROTOCOL, PS_PHASE_HEAD, "%s", longer), PS_PROTOCOL);
    T_EQ(strlen(err.text), sizeof err.text - 1);
    T_STR(ps_status_name(PS_PROTOCOL), "PROTOCOL");
    T_STR(ps_phase_name(PS_PHASE_HEAD), "head");
}

static const struct t_test tests[] = {
    {"buf_keeps_its_limit", buf_keeps_its_limit},
    {"buf_survives_each_allocation_failure", buf_survives_each_allocation_failure},
    {"lists_move", lists_move},
    {"chunk_is_freed_by_the_last", chunk_is_freed_by_the_last},
    {"err_text_is_bounded", err_text_is_bounded},
};

T_MAIN(tests)
