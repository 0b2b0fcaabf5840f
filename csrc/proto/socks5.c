/* proto/socks5.c -- the SOCKS5 dialogue (see socks5.h), a byte at a time: no cut of the input can matter. */
#include "proto/socks5.h"

enum {
    VERSION = 5,
    AUTH_VERSION = 1,
    NO_AUTH = 0,
    USER_PASSWORD = 2,
    NO_METHOD = 0xff,
    COMMAND_CONNECT = 1,
    ATYP_IPV4 = 1,
    ATYP_NAME = 3,
    ATYP_IPV6 = 4,
    REPLY_FIXED_BYTES = 4, /* VER REP RSV ATYP */
    PORT_BYTES = 2,
};

/* RFC 1928 6. */
static const char *const replies[] = {
    "",
    "general failure",
    "its rules do not allow this",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "TTL expired",
    "command not supported",
    "address type not supported",
};

static enum ps_status refuse(struct ps_err *err, enum ps_status st, const char *why)
{
    return ps_err_set(err, st, PS_PHASE_PROXY, "%s", why);
}

static enum ps_status put(struct ps_buf *out, struct ps_bytes bytes, struct ps_err *err)
{
    enum ps_status st = ps_buf_append(out, bytes);
    return st == PS_NOMEM ? ps_err_nomem(err)
           : st == PS_OK  ? PS_OK
                          : refuse(err, st, "a SOCKS message does not fit");
}

static enum ps_status put_byte(struct ps_buf *out, size_t value, struct ps_err *err)
{
    uint8_t byte = (uint8_t)value;
    return put(out, ps_bytes_of(&byte, 1), err);
}

/* A length byte, then the text. */
static enum ps_status put_text(struct ps_buf *out, struct ps_bytes text, struct ps_err *err)
{
    enum ps_status st = put_byte(out, text.n, err);
    return st == PS_OK ? put(out, text, err) : st;
}

static void await(struct ps_socks5 *s, enum ps_socks5_at at, size_t want_n)
{
    s->at = at;
    s->in_n = 0;
    s->want_n = want_n;
}

static enum ps_status check(const struct ps_socks5_wants *w, struct ps_err *err)
{
    size_t address_n = w->kind == PS_SOCKS5_IPV4 ? 4 : w->kind == PS_SOCKS5_IPV6 ? 16 : w->host.n;
    if (w->host.n != address_n || w->host.n == 0 || w->host.n > PS_SOCKS5_TEXT_BYTES)
        return refuse(err, PS_INVALID, "SOCKS takes host names of 1 to 255 bytes");
    size_t user_n = w->user == NULL ? 1 : strlen(w->user);
    size_t password_n = w->password == NULL ? 0 : strlen(w->password);
    if (user_n == 0 || user_n > PS_SOCKS5_TEXT_BYTES || password_n > PS_SOCKS5_TEXT_BYTES)
        return refuse(err, PS_INVALID, "SOCKS takes users of 1 to 255 bytes, passwords of at most 255");
    return PS_OK;
}

enum ps_status ps_socks5_start(struct ps_socks5 *s, const struct ps_socks5_wants *wants,
                               struct ps_buf *out, struct ps_err *err)
{
    static const uint8_t plain[] = {VERSION, 1, NO_AUTH};
    static const uint8_t both[] = {VERSION, 2, NO_AUTH, USER_PASSWORD};
    enum ps_status st = check(wants, err);
    if (st != PS_OK)
        return st;
    *s = (struct ps_socks5){.wants = *wants};
    await(s, PS_SOCKS5_AT_METHOD, 2);
    return wants->user == NULL ? put(out, ps_bytes_of(plain, sizeof plain), err)
                               : put(out, ps_bytes_of(both, sizeof both), err);
}

static enum ps_status ask_connect(struct ps_socks5 *s, struct ps_buf *out, struct ps_err *err)
{
    const struct ps_socks5_wants *w = &s->wants;
    uint8_t atyp = w->kind == PS_SOCKS5_IPV4   ? ATYP_IPV4
                   : w->kind == PS_SOCKS5_IPV6 ? ATYP_IPV6
                                               : ATYP_NAME;
    const uint8_t head[] = {VERSION, COMMAND_CONNECT, 0, atyp};
    const uint8_t port[] = {(uint8_t)(w->port >> 8), (uint8_t)w->port};
    await(s, PS_SOCKS5_AT_REPLY, REPLY_FIXED_BYTES + 1);
    enum ps_status st = put(out, ps_bytes_of(head, sizeof head), err);
    if (st == PS_OK)
        st = w->kind == PS_SOCKS5_NAME ? put_text(out, w->host, err) : put(out, w->host, err);
    return st == PS_OK ? put(out, ps_bytes_of(port, sizeof port), err) : st;
}

