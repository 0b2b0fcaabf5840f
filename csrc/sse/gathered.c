/* sse/gathered.c -- what was said (see gathered.h). Tools are kept sorted by index; the last one is asked for first. */
#include "sse/gathered.h"

#include "base/json.h"
#include "base/mem.h"
#include "sse/tally.h"

struct ps_gathered *ps_gathered_new(void)
{
    struct ps_gathered *g = ps_zalloc(sizeof *g);
    if (g == NULL)
        return NULL;
    ps_buf_init(&g->text, PS_TALLY_TEXT_BYTES);
    ps_buf_init(&g->reasoning, PS_TALLY_TEXT_BYTES);
    return g;
}

static void tool_fini(struct ps_tool *tool)
{
    ps_buf_fini(&tool->id);
    ps_buf_fini(&tool->name);
    ps_buf_fini(&tool->arguments);
}

void ps_gathered_free(struct ps_gathered *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->tools_n; i++)
        tool_fini(&g->tools[i]);
    ps_free(g->tools);
    ps_buf_fini(&g->text);
    ps_buf_fini(&g->reasoning);
    ps_free(g);
}

enum ps_status ps_gather(struct ps_gathered *g, struct ps_buf *to, struct ps_bytes value)
{
    struct ps_bytes inside = ps_json_inside(value);
    if (g == NULL || g->is_full || inside.n == 0)
        return PS_OK;
    size_t n = ps_json_text(inside, NULL);
    if (n > PS_TALLY_TEXT_BYTES - g->kept_bytes) {
        g->is_full = true;
        return PS_OK;
    }
    uint8_t *at;
    enum ps_status st = ps_buf_reserve(to, n, &at);
    if (st != PS_OK)
        return st;
    ps_buf_commit(to, ps_json_text(inside, at));
    g->kept_bytes += n;
    return PS_OK;
}

enum ps_status ps_gather_text(struct ps_gathered *g, struct ps_bytes value)
{
    return g == NULL ? PS_OK : ps_gather(g, &g->text, value);
}

enum ps_status ps_gather_reasoning(struct ps_gathered *g, struct ps_bytes value)
{
    return g == NULL ? PS_OK : ps_gather(g, &g->reasoning, value);
}

/* Where the call stands, or would stand. */
static size_t find_tool(const struct ps_gathered *g, int index)
{
    size_t at = g->tools_n;
    while (at > 0 && g->tools[at - 1].index >= index)
        at--;
    return at;
}

static bool is_tool(const struct ps_gathered *g, size_t at, int index)
{
    return at < g->tools_n && g->tools[at].index == index;
}

static enum ps_status add_tool(struct ps_gathered *g, size_t at, int index)
{
    if (g->tools_n == g->tools_cap) {
        size_t cap = g->tools_cap == 0 ? 4 : g->tools_cap * 2;
        struct ps_tool *tools = ps_realloc(g->tools, cap * sizeof *tools);
        if (tools == NULL)
            return PS_NOMEM;
        g->tools = tools;
        g->tools_cap = cap;
    }
    memmove(g->tools + at + 1, g->tools + at, (g->tools_n - at) * sizeof *g->tools);
    g->tools[at] = (struct ps_tool){.index = index};
    ps_buf_init(&g->tools[at].id, PS_TALLY_TEXT_BYTES);
    ps_buf_init(&g->tools[at].name, PS_TALLY_TEXT_BYTES);
    ps_buf_init(&g->tools[at].arguments, PS_TALLY_TEXT_BYTES);
    g->tools_n++;
    return PS_OK;
}

enum ps_status ps_gather_call(struct ps_gathered *g, int index, struct ps_call_words words)
{
    if (g == NULL || index < 0)
        return PS_OK;
    size_t at = find_tool(g, index);
    enum ps_status st = PS_OK;
    if (!is_tool(g, at, index)) {
        if (g->tools_n == PS_TALLY_TOOLS)
            return PS_OK;
        st = add_tool(g, at, index);
    }
    if (st == PS_OK && ps_buf_n(&g->tools[at].id) == 0)
        st = ps_gather(g, &g->tools[at].id, words.id);
    if (st == PS_OK && ps_buf_n(&g->tools[at].name) == 0)
        st = ps_gather(g, &g->tools[at].name, words.name);
    if (st == PS_OK)
        st = ps_gather(g, &g->tools[at].arguments, words.arguments);
    return st;
}

enum ps_status ps_gather_call_more(struct ps_gathered *g, int index, struct ps_bytes arguments)
{
    if (g == NULL || index < 0 || !is_tool(g, find_tool(g, index), index))
        return PS_OK;
    return ps_gather_call(g, index, (struct ps_call_words){.arguments = arguments});
}
