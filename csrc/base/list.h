/* base/list.h -- an intrusive doubly linked ring; the head is a node that belongs to no item.
 * A node is in at most one list. Zeroed memory means "in no list". Thread: the owner's. */
#ifndef PS_BASE_LIST_H
#define PS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ps_node {
    struct ps_node *prev;
    struct ps_node *next;
};

struct ps_list {
    struct ps_node head;
};

#define PS_ITEM(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void ps_list_init(struct ps_list *l)
{
    l->head.prev = l->head.next = &l->head;
}

static inline bool ps_list_empty(const struct ps_list *l)
{
    return l->head.next == &l->head;
}

static inline bool ps_node_linked(const struct ps_node *n)
{
    return n->next != NULL;
}

static inline void ps_list_insert_after(struct ps_node *at, struct ps_node *n)
{
    n->prev = at;
    n->next = at->next;
    at->next->prev = n;
    at->next = n;
}

static inline void ps_list_push_back(struct ps_list *l, struct ps_node *n)
{
    ps_list_insert_after(l->head.prev, n);
}

static inline void ps_list_push_front(struct ps_list *l, struct ps_node *n)
{
    ps_list_insert_after(&l->head, n);
}

static inline void ps_node_unlink(struct ps_node *n) /* harmless on a node in no list */
{
    if (n->next == NULL)
        return;
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->prev = n->next = NULL;
}

/* First node, still linked; NULL when empty. */
static inline struct ps_node *ps_list_first(const struct ps_list *l)
{
    return ps_list_empty(l) ? NULL : l->head.next;
}

/* The node after `n`; NULL at the end. */
static inline struct ps_node *ps_list_next(const struct ps_list *l, const struct ps_node *n)
{
    return n->next == &l->head ? NULL : n->next;
}

static inline struct ps_node *ps_list_pop_front(struct ps_list *l)
{
    struct ps_node *n = ps_list_first(l);
    if (n != NULL)
        ps_node_unlink(n);
    return n;
}

/* Moves all nodes of `from` to the end of `to`; `from` is empty afterwards. */
static inline void ps_list_move_all(struct ps_list *to, struct ps_list *from)
{
    if (ps_list_empty(from))
        return;
    from->head.next->prev = to->head.prev;
    to->head.prev->next = from->head.next;
    from->head.prev->next = &to->head;
    to->head.prev = from->head.prev;
    ps_list_init(from);
}

#endif
