/* sse/tally_messages.c -- events of Anthropic's messages.
 * message_start names the model and begins the usage; blocks start, go on by deltas and stop; message_delta tells the
 * reason of the end and the last, cumulative, usage; success is message_stop. */
#include "sse/tally_internal.h"

enum { KEY_MESSAGE = KEYS_SHARED_N, KEY_BLOCK, KEY_DELTA, KEY_USAGE, KEY_INDEX, KEYS_N };
static const struct ps_json_key keys[KEYS_N] = {
    TALLY_KEYS_SHARED,    PS_JSON_KEY("message"), PS_JSON_KEY("content_block"),
    PS_JSON_KEY("delta"), PS_JSON_KEY("usage"),   PS_JSON_KEY("index"),
};

static const struct ps_json_key usage_keys[] = {
    PS_JSON_KEY("input_tokens"),
    PS_JSON_KEY("cache_creation_input_tokens"),
    PS_JSON_KEY("cache_read_input_tokens"),
    PS_JSON_KEY("output_tokens"),
    PS_JSON_KEY("cache_creation"),
    PS_JSON_KEY("output_tokens_details"),
    PS_JSON_KEY("server_tool_use"),
    PS_JSON_KEY("service_tier"),
    PS_JSON_KEY("inference_geo"),
};
enum { USAGE_N = sizeof usage_keys / sizeof usage_keys[0] };

static enum ps_status add_count(struct ps_buf *to, const struct ps_json_key *key, struct ps_bytes value)
{
    const struct ps_bytes pieces[] = {ps_bytes_str(ps_buf_n(to) > 1 ? ",\"" : "\""), ps_bytes_of(key->name, key->n),
                                      ps_bytes_str("\":"), value};
    enum ps_status st = PS_OK;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0] && st == PS_OK; i++)
        st = ps_buf_append(to, pieces[i]);
    return st;
}

/* The counts are cumulative: what is given overwrites, null keeps what was there. */
static enum ps_status merge_usage(struct ps_tally *t, struct ps_bytes usage)
{
    struct ps_json_member was[USAGE_N] = {{.count = 0}}, is[USAGE_N];
    struct ps_buf merged;
    if (!ps_json_is(usage, '{') || !ps_json_members(usage, usage_keys, USAGE_N, is))
        return PS_OK;
    if (ps_buf_n(&t->usage) > 0 && !ps_json_members(ps_buf_view(&t->usage), usage_keys, USAGE_N, was))
        return PS_INTERNAL;
    ps_buf_init(&merged, t->usage.limit_bytes);
    enum ps_status st = ps_buf_append(&merged, ps_bytes_str("{"));
    for (size_t i = 0; i < USAGE_N && st == PS_OK; i++) {
        bool is_given = is[i].value.n > 0 && !ps_json_is(is[i].value, 'n');
        struct ps_bytes value = is_given ? is[i].value : was[i].value;
        if (value.n > 0)
            st = add_count(&merged, &usage_keys[i], value);
    }
    if (st == PS_OK)
        st = ps_buf_append(&merged, ps_bytes_str("}"));
    if (st != PS_OK) {
        ps_buf_fini(&merged);
        return st;
    }
    ps_buf_fini(&t->usage);
    t->usage = merged;
    t->seen |= PS_SEEN_USAGE;
    return PS_OK;
}

static enum ps_status read_start(struct ps_tally *t, struct ps_bytes message)
{
    static const struct ps_json_key wanted[] = {PS_JSON_KEY("id"), PS_JSON_KEY("model"), PS_JSON_KEY("usage")};
    struct ps_json_member m[3];
    if (!ps_json_is(message, '{') || !ps_json_members(message, wanted, 3, m))
        return PS_OK;
    enum ps_status st = tally_name_first(&t->id, m[0].value);
    if (st == PS_OK)
        st = tally_name_first(&t->model, m[1].value);
    return st == PS_OK ? merge_usage(t, m[2].value) : st;
}

