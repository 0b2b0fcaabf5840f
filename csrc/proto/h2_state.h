/* proto/h2_state.h -- what the files h2*.c share: the codec's state and its inner doors.
 * Private to proto/. Thread: io.
 *
 * h2.c owns the ops table and the loop of next(); h2_session.c sets libnghttp2 up and holds its
 * callbacks; h2_input.c cuts the input at frame ends, h2_run.c joins small frames; h2_events.c keeps what next() will hand out;
 * h2_stream.c is the life of one exchange; h2_head.c converts heads; h2_data.c moves bodies and
 * credit; h2_flood.c counts frames that serve nobody; h2_goaway.c ends connections and names why.
 */
#ifndef PS_PROTO_H2_STATE_H
#define PS_PROTO_H2_STATE_H

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "proto/h2.h"

enum {
    H2_STREAMS_FIRST = 100,          /* taken as the peer's limit before its SETTINGS (rule 1) */
    H2_STREAMS_MAX = 1000,           /* our own limit (rule 2) */
    H2_UPLOAD_BYTES = 65536,         /* most body bytes of one exchange waiting for pull() */
    H2_WINDOW_GROWTH = 4,            /* a stream's window grows to so many times its first (rule 27) */
    H2_CONN_WINDOW_BYTES = 67108864, /* credit comes back on receipt, so this is only the pipe */
    H2_SEND_HEAD_BYTES = 1048576,    /* longest request head: above what ps_request lets through */
    H2_CONTINUATIONS_MAX = 8,        /* in a row (rule 46) */
    H2_CANCELS_MAX = 100,            /* without a complete response between them (rule 53) */
    H2_OUT_FRAMES_MAX = 4096,        /* queued control frames at which reading stops */
    H2_LAST_WORDS_BYTES = 131072,    /* what pull() gives after the end */
    H2_DEBUG_BYTES = 64,             /* of a GOAWAY's debug data */
    H2_LAST_ID = 0x7fffff00,         /* no new exchange from here on (rule 15) */
    H2_FRAME_HEAD_BYTES = 9,
    H2_RUN_BYTES = 16384, /* of DATA frames joined, heads too: no frame may be longer than the first limit we told */
    H2_RECENT_N = 32,     /* a power of two */
};

enum h2_noise { /* frames that may come in any number as far as libnghttp2 cares */
    H2_NOISE_WINDOW_UPDATE,
    H2_NOISE_PRIORITY,
    H2_NOISE_UNKNOWN, /* ALTSVC, ORIGIN, and all that RFC 9113 does not name */
    H2_NOISE_PING,
    H2_NOISE_SETTINGS,
    H2_NOISE_EMPTY_DATA,
    H2_NOISE_RESET,
    H2_NOISE_GOAWAY,
    H2_NOISE_STRAY, /* HEADERS and DATA for exchanges that are over */
    H2_NOISE_KINDS,
};

struct h2_flood { /* embedded in ps_h2 */
    uint32_t left_n[H2_NOISE_KINDS];
    uint64_t seen_n[H2_NOISE_KINDS];
    bool is_touched; /* some purse is not full */
};

struct h2_upload {
    struct ps_buf queue;
    enum ps_body_kind kind;
    uint64_t left_bytes; /* PS_BODY_FIXED: not yet taken by send() */
    bool is_done;        /* all is queued or sent */
    bool is_stopped;     /* the rest will never be sent (rules 62, 66) */
    bool is_waiting;     /* for 100 Continue */
    bool has_ended;      /* END_STREAM was given to the library */
    bool is_deferred;    /* the library waits for nghttp2_session_resume_data() */
    bool had_turn;       /* gave a frame while others may wait: it rests when asked for the next */
};

struct h2_part { /* what an exchange has in ps_h2.joined (h2_run.c) */
    struct ps_node node;  /* in ps_h2.run, or in none */
    size_t body_n;        /* of the run */
    uint8_t *place;       /* borrowed from ps_h2.joined: where its next bytes go */
    struct ps_bytes body; /* what the library let through */
    bool is_ending;       /* its last frame is in the run */
};

/* One exchange. Owner: ps_h2, through one of its lists. The library holds a borrowed pointer as the
 * stream's user data, taken away (h2_stream_detach) before the exchange is freed. */
struct h2_stream {
    struct ps_node node; /* in ps_h2.fresh, then .running, then .over */
    struct ps_node rest_node; /* in ps_h2.resting, or in none */
    struct h2_part run;
    uint32_t id;
    void *tag;     /* the owner's */
    bool is_sent;  /* its HEADERS were pulled: the peer may act on it */
    bool has_head; /* the final head came */
    bool has_peer_reset;
    uint64_t frames_n; /* the connection's count when it was sent */
    bool is_complete; /* in .over: END, not RESET */
    bool not_processed;
    size_t info_n, info_bytes;
    struct ps_head *head; /* owned: being read */
    struct h2_upload up;
    uint64_t unread_bytes;  /* told as BODY, not yet credited */
    uint64_t drained_bytes; /* credited since the window last grew */
    size_t window_bytes;
    struct ps_err err; /* in .over: why */
};

