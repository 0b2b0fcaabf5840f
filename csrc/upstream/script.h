/* upstream/script.h -- rules, tried in order for each request; the first that holds answers it.
 * Thread: made anywhere, given to io by up_server_set_script(), from then on io's alone with its count.
 * Owner: counted: the server's current one, and each run. */
#ifndef PS_UPSTREAM_SCRIPT_H
#define PS_UPSTREAM_SCRIPT_H

#include "upstream/program.h"
#include "upstream/request.h"

/* Views into the rule's text. */
struct up_header_match {
    struct ps_bytes name; /* lower case */
    struct ps_bytes value;
    bool any_value;
};

struct up_json_match {
    struct ps_bytes pointer, scalar;
};

struct up_rule {
    struct ps_bytes method, path; /* p NULL: any */
    bool path_is_prefix;
    struct up_header_match *headers; /* owned */
    size_t headers_n;
    struct up_json_match *json; /* owned */
    size_t json_n;
    uint64_t attempt, times; /* 0: any */
    uint64_t for_ns;         /* 0: for ever */
    bool is_early;
    struct up_program *programs; /* owned */
    size_t programs_n;
    uint8_t **kept; /* owned: copies the views point to */
    size_t kept_n;
    /* counted on io */
    uint64_t held_n;     /* requests for which all but `attempt` held */
    uint64_t answered_n; /* of these, the ones it answered */
    uint64_t first_ns;
};

struct up_script {
    size_t refs_n;
    bool looks_into_bodies;
    size_t rules_n;
    struct up_rule rules[];
};

/* With one reference and zeroed rules, to be filled; up_script_unref() frees it at any state of that. */
struct up_script *up_script_new(size_t rules_n);
struct up_script *up_script_ref(struct up_script *s);
void up_script_unref(struct up_script *s); /* accepts NULL */
/* A copy that lives as long as the rule; p NULL: no memory. */
struct ps_bytes up_rule_keep(struct up_rule *r, struct ps_bytes bytes);
/* PS_INVALID (`why` tells) or PS_OK, once it is filled. */
PS_CHECK enum ps_status up_script_check(struct up_script *s, const char **why);

struct up_choice {
    int32_t rule;     /* -1: none */
    uint64_t attempt; /* 0 without a rule */
    const struct up_program *program; /* NULL without a rule */
};

/* Counts, and chooses the answer of a request that is there with its body. */
struct up_choice up_script_choose(struct up_script *s, const struct up_request *r, uint64_t now_ns);
/* With the head alone: would an early rule answer it? Counts nothing. */
bool up_script_is_early(const struct up_script *s, const struct up_request *r, uint64_t now_ns);

#endif
