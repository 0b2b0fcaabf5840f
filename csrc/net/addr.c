/* net/addr.c -- addresses as values: parse, print, put in order for happy eyeballs (see addr.h). */
#include "net/addr.h"

#include <stdio.h>

enum ps_status ps_addr_parse(struct ps_addr *out, const char *ip, uint16_t port)
{
    struct ps_addr a = {0};
    if (uv_ip4_addr(ip, port, (struct sockaddr_in *)(void *)&a.sa) != 0) {
        a = (struct ps_addr){0};
        if (uv_ip6_addr(ip, port, (struct sockaddr_in6 *)(void *)&a.sa) != 0)
            return PS_INVALID;
    }
    *out = a;
    return PS_OK;
}

bool ps_addr_is_v6(const struct ps_addr *a)
{
    return a->sa.ss_family == AF_INET6;
}

void ps_addr_text(const struct ps_addr *a, char *to)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (!ps_addr_is_v6(a)) {
        const struct sockaddr_in *v4 = (const void *)&a->sa;
        uv_ip4_name(v4, ip, sizeof ip);
        snprintf(to, PS_ADDR_TEXT_BYTES, "%s:%u", ip, ntohs(v4->sin_port));
        return;
    }
    const struct sockaddr_in6 *v6 = (const void *)&a->sa;
    unsigned port = ntohs(v6->sin6_port);
    uv_ip6_name(v6, ip, sizeof ip);
    if (v6->sin6_scope_id != 0) /* link-local: the address says nothing without its interface */
        snprintf(to, PS_ADDR_TEXT_BYTES, "[%s%%%u]:%u", ip, (unsigned)v6->sin6_scope_id, port);
    else
        snprintf(to, PS_ADDR_TEXT_BYTES, "[%s]:%u", ip, port);
}

/* Copies those of one family to `to`, beginning at place `turn` and going round. */
static void pick_family(struct ps_addrs *to, const struct ps_addrs *from, bool v6, unsigned turn)
{
    struct ps_addrs same = {.n = 0};
    for (size_t i = 0; i < from->n; i++) {
        if (ps_addr_is_v6(&from->at[i]) == v6)
            same.at[same.n++] = from->at[i];
    }
    to->n = same.n;
    for (size_t i = 0; i < same.n; i++)
        to->at[i] = same.at[(i + turn) % same.n];
}

void ps_addrs_interleave(struct ps_addrs *addrs, unsigned turn)
{
    if (addrs->n < 2)
        return;
    struct ps_addrs first, second;
    bool first_is_v6 = ps_addr_is_v6(&addrs->at[0]);
    pick_family(&first, addrs, first_is_v6, turn);
    pick_family(&second, addrs, !first_is_v6, turn);
    size_t n = 0;
    for (size_t i = 0; n < addrs->n; i++) {
        if (i < first.n)
            addrs->at[n++] = first.at[i];
        if (i < second.n)
            addrs->at[n++] = second.at[i];
    }
}
