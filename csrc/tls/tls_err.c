/* tls/tls_err.c -- what went wrong in OpenSSL, as one sentence and a hint.
 * In: the thread's error queue, an X509 verify result, a certificate.  Out: a filled ps_err.
 * The first entry of the queue is the cause, later ones are callers that noticed. What a
 * certificate says about itself is shown as printable ASCII and cut, because the peer wrote it.
 * Thread: any.  Limit: the text of ps_err; host, subject and names are cut to fit beside the hint.
 */
#include "tls/tls_err.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    ALERT_BASE = 1000,
    HOST_SHOWN = 80,
    SUBJECT_BYTES = 52,
    NAMES_BYTES = 76
};

struct hint {
    long code;
    const char *text;
};

static const char hint_client_cert[] = "it did not accept the client certificate";
static const char hint_version[] =
    "it offers no TLS version that is allowed here (TLS 1.2 is the lowest)";
static const char hint_not_tls[] = "what it sends is not TLS; is this a plain http:// port?";

static const struct hint ssl_hints[] = {
    {ALERT_BASE + 40, "no cipher, group or signature in common, or it wants a client certificate"},
    {ALERT_BASE + 42, hint_client_cert},
    {ALERT_BASE + 43, hint_client_cert},
    {ALERT_BASE + 44, hint_client_cert},
    {ALERT_BASE + 45, hint_client_cert},
    {ALERT_BASE + 46, hint_client_cert},
    {ALERT_BASE + 48, "it does not know the CA of the client certificate"},
    {ALERT_BASE + 70, hint_version},
    {ALERT_BASE + 112, "it does not serve this name; TLS(sni=...) overrides what is asked for"},
    {ALERT_BASE + 116, "it wants a client certificate: pass TLS(cert_file=..., key_file=...)"},
    {ALERT_BASE + 120, "it speaks none of the protocols offered by ALPN"},
    {SSL_R_UNSUPPORTED_PROTOCOL, hint_version},
    {SSL_R_WRONG_VERSION_NUMBER, hint_not_tls},
    {SSL_R_WRONG_SSL_VERSION, hint_not_tls},
    {SSL_R_PACKET_LENGTH_TOO_LONG, hint_not_tls},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
     "it is too old: no secure renegotiation (RFC 5746)"},
    {SSL_R_DH_KEY_TOO_SMALL, "its key exchange is too weak for the security level"},
};

static const char hint_ca[] = "pass the CA that signed it as TLS(ca_file=...)";

static const struct hint verify_hints[] = {
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, hint_ca},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, hint_ca},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, hint_ca},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, hint_ca},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "pass the CA that signed it as TLS(ca_file=...), or let the server send its intermediates"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "check the clock of this machine"},
    {X509_V_ERR_CRL_NOT_YET_VALID, "check the clock of this machine"},
    {X509_V_ERR_INVALID_PURPOSE, "it is not meant for TLS servers"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, "crl_check is on, but the CA sources hold no CRL of its issuer"},
    {X509_V_ERR_CRL_HAS_EXPIRED, "give a newer CRL with the CA"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "the security level refuses it"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "the security level refuses it"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "the security level refuses it"},
};

static const char *hint_for(const struct hint *hints, size_t n, long code)
{
    for (size_t i = 0; i < n; i++)
        if (hints[i].code == code)
            return hints[i].text;
    return NULL;
}

/* Empties the queue. Returns its first entry; sets `no_memory` when any entry says so. */
static unsigned long drain_queue(bool *no_memory)
{
    unsigned long first = 0, code;
    *no_memory = false;
    while ((code = ERR_get_error()) != 0) {
        if (first == 0)
            first = code;
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            *no_memory = true;
    }
    return first;
}

/* A sentence's last part; never NULL. System errors carry errno as their reason. */
static const char *reason_of(unsigned long code)
{
    if (code == 0)
        return "no reason given";
    if (ERR_SYSTEM_ERROR(code))
        return strerror(ERR_GET_REASON(code));
    const char *text = ERR_reason_error_string(code);
    return text == NULL ? "unknown reason" : text;
}

enum ps_status ps_tls_err_take(struct ps_err *err, enum ps_phase phase, const char *host)
{
    bool no_memory;
    unsigned long code = drain_queue(&no_memory);
    if (no_memory)
        return ps_err_nomem(err);
    int reason = ERR_GET_REASON(code);
    bool is_ssl = code != 0 && ERR_GET_LIB(code) == ERR_LIB_SSL;
    const char *hint = NULL;
    if (is_ssl)
        hint = hint_for(ssl_hints, sizeof ssl_hints / sizeof ssl_hints[0], reason);
    const char *glue = hint == NULL ? "" : "; ";
    if (hint == NULL)
        hint = "";
    if (is_ssl && reason >= ALERT_BASE && reason < ALERT_BASE + 256)
        ps_err_set(err, PS_TLS_FAILED, phase, "%.*s %s: alert %d, %s%s%s", HOST_SHOWN, host,
                   phase == PS_PHASE_TLS ? "refused TLS" : "ended TLS", reason - ALERT_BASE,
                   SSL_alert_desc_string_long(reason - ALERT_BASE), glue, hint);
    else
        ps_err_set(err, PS_TLS_FAILED, phase, "TLS with %.*s failed: %s%s%s", HOST_SHOWN, host,
                   reason_of(code), glue, hint);
    if (err != NULL)
        err->detail = reason;
    return PS_TLS_FAILED;
}

