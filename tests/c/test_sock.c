/* One connected socket: bytes both ways, a bounded queue, ends and failures, closing. */
#include "net_pair.h"

#include <errno.h>

enum { LIMIT_BYTES = 256 * 1024 };

static void opened(struct pair *p)
{
    T_EQ(pair_open(p, LIMIT_BYTES), PS_OK);
}

static void reading(struct pair *p)
{
    opened(p);
    T_EQ(ps_sock_read_start(p->sock, NULL), PS_OK);
}

static void peer_sends(const struct pair *p, const char *text)
{
    T_EQ(send(p->peer, text, strlen(text), 0), strlen(text));
}

static void peer_closes(struct pair *p)
{
    close(p->peer);
    p->peer = -1;
}

static void peer_resets(struct pair *p)
{
    close_hard(p->peer);
    p->peer = -1;
}

static void bytes_go_both_ways(void)
{
    struct pair p;
    char got[16] = {0};
    reading(&p);
    T_EQ(ps_sock_write(p.sock, ps_bytes_str("hello"), NULL), PS_OK);
    T_EQ(ps_sock_write(p.sock, ps_bytes_of(NULL, 0), NULL), PS_OK);
    T_EQ(ps_sock_queued(p.sock), 0);
    T_EQ(recv(p.peer, got, 5, MSG_WAITALL), 5);
    T_STR(got, "hello");
    peer_sends(&p, "one");
    world_until(p.w, &p.got_n, 3);
    peer_sends(&p, "two");
    world_until(p.w, &p.got_n, 6);
    T_STR(p.got, "onetwo");
    T_EQ(p.drain_n + p.eof_n + p.fail_n, 0);
    pair_close(&p);
}

static void reading_stops_and_starts(void)
{
    struct pair p;
    opened(&p);
    ps_sock_read_stop(p.sock);
    peer_sends(&p, "a");
    world_turn(p.w);
    T_EQ(p.got_n, 0);
    T_EQ(ps_sock_read_start(p.sock, NULL), PS_OK);
    T_EQ(ps_sock_read_start(p.sock, NULL), PS_OK);
    world_until(p.w, &p.got_n, 1);
    ps_sock_read_stop(p.sock);
    peer_sends(&p, "b");
    world_turn(p.w);
    T_STR(p.got, "a");
    pair_close(&p);
}

static void the_end_is_told_once(void)
{
    struct pair p;
    char byte;
    reading(&p);
    peer_sends(&p, "last");
    T_EQ(shutdown(p.peer, SHUT_WR), 0);
    world_until(p.w, &p.eof_n, 1);
    T_STR(p.got, "last");
    T_EQ(ps_sock_read_start(p.sock, NULL), PS_OK);
    world_turn(p.w);
    T_EQ(p.eof_n, 1);
    T_EQ(ps_sock_write(p.sock, ps_bytes_str("!"), NULL), PS_OK); /* a half-close is no close */
    T_EQ(recv(p.peer, &byte, 1, 0), 1);
    pair_close(&p);
}

static void a_reset_names_the_peer(void)
{
    struct pair p;
    char text[PS_ADDR_TEXT_BYTES + 64];
    reading(&p);
    peer_resets(&p);
    world_until(p.w, &p.fail_n, 1);
    T_EQ(p.err.status, PS_READ_FAILED);
    T_EQ(p.err.sys, UV_ECONNRESET);
    snprintf(text, sizeof text, "reading from %s: connection reset by peer",
             ps_sock_peer_text(p.sock));
    T_STR(p.err.text, text);
    T_EQ(ps_sock_read_start(p.sock, NULL), PS_OK);
    world_turn(p.w);
    T_EQ(p.fail_n, 1);
    T_EQ(p.eof_n, 0);
    pair_close(&p);
}

/* -- the queue -- */

static uint8_t pattern[8192];

/* Byte i of the whole stream is i modulo 251, so any loss or repetition shows. */
static struct ps_bytes piece_at(size_t at)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)((at + i) % 251);
    return ps_bytes_of(pattern, sizeof pattern);
}

/* Writes until the queue is full. How many bytes were taken. */
static size_t fill(struct pair *p, size_t at)
{
    struct ps_err err;
    for (;;) {
        size_t queued_n = ps_sock_queued(p->sock);
        enum ps_status st = ps_sock_write(p->sock, piece_at(at), &err);
        if (st == PS_LIMIT) {
            T_CHECK(queued_n + sizeof pattern > p->limit_bytes);
            T_EQ(ps_sock_queued(p->sock), queued_n);
            return at;
        }
        T_EQ(st, PS_OK);
        T_CHECK(ps_sock_queued(p->sock) <= p->limit_bytes);
        at += sizeof pattern;
    }
}