/* What a block or a delta holds: text, thinking, and of deltas a piece of a tool's input. */
enum { PART_TEXT, PART_THINKING, PART_JSON, PART_TYPE, PART_ID, PART_NAME, PART_N };
static const struct ps_json_key part_keys[PART_N] = {PS_JSON_KEY("text"),         PS_JSON_KEY("thinking"),
                                                     PS_JSON_KEY("partial_json"), PS_JSON_KEY("type"),
                                                     PS_JSON_KEY("id"),           PS_JSON_KEY("name")};

static enum ps_status read_written(struct ps_tally *t, struct tally_event *e, const struct ps_json_member *m)
{
    enum ps_status st = tally_say(t, e, t->gathered, m[PART_TEXT].value);
    if (st != PS_OK || ps_json_inside(m[PART_THINKING].value).n == 0)
        return st;
    e->is_semantic = true;
    return ps_gather_reasoning(t->gathered, m[PART_THINKING].value);
}

static enum ps_status read_block(struct ps_tally *t, struct tally_event *e, struct ps_bytes block)
{
    struct ps_json_member m[PART_N];
    if (!ps_json_is(block, '{') || !ps_json_members(block, part_keys, PART_N, m))
        return PS_OK;
    enum ps_status st = read_written(t, e, m);
    struct ps_bytes type = m[PART_TYPE].value;
    if (!tally_is(type, "text") && !tally_is(type, "thinking"))
        e->is_semantic = true;
    if (st == PS_OK && tally_is(type, "tool_use"))
        st = ps_gather_call(t->gathered, ps_json_index(e->members[KEY_INDEX].value),
                            (struct ps_call_words){.id = m[PART_ID].value, .name = m[PART_NAME].value});
    return st;
}

static enum ps_status read_delta(struct ps_tally *t, struct tally_event *e, struct ps_bytes delta)
{
    struct ps_json_member m[PART_N];
    if (!ps_json_is(delta, '{') || !ps_json_members(delta, part_keys, PART_N, m))
        return PS_OK;
    enum ps_status st = read_written(t, e, m);
    if (st != PS_OK || ps_json_inside(m[PART_JSON].value).n == 0)
        return st;
    e->is_semantic = true;
    return ps_gather_call_more(t->gathered, ps_json_index(e->members[KEY_INDEX].value), m[PART_JSON].value);
}

static enum ps_status read_end(struct ps_tally *t, struct ps_bytes delta, struct ps_bytes usage)
{
    static const struct ps_json_key wanted[] = {PS_JSON_KEY("stop_reason")};
    struct ps_json_member reason;
    enum ps_status st = PS_OK;
    if (ps_json_is(delta, '{') && ps_json_members(delta, wanted, 1, &reason))
        st = tally_name(&t->finish_reason, reason.value);
    return st == PS_OK ? merge_usage(t, usage) : st;
}

static enum ps_status read_event(struct ps_tally *t, struct tally_event *e)
{
    const struct ps_json_member *m = e->members;
    if (ps_bytes_eq(e->type, ps_bytes_str("content_block_delta")))
        return read_delta(t, e, m[KEY_DELTA].value);
    if (ps_bytes_eq(e->type, ps_bytes_str("content_block_start")))
        return read_block(t, e, m[KEY_BLOCK].value);
    if (ps_bytes_eq(e->type, ps_bytes_str("message_start")))
        return read_start(t, m[KEY_MESSAGE].value);
    if (ps_bytes_eq(e->type, ps_bytes_str("message_delta")))
        return read_end(t, m[KEY_DELTA].value, m[KEY_USAGE].value);
    if (ps_bytes_eq(e->type, ps_bytes_str("message_stop")))
        t->seen |= PS_SEEN_FINISHED | PS_SEEN_DONE;
    return PS_OK;
}

const struct tally_dialect tally_messages = {.keys = keys, .keys_n = KEYS_N, .read = read_event};
