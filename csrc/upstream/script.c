/* upstream/script.c -- a script's memory (see script.h; what holds is in match.c). */
#include "upstream/script.h"

#include <assert.h>

#include "base/mem.h"
#include "upstream/json_point.h"

struct up_script *up_script_new(size_t rules_n)
{
    struct up_script *s = ps_zalloc(sizeof *s + rules_n * sizeof s->rules[0]);
    if (s == NULL)
        return NULL;
    s->refs_n = 1;
    s->rules_n = rules_n;
    return s;
}

struct up_script *up_script_ref(struct up_script *s)
{
    s->refs_n++;
    return s;
}

static void fini_rule(struct up_rule *r)
{
    for (size_t i = 0; i < r->programs_n; i++)
        up_program_fini(&r->programs[i]);
    for (size_t i = 0; i < r->kept_n; i++)
        ps_free(r->kept[i]);
    ps_free(r->programs);
    ps_free(r->kept);
    ps_free(r->headers);
    ps_free(r->json);
}

void up_script_unref(struct up_script *s)
{
    if (s == NULL)
        return;
    assert(s->refs_n > 0);
    if (--s->refs_n > 0)
        return;
    for (size_t i = 0; i < s->rules_n; i++)
        fini_rule(&s->rules[i]);
    ps_free(s);
}

struct ps_bytes up_rule_keep(struct up_rule *r, struct ps_bytes bytes)
{
    uint8_t **kept = ps_realloc(r->kept, (r->kept_n + 1) * sizeof *kept);
    if (kept == NULL)
        return ps_bytes_of(NULL, 0);
    r->kept = kept;
    uint8_t *copy = ps_malloc(bytes.n + 1);
    if (copy == NULL)
        return ps_bytes_of(NULL, 0);
    if (bytes.n > 0)
        memcpy(copy, bytes.p, bytes.n);
    r->kept[r->kept_n++] = copy;
    return ps_bytes_of(copy, bytes.n);
}

static const char *objection(const struct up_rule *r)
{
    if (r->is_early && r->json_n > 0)
        return "an early rule answers before the body is there, so it cannot look into it";
    if (r->programs_n == 0)
        return "a rule has no program";
    for (size_t i = 0; i < r->json_n; i++) {
        if (!up_json_pointer_is_good(r->json[i].pointer))
            return "a JSON pointer is \"\" or starts with \"/\", and has at most 32 steps";
        if (!up_json_scalar_is_good(r->json[i].scalar))
            return "a JSON match wants the JSON text of a scalar";
    }
    return NULL;
}

enum ps_status up_script_check(struct up_script *s, const char **why)
{
    for (size_t i = 0; i < s->rules_n; i++) {
        *why = objection(&s->rules[i]);
        if (*why != NULL)
            return PS_INVALID;
        if (s->rules[i].json_n > 0)
            s->looks_into_bodies = true;
    }
    return PS_OK;
}
