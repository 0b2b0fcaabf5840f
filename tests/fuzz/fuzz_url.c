/* Any text as a URL: what is accepted has clean parts, and split again from its parts is the same.
 */
#include "base/url.h"
#include "t.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_inside(struct ps_bytes part, const uint8_t *data, size_t n)
{
    return part.n == 0 || (part.p >= data && part.p + part.n <= data + n);
}

static void check_again(const struct ps_url *u, size_t n)
{
    char *text = malloc(n + 16);
    struct ps_url again;
    if (text == NULL)
        abort();
    int made = snprintf(text, n + 16, "%s://%.*s%.*s", u->is_https ? "https" : "http",
                        (int)u->authority.n, (const char *)u->authority.p, (int)u->path.n,
                        u->path.n == 0 ? "" : (const char *)u->path.p);
    T_EQ(ps_url_split(&again, ps_bytes_of(text, (size_t)made), NULL), PS_OK);
    T_CHECK(ps_bytes_eq(u->host, again.host));
    T_CHECK(ps_bytes_eq(u->authority, again.authority));
    T_CHECK(ps_bytes_eq(u->path, again.path));
    T_EQ(u->port, again.port);
    T_EQ(u->is_https, again.is_https);
    T_EQ(u->host_is_ip, again.host_is_ip);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct ps_url u;
    struct ps_err err = {0};
    enum ps_status st = ps_url_split(&u, ps_bytes_of(data, n), &err);
    if (st != PS_OK) {
        T_CHECK(st == PS_BAD_URL || st == PS_BAD_SCHEME);
        T_CHECK(err.status == st && err.text[0] != '\0');
        return 0;
    }
    T_CHECK(n <= PS_URL_MAX_BYTES && u.port > 0);
    T_CHECK(u.host.n > 0 && u.host.n <= PS_HOST_MAX_BYTES && u.authority.n >= u.host.n);
    T_CHECK(is_inside(u.host, data, n) && is_inside(u.authority, data, n));
    T_CHECK(is_inside(u.path, data, n));
    for (size_t i = 0; i < u.host.n; i++)
        T_CHECK(strchr("/?#@\\%[] ", u.host.p[i]) == NULL);
    T_CHECK(u.path.n == 0 || memchr(u.path.p, '#', u.path.n) == NULL);
    check_again(&u, n);
    return 0;
}
