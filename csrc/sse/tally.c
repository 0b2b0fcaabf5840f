/* sse/tally.c -- the way of the bytes through the tally (see tally.h).
 * Each event is a view into what came (or into what was held); the relayed bytes are one view too, as long as nothing
 * is left out. From the first omission on they are copied into `out`, piece by piece. */
#include "sse/tally_internal.h"

#include "base/mem.h"

static const struct tally_dialect *dialect_of(const struct ps_tally *t)
{
    switch (t->settings.dialect) {
    case PS_MESSAGES:
        return &tally_messages;
    case PS_RESPONSES:
        return &tally_responses;
    case PS_CHAT:
    case PS_COMPLETIONS:
        break;
    }
    return &tally_chat;
}

enum ps_status ps_tally_init(struct ps_tally *t, const struct ps_tally_settings *settings)
{
    *t = (struct ps_tally){.settings = *settings};
    struct ps_buf *const bufs[] = {&t->id, &t->model, &t->finish_reason, &t->usage, &t->error, &t->held, &t->out};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        ps_buf_init(bufs[i], SIZE_MAX / 4); /* all hold less than max_event_bytes and what was fed at once */
    ps_frames_init(&t->frames, settings->max_event_bytes);
    if (settings->keep_text && (t->gathered = ps_gathered_new()) == NULL)
        return PS_NOMEM;
    return PS_OK;
}

void ps_tally_fini(struct ps_tally *t)
{
    struct ps_buf *const bufs[] = {&t->id, &t->model, &t->finish_reason, &t->usage, &t->error, &t->held, &t->out};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        ps_buf_fini(bufs[i]);
    ps_frames_fini(&t->frames);
    ps_gathered_free(t->gathered);
    t->gathered = NULL;
}

struct ps_bytes ps_tally_held(const struct ps_tally *t)
{
    struct ps_bytes all = ps_buf_view(&t->held);
    return ps_bytes_of(all.p == NULL ? NULL : all.p + t->given_n, all.n - t->given_n);
}

/* -- what the dialects share -- */

struct ps_bytes tally_word(struct ps_bytes value, struct tally_room *room)
{
    struct ps_bytes inside = ps_json_inside(value);
    if (inside.n == 0 || inside.n > sizeof room->bytes / 3 || memchr(inside.p, '\\', inside.n) == NULL)
        return inside;
    return ps_bytes_of(room->bytes, ps_json_text(inside, room->bytes));
}

bool tally_is(struct ps_bytes value, const char *text)
{
    struct tally_room room;
    return value.n > 0 && ps_bytes_eq(tally_word(value, &room), ps_bytes_str(text));
}

enum ps_status tally_say(struct ps_tally *t, struct tally_event *e, struct ps_gathered *g, struct ps_bytes value)
{
    struct ps_bytes inside = ps_json_inside(value);
    if (inside.n == 0)
        return PS_OK;
    t->text_bytes += ps_json_text(inside, NULL);
    e->is_semantic = true;
    return ps_gather_text(g, value);
}

static enum ps_status set(struct ps_buf *to, struct ps_bytes bytes)
{
    ps_buf_clear(to);
    return ps_buf_append(to, bytes);
}

bool tally_is_name(struct ps_bytes value)
{
    struct ps_bytes inside = ps_json_inside(value);
    return inside.n > 0 && inside.n <= (size_t)PS_TALLY_NAME_BYTES * 6 &&
           ps_json_text(inside, NULL) <= PS_TALLY_NAME_BYTES;
}

enum ps_status tally_name(struct ps_buf *to, struct ps_bytes value)
{
    uint8_t *at;
    if (!tally_is_name(value))
        return PS_OK;
    ps_buf_clear(to);
    enum ps_status st = ps_buf_reserve(to, PS_TALLY_NAME_BYTES, &at);
    if (st == PS_OK)
        ps_buf_commit(to, ps_json_text(ps_json_inside(value), at));
    return st;
}