enum ps_status ps_tls_err_setting(struct ps_err *err, const char *fmt, ...)
{
    bool no_memory;
    unsigned long code = drain_queue(&no_memory);
    if (no_memory)
        return ps_err_nomem(err);
    if (err == NULL)
        return PS_INVALID;
    ps_err_set(err, PS_INVALID, PS_PHASE_NONE, "%s", "");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (code != 0) {
        size_t n = strlen(err->text);
        snprintf(err->text + n, sizeof err->text - n, ": %s", reason_of(code));
        err->detail = ERR_GET_REASON(code);
    }
    return PS_INVALID;
}

/* Copies what fits, as printable ASCII; "..." marks a cut. */
static void show(char *to, size_t cap, const char *from, size_t n)
{
    size_t keep = n < cap ? n : cap - 4;
    for (size_t i = 0; i < keep; i++)
        to[i] = from[i] >= ' ' && from[i] < 127 ? from[i] : '?';
    to[keep] = '\0';
    if (keep < n)
        strcpy(to + keep, "...");
}

static void show_subject(char *to, size_t cap, X509 *cert)
{
    to[0] = '\0';
    BIO *text = BIO_new(BIO_s_mem());
    if (text == NULL)
        return;
    char *p = NULL;
    if (X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(text, &p);
        if (n > 0)
            show(to, cap, p, (size_t)n);
    }
    BIO_free(text);
}

static size_t name_text(char *to, size_t cap, const GENERAL_NAME *name)
{
    if (name->type == GEN_DNS) {
        const ASN1_STRING *s = name->d.dNSName;
        show(to, cap, (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
        return strlen(to);
    }
    if (name->type != GEN_IPADD)
        return 0;
    int n = ASN1_STRING_length(name->d.iPAddress);
    int family = n == 4 ? AF_INET : AF_INET6;
    if ((n != 4 && n != 16) ||
        inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), to, (socklen_t)cap) == NULL)
        return 0;
    return strlen(to);
}

/* "; it is for a.example, 10.0.0.1": the names that would have matched. */
static void show_names(char *to, size_t cap, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int n = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        char one[48];
        size_t one_n = name_text(one, sizeof one, sk_GENERAL_NAME_value(names, i));
        if (one_n == 0)
            continue;
        const char *glue = at == 0 ? "; it is for " : ", ";
        if (at + strlen(glue) + one_n + sizeof ", ..." > cap) {
            at += (size_t)snprintf(to + at, cap - at, ", ...");
            break;
        }
        at += (size_t)snprintf(to + at, cap - at, "%s%s", glue, one);
    }
    if (at == 0)
        snprintf(to, cap, "; it has no subject alternative name");
    GENERAL_NAMES_free(names);
}

static void show_time(char *to, size_t cap, const char *lead, const ASN1_TIME *at)
{
    struct tm tm;
    char text[32];
    to[0] = '\0';
    if (at != NULL && ASN1_TIME_to_tm(at, &tm) == 1 &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &tm) > 0)
        snprintf(to, cap, "%s%s", lead, text);
}

/* What the certificate itself adds to the reason: its names or its dates. */
static void show_extra(char *to, size_t cap, X509 *cert, long result)
{
    if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH)
        show_names(to, cap, cert);
    else if (result == X509_V_ERR_CERT_HAS_EXPIRED)
        show_time(to, cap, "; it ended ", X509_get0_notAfter(cert));
    else if (result == X509_V_ERR_CERT_NOT_YET_VALID)
        show_time(to, cap, "; it starts ", X509_get0_notBefore(cert));
}

enum ps_status ps_tls_err_cert(struct ps_err *err, void *cert, long result, int depth,
                               const char *host)
{
    char subject[SUBJECT_BYTES] = "", extra[NAMES_BYTES] = "";
    if (cert != NULL) {
        show_subject(subject, sizeof subject, cert);
        show_extra(extra, sizeof extra, cert, result);
    }
    const char *hint = hint_for(verify_hints, sizeof verify_hints / sizeof verify_hints[0], result);
    ps_err_set(err, PS_CERT_REJECTED, PS_PHASE_TLS,
               "certificate of %.*s rejected: %s (depth %d, subject \"%s\")%s%s%s", HOST_SHOWN,
               host, X509_verify_cert_error_string(result), depth, subject, extra,
               hint == NULL ? "" : "; ", hint == NULL ? "" : hint);
    if (err != NULL)
        err->detail = result;
    ERR_clear_error(); /* printing may have left entries that are nobody's failure */
    return PS_CERT_REJECTED;
}

enum ps_status ps_tls_err_verify(struct ps_err *err, void *store_ctx, const char *host)
{
    X509_STORE_CTX *ctx = store_ctx;
    return ps_tls_err_cert(err, X509_STORE_CTX_get_current_cert(ctx), X509_STORE_CTX_get_error(ctx),
                           X509_STORE_CTX_get_error_depth(ctx), host);
}
