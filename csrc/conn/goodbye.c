/* conn/goodbye.c -- the polite last words of a connection: GOAWAY, then close_notify, inside and outside.
 * Said if the kernel takes them at once; the connection ends either way. Thread: io. */
#include "conn/conn_internal.h"
#include "proto/h2.h"

/* HTTP/2's last words: RST_STREAMs that wait, and a GOAWAY, our own or the codec's reason (rule 24). */
static void say_goaway(struct ps_conn *c)
{
    struct ps_buf *out = &c->env->wire_out;
    struct ps_err err;
    enum ps_status st = ps_h2_shutdown(c->codec, &err);
    ps_buf_clear(out);
    if (st == PS_OK)
        st = ps_codec_pull(c->codec, out, &err);
    if (st == PS_OK && ps_buf_n(out) > 0)
        st = c->is_tls ? conn_write_tls(c, ps_buf_view(out), &err)
                       : conn_write_sock(c, ps_buf_view(out), &err);
    (void)st; /* the connection ends either way */
    ps_buf_clear(out);
}

/* close_notify of the origin's TLS. */
static void say_close(struct ps_conn *c)
{
    ps_tls_link_close(&c->tls);
    ps_buf_clear(&c->env->cipher_out);
    if (ps_tls_link_pull(&c->tls, &c->env->cipher_out) == PS_OK) {
        enum ps_status st = conn_write_sock(c, ps_buf_view(&c->env->cipher_out), NULL);
        (void)st; /* as above */
    }
    ps_buf_clear(&c->env->cipher_out);
}

void conn_say_goodbye(struct ps_conn *c)
{
    if (c->sock == NULL || c->write_err.status != PS_OK)
        return;
    if (c->is_h2 && c->codec != NULL)
        say_goaway(c);
    if (c->is_tls && c->tls.open)
        say_close(c);
    if (c->has_outer && c->outer.open) {
        ps_tls_link_close(&c->outer);
        enum ps_status st = conn_outer_write(c, ps_bytes_of(NULL, 0), NULL);
        (void)st; /* as above */
    }
}
