/* proto/h2_events.c -- what next() will hand out.
 * The library's callbacks only store here. Since the input is cut at frame ends and next() hands
 * out everything before it reads on, one frame's INFO, HEAD, BODY, TRAILERS or GOAWAY needs one
 * place; the bodies of a run of small frames wait in h2_run.c's; ends of exchanges wait in a list
 * that runs through the exchanges themselves. So nothing is allocated to remember an event, and no
 * event can be lost for want of memory. Order: the frame's own event or the run's bodies, then ends
 * (of a run's exchanges in the order they began in it), then FAIL. Thread: io. Owner: ps_h2. Limit:
 * one event, one body for each exchange of a run, and as many ends as there are exchanges. */
#include "proto/h2_state.h"

#include <assert.h>

static void store(struct ps_h2 *h, enum ps_event_kind kind, uint32_t id)
{
    assert(h->now.kind == PS_EV_NONE);
    h->now = (struct ps_event){.kind = kind, .id = id};
}

void ps_h2_tell_head(struct ps_h2 *h, enum ps_event_kind kind, struct h2_stream *s)
{
    store(h, kind, s->id);
    h->now.tag = s->tag;
    h->now.head = s->head;
    s->head = NULL;
}

void ps_h2_tell_body(struct ps_h2 *h, const struct h2_stream *s, struct ps_bytes body)
{
    store(h, PS_EV_BODY, s->id);
    h->now.tag = s->tag;
    h->now.body = body;
}

void ps_h2_tell_goaway(struct ps_h2 *h)
{
    char text[128];
    store(h, PS_EV_GOAWAY, h->goaway.last_id);
    h->now.err = &h->told_err;
    (void)ps_err_set(&h->told_err, PS_CLOSED, PS_PHASE_NONE, "the peer sent %s",
                     ps_h2_goaway_text(h, text));
    h->told_err.detail = (long)h->goaway.code;
}

bool ps_h2_take_event(struct ps_h2 *h, struct ps_event *ev)
{
    if (h->now.kind != PS_EV_NONE) {
        *ev = h->now;
        h->now = (struct ps_event){.kind = PS_EV_NONE};
        return true;
    }
    if (ps_h2_take_joined(h, ev))
        return true;
    struct ps_node *n = ps_list_first(&h->over);
    if (n != NULL) {
        struct h2_stream *s = PS_ITEM(n, struct h2_stream, node);
        *ev = (struct ps_event){.kind = s->is_complete ? PS_EV_END : PS_EV_RESET,
                                .id = s->id,
                                .tag = s->tag,
                                .not_processed = s->not_processed};
        if (!s->is_complete) {
            h->told_err = s->err;
            ev->err = &h->told_err;
        }
        h2_stream_free(s);
        return true;
    }
    if (!h->fail_is_due)
        return false;
    h->fail_is_due = false;
    *ev = (struct ps_event){.kind = PS_EV_FAIL, .err = &h->doom};
    return true;
}
