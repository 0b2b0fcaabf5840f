/* upstream/match.c -- which rule answers a request (see script.h).
 * `attempt` counts the requests for which the rest of its rule held, so every rule up to the chosen one counts.
 * Thread: io. */
#include "upstream/json_point.h"
#include "upstream/script.h"

static bool path_holds(const struct up_rule *rule, struct ps_bytes target)
{
    const uint8_t *query = target.n == 0 ? NULL : memchr(target.p, '?', target.n);
    if (query != NULL)
        target.n = (size_t)(query - target.p);
    if (!rule->path_is_prefix)
        return ps_bytes_eq(target, rule->path);
    return target.n >= rule->path.n && ps_bytes_eq(ps_bytes_of(target.p, rule->path.n), rule->path);
}

static bool field_holds(const struct up_header_match *m, const struct up_request *r,
                        const struct up_field *f, struct ps_bytes name)
{
    return ps_bytes_ieq(up_request_view(r, f->name), name) &&
           (m->any_value || ps_bytes_eq(up_request_view(r, f->value), m->value));
}

static bool header_holds(const struct up_header_match *m, const struct up_request *r)
{
    bool is_host = ps_bytes_eq(m->name, ps_bytes_str("host"));
    for (size_t i = 0; i < r->fields_n; i++) {
        if (field_holds(m, r, &r->fields[i], m->name))
            return true;
        if (is_host && field_holds(m, r, &r->fields[i], ps_bytes_str(":authority")))
            return true;
    }
    return false;
}

static bool head_holds(const struct up_rule *rule, const struct up_request *r)
{
    if (rule->method.p != NULL && !ps_bytes_eq(up_request_view(r, r->method), rule->method))
        return false;
    if (rule->path.p != NULL && !path_holds(rule, up_request_view(r, r->target)))
        return false;
    for (size_t i = 0; i < rule->headers_n; i++) {
        if (!header_holds(&rule->headers[i], r))
            return false;
    }
    return true;
}

static bool body_holds(const struct up_rule *rule, const struct up_request *r)
{
    for (size_t i = 0; i < rule->json_n; i++) {
        if (!up_json_point_holds(ps_buf_view(&r->body), rule->json[i].pointer, rule->json[i].scalar))
            return false;
    }
    return true;
}

static bool is_used_up(const struct up_rule *rule, uint64_t now_ns)
{
    return (rule->times > 0 && rule->answered_n >= rule->times) ||
           (rule->for_ns > 0 && rule->first_ns > 0 && now_ns - rule->first_ns > rule->for_ns);
}

struct up_choice up_script_choose(struct up_script *s, const struct up_request *r, uint64_t now_ns)
{
    for (size_t i = 0; s != NULL && i < s->rules_n; i++) {
        struct up_rule *rule = &s->rules[i];
        if (is_used_up(rule, now_ns) || !head_holds(rule, r) || !body_holds(rule, r))
            continue;
        rule->held_n++;
        if (rule->attempt > 0 && rule->held_n != rule->attempt)
            continue;
        if (rule->first_ns == 0)
            rule->first_ns = now_ns;
        size_t nth = rule->answered_n < rule->programs_n ? (size_t)rule->answered_n : rule->programs_n - 1;
        rule->answered_n++;
        return (struct up_choice){(int32_t)i, rule->held_n, &rule->programs[nth]};
    }
    return (struct up_choice){.rule = -1};
}

bool up_script_is_early(const struct up_script *s, const struct up_request *r, uint64_t now_ns)
{
    for (size_t i = 0; s != NULL && i < s->rules_n; i++) {
        const struct up_rule *rule = &s->rules[i];
        if (is_used_up(rule, now_ns) || !head_holds(rule, r))
            continue;
        if (rule->attempt > 0 && rule->held_n + 1 != rule->attempt)
            continue;
        return rule->is_early; /* not early: its body decides */
    }
    return false;
}
