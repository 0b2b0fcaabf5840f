/* upstream/run.h -- one request being answered: where its program is, and what it puts out next.
 * What a step means on the wire is the connection's business (h1_answer.c, h2_stream.c); here are the schedule of
 * events, their stamps, and the record of what happened.
 * Thread: io. Owner: the connection (HTTP/1.1) or the stream (HTTP/2), which embeds it. */
#ifndef PS_UPSTREAM_RUN_H
#define PS_UPSTREAM_RUN_H

#include "upstream/pace.h"
#include "upstream/record.h"
#include "upstream/script.h"

struct up_run {
    struct up_log *log;
    struct up_pace *pace;
    struct up_record *record;  /* counted; NULL: not kept */
    struct up_script *script;  /* counted; NULL while nothing runs, or for a built-in answer */
    struct up_program own;     /* of a built-in answer */
    const struct up_step *step; /* NULL: not begun */
    struct up_alarm alarm;      /* rings when a delay or an event is due */
    bool is_arrived;            /* the log was told, and must be told the end */
    bool is_begun_step;         /* of `step`: its clock runs */
    bool has_raw;               /* something was sent outside of all framing */
    size_t at;                  /* bytes of the current piece that are out */
    uint64_t before_n;          /* events of earlier steps: numbers go on through the response */
    uint64_t event_i;           /* of this step */
    uint64_t told_i;            /* of these, the events the log knows of */
    uint64_t begun_ns;
    uint64_t due_ns; /* of event_i */
    uint8_t *stamped; /* owned: the current piece with its stamps */
};

/* `log`, `pace` and the alarm's ring are set by the owner before. The request's head is there. */
void up_run_arrive(struct up_run *r, const struct up_request *request, const struct up_origin *origin);
/* Chooses and begins the answer. PS_OK or PS_NOMEM. */
PS_CHECK enum ps_status up_run_begin(struct up_run *r, struct up_script *script,
                                     const struct up_request *request);
/* Tells the end and is zeroed but for its surroundings; harmless when nothing runs. */
void up_run_end(struct up_run *r, bool is_aborted);

static inline bool up_run_is_on(const struct up_run *r)
{
    return r->step != NULL;
}

static inline void up_run_next_step(struct up_run *r)
{
    r->step++;
    r->is_begun_step = false;
    r->at = 0;
}

void up_run_tell_head(struct up_run *r, int status);

enum up_supply {
    UP_SUPPLY_PIECE, /* `piece` is to be sent, from `at` on; then up_run_sent() */
    UP_SUPPLY_LATER, /* the alarm is set */
    UP_SUPPLY_OVER,  /* this step has no more; the run is at the next one */
    UP_SUPPLY_NOMEM
};

/* The rest of the current data step's piece, framed as a chunk or not. A view until up_run_sent(). */
enum up_supply up_run_supply(struct up_run *r, bool is_framed, struct ps_bytes *piece);
void up_run_sent(struct up_run *r, size_t n);
/* Tells the log of the events that went out since the last call. */
void up_run_tell_events(struct up_run *r);

/* A DELAY step: true when it is over, false when the alarm is set. */
bool up_run_delay_is_over(struct up_run *r);

#endif
