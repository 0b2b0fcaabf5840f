/* upstream/program.c -- programs and their pieces (see program.h; heads are in head.c). */
#include "upstream/program.h"

#include <stdio.h>

#include "base/mem.h"

static void fini_events(struct up_events *e)
{
    for (size_t i = 0; e->pieces != NULL && i < e->pieces_n; i++)
        ps_free(e->pieces[i].framed);
    ps_free(e->pieces);
    ps_free(e->stamps);
}

static void fini_step(struct up_step *s)
{
    switch (s->kind) {
    case UP_INFO:
    case UP_HEAD:
    case UP_TRAILERS:
        up_head_fini(&s->as.head);
        return;
    case UP_BODY:
    case UP_RAW:
        ps_free(s->as.data.framed);
        return;
    case UP_EVENTS:
        fini_events(&s->as.events);
        return;
    case UP_GOAWAY:
        ps_free(s->as.goaway.debug);
        return;
    case UP_SETTINGS:
        ps_free(s->as.settings.entries);
        return;
    case UP_END:
    case UP_DELAY:
    case UP_CUT:
    case UP_RST:
    case UP_SPLIT:
    case UP_STALL:
        return;
    }
}

void up_program_fini(struct up_program *p)
{
    for (size_t i = 0; i < p->n; i++)
        fini_step(&p->steps[i]);
    ps_free(p->steps);
    *p = (struct up_program){0};
}

struct up_step *up_program_add(struct up_program *p, enum up_step_kind kind)
{
    if (p->n + 1 >= p->cap) {
        size_t cap = p->cap == 0 ? 4 : p->cap * 2;
        struct up_step *steps = ps_realloc(p->steps, cap * sizeof *steps);
        if (steps == NULL)
            return NULL;
        p->steps = steps;
        p->cap = cap;
    }
    struct up_step *s = &p->steps[p->n++];
    memset(s, 0, 2 * sizeof *s); /* and the end behind it */
    s->kind = kind;
    return s;
}

enum ps_status up_piece_set(struct up_piece *p, struct ps_bytes data)
{
    char size[24];
    int size_n = snprintf(size, sizeof size, "%zx\r\n", data.n);
    uint8_t *framed = ps_malloc((size_t)size_n + data.n + 2);
    if (framed == NULL)
        return PS_NOMEM;
    memcpy(framed, size, (size_t)size_n);
    if (data.n > 0)
        memcpy(framed + size_n, data.p, data.n);
    memcpy(framed + size_n + data.n, "\r\n", 2);
    *p = (struct up_piece){framed, (size_t)size_n, data.n, (size_t)size_n + data.n + 2};
    return PS_OK;
}

enum ps_status up_program_plain(struct up_program *p, int status, struct ps_bytes text)
{
    static const struct up_pair type[] = {
        {{(const uint8_t *)"content-type", 12}, {(const uint8_t *)"text/plain; charset=utf-8", 25}}};
    enum ps_status st = PS_NOMEM;
    struct up_step *s = up_program_add(p, UP_HEAD);
    if (s != NULL)
        st = up_head_set(&s->as.head, status, type, 1, (int64_t)text.n);
    if (st != PS_OK)
        return st;
    s = up_program_add(p, UP_BODY);
    return s == NULL ? PS_NOMEM : up_piece_set(&s->as.data, text);
}