struct h2_goaway { /* the peer's */
    bool is_seen;
    uint32_t code;    /* the first that is not NO_ERROR (rule 19) */
    uint32_t last_id; /* of the last one: it may only fall (rule 18) */
    char debug[H2_DEBUG_BYTES + 1];
};

struct ps_h2 {
    struct ps_codec codec; /* first */
    struct ps_codec_limits limits;
    nghttp2_session *session; /* owned */
    bool lacked_memory; /* it asked for memory and there was none: its state is not to be trusted */

    /* Input. */
    struct ps_bytes in; /* borrowed: the unread rest of the view given to feed() */
    bool has_eof;
    uint8_t frame_head[H2_FRAME_HEAD_BYTES];
    size_t frame_head_n;
    size_t frame_left_n; /* payload bytes of the current frame to come */
    size_t continuations_n;
    uint64_t frames_n, answers_n;
    size_t block_bytes, block_fields_n; /* of the header block being read, decoded (rule 45) */
    struct h2_flood flood;
    struct ps_list run;   /* exchanges with bytes in `joined`, not yet told */
    struct ps_buf joined; /* a run of DATA frames, a frame an exchange; events' views point to them */
    bool is_joining;      /* the library reads `joined` */

    /* Events. */
    struct ps_event now; /* kind NONE: nothing waits */
    struct ps_err told_err; /* what the last event's err points to */
    struct ps_list over; /* exchanges whose END or RESET is to be told */
    struct ps_err doom;  /* status not PS_OK: the connection fails for this */
    bool is_dead;        /* it has failed; nothing is read any more */
    bool fail_is_due;    /* FAIL is to be told once nothing else is */

    /* Exchanges. */
    struct ps_list fresh; /* opened, HEADERS not pulled */
    struct ps_list running;
    struct h2_stream *recent[H2_RECENT_N]; /* borrowed from .running, by h2_recent(); NULL: look it up */
    struct ps_list resting; /* their uploads wait until the others had their turn */
    size_t live_n;     /* streams the library has: also cut ones whose RST_STREAM is not out */
    size_t doubted_n;  /* cut ones that never saw a frame of the peer, RST_STREAM not out */
    size_t unproved_n; /* the same with RST_STREAM out; both until a frame is read (rule 7) */
    size_t cancels_n;  /* by drop(), since the last complete response */
    bool is_shut;      /* our GOAWAY NO_ERROR is queued or sent */
    bool is_retired;   /* no new exchanges for a reason of ours or a fault the peer saw */
    struct h2_goaway goaway;

    /* Liveness. */
    bool settings_acked, ping_is_out, has_pong;
    uint8_t ping_n; /* makes payloads differ */

    /* Output. */
    struct ps_bytes left;     /* borrowed from the library: what did not fit the last pull() */
    struct ps_buf last_words; /* after the end: the rest of the output, with GOAWAY */
    bool sent_goaway;         /* the library has said why it gave up: no second GOAWAY */
};

static inline struct ps_h2 *ps_h2_of(struct ps_codec *c)
{
    return (struct ps_h2 *)(void *)c;
}

static inline const struct ps_h2 *ps_h2_of_const(const struct ps_codec *c)
{
    return (const struct ps_h2 *)(const void *)c;
}

/* Where the exchange of a stream is remembered. A client's ids are odd. */
static inline struct h2_stream **h2_recent(struct ps_h2 *h, uint32_t id)
{
    return &h->recent[id / 2 % H2_RECENT_N];
}

/* h2_session.c: PS_OK or PS_NOMEM; on an error ps_h2_session_fini() is still right. */
PS_CHECK enum ps_status ps_h2_session_init(struct ps_h2 *h);
void ps_h2_session_fini(struct ps_h2 *h);
/* A negative return of the library ends the connection; others pass. */
void ps_h2_judge(struct ps_h2 *h, int rv);

/* h2_input.c: reads to the end of the current frame or of the input. */
void ps_h2_read_frame(struct ps_h2 *h);
void ps_h2_give_library(struct ps_h2 *h, struct ps_bytes piece);
void ps_h2_note_peer(struct ps_h2 *h, size_t frames_n); /* frames came */

/* h2_run.c: reads several small DATA frames at once; false: the input does not begin with such a run. */
bool ps_h2_read_run(struct ps_h2 *h);
void ps_h2_join(struct h2_stream *s, struct ps_bytes bytes); /* the library lets these through */
bool ps_h2_take_joined(struct ps_h2 *h, struct ps_event *ev);