/* Receives `n` bytes while the loop runs, and checks them. */
static void receive(struct pair *p, size_t from, size_t to)
{
    static uint8_t got[65536];
    set_nonblocking(p->peer);
    while (from < to) {
        ssize_t n = recv(p->peer, got, sizeof got, 0);
        T_CHECK(n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
        for (ssize_t i = 0; i < n; i++, from++)
            T_EQ(got[i], from % 251);
        uv_run(&p->w->loop, UV_RUN_NOWAIT);
    }
}

static void a_slow_peer_fills_a_bounded_queue(void)
{
    struct pair p;
    opened(&p);
    size_t sent_n = fill(&p, 0);
    T_EQ(p.drain_n, 0);
    receive(&p, 0, sent_n / 2);
    T_CHECK(p.sock->is_writing);
    size_t more_n = fill(&p, sent_n); /* behind a write that is under way */
    T_CHECK(more_n > sent_n);
    receive(&p, sent_n / 2, more_n);
    world_until(p.w, &p.drain_n, 1);
    T_EQ(ps_sock_queued(p.sock), 0);
    T_EQ(p.drain_n, 1);
    T_CHECK(p.sock->queue.cap + p.sock->flight.cap <= 8192); /* given back */
    pair_close(&p);
}

static void more_than_the_limit_is_refused_at_once(void)
{
    struct pair p;
    char byte;
    struct ps_err err;
    T_EQ(pair_open(&p, 100), PS_OK);
    T_EQ(ps_sock_write(p.sock, ps_bytes_of(pattern, 101), &err), PS_LIMIT);
    T_EQ(err.status, PS_LIMIT);
    T_EQ(recv(p.peer, &byte, 1, MSG_DONTWAIT), -1); /* nothing was taken */
    T_EQ(ps_sock_write(p.sock, ps_bytes_of(pattern, 100), &err), PS_OK);
    pair_close(&p);
}

static void writing_to_a_reset_peer_fails(void)
{
    struct pair p;
    struct ps_err err = {0};
    opened(&p);
    peer_resets(&p);
    T_EQ(ps_sock_write(p.sock, ps_bytes_str("x"), &err), PS_WRITE_FAILED);
    T_CHECK(err.sys == UV_ECONNRESET || err.sys == UV_EPIPE);
    T_CHECK(strncmp(err.text, "writing to 127.0.0.1:", 21) == 0);
    int sys = err.sys;
    T_EQ(ps_sock_write(p.sock, ps_bytes_str("x"), &err), PS_WRITE_FAILED);
    T_EQ(err.sys, sys);
    world_turn(p.w);
    T_EQ(p.fail_n, 0); /* the return value has told it */
    pair_close(&p);
}

/* The kernel tells a reset once, here to a write: reading must not see a clean end. */
static void a_reset_told_to_a_write_is_no_clean_end(void)
{
    struct pair p;
    opened(&p);
    peer_resets(&p);
    T_EQ(ps_sock_write(p.sock, ps_bytes_str("x"), NULL), PS_WRITE_FAILED);
    T_EQ(ps_sock_read_start(p.sock, NULL), PS_OK);
    world_until(p.w, &p.fail_n, 1);
    T_EQ(p.err.status, PS_READ_FAILED);
    T_EQ(p.err.sys, UV_ECONNRESET);
    pair_close(&p);
    reading(&p); /* the same with a write that libuv has under way */
    fill(&p, 0);
    peer_resets(&p);
    world_until(p.w, &p.fail_n, 2);
    T_EQ(p.err.status, PS_READ_FAILED);
    T_EQ(p.err.sys, UV_ECONNRESET);
    T_EQ(p.eof_n, 0);
    pair_close(&p);
}

/* The peer has said all it has to say and does not want the rest of ours. */
static void a_clean_end_stays_one_when_writing_fails(void)
{
    struct pair p;
    reading(&p);
    fill(&p, 0);
    T_EQ(shutdown(p.peer, SHUT_WR), 0);
    world_until(p.w, &p.eof_n, 1);
    peer_resets(&p);
    world_until(p.w, &p.fail_n, 1);
    T_EQ(p.err.status, PS_WRITE_FAILED);
    pair_close(&p);
    opened(&p);
    fill(&p, 0);
    T_EQ(shutdown(p.peer, SHUT_WR), 0);
    peer_resets(&p);
    T_EQ(ps_sock_read_start(p.sock, NULL), PS_OK);
    world_until(p.w, &p.eof_n, 1);
    pair_close(&p);
}

static void a_queued_write_fails_once(void)
{
    struct pair p;
    opened(&p);
    fill(&p, 0);
    peer_resets(&p);
    world_until(p.w, &p.fail_n, 1);
    T_EQ(p.err.status, PS_WRITE_FAILED);
    T_CHECK(p.err.sys == UV_ECONNRESET || p.err.sys == UV_EPIPE);
    world_turn(p.w);
    T_EQ(p.fail_n, 1);
    T_EQ(p.drain_n, 0);
    T_EQ(ps_sock_queued(p.sock), 0);
    T_EQ(ps_sock_write(p.sock, ps_bytes_str("x"), NULL), PS_WRITE_FAILED);
    pair_close(&p);
}

/* -- closing -- */

static void close_in_on_read(void)
{
    struct pair p;
    reading(&p);
    p.close_in_upcall = true;
    peer_sends(&p, "x");
    peer_closes(&p); /* its FIN must not be told any more */
    world_until(p.w, &p.closed_n, 1);
    T_EQ(p.got_n, 1);
    T_EQ(p.eof_n + p.fail_n, 0);
    pair_close(&p);
}

static void close_in_on_eof(void)
{
    struct pair p;
    reading(&p);
    p.close_in_upcall = true;
    peer_closes(&p);
    world_until(p.w, &p.closed_n, 1);
    T_EQ(p.eof_n, 1);
    pair_close(&p);
}

static void close_in_on_fail(void)
{
    struct pair p;
    reading(&p);
    fill(&p, 0);
    p.close_in_upcall = true;
    peer_resets(&p); /* reading and writing fail both */
    world_until(p.w, &p.closed_n, 1);
    T_EQ(p.fail_n, 1);
    pair_close(&p);
}

static void close_in_on_drain(void)
{
    struct pair p;
    opened(&p);
    size_t sent_n = fill(&p, 0);
    p.close_in_upcall = true;
    receive(&p, 0, sent_n);
    world_until(p.w, &p.closed_n, 1);
    T_EQ(p.drain_n, 1);
    pair_close(&p);
}

static void closing_twice_loses_the_queue(void)
{
    struct pair p;
    reading(&p);
    fill(&p, 0);
    peer_sends(&p, "x");
    ps_sock_close(p.sock);
    ps_sock_close(p.sock);
    T_EQ(p.closed_n, 0); /* never from inside ps_sock_close() */
    T_EQ(ps_sock_write(p.sock, ps_bytes_str("x"), NULL), PS_WRITE_FAILED);
    T_EQ(ps_sock_read_start(p.sock, NULL), PS_OK);
    T_CHECK(ps_sock_is_dead(p.sock));
    world_until(p.w, &p.closed_n, 1);
    T_EQ(p.got_n + p.eof_n + p.fail_n + p.drain_n, 0);
    pair_close(&p);
}

static void nobody_is_told_before_adoption(void)
{
    struct pair p;
    opened(&p);
    ps_sock_adopt(p.sock, NULL, NULL);
    ps_sock_close(p.sock);
    p.sock = NULL;
    world_close(p.w);
    T_EQ(p.closed_n, 0);
    close(p.peer);
}

/* -- is it dead? -- */

static void an_idle_sock_is_probed(void)
{
    struct pair p;
    opened(&p);
    T_CHECK(!ps_sock_is_dead(p.sock));
    peer_sends(&p, "x");
    T_CHECK(!ps_sock_is_dead(p.sock)); /* bytes are for the codec to judge */
    peer_closes(&p);
    T_CHECK(ps_sock_is_dead(p.sock)); /* a FIN behind unread bytes, as after close_notify */
    pair_close(&p);
    opened(&p);
    peer_closes(&p);
    T_CHECK(ps_sock_is_dead(p.sock));
    pair_close(&p);
    opened(&p);
    peer_resets(&p);
    T_CHECK(ps_sock_is_dead(p.sock));
    pair_close(&p);
}

static enum ps_status scenario(void)
{
    struct pair p;
    enum ps_status st = pair_open(&p, LIMIT_BYTES);
    for (size_t at = 0; st == PS_OK; at += sizeof pattern) {
        st = ps_sock_write(p.sock, piece_at(at), NULL);
        if (st == PS_LIMIT) { /* the queue has grown as far as it can */
            receive(&p, 0, at);
            world_until(p.w, &p.drain_n, 1);
            st = PS_OK;
            break;
        }
    }
    pair_close(&p);
    return st;
}

static void survives_each_allocation_failure(void)
{
    t_each_alloc(scenario);
}

static const struct t_test tests[] = {
    {"bytes_go_both_ways", bytes_go_both_ways},
    {"reading_stops_and_starts", reading_stops_and_starts},
    {"the_end_is_told_once", the_end_is_told_once},
    {"a_reset_names_the_peer", a_reset_names_the_peer},
    {"a_slow_peer_fills_a_bounded_queue", a_slow_peer_fills_a_bounded_queue},
    {"more_than_the_limit_is_refused_at_once", more_than_the_limit_is_refused_at_once},
    {"writing_to_a_reset_peer_fails", writing_to_a_reset_peer_fails},
    {"a_reset_told_to_a_write_is_no_clean_end", a_reset_told_to_a_write_is_no_clean_end},
    {"a_clean_end_stays_one_when_writing_fails", a_clean_end_stays_one_when_writing_fails},
    {"a_queued_write_fails_once", a_queued_write_fails_once},
    {"close_in_on_read", close_in_on_read},
    {"close_in_on_eof", close_in_on_eof},
    {"close_in_on_fail", close_in_on_fail},
    {"close_in_on_drain", close_in_on_drain},
    {"closing_twice_loses_the_queue", closing_twice_loses_the_queue},
    {"nobody_is_told_before_adoption", nobody_is_told_before_adoption},
    {"an_idle_sock_is_probed", an_idle_sock_is_probed},
    {"survives_each_allocation_failure", survives_each_allocation_failure},
};

T_MAIN(tests)
