/* The bridge with each allocation refused in turn, on whichever of the two threads it falls: a request ends
 * well or with PS_NOMEM, and nothing is left behind. */
#include "bridge_rig.h"

enum body { FIXED, STREAMED };

/* A request's parts, each of which may find no memory. */
static enum ps_status fill(struct ps_exchange *x, const struct rig *r, enum body body)
{
    char text[64];
    struct ps_url url;
    struct ps_err err;
    snprintf(text, sizeof text, "http://127.0.0.1:%u/x", fake_peer_port(r->peer));
    T_EQ(ps_url_split(&url, ps_bytes_str(text), &err), PS_OK);
    enum ps_status st = ps_request_new(&x->spec.request, ps_bytes_str("POST"), &url, &err);
    if (st != PS_OK)
        return st;
    x->spec.profile = r->profile;
    x->spec.port = url.port;
    x->host = ps_strndup("127.0.0.1", 9);
    x->is_streamed = body == STREAMED;
    if (body == FIXED)
        x->spec.body = ps_chunk_new(5);
    if (x->host == NULL || (body == FIXED && x->spec.body == NULL))
        return PS_NOMEM;
    if (body == FIXED)
        memcpy(x->spec.body->data, "hello", 5);
    return ps_request_seal(x->spec.request, body == FIXED ? PS_BODY_FIXED : PS_BODY_STREAM,
                           body == FIXED ? 5 : 0, &err);
}

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
    struct ps_exchange *x = ps_exchange_new(r->bridge, home);
    ps_home_unref(home);
    if (x == NULL)
        return PS_NOMEM;
    st = fill(x, r, body);
    if (st == PS_OK)
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
