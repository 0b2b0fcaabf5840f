/* proto/h1_line.c -- lines and fields out of a stream of bytes (rules 68, 69).
 * In: the view given to feed().  Out: one line at a time: a view of the input when it lies there
 * whole, else a view of `line`, where its pieces were gathered.  Thread: io. Limit: the caller's
 * for each line; a line is judged only when it is whole, so that the verdict does not depend on how
 * the bytes were cut. */
#include "proto/field.h"
#include "proto/h1_state.h"

enum h1_line ps_h1_take_line(struct ps_h1 *h, size_t limit_bytes, struct ps_bytes *line)
{
    if (h->line_was_taken) {
        ps_buf_clear(&h->line);
        h->line_was_taken = false;
    }
    size_t had_n = ps_buf_n(&h->line), most_n = limit_bytes + 1; /* 1: the CR */
    if (h->in.n == 0)
        return H1_LINE_PART;
    const uint8_t *lf = memchr(h->in.p, '\n', h->in.n);
    size_t n = lf == NULL ? h->in.n : (size_t)(lf - h->in.p);
    if (n > most_n - had_n) {
        *line = had_n > 0 ? ps_buf_view(&h->line) : h->in;
        return H1_LINE_LONG;
    }
    if (lf != NULL && had_n == 0) {
        *line = ps_bytes_of(h->in.p, n);
    } else {
        if (ps_buf_append(&h->line, ps_bytes_of(h->in.p, n)) != PS_OK)
            return H1_LINE_NOMEM;
        *line = ps_buf_view(&h->line);
        h->line_was_taken = lf != NULL;
    }
    size_t used_n = lf == NULL ? n : n + 1;
    h->in = ps_bytes_of(h->in.p + used_n, h->in.n - used_n);
    return lf == NULL ? H1_LINE_PART : H1_LINE_WHOLE;
}

enum h1_step ps_h1_strip_cr(struct ps_h1 *h, struct ps_event *ev, enum ps_phase phase,
                            const char *what, struct ps_bytes *line)
{
    if (line->n == 0 || line->p[line->n - 1] != '\r')
        return ps_h1_fail(h, ev, PS_PROTOCOL, phase, "%s ends in a bare LF instead of CRLF", what);
    line->n--;
    if (line->n > 0 && memchr(line->p, '\r', line->n) != NULL)
        return ps_h1_fail(h, ev, PS_PROTOCOL, phase, "%s has a bare CR inside", what);
    return H1_AGAIN;
}

static enum h1_step fail_name(struct ps_h1 *h, struct ps_event *ev, enum ps_phase phase,
                              const char *what, struct ps_bytes line, size_t name_n)
{
    char quoted[PS_QUOTE_BYTES];
    struct ps_bytes name = {line.p, name_n};
    if (name_n == line.n)
        return ps_h1_fail(h, ev, PS_PROTOCOL, phase, "%s line %s has no colon", what,
                          ps_quote(quoted, name));
    uint8_t c = line.p[name_n];
    if (name_n == 0 && (c == ' ' || c == '\t'))
        return ps_h1_fail(h, ev, PS_PROTOCOL, phase,
                          "%s line begins with a blank (obsolete line folding)", what);
    if (name_n == 0 && c == ':')
        return ps_h1_fail(h, ev, PS_PROTOCOL, phase, "%s line has an empty name", what);
    if (c == ' ' || c == '\t')
        return ps_h1_fail(h, ev, PS_PROTOCOL, phase, "%s name %s is followed by a blank", what,
                          ps_quote(quoted, name));
    return ps_h1_fail(h, ev, PS_PROTOCOL, phase, "%s name %s goes on with byte 0x%02x", what,
                      ps_quote(quoted, name), c);
}

/* Errors name the field and the byte; a value may be a cookie and is not shown. */
static enum h1_step split_field(struct ps_h1 *h, struct ps_event *ev, enum ps_phase phase,
                                struct ps_bytes line, struct ps_bytes *name, struct ps_bytes *value)
{
    const char *what = phase == PS_PHASE_BODY ? "trailer" : "header";
    char quoted[PS_QUOTE_BYTES];
    size_t name_n = ps_token_n(line);
    if (name_n == 0 || name_n == line.n || line.p[name_n] != ':')
        return fail_name(h, ev, phase, what, line, name_n);
    *name = ps_bytes_of(line.p, name_n);
    *value = ps_trim(ps_bytes_of(line.p + name_n + 1, line.n - name_n - 1));
    size_t legal_n = ps_value_n(*value);
    if (legal_n < value->n)
        return ps_h1_fail(h, ev, PS_PROTOCOL, phase, "%s %s has byte 0x%02x in its value", what,
                          ps_quote(quoted, *name), value->p[legal_n]);
    return H1_AGAIN;
}

enum h1_step ps_h1_take_field(struct ps_h1 *h, struct ps_event *ev, enum ps_phase phase,
                              struct ps_bytes *name, struct ps_bytes *value)
{
    struct ps_bytes line;
    char quoted[PS_QUOTE_BYTES];
    *name = *value = ps_bytes_of(NULL, 0);
    switch (ps_h1_take_line(h, h->limits.line_bytes, &line)) {
    case H1_LINE_PART:
        return H1_MORE;
    case H1_LINE_NOMEM:
        return ps_h1_fail_nomem(h, ev);
    case H1_LINE_LONG:
        line.n = ps_token_n(line);
        return ps_h1_fail(h, ev, PS_LIMIT, phase, "a %s line is longer than %zu bytes: %s",
                          phase == PS_PHASE_BODY ? "trailer" : "header", h->limits.line_bytes,
                          ps_quote(quoted, line));
    case H1_LINE_WHOLE:
        break;
    }
    const char *what = phase == PS_PHASE_BODY ? "a trailer line" : "a header line";
    enum h1_step step = ps_h1_strip_cr(h, ev, phase, what, &line);
    if (step != H1_AGAIN || line.n == 0)
        return step;
    return split_field(h, ev, phase, line, name, value);
}
