/* Any lines as method, target and fields: a request that gets built has, on the wire, exactly the
 * lines it was given (rule 64). Input: method LF target LF name LF value LF name LF value... */
#include "h1_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The text up to the next LF; an LF itself is written as 0x80 in the input, so that it can be
 * tried. */
static struct ps_bytes take_line(struct ps_bytes *rest, uint8_t *copy)
{
    const uint8_t *lf = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);
    size_t n = lf == NULL ? rest->n : (size_t)(lf - rest->p);
    for (size_t i = 0; i < n; i++)
        copy[i] = rest->p[i] == 0x80 ? '\n' : rest->p[i];
    size_t used = lf == NULL ? n : n + 1;
    *rest = ps_bytes_of(rest->p + used, rest->n - used);
    return ps_bytes_of(copy, n);
}

static size_t line_count(struct ps_bytes wire)
{
    size_t lines = 0;
    for (size_t i = 0; i < wire.n; i++) {
        T_CHECK(wire.p[i] != '\0');
        if (wire.p[i] == '\r')
            T_CHECK(i + 1 < wire.n && wire.p[i + 1] == '\n');
        if (wire.p[i] != '\n')
            continue;
        T_CHECK(i > 0 && wire.p[i - 1] == '\r');
        lines++;
    }
    return lines;
}

static void check_wire(const struct ps_request *r)
{
    struct ps_codec *c = NULL;
    struct ps_buf out;
    uint32_t id;
    T_EQ(ps_h1_new(&c, &h1_test_limits, NULL), PS_OK);
    T_EQ(ps_codec_open(c, r, &id, NULL), PS_OK);
    ps_buf_init(&out, 1u << 22);
    T_EQ(ps_codec_pull(c, &out, NULL), PS_OK);
    struct ps_bytes wire = ps_buf_view(&out);
    size_t framing = r->body_kind != PS_BODY_NONE || strcmp(r->method, "POST") == 0 ||
                     strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0;
    size_t unsent = 0;
    if (!r->expect_continue) {
        for (size_t i = 0; i < r->fields->fields_n; i++)
            unsent += ps_bytes_ieq_str(ps_head_name(r->fields, i), "Expect");
    }
    T_EQ(line_count(wire), 3 + framing + r->fields->fields_n - unsent);
    T_CHECK(memcmp(wire.p + wire.n - 4, "\r\n\r\n", 4) == 0);
    ps_buf_fini(&out);
    ps_codec_fini(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct ps_url url;
    struct ps_request *r = NULL;
    if (n == 0 || n > 8192)
        return 0;
    struct ps_bytes rest = {data + 1, n - 1};
    uint8_t *copy = malloc(n), *second = malloc(n);
    if (copy == NULL || second == NULL)
        abort();
    T_EQ(ps_url_split(&url, ps_bytes_str("http://a/b"), NULL), PS_OK);
    struct ps_bytes method = take_line(&rest, copy);
    if (ps_request_new(&r, method, &url, NULL) == PS_OK) {
        (void)!ps_request_set_target(r, take_line(&rest, copy), NULL);
        while (rest.n > 0) {
            struct ps_bytes name = take_line(&rest, copy);
            (void)!ps_request_add(r, name, take_line(&rest, second), NULL);
        }
        enum ps_body_kind kind = data[0] % 3;
        if (ps_request_seal(r, kind, data[0] >> 4, NULL) == PS_OK)
            check_wire(r);
        ps_request_free(r);
    }
    free(copy);
    free(second);
    T_EQ(ps_mem_live_n(), 0);
    return 0;
}
