/* The bridge with each allocation refused in turn, on whichever of the two threads it falls: a request ends
 * well or with PS_NOMEM, and nothing is left behind. */
#include "bridge_rig.h"

enum body { FIXED, STREAMED };

static enum ps_status send_pieces(struct ps_exchange *x)
{
    enum ps_status st = PS_OK;
    for (int i = 0; i < 20 && st == PS_OK; i++)
        st = ps_exchange_upload(x, ps_bytes_str("a piece of the body"), i == 19);
    return st;
}

static enum ps_status run_request(const struct rig *r, enum body body)
{
    struct ps_home *home;
    struct ps_err err;
    enum ps_status st = ps_home_new(&home, r->bridge, PS_HOME_THREAD, &err);
    if (st != PS_OK)
        return st;
    struct ps_exchange *x;
    st = make_once(&x, r, home, body == FIXED ? "hello" : NULL);
    ps_home_unref(home);
    if (st != PS_OK)
        return st;
    st = ps_exchange_start(x, &err);
    if (st == PS_OK && body == STREAMED && send_pieces(x) != PS_OK) {
        ps_exchange_cancel(x);
        T_CHECK(ps_exchange_wait(x, is_done, 60000));
        st = PS_NOMEM;
    } else if (st == PS_OK) {
        T_CHECK(ps_exchange_wait(x, is_done, 60000));
        st = x->news.err.status;
        T_CHECK(st != PS_OK || x->news.head->status == 200);
    }
    ps_exchange_unref(x);
    return st;
}

static enum ps_status scenario(enum body body)
{
    struct rig r;
    struct ps_err err;
    signal(SIGPIPE, SIG_IGN);
    enum ps_status st = ps_bridge_start(&r.bridge, &resolver, &err);
    if (st != PS_OK)
        return st;
    r.peer = fake_peer_start(serve_ok, NULL);
    r.profile = ps_profile_new();
    st = r.profile == NULL ? PS_NOMEM : PS_OK;
    for (int i = 0; i < 2 && st == PS_OK; i++)
        st = run_request(&r, body);
    ps_bridge_stop(r.bridge, 0);
    ps_profile_unref(r.profile);
    ps_bridge_free(r.bridge);
    fake_peer_stop(r.peer);
    return st;
}

static enum ps_status fixed_scenario(void)
{
    return scenario(FIXED);
}

static enum ps_status streamed_scenario(void)
{
    return scenario(STREAMED);
}

static void requests_survive_each_allocation_failure(void)
{
    t_each_alloc(fixed_scenario);
}

static void uploads_survive_each_allocation_failure(void)
{
    t_each_alloc(streamed_scenario);
}

static const struct t_test tests[] = {
    {"requests_survive_each_allocation_failure", requests_survive_each_allocation_failure},
    {"uploads_survive_each_allocation_failure", uploads_survive_each_allocation_failure},
};

T_MAIN(tests)
