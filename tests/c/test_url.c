/* The URL split: what it accepts and into what, and what it refuses. */
#include "base/url.h"
#include "t.h"

struct accepted {
    const char *text, *host, *authority, *path;
    uint16_t port;
    bool is_https, is_ip;
};

static const struct accepted good[] = {
    {"http://a", "a", "a", "", 80, false, false},
    {"https://a", "a", "a", "", 443, true, false},
    {"HTTPS://Api.Example.COM/V1", "Api.Example.COM", "Api.Example.COM", "/V1", 443, true, false},
    {"http://a:80/", "a", "a", "/", 80, false, false},
    {"http://a:443/", "a", "a:443", "/", 443, false, false},
    {"https://a:443/", "a", "a", "/", 443, true, false},
    {"https://a:80", "a", "a:80", "", 80, true, false},
    {"http://a:1", "a", "a:1", "", 1, false, false},
    {"http://a:65535/x", "a", "a:65535", "/x", 65535, false, false},
    {"http://a?q=1", "a", "a", "?q=1", 80, false, false},
    {"http://a/b?c#d?e", "a", "a", "/b?c", 80, false, false},
    {"http://a#x", "a", "a", "", 80, false, false},
    {"http://a/#", "a", "a", "/", 80, false, false},
    {"http://a?x@y:z/", "a", "a", "?x@y:z/", 80, false, false},
    {"http://a/b@c:d", "a", "a", "/b@c:d", 80, false, false},
    {"http://a//b/../c", "a", "a", "//b/../c", 80, false, false},
    {"http://a/%zz|{}^", "a", "a", "/%zz|{}^", 80, false, false},
    {"http://a.example./", "a.example.", "a.example.", "/", 80, false, false},
    {"http://my_host-1.x--y/", "my_host-1.x--y", "my_host-1.x--y", "/", 80, false, false},
    {"http://xn--bcher-kva.example/", "xn--bcher-kva.example", "xn--bcher-kva.example", "/", 80,
     false, false},
    {"http://1.example", "1.example", "1.example", "", 80, false, false},
    {"http://127.0.0.1:8080/x", "127.0.0.1", "127.0.0.1:8080", "/x", 8080, false, true},
    {"https://255.255.255.255", "255.255.255.255", "255.255.255.255", "", 443, true, true},
    {"http://[::1]/", "::1", "[::1]", "/", 80, false, true},
    {"http://[::1]:80/", "::1", "[::1]", "/", 80, false, true},
    {"http://[2001:DB8::1.2.3.4]:81", "2001:DB8::1.2.3.4", "[2001:DB8::1.2.3.4]:81", "", 81, false,
     true},
};

struct refused {
    const char *text;
    enum ps_status status;
};

static const struct refused bad[] = {
    {"", PS_BAD_URL},
    {"a", PS_BAD_URL},
    {"/x", PS_BAD_URL},
    {"//a/x", PS_BAD_URL},
    {"?http://a", PS_BAD_URL},
    {"a/b:c", PS_BAD_URL},
    {"://a", PS_BAD_URL},
    {"http", PS_BAD_URL},
    {"http:", PS_BAD_URL},
    {"http:/a", PS_BAD_URL},
    {"http:a", PS_BAD_URL},
    {"http:\\\\a", PS_BAD_URL},
    {"http://", PS_BAD_URL},
    {"http:///x", PS_BAD_URL},
    {"http://?x", PS_BAD_URL},
    {"http://#x", PS_BAD_URL},
    {"http://:80", PS_BAD_URL},
    {"ftp://a", PS_BAD_SCHEME},
    {"httpss://a", PS_BAD_SCHEME},
    {"ws://a", PS_BAD_SCHEME},
    {"file:///x", PS_BAD_SCHEME},
    {"a:80/x", PS_BAD_SCHEME},
    {"javascript:x", PS_BAD_SCHEME},
    {" http://a", PS_BAD_URL},
    {"http://a ", PS_BAD_URL},
    {"http://a/ b", PS_BAD_URL},
    {"http://a/\t", PS_BAD_URL},
    {"http://a/\r\nHost: b", PS_BAD_URL},
    {"http://a/\x7f", PS_BAD_URL},
    {"http://a/#\xc3\xa9", PS_BAD_URL},
    {"http://b\xc3\xbc"
     "cher.example",
     PS_BAD_URL},
    {"http://user@a", PS_BAD_URL},
    {"http://user:secret@a/", PS_BAD_URL},
    {"http://@a", PS_BAD_URL},
    {"http://a@b@c", PS_BAD_URL},
    {"http://a\\@b/", PS_BAD_URL},
    {"http://a\\b/", PS_BAD_URL},
    {"http://a%2eb/", PS_BAD_URL},
    {"http://a,b/", PS_BAD_URL},
    {"http://a;b/", PS_BAD_URL},
    {"http://a|b/", PS_BAD_URL},
    {"http://a<b/", PS_BAD_URL},
    {"http://.", PS_BAD_URL},
    {"http://.a", PS_BAD_URL},
    {"http://a..b", PS_BAD_URL},
    {"http://a..", PS_BAD_URL},
    {"http://a:/", PS_BAD_URL},
    {"http://a:0", PS_BAD_URL},
    {"http://a:080", PS_BAD_URL},
    {"http://a:65536", PS_BAD_URL},
    {"http://a:99999", PS_BAD_URL},
    {"http://a:100000", PS_BAD_URL},
    {"http://a:4294967376", PS_BAD_URL},
    {"http://a:-1", PS_BAD_URL},
    {"http://a:+1", PS_BAD_URL},
    {"http://a:8o", PS_BAD_URL},
    {"http://a:80:80", PS_BAD_URL},
    {"http://::1/", PS_BAD_URL},
    {"http://[::1", PS_BAD_URL},
    {"http://::1]", PS_BAD_URL},
    {"http://[]", PS_BAD_URL},
    {"http://[]:80", PS_BAD_URL},
    {"http://[::1]x", PS_BAD_URL},
    {"http://[::1]]", PS_BAD_URL},
    {"http://[a]", PS_BAD_URL},
    {"http://[1.2.3.4]", PS_BAD_URL},
    {"http://[::1%25eth0]/", PS_BAD_URL},
    {"http://[::12345]/", PS_BAD_URL},
    {"http://[1:2:3:4:5:6:7:8:9]/", PS_BAD_URL},
    {"http://[v1.x]/", PS_BAD_URL},
    {"http://x[::1]/", PS_BAD_URL},
    {"http://127.1/", PS_BAD_URL},
    {"http://2130706433/", PS_BAD_URL},
    {"http://0x7f000001/", PS_BAD_URL},
    {"http://0X7F.0.0.1/", PS_BAD_URL},
    {"http://a.0x/", PS_BAD_URL},
    {"http://0x", PS_BAD_URL},
    {"http://127.0.0.1./", PS_BAD_URL},
    {"http://256.0.0.1/", PS_BAD_URL},
    {"http://1.2.3/", PS_BAD_URL},
    {"http://1.2.3.4.5/", PS_BAD_URL},
    {"http://a.1/", PS_BAD_URL},
    {"http://0127.0.0.1/", PS_BAD_URL},
};

