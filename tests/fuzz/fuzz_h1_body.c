/* Any bytes as a response body, behind a head that announces chunks (mostly), a length, or nothing.
 * Besides fuzz_h1_head's properties: a chunked body that ends must agree with a second, naive
 * decoder. */
#include "h1_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const heads[] = {
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
};

/* Counts the data bytes of a chunked body, reading it as loosely as possible. */
static size_t naive_body_n(const char *p)
{
    size_t sum = 0;
    for (;;) {
        char *end;
        unsigned long long size = strtoull(p, &end, 16);
        const char *line_end = strstr(end, "\r\n");
        if (size == 0 || line_end == NULL)
            return sum;
        sum += size;
        p = line_end + 2 + size + 2;
    }
}

static void compare_with_naive(const char *head, struct ps_bytes wire)
{
    struct h1_run run = {.wire = wire};
    struct h1_log log = h1_run_whole(&run);
    if (log.ended) {
        char *text = malloc(wire.n + 1);
        if (text == NULL)
            abort();
        memcpy(text, wire.p, wire.n);
        text[wire.n] = '\0';
        T_EQ(log.body_n, naive_body_n(text + strlen(head)));
        free(text);
    }
    h1_log_free(&log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < FUZZ_CHOICES || n > FUZZ_MOST_BYTES)
        return 0;
    const char *head = heads[data[0] >> 5 & 3];
    size_t head_n = strlen(head), body_n = n - FUZZ_CHOICES;
    uint8_t *wire = malloc(head_n + body_n);
    uint8_t choices[FUZZ_CHOICES];
    if (wire == NULL)
        abort();
    memcpy(choices, data, sizeof choices);
    choices[0] &= 0x1c; /* method GET */
    memcpy(wire, head, head_n);
    memcpy(wire + head_n, data + FUZZ_CHOICES, body_n);
    fuzz_compare(choices, ps_bytes_of(wire, head_n + body_n));
    if (strstr(head, "chunked") != NULL)
        compare_with_naive(head, ps_bytes_of(wire, head_n + body_n));
    free(wire);
    return 0;
}
