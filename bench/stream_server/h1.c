/* bench/stream_server/h1.c -- HTTP/1.1 as far as the benchmarks' clients go: one request after another, a body only
 * with Content-Length; the answer is chunked, each event its own chunk. */
#define _GNU_SOURCE
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The head is whole: note the body's length, make the answer. */
static bool take_head(struct conn *c)
{
    const char *path = strchr(c->head, ' ');
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    if (path == NULL || c->answer != NULL)
        return false;
    c->body_left_n = length != NULL ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) : 0;
    c->answer = answer_new(c, 0);
    answer_ask(c->answer, path + 1, strlen(path + 1));
    return true;
}

/* In one piece with what is released already, so that a burst stays one. */
static void fill_head(struct conn *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    memcpy(c->out + c->out_n, head, sizeof head - 1);
    c->out_n += sizeof head - 1;
    c->is_answering = true;
}

bool h1_read(struct conn *c, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool was_body = c->body_left_n > 0;
        if (was_body) {
            c->body_left_n--;
        } else {
            if (c->head_n == HEAD_BYTES - 1)
                return false;
            c->head[c->head_n++] = bytes[i];
            c->head[c->head_n] = '\0';
            if (c->head_n < 4 || memcmp(c->head + c->head_n - 4, "\r\n\r\n", 4) != 0)
                continue;
            c->head_n = 0;
            if (!take_head(c))
                return false;
        }
        if (c->body_left_n == 0)
            answer_begin(c->answer);
    }
    return true;
}

/* What is released of the running answer. */
void h1_fill(struct conn *c)
{
    struct answer *a = c->answer;
    if (a == NULL || a->whole_n == 0)
        return;
    if (!c->is_answering)
        fill_head(c);
    while (a->sent_n < a->released_n && c->out_n < OUT_BYTES) {
        c->out_n += (size_t)sprintf(c->out + c->out_n, "%zx\r\n", plan.event_bytes);
        memcpy(c->out + c->out_n, plan.events + a->sent_n, plan.event_bytes);
        c->out_n += plan.event_bytes;
        memcpy(c->out + c->out_n, "\r\n", 2);
        c->out_n += 2;
        a->sent_n += plan.event_bytes;
    }
    if (a->sent_n == a->whole_n) {
        memcpy(c->out + c->out_n, "0\r\n\r\n", 5);
        c->out_n += 5;
        answer_end(a);
        c->answer = NULL;
        c->is_answering = false;
    }
}
