/* net/addr.h -- one address to connect to, as a value. Thread: any. */
#ifndef PS_NET_ADDR_H
#define PS_NET_ADDR_H

#include <uv.h>

#include "base/bytes.h"
#include "base/status.h"

enum ps_family { PS_FAMILY_ANY, PS_FAMILY_IPV4, PS_FAMILY_IPV6 };

struct ps_addr {
    struct sockaddr_storage sa;
};

enum { PS_ADDR_TEXT_BYTES = 72, PS_ADDRS_MAX = 16 };

struct ps_addrs {
    struct ps_addr at[PS_ADDRS_MAX];
    size_t n;
};

/* Parses an IP literal (no brackets). PS_OK or PS_INVALID. */
PS_CHECK enum ps_status ps_addr_parse(struct ps_addr *out, const char *ip, uint16_t port);
bool ps_addr_is_v6(const struct ps_addr *a);
/* "127.0.0.1:80", "[::1]:80" into `to` (PS_ADDR_TEXT_BYTES). */
void ps_addr_text(const struct ps_addr *a, char *to);
/* Orders for happy eyeballs: families interleaved, the first family kept first, starting at rotated
 * place `turn` within each family (rules 91, 92). */
void ps_addrs_interleave(struct ps_addrs *addrs, unsigned turn);

#endif
