/* tests/c/fake_peer.h -- a scripted TCP server on threads of its own, with blocking sockets.
 * Each accepted connection runs `serve` on its own thread. Uses none of the code under test. */
#ifndef PS_TEST_FAKE_PEER_H
#define PS_TEST_FAKE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_peer;

/* One connection: `nth` counts from 0. The descriptor is closed after it returns. */
typedef void (*fake_serve_fn)(struct fake_peer *peer, int fd, int nth, void *data);

struct fake_peer *fake_peer_start(fake_serve_fn serve, void *data);
/* Stops accepting, shuts every open connection, joins all threads, frees. */
void fake_peer_stop(struct fake_peer *p);
uint16_t fake_peer_port(const struct fake_peer *p);
int fake_peer_accepted_n(struct fake_peer *p);

/* Reads one request with its Content-Length or chunked body; its head is in `head` (NUL-terminated, cut at
 * cap). False at the end of the connection. `body_n` may be NULL. */
bool fake_peer_read_request(int fd, char *head, size_t cap, size_t *body_n);
void fake_peer_write(int fd, const char *text);
void fake_peer_reset(int fd); /* RST instead of FIN when closed */
void fake_peer_close(int fd); /* FIN now; reading goes on */
void fake_peer_abort(int fd); /* RST now */

#endif