static enum ps_status tell_password(struct ps_socks5 *s, struct ps_buf *out, struct ps_err *err)
{
    const struct ps_socks5_wants *w = &s->wants;
    await(s, PS_SOCKS5_AT_VERDICT, 2);
    enum ps_status st = put_byte(out, AUTH_VERSION, err);
    if (st == PS_OK)
        st = put_text(out, ps_bytes_str(w->user), err);
    return st == PS_OK ? put_text(out, ps_bytes_str(w->password == NULL ? "" : w->password), err)
                       : st;
}

static enum ps_status take_method(struct ps_socks5 *s, uint8_t c, struct ps_buf *out,
                                  struct ps_err *err)
{
    if (s->in_n == 1)
        return c == VERSION ? PS_OK : refuse(err, PS_PROXY_FAILED, "it does not speak SOCKS5");
    if (c == NO_AUTH)
        return ask_connect(s, out, err);
    if (c == USER_PASSWORD && s->wants.user != NULL)
        return tell_password(s, out, err);
    if (c == NO_METHOD)
        return refuse(err, PS_PROXY_AUTH,
                      s->wants.user == NULL ? "it wants to know who asks, and no user was given"
                                            : "it takes neither a password nor none");
    return refuse(err, PS_PROXY_FAILED, "it chose a SOCKS5 method that was not offered");
}

static enum ps_status take_verdict(struct ps_socks5 *s, uint8_t c, struct ps_buf *out,
                                   struct ps_err *err)
{
    if (s->in_n == 1) /* some answer with the protocol's version instead of this message's */
        return c == AUTH_VERSION || c == VERSION
                   ? PS_OK
                   : refuse(err, PS_PROXY_FAILED, "it does not speak SOCKS5's password dialogue");
    return c == 0 ? ask_connect(s, out, err)
                  : refuse(err, PS_PROXY_AUTH, "it refuses the user or the password");
}

static enum ps_status take_refusal(uint8_t code, struct ps_err *err)
{
    bool is_known = code < sizeof replies / sizeof replies[0];
    ps_err_set(err, PS_PROXY_FAILED, PS_PHASE_PROXY, "it answered with SOCKS5 reply %u%s%s", code,
               is_known ? ": " : "", is_known ? replies[code] : "");
    if (err != NULL)
        err->detail = code;
    return PS_PROXY_FAILED;
}

/* The address it answers with is of no use, but must be read over. */
static enum ps_status take_reply(struct ps_socks5 *s, uint8_t c, struct ps_err *err)
{
    switch (s->in_n) {
    case 1:
        return c == VERSION ? PS_OK : refuse(err, PS_PROXY_FAILED, "its SOCKS5 reply is malformed");
    case 2:
        return c == 0 ? PS_OK : take_refusal(c, err);
    case REPLY_FIXED_BYTES:
        if (c != ATYP_IPV4 && c != ATYP_NAME && c != ATYP_IPV6)
            return refuse(err, PS_PROXY_FAILED, "its SOCKS5 reply is malformed");
        if (c != ATYP_NAME)
            s->want_n = REPLY_FIXED_BYTES + (c == ATYP_IPV4 ? 4 : 16) + PORT_BYTES;
        break;
    case REPLY_FIXED_BYTES + 1:
        if (s->want_n == REPLY_FIXED_BYTES + 1) /* a name, and this is its length */
            s->want_n += (size_t)c + PORT_BYTES;
        break;
    default:
        break;
    }
    if (s->in_n == s->want_n)
        s->at = PS_SOCKS5_OPEN;
    return PS_OK;
}

enum ps_status ps_socks5_feed(struct ps_socks5 *s, struct ps_bytes bytes, size_t *used_n,
                              struct ps_buf *out, struct ps_err *err)
{
    enum ps_status st = PS_OK;
    *used_n = 0;
    while (st == PS_OK && *used_n < bytes.n && s->at != PS_SOCKS5_OPEN) {
        uint8_t c = bytes.p[(*used_n)++];
        s->in_n++;
        switch (s->at) {
        case PS_SOCKS5_AT_METHOD:
            st = take_method(s, c, out, err);
            break;
        case PS_SOCKS5_AT_VERDICT:
            st = take_verdict(s, c, out, err);
            break;
        case PS_SOCKS5_AT_REPLY:
            st = take_reply(s, c, err);
            break;
        case PS_SOCKS5_OPEN:
            break;
        }
    }
    return st;
}
