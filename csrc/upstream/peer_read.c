/* upstream/peer_read.c -- one connection's beginning, and what it reads (see peer.h).
 * Which protocol: what ALPN agreed on; without it HTTP/2 for those who begin with its preface (RFC 9113 3.4),
 * HTTP/1.1 for all others. */
#include "upstream/peer.h"

#include "base/mem.h"
#include "upstream/h1_peer.h"
#include "upstream/h2_peer.h"
#include "upstream/server.h"

static const char h2_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* -- the end -- */

static void on_closed(uv_handle_t *handle)
{
    struct up_peer *p = handle->data;
    if (p->protocol != NULL)
        p->protocol->free(p);
    up_tls_free(p->tls);
    up_listener_unref(p->listener);
    ps_buf_fini(&p->plain);
    ps_buf_fini(&p->out);
    ps_buf_fini(&p->flight);
    ps_free(p);
}

void up_peer_close(struct up_peer *p)
{
    if (p->phase == UP_PEER_CLOSING)
        return;
    p->phase = UP_PEER_CLOSING;
    if (p->protocol != NULL)
        p->protocol->gone(p);
    ps_node_unlink(&p->node);
    ps_node_unlink(&p->ready_node);
    up_pace_clear(&p->server->pace, &p->pause);
    p->listener->open_n--;
    up_log_connection(&p->server->log, false);
    uv_close(&p->uv.handle, on_closed);
}

static void on_pause_over(struct up_alarm *a)
{
    struct up_peer *p = PS_ITEM(a, struct up_peer, pause);
    if (p->phase == UP_PEER_LINGER)
        up_peer_close(p);
    else
        up_peer_wake(p);
}

/* -- reading -- */

static enum ps_status choose_protocol(struct up_peer *p, bool is_h2)
{
    return is_h2 ? up_h2_start(p) : up_h1_start(p);
}

static void begin(struct up_peer *p, bool is_h2, struct ps_bytes rest)
{
    if (choose_protocol(p, is_h2) != PS_OK) {
        up_peer_reset(p);
        return;
    }
    if (p->preface_n > 0)
        p->protocol->feed(p, ps_bytes_of(p->preface, p->preface_n));
    if (rest.n > 0 && p->phase == UP_PEER_OPEN)
        p->protocol->feed(p, rest);
}

static void look_at_preface(struct up_peer *p, struct ps_bytes bytes)
{
    while (bytes.n > 0 && p->preface_n < sizeof p->preface &&
           bytes.p[0] == (uint8_t)h2_preface[p->preface_n]) {
        p->preface[p->preface_n++] = bytes.p[0];
        bytes = ps_bytes_of(bytes.p + 1, bytes.n - 1);
    }
    if (p->preface_n == sizeof p->preface)
        begin(p, true, bytes);
    else if (bytes.n > 0)
        begin(p, false, bytes);
}

static void take_plain(struct up_peer *p, struct ps_bytes bytes)
{
    if (p->protocol == NULL)
        look_at_preface(p, bytes);
    else
        p->protocol->feed(p, bytes);
}

static void choose_by_alpn(struct up_peer *p)
{
    struct ps_bytes alpn = up_tls_alpn(p->tls);
    if (p->protocol != NULL || p->preface_n > 0 || alpn.n == 0)
        return;
    if (choose_protocol(p, ps_bytes_eq(alpn, ps_bytes_str("h2"))) != PS_OK)
        up_peer_reset(p);
}

static void take_cipher(struct up_peer *p, struct ps_bytes bytes)
{
    enum up_tls_state state = up_tls_feed(p->tls, bytes);
    if (state == UP_TLS_OPEN)
        choose_by_alpn(p);
    while (state == UP_TLS_OPEN && p->phase == UP_PEER_OPEN) {
        size_t n = up_tls_read(p->tls, p->server->plain_buf, UP_READ_BYTES, &state);
        if (n == 0)
            break;
        take_plain(p, ps_bytes_of(p->server->plain_buf, n));
    }
    if (p->phase == UP_PEER_CLOSING)
        return;
    if (state == UP_TLS_CLOSED)
        up_peer_close(p);
    else if (state == UP_TLS_FAILED)
        up_peer_cut(p, UP_CUT_ABRUPT); /* behind the alert that waits */
    else
        up_peer_wake(p); /* the handshake has something to say */
}

static void lend(uv_handle_t *handle, size_t wish, uv_buf_t *buf)
{
    struct up_peer *p = handle->data;
    (void)wish;
    *buf = uv_buf_init((char *)p->server->read_buf, UP_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct up_peer *p = stream->data;
    if (n == 0 || p->phase == UP_PEER_CLOSING)
        return;
    if (n < 0)
        up_peer_close(p);
    else if (p->phase != UP_PEER_OPEN || p->is_silent)
        return; /* read and thrown away */
    else if (p->tls != NULL)
        take_cipher(p, ps_bytes_of(buf->base, (size_t)n));
    else
        take_plain(p, ps_bytes_of(buf->base, (size_t)n));
}

void up_peer_read(struct up_peer *p, bool is_on)
{
    if (p->is_reading == is_on || p->phase == UP_PEER_CLOSING)
        return;
    p->is_reading = is_on;
    if (!is_on)
        uv_read_stop(&p->uv.stream);
    else if (uv_read_start(&p->uv.stream, lend, on_read) != 0)
        up_peer_close(p);
}

/* -- the beginning -- */

static struct up_peer *make(struct up_listener *l)
{
    struct up_server *s = l->server;
    struct up_peer *p = ps_zalloc(sizeof *p);
    if (p == NULL)
        return NULL;
    if (l->settings.tls != NULL && up_tls_new(&p->tls, l->settings.tls) != PS_OK) {
        ps_free(p);
        return NULL;
    }
    uv_tcp_init(&s->loop, &p->uv.tcp); /* always 0 */
    p->uv.handle.data = p;
    p->server = s;
    p->listener = l;
    l->refs_n++;
    l->open_n++;
    p->id = ++s->peers_n;
    p->pause.ring = on_pause_over;
    p->is_silent = l->settings.tls_stall || l->settings.on_accept == UP_ACCEPT_SILENCE;
    ps_buf_init(&p->plain, SIZE_MAX / 4); /* bounded by UP_OUT_BYTES and one piece */
    ps_buf_init(&p->out, SIZE_MAX / 4);
    ps_buf_init(&p->flight, SIZE_MAX / 4);
    ps_list_push_back(&s->peers, &p->node);
    up_log_connection(&s->log, true);
    return p;
}

enum ps_status up_peer_accept(struct up_listener *l)
{
    struct up_peer *p = make(l);
    if (p == NULL)
        return PS_NOMEM;
    const struct up_listener_settings *at = &l->settings;
    if (uv_accept(&l->uv.stream, &p->uv.stream) != 0)
        up_peer_close(p);
    else if (at->on_accept == UP_ACCEPT_RESET ||
             (at->max_connections > 0 && l->open_n > at->max_connections))
        up_peer_reset(p);
    else {
        uv_tcp_nodelay(&p->uv.tcp, 1);
        up_peer_read(p, true);
    }
    return PS_OK;
}
