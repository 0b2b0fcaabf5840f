/* The resolver: literals, cache, single flight, failures and stale answers, all of it with each
 * allocation refused as well: a question that was refused is asked again. One test asks the system,
 * for localhost. */
#include "resolver_fake.h"

/* -- answers -- */

static void literals_are_answered_at_once(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    char text[PS_ADDR_TEXT_BYTES];
    ask(&a, r, "127.0.0.1");
    T_EQ(a.addrs.n, 1);
    ps_addr_text(&a.addrs.at[0], text);
    T_STR(text, "127.0.0.1:0");
    ask(&a, r, "::1");
    T_EQ(a.addrs.n, 1);
    T_CHECK(ps_addr_is_v6(&a.addrs.at[0]));
    T_EQ(ask_for(&a, r, "::1", PS_FAMILY_IPV6, 0), PS_OK);
    T_EQ(ask_for(&a, r, "::1", PS_FAMILY_IPV4, 0), PS_RESOLVE_FAILED);
    T_STR(a.err.text, "::1 is not an IPv4 address");
    T_EQ(ask_for(&a, r, "127.0.0.1", PS_FAMILY_IPV6, 0), PS_RESOLVE_FAILED);
    T_EQ(read_locked(&fake, &fake.calls_n), 0);
    closed(w, r);
}

static void an_answer_is_cached_for_the_askers_ttl(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 2);
    ask(&a, r, "API.Example"); /* names have no case */
    T_EQ(a.addrs.n, 2);
    T_EQ(fake.calls_n, 1);
    world_skip(w, 20000);
    ask(&a, r, "api.example");
    T_EQ(a.addrs.n, 2);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, 10000), PS_OK);
    T_EQ(a.addrs.n, 0); /* too old for this one */
    world_until(w, &a.done_n, 1);
    T_EQ(fake.calls_n, 2);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, 0), PS_OK);
    T_EQ(a.addrs.n, 0);
    world_until(w, &a.done_n, 1);
    T_EQ(fake.calls_n, 3);
    world_skip(w, 29000);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, UINT64_MAX), PS_OK);
    T_EQ(a.addrs.n, 2);
    world_skip(w, 1000);
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_ANY, UINT64_MAX), PS_OK);
    T_EQ(a.addrs.n, 0);
    world_until(w, &a.done_n, 1);
    closed(w, r);
}

static void families_are_kept_apart(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0}, b = {0};
    T_EQ(ask_for(&a, r, "api.example", PS_FAMILY_IPV4, TTL_MS), PS_OK);
    T_EQ(ask_for(&b, r, "api.example", PS_FAMILY_IPV6, TTL_MS), PS_OK);
    world_until(w, &a.done_n, 1);
    world_until(w, &b.done_n, 1);
    T_EQ(fake.calls_n, 2);
    T_EQ(a.addrs.n, 1);
    T_CHECK(!ps_addr_is_v6(&a.addrs.at[0]));
    T_EQ(b.addrs.n, 1);
    T_CHECK(ps_addr_is_v6(&b.addrs.at[0]));
    fake.addrs.n = 1; /* only IPv4 is left */
    T_EQ(ask_for(&b, r, "v4.example", PS_FAMILY_IPV6, TTL_MS), PS_OK);
    world_until(w, &b.done_n, 1);
    T_STR(b.err.text, "no such host with an IPv6 address: v4.example");
    closed(w, r);
}

static void askers_at_once_share_a_flight(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a[3] = {0};
    for (size_t i = 0; i < 3; i++)
        ask(&a[i], r, "hang.example");
    ps_resolver_cancel(r, &a[1].lookup);
    ps_resolver_cancel(r, &a[1].lookup);
    free_hung(&fake);
    world_until(w, &a[0].done_n, 1);
    T_EQ(a[2].done_n, 1);
    T_EQ(a[1].done_n, 0);
    T_EQ(fake.calls_n, 1);
    ps_resolver_cancel(r, &a[0].lookup); /* done: harmless */
    closed(w, r);
}

static void localhost_is_the_systems_business(void)
{
    struct world *w = world_open();
    struct ps_resolver_settings settings = plain_settings;
    struct ps_resolver *r = NULL;
    struct asker a = {0};
    char text[PS_ADDR_TEXT_BYTES];
    settings.lookup = NULL;
    open_resolver(&r, w, &settings);
    T_EQ(ask_for(&a, r, "localhost", PS_FAMILY_IPV4, TTL_MS), PS_OK);
    world_until(w, &a.done_n, 1);
    T_EQ(a.addrs.n, 1);
    ps_addr_text(&a.addrs.at[0], text);
    T_STR(text, "127.0.0.1:0");
    closed(w, r);
}

