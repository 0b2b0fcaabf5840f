/* Any bytes as HTTP/1.1 requests to the scripted upstream's strict reader: what comes out must not depend on the
 * cuts, bodies are never longer than the input, and nothing may leak. The first byte chooses the cuts. */
#include "t.h"
#include "upstream/h1_request.h"
#include "upstream/json_point.h"

enum {
    MOST_BYTES = 8192,
    BODY_LIMIT_BYTES = 512
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct told {
    uint64_t hash;
    size_t body_n, heads_n;
    bool is_bad;
};

static void mix(struct told *t, struct ps_bytes bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        t->hash = (t->hash ^ bytes.p[i]) * 1099511628211u;
    t->hash = (t->hash ^ 0x100) * 1099511628211u;
}

static void tell_head(struct told *t, const struct up_request *r)
{
    t->heads_n++;
    T_CHECK(r->fields_n > 0 && r->fields_n <= UP_FIELDS_N && ps_buf_n(&r->text) <= UP_HEAD_BYTES);
    mix(t, up_request_view(r, r->method));
    mix(t, up_request_view(r, r->target));
    for (size_t i = 0; i < r->fields_n; i++) {
        mix(t, up_request_view(r, r->fields[i].name));
        mix(t, up_request_view(r, r->fields[i].value));
    }
}

/* One piece of input; false once it is malformed. */
static bool read_piece(struct up_h1_reader *r, struct ps_bytes input, struct told *t)
{
    struct ps_bytes piece;
    for (;;) {
        switch (up_h1_read(r, &input, &piece)) {
        case UP_H1_MORE:
            T_EQ(input.n, 0);
            return true;
        case UP_H1_HEAD:
            tell_head(t, &r->request);
            break;
        case UP_H1_BODY:
            T_CHECK(piece.n > 0);
            t->body_n += piece.n;
            T_EQ(up_request_body(&r->request, piece), PS_OK);
            break;
        case UP_H1_END:
            mix(t, ps_buf_view(&r->request.body));
            T_CHECK(ps_buf_n(&r->request.body) <= BODY_LIMIT_BYTES);
            up_h1_reader_next_message(r);
            break;
        case UP_H1_BAD:
            T_CHECK(r->why != NULL);
            t->is_bad = true;
            return false;
        case UP_H1_NOMEM:
            abort();
        }
    }
}

static struct told read_all(struct ps_bytes wire, size_t step_n)
{
    struct told t = {.hash = 14695981039346656037u};
    struct up_h1_reader r;
    up_h1_reader_init(&r, BODY_LIMIT_BYTES);
    for (size_t at = 0, i = 0; at < wire.n; i++) {
        size_t n = step_n == 0 ? wire.n : 1 + (step_n + i * 7) % 23;
        n = n < wire.n - at ? n : wire.n - at;
        uint8_t *copy = malloc(n); /* so that a view kept too long is seen */
        memcpy(copy, wire.p + at, n);
        bool goes_on = read_piece(&r, ps_bytes_of(copy, n), &t);
        free(copy);
        if (!goes_on)
            break;
        at += n;
    }
    up_h1_reader_fini(&r);
    return t;
}

/* The same bytes as a JSON text: only for crashes and time. */
static void look_into(struct ps_bytes text)
{
    up_json_point_holds(text, ps_bytes_str("/a/1/b~1c"), ps_bytes_str("\"x\\u00e9\""));
    up_json_point_holds(text, ps_bytes_str(""), ps_bytes_str("1.5e3"));
    up_json_pointer_is_good(text);
    up_json_scalar_is_good(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > MOST_BYTES)
        return 0;
    uint8_t *copy = malloc(n - 1);
    memcpy(copy, data + 1, n - 1);
    struct ps_bytes wire = ps_bytes_of(copy, n - 1);
    struct told whole = read_all(wire, 0), cut = read_all(wire, 1 + data[0]);
    T_CHECK(whole.hash == cut.hash && whole.heads_n == cut.heads_n && whole.is_bad == cut.is_bad);
    T_EQ(whole.body_n, cut.body_n);
    T_CHECK(whole.body_n <= n);
    look_into(wire);
    free(copy);
    T_EQ(ps_mem_live_n(), 0);
    return 0;
}
