/* sse/tally_chat.c -- chunks of OpenAI's chat completions and completions.
 * A chunk is `{"id","model","choices":[{"index","delta":{...},"finish_reason"}],"usage"}`; completions have `text`
 * in the place of `delta`. Success is a finish_reason of every choice that was seen. */
#include "sse/tally_internal.h"

enum { KEY_CHOICES = KEYS_SHARED_N, KEY_USAGE, KEY_ID, KEY_MODEL, KEYS_N };
static const struct ps_json_key keys[KEYS_N] = {
    TALLY_KEYS_SHARED,   PS_JSON_KEY("choices"), PS_JSON_KEY("usage"),
    PS_JSON_KEY("id"), PS_JSON_KEY("model"),
};

enum { CHOICE_INDEX, CHOICE_DELTA, CHOICE_REASON, CHOICE_TEXT, CHOICE_N };
static const struct ps_json_key choice_keys[CHOICE_N] = {
    PS_JSON_KEY("index"), PS_JSON_KEY("delta"), PS_JSON_KEY("finish_reason"), PS_JSON_KEY("text")};

enum { CONTENT, REASONING_CONTENT, REASONING, REFUSAL, TOOL_CALLS, FUNCTION_CALL, AUDIO, DELTA_N };
static const struct ps_json_key delta_keys[DELTA_N] = {
    PS_JSON_KEY("content"),    PS_JSON_KEY("reasoning_content"), PS_JSON_KEY("reasoning"), PS_JSON_KEY("refusal"),
    PS_JSON_KEY("tool_calls"), PS_JSON_KEY("function_call"),     PS_JSON_KEY("audio")};

/* `{"name","arguments"}` of call `index`. */
static enum ps_status read_function(struct ps_gathered *g, int index, struct ps_bytes id, struct ps_bytes function)
{
    static const struct ps_json_key wanted[] = {PS_JSON_KEY("name"), PS_JSON_KEY("arguments")};
    struct ps_json_member m[2] = {{.count = 0}};
    if (ps_json_is(function, '{') && !ps_json_members(function, wanted, 2, m))
        return PS_INTERNAL;
    return ps_gather_call(g, index, (struct ps_call_words){.id = id, .name = m[0].value, .arguments = m[1].value});
}

static enum ps_status read_tools(struct ps_gathered *g, struct ps_bytes calls)
{
    static const struct ps_json_key wanted[] = {PS_JSON_KEY("index"), PS_JSON_KEY("id"), PS_JSON_KEY("function")};
    struct ps_json_member m[3];
    while (g != NULL && ps_json_next(&calls, wanted, 3, m)) {
        enum ps_status st = read_function(g, ps_json_index(m[0].value), m[1].value, m[2].value);
        if (st != PS_OK)
            return st;
    }
    return PS_OK;
}

static enum ps_status gather_delta(struct ps_gathered *g, const struct ps_json_member *m)
{
    bool is_short = ps_json_inside(m[REASONING_CONTENT].value).n == 0;
    enum ps_status st = ps_gather_reasoning(g, m[is_short ? REASONING : REASONING_CONTENT].value);
    if (st == PS_OK)
        st = read_tools(g, m[TOOL_CALLS].value);
    if (st == PS_OK && ps_json_is(m[FUNCTION_CALL].value, '{'))
        st = read_function(g, 0, ps_bytes_of(NULL, 0), m[FUNCTION_CALL].value);
    return st;
}

static enum ps_status read_delta(struct ps_tally *t, struct tally_event *e, struct ps_gathered *g,
                                 struct ps_bytes delta)
{
    struct ps_json_member m[DELTA_N];
    if (!ps_json_is(delta, '{') || !ps_json_members(delta, delta_keys, DELTA_N, m))
        return PS_OK;
    for (size_t i = 0; i < DELTA_N && !e->is_semantic; i++)
        e->is_semantic = ps_json_is_true(m[i].value);
    enum ps_status st = tally_say(t, e, g, m[CONTENT].value);
    if (st == PS_OK)
        st = tally_say(t, e, g, m[REFUSAL].value);
    return st == PS_OK && g != NULL ? gather_delta(g, m) : st;
}

static enum ps_status read_reason(struct ps_tally *t, unsigned index, struct ps_bytes reason)
{
    uint64_t bit = 1ULL << (index & 63);
    t->choices[index / 64] |= bit;
    if (!tally_is_name(reason))
        return PS_OK;
    t->finished[index / 64] |= bit;
    return index == 0 ? tally_name(&t->finish_reason, reason) : tally_name_first(&t->finish_reason, reason);
}

static enum ps_status read_choice(struct ps_tally *t, struct tally_event *e, const struct ps_json_member *m)
{
    int index = ps_json_index(m[CHOICE_INDEX].value);
    if (index < 0 || index >= PS_TALLY_CHOICES) {
        e->is_malformed = true;
        return PS_OK;
    }
    struct ps_gathered *g = index == 0 ? t->gathered : NULL;
    enum ps_status st = t->settings.dialect == PS_COMPLETIONS ? tally_say(t, e, g, m[CHOICE_TEXT].value)
                                                              : read_delta(t, e, g, m[CHOICE_DELTA].value);
    return st == PS_OK ? read_reason(t, (unsigned)index, m[CHOICE_REASON].value) : st;
}

static void note_finish(struct ps_tally *t)
{
    if ((t->choices[0] | t->choices[1]) == 0)
        return;
    if (t->choices[0] == t->finished[0] && t->choices[1] == t->finished[1])
        t->seen |= PS_SEEN_FINISHED;
    else
        t->seen &= ~(unsigned)PS_SEEN_FINISHED;
}

/* `"usage":null` with one comma, unless the event is not on one line or has two of them. */
static struct ps_bytes null_usage(const struct tally_event *e)
{
    const struct ps_json_member *usage = &e->members[KEY_USAGE];
    if (!ps_json_is(usage->value, 'n') || usage->count != 1 || usage->is_escaped || !e->frame.is_one_line)
        return ps_bytes_of(NULL, 0);
    const uint8_t *end = usage->value.p + usage->value.n;
    if (usage->before != NULL)
        return ps_bytes_of(usage->before, (size_t)(end - usage->before));
    const uint8_t *next = ps_json_behind(end, e->frame.data.p + e->frame.data.n, ',');
    return next == NULL ? ps_bytes_of(NULL, 0) : ps_bytes_of(usage->name, (size_t)(next - usage->name));
}

static enum ps_status read_chunk(struct ps_tally *t, struct tally_event *e)
{
    const struct ps_json_member *m = e->members;
    struct ps_json_member choice[CHOICE_N];
    struct ps_bytes choices = m[KEY_CHOICES].value;
    bool has_usage = ps_json_is(m[KEY_USAGE].value, '{');
    bool has_choices = ps_json_is(choices, '[') && ps_json_is_true(choices);
    enum ps_status st = tally_name_first(&t->id, m[KEY_ID].value);
    if (st == PS_OK)
        st = tally_name_first(&t->model, m[KEY_MODEL].value);
    if (st == PS_OK && has_usage)
        st = tally_usage(t, m[KEY_USAGE].value);
    while (st == PS_OK && has_choices && ps_json_next(&choices, choice_keys, CHOICE_N, choice))
        st = read_choice(t, e, choice);
    note_finish(t);
    if (t->settings.strip_usage) {
        e->is_dropped = has_usage && !has_choices;
        e->cut = null_usage(e);
    }
    return st;
}

const struct tally_dialect tally_chat = {.keys = keys, .keys_n = KEYS_N, .read = read_chunk};
