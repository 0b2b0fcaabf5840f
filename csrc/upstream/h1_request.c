/* upstream/h1_request.c -- the states of the strict reader (see h1_request.h; what a line says is in h1_line.c).
 * A line that is whole in the input is read where it lies; only one that is cut is gathered in `line`. */
#include "upstream/h1_request.h"

enum {
    CHUNK_LINE_BYTES = 1024,
    KEEP_LINE_BYTES = 4096
};

void up_h1_reader_init(struct up_h1_reader *r, size_t body_limit_bytes)
{
    *r = (struct up_h1_reader){0};
    up_request_init(&r->request, body_limit_bytes);
    ps_buf_init(&r->line, UP_HEAD_BYTES);
}

void up_h1_reader_fini(struct up_h1_reader *r)
{
    up_request_fini(&r->request);
    ps_buf_fini(&r->line);
}

void up_h1_reader_next_message(struct up_h1_reader *r)
{
    struct up_request request = r->request;
    struct ps_buf line = r->line;
    up_request_clear(&request);
    ps_buf_clear(&line);
    ps_buf_shrink(&line, KEEP_LINE_BYTES);
    *r = (struct up_h1_reader){.request = request, .line = line};
}

static enum up_h1_event fail(struct up_h1_reader *r, const char *why)
{
    r->state = UP_H1_FAILED;
    r->why = why[0] == '\0' ? "out of memory" : why;
    return why[0] == '\0' ? UP_H1_NOMEM : UP_H1_BAD;
}

static size_t line_limit(const struct up_h1_reader *r)
{
    return r->state == UP_H1_AT_CHUNK ? CHUNK_LINE_BYTES : UP_HEAD_BYTES - r->head_bytes;
}

/* A whole line without its CRLF: MORE, BAD, or END when there is one. It lies in the input, or in r->line. */
static enum up_h1_event take_line(struct up_h1_reader *r, struct ps_bytes *input, struct ps_bytes *line)
{
    const uint8_t *end = input->n == 0 ? NULL : memchr(input->p, '\n', input->n);
    size_t n = end == NULL ? input->n : (size_t)(end - input->p) + 1;
    size_t held_n = ps_buf_n(&r->line);
    if (held_n + n > line_limit(r))
        return fail(r, r->state == UP_H1_AT_CHUNK ? "a chunk's size line is too long"
                                                  : "the head is too large");
    *line = ps_bytes_of(input->p, n);
    if (held_n > 0 || end == NULL) {
        if (ps_buf_append(&r->line, *line) != PS_OK)
            return fail(r, "");
        *line = ps_buf_view(&r->line);
    }
    *input = ps_bytes_of(input->p + n, input->n - n);
    if (end == NULL)
        return UP_H1_MORE;
    if (r->state != UP_H1_AT_CHUNK && r->state != UP_H1_AT_CHUNK_END)
        r->head_bytes += line->n;
    ps_buf_clear(&r->line); /* its bytes stay until the next append */
    if (line->n < 2 || line->p[line->n - 2] != '\r')
        return fail(r, "a line ends in LF alone");
    line->n -= 2;
    return memchr(line->p, '\r', line->n) != NULL ? fail(r, "CR inside of a line") : UP_H1_END;
}

static const char *end_fields(struct up_h1_reader *r)
{
    if (r->hosts_n != 1)
        return r->hosts_n == 0 ? "no Host" : "two Host";
    if (r->codings_n > 0 && r->lengths_n > 0)
        return "Transfer-Encoding and Content-Length";
    r->state = UP_H1_AT_HEAD_END;
    return NULL;
}

static const char *read_chunk_size(struct up_h1_reader *r, struct ps_bytes line)
{
    const char *why = up_h1_chunk_line(r, line);
    if (r->left_bytes == 0)
        r->head_bytes = 0; /* the trailer has a limit of its own */
    r->state = r->left_bytes == 0 ? UP_H1_AT_TRAILER : UP_H1_AT_CHUNK_DATA;
    return why;
}

static const char *read_line(struct up_h1_reader *r, struct ps_bytes line)
{
    switch (r->state) {
    case UP_H1_AT_LINE:
        r->state = UP_H1_AT_FIELD;
        return up_h1_request_line(r, line);
    case UP_H1_AT_FIELD:
        return line.n == 0 ? end_fields(r) : up_h1_field_line(r, line);
    case UP_H1_AT_CHUNK:
        return read_chunk_size(r, line);
    case UP_H1_AT_CHUNK_END:
        r->state = UP_H1_AT_CHUNK;
        return line.n == 0 ? NULL : "a chunk is longer than its size";
    case UP_H1_AT_TRAILER:
        if (line.n == 0)
            r->state = UP_H1_AT_END;
        return line.n == 0 ? NULL : up_h1_trailer_line(r, line);
    case UP_H1_AT_HEAD_END:
    case UP_H1_AT_LENGTH:
    case UP_H1_AT_CHUNK_DATA:
    case UP_H1_AT_END:
    case UP_H1_FAILED:
        break;
    }
    return "not at a line";
}

static enum up_h1_event read_data(struct up_h1_reader *r, struct ps_bytes *input, struct ps_bytes *piece)
{
    if (input->n == 0)
        return UP_H1_MORE;
    size_t n = input->n < r->left_bytes ? input->n : (size_t)r->left_bytes;
    *piece = ps_bytes_of(input->p, n);
    *input = ps_bytes_of(input->p + n, input->n - n);
    r->left_bytes -= n;
    if (r->left_bytes == 0)
        r->state = r->state == UP_H1_AT_LENGTH ? UP_H1_AT_END : UP_H1_AT_CHUNK_END;
    return UP_H1_BODY;
}

/* The CRLF behind a chunk: told at its first wrong byte, before a line's end is looked for. */
static bool is_chunk_end(const struct up_h1_reader *r, const struct ps_bytes *input)
{
    size_t held_n = ps_buf_n(&r->line);
    return input->n == 0 ||
           (held_n == 0 ? input->p[0] == '\r' && (input->n == 1 || input->p[1] == '\n')
                        : input->p[0] == '\n');
}

static enum up_h1_event tell_head(struct up_h1_reader *r)
{
    r->left_bytes = r->length;
    r->head_bytes = 0;
    r->state = r->codings_n > 0 ? UP_H1_AT_CHUNK : r->length > 0 ? UP_H1_AT_LENGTH : UP_H1_AT_END;
    return UP_H1_HEAD;
}

enum up_h1_event up_h1_read(struct up_h1_reader *r, struct ps_bytes *input, struct ps_bytes *piece)
{
    for (;;) {
        struct ps_bytes line;
        switch (r->state) {
        case UP_H1_AT_HEAD_END:
            return tell_head(r);
        case UP_H1_AT_LENGTH:
        case UP_H1_AT_CHUNK_DATA:
            return read_data(r, input, piece);
        case UP_H1_AT_END:
            return UP_H1_END;
        case UP_H1_FAILED:
            return UP_H1_BAD;
        case UP_H1_AT_CHUNK_END:
            if (!is_chunk_end(r, input))
                return fail(r, "a chunk is longer than its size");
            break;
        case UP_H1_AT_LINE:
        case UP_H1_AT_FIELD:
        case UP_H1_AT_CHUNK:
        case UP_H1_AT_TRAILER:
            break;
        }
        enum up_h1_event got = take_line(r, input, &line);
        if (got != UP_H1_END)
            return got;
        const char *why = read_line(r, line);
        if (why != NULL)
            return fail(r, why);
    }
}