static void check_view(struct ps_bytes got, const char *wanted, const char *what, const char *text)
{
    if (ps_bytes_eq(got, ps_bytes_str(wanted)))
        return;
    fprintf(stderr, "%s: %s is \"%.*s\", wanted \"%s\"\n", text, what, (int)got.n,
            (const char *)got.p, wanted);
    abort();
}

static void splits(void)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct accepted *g = &good[i];
        struct ps_url u;
        struct ps_err err;
        if (ps_url_split(&u, ps_bytes_str(g->text), &err) != PS_OK) {
            fprintf(stderr, "%s: %s\n", g->text, err.text);
            abort();
        }
        check_view(u.host, g->host, "host", g->text);
        check_view(u.authority, g->authority, "authority", g->text);
        check_view(u.path, g->path, "path", g->text);
        T_EQ(u.port, g->port);
        T_EQ(u.is_https, g->is_https);
        T_EQ(u.host_is_ip, g->is_ip);
    }
}

static void refuses(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ps_url u;
        struct ps_err err;
        enum ps_status st = ps_url_split(&u, ps_bytes_str(bad[i].text), &err);
        if (st != bad[i].status || err.status != st || err.text[0] == '\0') {
            fprintf(stderr, "%s: got %s (%s)\n", bad[i].text, ps_status_name(st), err.text);
            abort();
        }
        T_CHECK(strstr(err.text, "secret") == NULL);
        T_EQ(ps_url_split(&u, ps_bytes_str(bad[i].text), NULL), bad[i].status);
    }
}

static enum ps_status split_long(size_t host_n, size_t label_n, size_t path_n)
{
    static char text[PS_URL_MAX_BYTES + 16];
    struct ps_url u;
    size_t at = 7;
    memcpy(text, "http://", 7);
    for (size_t i = 1; i <= host_n; i++)
        text[at++] = i % (label_n + 1) == 0 ? '.' : 'a';
    text[at++] = '/';
    memset(text + at, 'p', path_n);
    return ps_url_split(&u, ps_bytes_of(text, at + path_n), NULL);
}

static void lengths_are_limited(void)
{
    T_EQ(split_long(63, 63, 0), PS_OK);
    T_EQ(split_long(64, 64, 0), PS_BAD_URL);
    T_EQ(split_long(253, 50, 0), PS_OK);
    T_EQ(split_long(254, 50, 0), PS_BAD_URL);
    T_EQ(split_long(1, 2, PS_URL_MAX_BYTES - 9), PS_OK);
    T_EQ(split_long(1, 2, PS_URL_MAX_BYTES - 8), PS_BAD_URL);
}

static void every_byte_is_judged(void)
{
    for (int c = 0; c < 256; c++) {
        char text[] = "http://ab/x";
        struct ps_url u;
        text[10] = (char)c;
        enum ps_status st = ps_url_split(&u, ps_bytes_of(text, 11), NULL);
        T_EQ(st, c > 0x20 && c < 0x7f ? PS_OK : PS_BAD_URL);
        text[10] = 'x';
        text[8] = (char)c; /* second byte of the host */
        st = ps_url_split(&u, ps_bytes_of(text, 11), NULL);
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '/' || c == '?' || c == '#';
        T_EQ(st, is_good ? PS_OK : PS_BAD_URL);
    }
}

static const struct t_test tests[] = {
    {"splits", splits},
    {"refuses", refuses},
    {"lengths_are_limited", lengths_are_limited},
    {"every_byte_is_judged", every_byte_is_judged},
};
T_MAIN(tests)
