/* proto/h1_head.c -- response heads: status line, fields, and what they say about the body.
 * In: lines.  Out: PS_EV_INFO for each 1xx, then PS_EV_HEAD, and the state in which the body is
 * read. Thread: io.  Limits: limits.head for one head and for all 1xx heads together,
 * limits.info_n.
 *
 * A response that two programs could frame differently is refused, never repaired (rules 67-72,
 * 101). */
#include "proto/field.h"
#include "proto/h1_state.h"

static const char version_prefix[] = "HTTP/1.";

void ps_h1_expect_head(struct ps_h1 *h)
{
    h->state = H1_STATUS_LINE;
    h->framing = (struct h1_framing){.keep_alive_ms = UINT64_MAX};
}

/* A peer that speaks something else may never send a LF: the first wrong byte is enough. */
static bool starts_like_http(const struct ps_h1 *h)
{
    size_t had_n = h->line_was_taken ? 0 : ps_buf_n(&h->line);
    size_t prefix_n = sizeof version_prefix - 1;
    if (had_n >= prefix_n)
        return true;
    size_t n = h->in.n < prefix_n - had_n ? h->in.n : prefix_n - had_n;
    return n == 0 || memcmp(h->in.p, version_prefix + had_n, n) == 0;
}

static enum h1_step fail_status_line(struct ps_h1 *h, struct ps_event *ev, struct ps_bytes line,
                                     const char *why)
{
    char quoted[PS_QUOTE_BYTES];
    return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD, "status line %s %s",
                      ps_quote(quoted, line), why);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1." ("0" | "1") SP 3DIGIT SP reason (rule 67); the prefix was checked. */
static enum h1_step parse_status_line(struct ps_h1 *h, struct ps_event *ev, struct ps_bytes line)
{
    const uint8_t *p = line.p;
    if (line.n < 9 || (p[7] != '0' && p[7] != '1') || p[8] != ' ')
        return fail_status_line(h, ev, line, "is not HTTP/1.0 or HTTP/1.1");
    if (line.n < 12 || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) || p[9] == '0')
        return fail_status_line(h, ev, line, "has no status code from 100 to 999");
    if (line.n < 13 || p[12] != ' ')
        return fail_status_line(h, ev, line, "has no space after its status code");
    struct ps_bytes reason = {p + 13, line.n - 13};
    if (ps_value_n(reason) < reason.n)
        return fail_status_line(h, ev, line, "has a control byte in its reason");

    h->head = ps_head_new(&h->limits.head);
    if (h->head == NULL)
        return ps_h1_fail_nomem(h, ev);
    h->head->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    h->head->http_major = 1;
    h->head->http_minor = p[7] - '0';
    enum ps_status st = ps_head_set_reason(h->head, reason);
    if (st == PS_NOMEM)
        return ps_h1_fail_nomem(h, ev);
    if (st != PS_OK)
        return ps_h1_fail(h, ev, st, PS_PHASE_HEAD, "the reason phrase exceeds the head's limit");
    h->state = H1_FIELDS;
    return H1_AGAIN;
}

enum h1_step ps_h1_read_status_line(struct ps_h1 *h, struct ps_event *ev)
{
    struct ps_bytes line;
    char quoted[PS_QUOTE_BYTES];
    if (h->in.n > 0 && !h->out.has_pulled) /* an answer to a question nobody asked (rule 76) */
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_SEND,
                          "the peer sent %s before it had the request", ps_quote(quoted, h->in));
    if (!starts_like_http(h))
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD,
                          "the peer does not answer with HTTP/1.x but with %s",
                          ps_quote(quoted, h->in));
    h->has_response = h->has_response || h->in.n > 0;
    switch (ps_h1_take_line(h, h->limits.line_bytes, &line)) {
    case H1_LINE_PART:
        return H1_MORE;
    case H1_LINE_NOMEM:
        return ps_h1_fail_nomem(h, ev);
    case H1_LINE_LONG:
        return ps_h1_fail(h, ev, PS_LIMIT, PS_PHASE_HEAD,
                          "the status line is longer than %zu bytes", h->limits.line_bytes);
    case H1_LINE_WHOLE:
        break;
    }
    enum h1_step step = ps_h1_strip_cr(h, ev, PS_PHASE_HEAD, "the status line", &line);
    return step == H1_AGAIN ? parse_status_line(h, ev, line) : step;
}

static enum h1_step note_length(struct ps_h1 *h, struct ps_event *ev, struct ps_bytes value)
{
    char quoted[PS_QUOTE_BYTES];
    if (h->framing.has_length)
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD, "Content-Length is given twice");
    if (!ps_parse_decimal(value, &h->framing.length_bytes))
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD, "Content-Length is %s, not a length",
                          ps_quote(quoted, value));
    h->framing.has_length = true;
    return H1_AGAIN;
}

static enum h1_step note_coding(struct ps_h1 *h, struct ps_event *ev, struct ps_bytes value)
{
    char quoted[PS_QUOTE_BYTES];
    if (h->framing.has_chunked)
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD, "Transfer-Encoding is given twice");
    if (!ps_bytes_ieq_str(value, "chunked"))
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD,
                          "Transfer-Encoding is %s, only chunked is understood",
                          ps_quote(quoted, value));
    h->framing.has_chunked = true;
    return H1_AGAIN;
}

static void note_connection(struct h1_framing *f, struct ps_bytes value)
{
    struct ps_bytes option;
    while (ps_list_member(&value, &option)) {
        f->says_close = f->says_close || ps_bytes_ieq_str(option, "close");
        f->says_keep_alive = f->says_keep_alive || ps_bytes_ieq_str(option, "keep-alive");
    }
}

