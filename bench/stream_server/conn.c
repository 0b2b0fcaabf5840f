/* bench/stream_server/conn.c -- one connection: TLS straight on the socket, and bytes that wait to be written. */
#include "server.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conn *conn_new(SSL_CTX *tls, int fd)
{
    struct conn *c = calloc(1, sizeof *c);
    check(c != NULL, "calloc");
    c->fd = fd;
    c->ssl = SSL_new(tls);
    check(c->ssl != NULL && SSL_set_fd(c->ssl, fd) == 1, "SSL_new");
    SSL_set_accept_state(c->ssl);
    return c;
}

static void conn_end(struct conn *c)
{
    nghttp2_session_del(c->session);
    answers_drop(c);
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

/* Does the call on `ssl` that returned 0 only have to wait? */
static bool is_waiting(const struct conn *c)
{
    int why = SSL_get_error(c->ssl, 0);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static void note_protocol(struct conn *c)
{
    const unsigned char *name;
    unsigned name_n;
    SSL_get0_alpn_selected(c->ssl, &name, &name_n);
    c->is_shaken = true;
    if (name_n == 2 && memcmp(name, "h2", 2) == 0)
        h2_begin(c);
}

void conn_read(struct conn *c)
{
    char bytes[16384];
    for (;;) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(c->ssl, bytes, sizeof bytes, &n) != 1) {
            if (!is_waiting(c)) {
                conn_end(c);
                return;
            }
            break;
        }
        if (!c->is_shaken)
            note_protocol(c);
        if (!(c->session != NULL ? h2_read(c, bytes, n) : h1_read(c, bytes, n))) {
            conn_end(c);
            return;
        }
    }
    if (!c->is_shaken && SSL_is_init_finished(c->ssl))
        note_protocol(c);
    if (c->is_shaken)
        conn_has_news(c);
}

/* Makes bytes and writes them until there are no more, or the socket takes none. */
void conn_write(struct conn *c)
{
    for (;;) {
        if (c->out_sent_n == c->out_n) {
            c->out_sent_n = c->out_n = 0;
            bool is_over = false;
            if (c->session == NULL)
                h1_fill(c);
            else
                is_over = !h2_fill(c);
            if (is_over)
                conn_end(c);
            if (is_over || c->out_n == 0)
                return;
        }
        size_t n = 0;
        ERR_clear_error();
        if (SSL_write_ex(c->ssl, c->out + c->out_sent_n, c->out_n - c->out_sent_n, &n) != 1) {
            if (!is_waiting(c))
                conn_end(c);
            return;
        }
        c->out_sent_n += n;
    }
}