enum ps_status tally_name_first(struct ps_buf *to, struct ps_bytes value)
{
    return ps_buf_n(to) > 0 ? PS_OK : tally_name(to, value);
}

enum ps_status tally_usage(struct ps_tally *t, struct ps_bytes value)
{
    t->seen |= PS_SEEN_USAGE;
    return set(&t->usage, value);
}

/* -- one event -- */

static struct ps_bytes trimmed(struct ps_bytes text)
{
    static const char space[] = " \t\n\r";
    while (text.n > 0 && memchr(space, text.p[0], 4) != NULL)
        text = ps_bytes_of(text.p + 1, text.n - 1);
    while (text.n > 0 && memchr(space, text.p[text.n - 1], 4) != NULL)
        text.n--;
    return text;
}

static enum ps_status tell_error(struct ps_tally *t, struct ps_bytes raw)
{
    t->seen |= PS_SEEN_ERROR;
    return set(&t->error, raw);
}

/* The error inside of a failed response; nothing when it tells none. */
static struct ps_bytes response_error(struct ps_bytes response)
{
    static const struct ps_json_key keys[] = {PS_JSON_KEY("error")};
    struct ps_json_member error;
    bool is_told = response.n > 0 && ps_json_members(response, keys, 1, &error) && ps_json_is_true(error.value);
    return is_told ? error.value : ps_bytes_of(NULL, 0);
}

static enum ps_status look_for_error(struct ps_tally *t, const struct tally_event *e, const struct tally_dialect *d)
{
    const struct ps_bytes error = e->members[KEY_ERROR].value;
    if (ps_json_is_true(error))
        return tell_error(t, error);
    if (d->response_key != 0 && ps_bytes_eq(e->type, ps_bytes_str("response.failed"))) {
        struct ps_bytes inner = response_error(e->members[d->response_key].value);
        return tell_error(t, inner.n > 0 ? inner : trimmed(e->frame.data));
    }
    if (e->frame.is_error || ps_bytes_eq(e->type, ps_bytes_str("error")))
        return tell_error(t, trimmed(e->frame.data));
    return PS_OK;
}

static enum ps_status count_malformed(struct ps_tally *t, const struct tally_event *e)
{
    t->malformed_n++;
    t->seen |= PS_SEEN_MALFORMED;
    return e->frame.is_error || t->settings.is_strict ? tell_error(t, e->frame.data) : PS_OK;
}

static enum ps_status count_event(struct ps_tally *t, struct tally_event *e)
{
    const struct tally_dialect *d = dialect_of(t);
    struct ps_json_member members[TALLY_KEYS_MAX];
    struct tally_room room;
    if (e->frame.data.p == NULL)
        return PS_OK;
    t->events_n++;
    if (!ps_json_members(e->frame.data, d->keys, d->keys_n, members)) {
        struct ps_bytes data = trimmed(e->frame.data);
        if (data.n < 6 || memcmp(data.p, "[DONE]", 6) != 0)
            return count_malformed(t, e);
        t->seen |= PS_SEEN_DONE;
        return PS_OK;
    }
    e->members = members;
    e->type = tally_word(members[KEY_TYPE].value, &room);
    enum ps_status st = look_for_error(t, e, d);
    if (st != PS_OK || (t->seen & PS_SEEN_ERROR) != 0)
        return st;
    st = d->read(t, e);
    e->members = NULL;
    if (e->is_semantic) {
        t->seen |= PS_SEEN_SEMANTIC;
        t->semantic_n++;
    }
    if (e->is_malformed) {
        t->seen |= PS_SEEN_MALFORMED;
        t->malformed_n++;
    }
    return st;
}

/* -- all events of a piece -- */

struct relaying {
    const uint8_t *from; /* up to here all is in `out`, or left out */
    bool is_copied;      /* something was left out */
};

