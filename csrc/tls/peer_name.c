/* tls/peer_name.c -- a host as written by the caller in, the name to verify and to send as SNI out.
 * OpenSSL gives a leading dot and an empty name a meaning of their own ("any subdomain", "no
 * check"), so only names that mean themselves pass.  Thread: any.  Limit: 253 characters. */
#include "tls/peer_name.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
    DNS_NAME_MAX = 253
};

static bool is_ip(const char *text)
{
    unsigned char ip[16];
    return inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool is_dns_name(const char *text)
{
    if (text[0] == '\0' || text[0] == '.')
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (!is_name_char(*p) || (p[0] == '.' && (p[1] == '.' || p[1] == '\0')))
            return false;
    return true;
}

static void fold_case(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

/* Shows the name as printable ASCII, whatever the caller put into it. */
static enum ps_status refuse(const char *name, struct ps_err *err)
{
    char shown[100];
    size_t n = 0;
    for (; name[n] != '\0' && n < sizeof shown - 1; n++)
        shown[n] = name[n] >= ' ' && name[n] < 127 ? name[n] : '?';
    shown[n] = '\0';
    return ps_err_set(err, PS_INVALID, PS_PHASE_TLS,
                      "\"%s\" is no TLS server name: neither an IP address nor an ASCII DNS name",
                      shown);
}

enum ps_status ps_peer_name_set(struct ps_peer_name *out, const char *name, struct ps_err *err)
{
    *out = (struct ps_peer_name){0};
    size_t n = name == NULL ? 0 : strlen(name);
    if (n > DNS_NAME_MAX + 1)
        return ps_err_set(err, PS_INVALID, PS_PHASE_TLS, "the TLS server name is too long");
    if (n > 0)
        memcpy(out->text, name, n);
    if (n > 1 && out->text[n - 1] == '.')
        out->text[n - 1] = '\0';
    fold_case(out->text);
    char *zone = strchr(out->text, '%'); /* fe80::1%eth0: the zone is this machine's business */
    if (zone != NULL && strchr(out->text, ':') != NULL)
        *zone = '\0';
    out->is_ip = is_ip(out->text);
    if (!out->is_ip && !is_dns_name(out->text))
        return refuse(name == NULL ? "" : name, err);
    return PS_OK;
}

bool ps_peer_name_matches(const struct ps_peer_name *name, void *cert, unsigned hostflags)
{
    if (cert == NULL)
        return false;
    if (name->is_ip)
        return X509_check_ip_asc(cert, name->text, 0) == 1;
    return X509_check_host(cert, name->text, 0, hostflags, NULL) == 1;
}
