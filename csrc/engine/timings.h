/* engine/timings.h -- when things happened to one request. Moments are uv_hrtime() ns, 0 = not yet;
 * durations are microseconds, UINT64_MAX = did not happen. A plain value, copied to Python. */
#ifndef PS_ENGINE_TIMINGS_H
#define PS_ENGINE_TIMINGS_H

#include <stdbool.h>
#include <stdint.h>

struct ps_timings {
    uint64_t start_ns;      /* submitted */
    uint64_t conn_ns;       /* the (last) connection was at hand */
    uint64_t sent_ns;       /* the whole request was with the kernel */
    uint64_t head_ns;       /* response head complete */
    uint64_t end_ns;        /* over */
    uint64_t dns_us, connect_us, tls_us; /* of a connection made for this request */
    uint64_t body_in_bytes, body_out_bytes;
    uint64_t conn_id;       /* 0 = none yet */
    unsigned attempts_n;
    uint32_t stream_id;     /* of the last attempt over HTTP/2; 0 = HTTP/1.1 */
    bool reused;            /* the connection had carried a request before */
    char peer[64];          /* "127.0.0.1:443" */
    char local[64];         /* our end of the connection; "" = unknown */
    char tls[16];           /* "TLSv1.3"; "" = none */
};

#endif
