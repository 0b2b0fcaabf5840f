/* sse/frames.c -- framing of server-sent events (see frames.h).
 * The next LF and the next CR are searched for each on its own and remembered, so that every byte is looked at once
 * for each of them, whatever the line ends are. */
#include "sse/frames.h"

enum { KEEP_BYTES = 4096 }; /* of memory that is not in use */
static const uint8_t bom[] = {0xEF, 0xBB, 0xBF};

void ps_frames_init(struct ps_frames *f, size_t max_event_bytes)
{
    *f = (struct ps_frames){.max_event_bytes = max_event_bytes};
    ps_buf_init(&f->joined, SIZE_MAX / 4);
}

void ps_frames_fini(struct ps_frames *f)
{
    ps_buf_fini(&f->joined);
}

struct ps_frames_view ps_frames_look(struct ps_frames *f, struct ps_bytes all)
{
    ps_buf_clear(&f->joined);
    ps_buf_shrink(&f->joined, KEEP_BYTES);
    struct ps_frames_view v = {.start = all.p, .at = all.p, .end = all.p + all.n, .lf = NULL, .cr = NULL};
    if (f->is_after_cr && f->line_at < all.n && all.p[f->line_at] == '\n') {
        v.is_tail_due = f->line_at == 0;
        if (!v.is_tail_due)
            f->scan_at = ++f->line_at;
    }
    f->is_after_cr = false;
    return v;
}

static const uint8_t *find(const uint8_t *from, const uint8_t *end, int c)
{
    const uint8_t *at = memchr(from, c, (size_t)(end - from));
    return at == NULL ? end : at;
}

/* The end of the line that begins at or before `from`; v->end when there is none. */
static const uint8_t *find_stop(struct ps_frames_view *v, const uint8_t *from)
{
    if (v->lf < from)
        v->lf = find(from, v->end, '\n');
    if (v->cr < from)
        v->cr = find(from, v->end, '\r');
    return v->lf < v->cr ? v->lf : v->cr;
}

/* The value behind a field's name of `n` bytes. */
static struct ps_bytes value_of(const uint8_t *line, const uint8_t *stop, size_t n)
{
    const uint8_t *p = line + n;
    if (p < stop)
        p++; /* the colon */
    if (p < stop && *p == ' ')
        p++;
    return ps_bytes_of(p, (size_t)(stop - p));
}

static bool is_field(const uint8_t *line, const uint8_t *stop, const char *name, size_t n)
{
    size_t line_n = (size_t)(stop - line);
    return line_n >= n && memcmp(line, name, n) == 0 && (line_n == n || line[n] == ':');
}

/* Takes in a line; true when it is blank. */
static bool read_line(struct ps_frames *f, const uint8_t *event, const uint8_t *line, const uint8_t *stop)
{
    if (!f->is_begun && line == event && stop - line >= 3 && memcmp(line, bom, sizeof bom) == 0)
        line += sizeof bom;
    if (line == stop)
        return true;
    if (is_field(line, stop, "data", 4)) {
        struct ps_bytes value = value_of(line, stop, 4);
        f->data_at = (size_t)(value.p - event);
        f->data_n = value.n;
        f->data_lines_n++;
    } else if (is_field(line, stop, "event", 5)) {
        f->is_error = ps_bytes_eq(value_of(line, stop, 5), ps_bytes_str("error"));
    }
    return false;
}

/* All data lines of an event, joined by LF. */
static enum ps_status join_lines(struct ps_frames *f, struct ps_bytes raw)
{
    const uint8_t *end = raw.p + raw.n, *line = raw.p;
    bool is_first = true;
    ps_buf_clear(&f->joined);
    if (!f->is_begun && raw.n >= 3 && memcmp(line, bom, sizeof bom) == 0)
        line += sizeof bom;
    while (line < end) {
        const uint8_t *stop = line;
        while (*stop != '\n' && *stop != '\r') /* the raw event ends with one */
            stop++;
        if (is_field(line, stop, "data", 4)) {
            enum ps_status st = is_first ? PS_OK : ps_buf_append(&f->joined, ps_bytes_str("\n"));
            if (st == PS_OK)
                st = ps_buf_append(&f->joined, value_of(line, stop, 4));
            if (st != PS_OK)
                return st;
            is_first = false;
        }
        line = stop + 1;
    }
    return PS_OK;
}

static enum ps_status give(struct ps_frames *f, struct ps_bytes raw, struct ps_frame *frame)
{
    *frame = (struct ps_frame){.raw = raw, .is_error = f->is_error, .is_one_line = f->data_lines_n == 1};
    if (f->data_lines_n > 1) {
        enum ps_status st = join_lines(f, raw);
        if (st != PS_OK)
            return st;
        frame->data = ps_buf_view(&f->joined);
    } else if (f->data_lines_n == 1) {
        frame->data = ps_bytes_of(raw.p + f->data_at, f->data_n);
    }
    f->is_begun = true;
    f->line_at = f->scan_at = f->data_lines_n = 0;
    f->is_error = false;
    return PS_OK;
}

/* There is no whole event any more. */
static enum ps_status rest(struct ps_frames *f, const struct ps_frames_view *v)
{
    size_t n = (size_t)(v->end - v->at);
    f->scan_at = n;
    f->is_after_cr = f->line_at == n && v->end > v->start && v->end[-1] == '\r';
    return n > f->max_event_bytes ? PS_LIMIT : PS_CLOSED;
}

enum ps_status ps_frames_next(struct ps_frames *f, struct ps_frames_view *v, struct ps_frame *frame)
{
    const uint8_t *event = v->at;
    if (v->is_tail_due) {
        v->is_tail_due = false;
        *frame = (struct ps_frame){.raw = ps_bytes_of(v->at++, 1), .is_tail = true};
        return PS_OK;
    }
    for (;;) {
        const uint8_t *line = event + f->line_at, *stop = find_stop(v, event + f->scan_at);
        if (stop == v->end)
            return rest(f, v);
        const uint8_t *next = stop + 1;
        if (*stop == '\r' && next < v->end && *next == '\n')
            next++;
        bool is_blank = read_line(f, event, line, stop);
        f->line_at = f->scan_at = (size_t)(next - event);
        if (!is_blank)
            continue;
        if ((size_t)(stop + 1 - event) > f->max_event_bytes)
            return PS_LIMIT;
        v->at = next;
        return give(f, ps_bytes_of(event, (size_t)(next - event)), frame);
    }
}