/* Leaves [start, end) out. */
static enum ps_status omit(struct ps_tally *t, struct relaying *r, const uint8_t *start, const uint8_t *end)
{
    r->is_copied = true;
    enum ps_status st = ps_buf_append(&t->out, ps_bytes_of(r->from, (size_t)(start - r->from)));
    r->from = end;
    return st;
}

static enum ps_status take_frame(struct ps_tally *t, struct relaying *r, const struct ps_frame *frame)
{
    struct tally_event e = {.frame = *frame};
    const uint8_t *start = frame->raw.p, *end = start + frame->raw.n;
    if (frame->is_tail)
        return t->is_dropped ? omit(t, r, start, end) : PS_OK;
    enum ps_status st = count_event(t, &e);
    if (st != PS_OK)
        return st;
    t->is_dropped = e.is_dropped;
    if (e.is_dropped)
        return omit(t, r, start, end);
    return e.cut.n > 0 ? omit(t, r, e.cut.p, e.cut.p + e.cut.n) : PS_OK;
}

/* Goes through the whole events of `all`; *done is what they take, also when an error makes the rest worthless. */
static enum ps_status take_all(struct ps_tally *t, struct ps_bytes all, size_t *done_n, struct ps_bytes *out)
{
    struct ps_frames_view v = ps_frames_look(&t->frames, all);
    struct relaying r = {.from = all.p};
    const uint8_t *relayed = all.p; /* up to here, but for what is left out */
    struct ps_frame frame;
    enum ps_status st;
    while ((st = ps_frames_next(&t->frames, &v, &frame)) == PS_OK) {
        st = take_frame(t, &r, &frame);
        if (st != PS_OK)
            return st;
        if ((t->seen & PS_SEEN_ERROR) != 0)
            break;
        relayed = v.at;
    }
    if (st != PS_OK && st != PS_CLOSED)
        return st;
    *done_n = (t->seen & PS_SEEN_ERROR) != 0 ? all.n : (size_t)(v.at - all.p);
    if (!r.is_copied) {
        *out = ps_bytes_of(all.p, (size_t)(relayed - all.p));
        return PS_OK;
    }
    if (relayed > r.from)
        st = ps_buf_append(&t->out, ps_bytes_of(r.from, (size_t)(relayed - r.from)));
    *out = ps_buf_view(&t->out);
    return st == PS_NOMEM ? st : PS_OK;
}

enum { KEEP_BYTES = 4096 }; /* of an empty buffer: most pieces fit, and many streams are cheap */

static enum ps_status feed(struct ps_tally *t, struct ps_bytes in, struct ps_bytes *out)
{
    size_t done_n = 0;
    ps_buf_consume(&t->held, t->given_n);
    t->given_n = 0;
    ps_buf_clear(&t->out);
    ps_buf_shrink(&t->held, KEEP_BYTES);
    ps_buf_shrink(&t->out, KEEP_BYTES);
    if (in.n == 0 || (t->seen & PS_SEEN_ERROR) != 0)
        return PS_OK;
    if (ps_buf_n(&t->held) == 0) {
        enum ps_status st = take_all(t, in, &done_n, out);
        if (st == PS_OK && done_n < in.n)
            st = ps_buf_append(&t->held, ps_bytes_of(in.p + done_n, in.n - done_n));
        return st;
    }
    enum ps_status st = ps_buf_append(&t->held, in);
    if (st == PS_OK)
        st = take_all(t, ps_buf_view(&t->held), &t->given_n, out);
    return st;
}

enum ps_status ps_tally_feed(struct ps_tally *t, struct ps_bytes in, struct ps_bytes *out)
{
    *out = ps_bytes_of(NULL, 0);
    if (t->failed == PS_OK)
        t->failed = feed(t, in, out);
    if (t->failed != PS_OK)
        *out = ps_bytes_of(NULL, 0);
    return t->failed;
}
