/* sse/tally_responses.c -- events of OpenAI's responses.
 * Many kinds; what is said comes in those that end with ".delta". Success is response.completed or
 * response.incomplete; a failed one is an error (tally.c). */
#include "sse/tally_internal.h"

enum { KEY_RESPONSE = KEYS_SHARED_N, KEY_DELTA, KEY_ITEM, KEY_INDEX, KEYS_N };
static const struct ps_json_key keys[KEYS_N] = {
    TALLY_KEYS_SHARED,   PS_JSON_KEY("response"),     PS_JSON_KEY("delta"),
    PS_JSON_KEY("item"), PS_JSON_KEY("output_index"),
};

static bool is(const struct tally_event *e, const char *type)
{
    return ps_bytes_eq(e->type, ps_bytes_str(type));
}

static bool is_delta(const struct tally_event *e)
{
    return e->type.n >= 6 && memcmp(e->type.p + e->type.n - 6, ".delta", 6) == 0;
}

static enum ps_status read_delta(struct ps_tally *t, struct tally_event *e, struct ps_bytes delta)
{
    if (!ps_json_is_true(delta))
        return PS_OK;
    e->is_semantic = true;
    if (is(e, "response.output_text.delta") || is(e, "response.refusal.delta"))
        return tally_say(t, e, t->gathered, delta);
    if (is(e, "response.reasoning_text.delta") || is(e, "response.reasoning_summary_text.delta"))
        return ps_gather_reasoning(t->gathered, delta);
    if (is(e, "response.function_call_arguments.delta") || is(e, "response.custom_tool_call_input.delta"))
        return ps_gather_call_more(t->gathered, ps_json_index(e->members[KEY_INDEX].value), delta);
    return PS_OK;
}

static enum ps_status read_item(struct ps_tally *t, struct tally_event *e, struct ps_bytes item)
{
    static const struct ps_json_key wanted[] = {PS_JSON_KEY("type"), PS_JSON_KEY("call_id"), PS_JSON_KEY("name")};
    struct ps_json_member m[3];
    if (!ps_json_is(item, '{') || !ps_json_members(item, wanted, 3, m))
        return PS_OK;
    struct ps_bytes type = m[0].value;
    if (!tally_is(type, "message") && !tally_is(type, "reasoning"))
        e->is_semantic = true;
    if (!tally_is(type, "function_call") && !tally_is(type, "custom_tool_call"))
        return PS_OK;
    return ps_gather_call(t->gathered, ps_json_index(e->members[KEY_INDEX].value),
                          (struct ps_call_words){.id = m[1].value, .name = m[2].value});
}

static enum ps_status read_response(struct ps_tally *t, struct ps_bytes response, bool is_last)
{
    static const struct ps_json_key wanted[] = {PS_JSON_KEY("id"), PS_JSON_KEY("model"), PS_JSON_KEY("usage"),
                                                PS_JSON_KEY("status")};
    struct ps_json_member m[4];
    if (!ps_json_is(response, '{') || !ps_json_members(response, wanted, 4, m))
        return PS_OK;
    enum ps_status st = tally_name_first(&t->id, m[0].value);
    if (st == PS_OK)
        st = tally_name_first(&t->model, m[1].value);
    if (st == PS_OK && ps_json_is(m[2].value, '{'))
        st = tally_usage(t, m[2].value);
    return st == PS_OK && is_last ? tally_name(&t->finish_reason, m[3].value) : st;
}

static enum ps_status read_event(struct ps_tally *t, struct tally_event *e)
{
    const struct ps_json_member *m = e->members;
    bool is_last = is(e, "response.completed") || is(e, "response.incomplete");
    enum ps_status st = PS_OK;
    if (is_delta(e))
        st = read_delta(t, e, m[KEY_DELTA].value);
    else if (is(e, "response.output_item.added"))
        st = read_item(t, e, m[KEY_ITEM].value);
    if (st == PS_OK)
        st = read_response(t, m[KEY_RESPONSE].value, is_last);
    if (st == PS_OK && is_last)
        t->seen |= PS_SEEN_FINISHED | PS_SEEN_DONE;
    return st;
}

const struct tally_dialect tally_responses = {
    .keys = keys, .keys_n = KEYS_N, .response_key = KEY_RESPONSE, .read = read_event};