static inline uint32_t h2_u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* h2_events.c: fills `ev`; false when there is nothing to tell. */
bool ps_h2_take_event(struct ps_h2 *h, struct ps_event *ev);
/* The one event that the frame being read may cause; `head` is given. */
void ps_h2_tell_head(struct ps_h2 *h, enum ps_event_kind kind, struct h2_stream *s);
void ps_h2_tell_body(struct ps_h2 *h, const struct h2_stream *s, struct ps_bytes body);
void ps_h2_tell_goaway(struct ps_h2 *h);

/* h2_stream.c */
enum ps_status ps_h2_open(struct ps_codec *c, const struct ps_request *req, uint32_t *id,
                          struct ps_err *err);
void ps_h2_drop(struct ps_codec *c, uint32_t id);
struct h2_stream *ps_h2_find(const struct ps_h2 *h, uint32_t id); /* NULL: over or unknown */
/* The running exchange of a stream; NULL: over or unknown. */
struct h2_stream *ps_h2_running(struct ps_h2 *h, uint32_t id);
void h2_stream_free(struct h2_stream *s);                         /* unlinks */
enum ps_phase h2_stream_phase(const struct h2_stream *s);
/* The response is whole. */
void h2_stream_end(struct ps_h2 *h, struct h2_stream *s);
/* It failed; the text as in printf. The library must know already, or be told by the caller. */
void h2_stream_fail(struct ps_h2 *h, struct h2_stream *s, enum ps_status st, uint32_t code,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* It failed by `err` as it stands. */
void h2_stream_fail_as(struct ps_h2 *h, struct h2_stream *s, const struct ps_err *err);
/* The peer's GOAWAY does not cover it. */
void h2_stream_refuse(struct ps_h2 *h, struct h2_stream *s);
/* The library has closed it: the peer's RST_STREAM, or a fault. */
void h2_stream_closed(struct ps_h2 *h, struct h2_stream *s, uint32_t code);
/* Fails it and sends RST_STREAM. */
void h2_stream_cut(struct ps_h2 *h, struct h2_stream *s, enum ps_status st, uint32_t code,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
size_t ps_h2_slots(const struct ps_h2 *h);
/* SETTINGS may have lowered the limit under what waits to be sent (rule 3). */
void ps_h2_fit_fresh(struct ps_h2 *h);

/* h2_head.c */
PS_CHECK enum ps_status ps_h2_submit_head(struct ps_h2 *h, const struct ps_request *req,
                                          struct h2_stream *s, struct ps_err *err);
int ps_h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user);
int ps_h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user);
int ps_h2_on_bad_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                        size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                        void *user);
/* The block is whole. False: the exchange has failed over it, `s` is not to be touched. */
bool ps_h2_finish_head(struct ps_h2 *h, struct h2_stream *s);

/* h2_data.c */
void h2_upload_init(struct h2_upload *up, const struct ps_request *req);
void h2_upload_stop(struct h2_upload *up);
ssize_t ps_h2_read_upload(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user);
/* Nobody has anything to send but those who rest: their turn. False: none rests. */
bool ps_h2_end_rest(struct ps_h2 *h);
enum ps_status ps_h2_send(struct ps_codec *c, uint32_t id, struct ps_bytes bytes, bool end,
                          size_t *taken_n, struct ps_err *err);
void ps_h2_credit(struct ps_codec *c, uint32_t id, size_t n);
bool ps_h2_is_waiting(const struct ps_codec *c, uint32_t id);
void ps_h2_stop_waiting(struct ps_codec *c, uint32_t id);
int ps_h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                  void *user);

/* h2_flood.c */
void h2_flood_init(struct h2_flood *f);
void ps_h2_note_noise(struct ps_h2 *h, enum h2_noise kind); /* over its budget: the end */
void ps_h2_note_use(struct ps_h2 *h); /* something came or went for an exchange */

/* h2_goaway.c */
/* The connection is to fail; `code` goes into our GOAWAY. The first call counts. */
void ps_h2_doom(struct ps_h2 *h, enum ps_status st, uint32_t code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void ps_h2_fall(struct ps_h2 *h); /* does what doom says */
void ps_h2_note_goaway(struct ps_h2 *h, const nghttp2_goaway *g);
void ps_h2_note_own_goaway(struct ps_h2 *h, const nghttp2_goaway *g);
/* Has the library given the connection up? Takes over its GOAWAY and its reason. */
void ps_h2_check_library(struct ps_h2 *h);
void ps_h2_end_of_input(struct ps_h2 *h);
/* "GOAWAY (CODE: debug text)" into `out[128]`. */
const char *ps_h2_goaway_text(const struct ps_h2 *h, char *out);

#endif
