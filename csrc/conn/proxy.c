/* conn/proxy.c -- making and freeing a proxy's description (see proxy.h). */
#include "conn/proxy.h"

#include "base/mem.h"
#include "base/url.h"
#include "proto/field.h"
#include "proto/socks5.h"

/* "Name: value" without its CRLF. */
static bool is_field(struct ps_bytes line)
{
    size_t name_n = ps_token_n(line);
    if (name_n == 0 || name_n == line.n || line.p[name_n] != ':')
        return false;
    struct ps_bytes value = ps_bytes_of(line.p + name_n, line.n - name_n);
    return ps_value_n(value) == value.n;
}

static bool are_fields(const char *fields)
{
    while (*fields != '\0') {
        const char *end = strstr(fields, "\r\n");
        if (end == NULL || !is_field(ps_bytes_of(fields, (size_t)(end - fields))))
            return false;
        fields = end + 2;
    }
    return true;
}

static bool fits_socks(const char *text)
{
    return text == NULL || strlen(text) <= PS_SOCKS5_TEXT_BYTES;
}

static const char *objection(const struct ps_proxy *w)
{
    if (w->host == NULL || *w->host == '\0' || strlen(w->host) > PS_HOST_MAX_BYTES || w->port == 0)
        return "a proxy needs a host and a port";
    if ((w->kind == PS_PROXY_HTTPS) != (w->tls != NULL))
        return "an https proxy, and no other, needs TLS settings";
    if (w->fields != NULL && !are_fields(w->fields))
        return "a field for the proxy is not legal";
    if (!fits_socks(w->user) || !fits_socks(w->password) || (w->user != NULL && *w->user == '\0'))
        return "SOCKS takes users of 1 to 255 bytes, passwords of at most 255";
    return NULL;
}

/* NULL stays NULL. */
static enum ps_status copy(char **to, const char *text)
{
    if (text != NULL)
        *to = ps_strndup(text, strlen(text));
    return text != NULL && *to == NULL ? PS_NOMEM : PS_OK;
}

enum ps_status ps_proxy_new(struct ps_proxy **out, const struct ps_proxy *wants, struct ps_err *err)
{
    const char *why = objection(wants);
    if (why != NULL)
        return ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "%s", why);
    struct ps_proxy *p = ps_zalloc(sizeof *p);
    if (p == NULL)
        return ps_err_nomem(err);
    p->kind = wants->kind;
    p->port = wants->port;
    if (copy(&p->host, wants->host) != PS_OK ||
        copy(&p->fields, wants->fields == NULL ? "" : wants->fields) != PS_OK ||
        copy(&p->user, wants->user) != PS_OK || copy(&p->password, wants->password) != PS_OK) {
        ps_proxy_free(p);
        return ps_err_nomem(err);
    }
    p->tls = wants->tls;
    *out = p;
    return PS_OK;
}

void ps_proxy_free(struct ps_proxy *p)
{
    if (p == NULL)
        return;
    ps_tls_config_unref(p->tls);
    ps_free(p->host);
    ps_free(p->fields);
    ps_free(p->user);
    ps_free(p->password);
    ps_free(p);
}