/* -- failures -- */

static void no_such_host_is_asked_once_and_remembered(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    next_codes(EAI_NONAME, 0);
    ask_and_wait(w, &a, r, "api.example.invalid");
    T_EQ(a.err.status, PS_RESOLVE_FAILED);
    T_EQ(a.err.phase, PS_PHASE_RESOLVE);
    T_EQ(a.err.sys, UV_EAI_NONAME);
    T_STR(a.err.text, "no such host: api.example.invalid");
    T_EQ(ask_for(&a, r, "api.example.invalid", PS_FAMILY_ANY, TTL_MS), PS_RESOLVE_FAILED);
    T_STR(a.err.text, "no such host: api.example.invalid");
    T_EQ(fake.calls_n, 1);
    T_EQ(ask_for(&a, r, "api.example.invalid", PS_FAMILY_ANY, 0), PS_OK); /* fresh */
    world_until(w, &a.done_n, 1);
    T_EQ(a.addrs.n, 2);
    closed(w, r);
}

static void a_failure_is_forgotten_soon(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    next_codes(EAI_FAIL, 0);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.err.sys, UV_EAI_FAIL);
    T_CHECK(strstr(a.err.text, "api.example") != NULL);
    world_skip(w, 1000);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 2);
    closed(w, r);
}

static void a_temporary_failure_is_tried_once_more(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    next_codes(EAI_AGAIN, 0);
    ask_and_wait(w, &a, r, "one.example");
    T_EQ(a.addrs.n, 2);
    T_EQ(fake.calls_n, 2);
    next_codes(EAI_AGAIN, EAI_AGAIN);
    ask_and_wait(w, &a, r, "two.example");
    T_EQ(fake.calls_n, 2);
    T_EQ(a.err.sys, UV_EAI_AGAIN);
    T_STR(a.err.text, "temporary failure (EAI_AGAIN) looking up two.example");
    closed(w, r);
}

static void a_stale_answer_bridges_failures(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask_and_wait(w, &a, r, "api.example");
    world_skip(w, TTL_MS);
    next_codes(EAI_AGAIN, EAI_AGAIN);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 2); /* stale */
    ask(&a, r, "api.example");
    T_EQ(a.addrs.n, 2); /* the failure is remembered: nobody is asked again yet */
    T_EQ(fake.calls_n, 2);
    world_skip(w, 270000);
    next_codes(EAI_FAIL, 0);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 0); /* too stale */
    T_EQ(a.err.sys, UV_EAI_FAIL);
    closed(w, r);
}

static void a_denial_ends_the_old_answer(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    ask_and_wait(w, &a, r, "api.example");
    world_skip(w, TTL_MS);
    next_codes(EAI_NONAME, 0);
    ask_and_wait(w, &a, r, "api.example");
    T_EQ(a.addrs.n, 0);
    T_STR(a.err.text, "no such host: api.example");
    closed(w, r);
}

static void impossible_names_are_refused(void)
{
    struct world *w = world_open();
    struct ps_resolver *r = opened(w, 8);
    struct asker a = {0};
    char host[300];
    memset(host, 'h', sizeof host);
    host[256] = '\0';
    T_EQ(ask_for(&a, r, host, PS_FAMILY_ANY, TTL_MS), PS_RESOLVE_FAILED);
    T_EQ(ask_for(&a, r, "", PS_FAMILY_ANY, TTL_MS), PS_RESOLVE_FAILED);
    host[255] = '\0';
    ask_and_wait(w, &a, r, host);
    T_EQ(a.addrs.n, 2);
    closed(w, r);
}

static const struct t_test tests[] = {
    {"literals_are_answered_at_once", literals_are_answered_at_once},
    {"an_answer_is_cached_for_the_askers_ttl", an_answer_is_cached_for_the_askers_ttl},
    {"families_are_kept_apart", families_are_kept_apart},
    {"askers_at_once_share_a_flight", askers_at_once_share_a_flight},
    {"localhost_is_the_systems_business", localhost_is_the_systems_business},
    {"no_such_host_is_asked_once_and_remembered", no_such_host_is_asked_once_and_remembered},
    {"a_failure_is_forgotten_soon", a_failure_is_forgotten_soon},
    {"a_temporary_failure_is_tried_once_more", a_temporary_failure_is_tried_once_more},
    {"a_stale_answer_bridges_failures", a_stale_answer_bridges_failures},
    {"a_denial_ends_the_old_answer", a_denial_ends_the_old_answer},
    {"impossible_names_are_refused", impossible_names_are_refused},
};

T_MAIN_SWEPT(tests)