/* Keep-Alive: timeout=5, max=100. Advice, so what cannot be read is not an error. */
static void note_keep_alive(struct h1_framing *f, struct ps_bytes value)
{
    enum {
        NAME_BYTES = 8,
        MOST_S = 86400
    };
    struct ps_bytes member;
    while (ps_list_member(&value, &member)) {
        uint64_t s;
        if (member.n <= NAME_BYTES ||
            !ps_bytes_ieq_str(ps_bytes_of(member.p, NAME_BYTES), "timeout="))
            continue;
        if (ps_parse_decimal(ps_bytes_of(member.p + NAME_BYTES, member.n - NAME_BYTES), &s))
            f->keep_alive_ms = (s < MOST_S ? s : MOST_S) * 1000;
    }
}

static enum h1_step note_field(struct ps_h1 *h, struct ps_event *ev, struct ps_bytes name,
                               struct ps_bytes value)
{
    switch (name.n) { /* most fields are settled by their name's length */
    case 10:
        if (ps_bytes_ieq_str(name, "Connection"))
            note_connection(&h->framing, value);
        else if (ps_bytes_ieq_str(name, "Keep-Alive"))
            note_keep_alive(&h->framing, value);
        return H1_AGAIN;
    case 14:
        return ps_bytes_ieq_str(name, "Content-Length") ? note_length(h, ev, value) : H1_AGAIN;
    case 17:
        return ps_bytes_ieq_str(name, "Transfer-Encoding") ? note_coding(h, ev, value) : H1_AGAIN;
    default:
        return H1_AGAIN;
    }
}

/* Gives the finished head to the receiver. */
static enum h1_step give_head(struct ps_h1 *h, struct ps_event *ev, enum ps_event_kind kind)
{
    ev->kind = kind;
    ev->id = h->id;
    ev->head = h->head;
    h->head = NULL;
    return H1_EVENT;
}

static enum h1_step finish_info(struct ps_h1 *h, struct ps_event *ev)
{
    const struct ps_head *head = h->head;
    const struct h1_framing *f = &h->framing;
    if (head->status == 101)
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD,
                          "status 101 although no other protocol was asked for");
    if (f->has_chunked || (f->has_length && f->length_bytes > 0))
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD, "status %d announces a body",
                          head->status);
    h->info_n++;
    h->info_bytes += head->cost_bytes;
    if (h->info_n > h->limits.info_n || h->info_bytes > h->limits.head.bytes) /* rule 77 */
        return ps_h1_fail(h, ev, PS_LIMIT, PS_PHASE_HEAD,
                          "%zu interim (1xx) heads of %zu bytes and still no final one", h->info_n,
                          h->info_bytes);
    if (head->status == 100)
        h->out.is_waiting = false;
    ps_h1_expect_head(h);
    return give_head(h, ev, PS_EV_INFO);
}

/* Rule 70. A 204 that announces a body has none, but nothing after it can be trusted. */
static void choose_body(struct ps_h1 *h, int status)
{
    const struct h1_framing *f = &h->framing;
    bool opens_tunnel = h->is_connect && status >= 200 && status <= 299;
    h->left_bytes = 0;
    if (h->is_head || status == 204 || status == 304 || opens_tunnel) {
        h->state = H1_END;
        if (opens_tunnel || (status == 204 && (f->has_chunked || f->length_bytes > 0)))
            h->is_kept = false;
    } else if (f->has_chunked) {
        h->state = H1_CHUNK_SIZE;
    } else if (f->has_length) {
        h->left_bytes = f->length_bytes;
        h->state = h->left_bytes > 0 ? H1_BODY_LENGTH : H1_END;
    } else {
        h->state = H1_BODY_CLOSE;
        h->is_kept = false;
    }
}

static enum h1_step finish_head(struct ps_h1 *h, struct ps_event *ev)
{
    const struct ps_head *head = h->head;
    const struct h1_framing *f = &h->framing;
    if (f->has_chunked && f->has_length)
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD,
                          "both Transfer-Encoding and Content-Length frame the body");
    if (f->has_chunked && head->http_minor == 0)
        return ps_h1_fail(h, ev, PS_PROTOCOL, PS_PHASE_HEAD,
                          "an HTTP/1.0 response cannot have a Transfer-Encoding");
    if (head->status < 200)
        return finish_info(h, ev);

    /* Rule 78. */
    if (f->says_close || (head->http_minor == 0 && !f->says_keep_alive) || f->keep_alive_ms == 0)
        h->is_kept = false;
    h->keep_alive_ms = f->keep_alive_ms == UINT64_MAX ? 0 : f->keep_alive_ms;
    /* A body still waiting for its 100 is never sent (rule 66); a refusal stops the others (62). */
    if (!h->out.is_done && (h->out.is_waiting || head->status >= 300))
        ps_h1_stop_body(h);
    choose_body(h, head->status);
    return give_head(h, ev, PS_EV_HEAD);
}

enum h1_step ps_h1_read_fields(struct ps_h1 *h, struct ps_event *ev)
{
    struct ps_bytes name, value;
    for (;;) {
        enum h1_step step = ps_h1_take_field(h, ev, PS_PHASE_HEAD, &name, &value);
        if (step != H1_AGAIN)
            return step;
        if (name.n == 0)
            return finish_head(h, ev);
        step = note_field(h, ev, name, value);
        if (step != H1_AGAIN)
            return step;
        enum ps_status st = ps_head_add(h->head, name, value);
        if (st == PS_NOMEM)
            return ps_h1_fail_nomem(h, ev);
        if (st != PS_OK)
            return ps_h1_fail(h, ev, st, PS_PHASE_HEAD,
                              "the response head exceeds %zu bytes or %zu fields",
                              h->limits.head.bytes, h->limits.head.fields_n);
    }
}
