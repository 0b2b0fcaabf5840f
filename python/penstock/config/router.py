"""`router_settings`: which deployment, how often, how long; the kinds that only routing has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.config import known_settings
from penstock.config.fallbacks import fallbacks, is_known
from penstock.config.fields import Field, check_keys, names_of, read_fields
from penstock.config.kinds import (
    Kind,
    expected,
    flag,
    guarded,
    mapping,
    number,
    one_of,
    seconds,
    seconds_or_zero,
    text,
    texts,
    whole,
)
from penstock.config.models import RetryPolicy
from penstock.config.value import Value, nearest

STRATEGIES = (
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "cost-based-routing",
)
POLICY = {
    "BadRequestError": "bad_request",
    "AuthenticationError": "authentication",
    "TimeoutError": "timeout",
    "RateLimitError": "rate_limit",
    "ContentPolicyViolationError": "content_policy",
    "InternalServerError": "internal_server",
}
RETRIES = whole("retries", most=100)
FAILS = whole("failures in a minute")


def policy(ending: str, count: Kind[int]) -> Kind[RetryPolicy]:
    """LiteLLM's retry_policy (`...Retries`) and allowed_fails_policy (`...AllowedFails`)."""
    fields = tuple(Field(f"{error}{ending}", attribute, count) for error, attribute in POLICY.items())
    others = [f"{error}Error{ending}" for error in ("ServiceUnavailable", "NotFound", "BadGateway")]

    def kind(value: Value) -> RetryPolicy:
        if not value.is_mapping:
            raise expected(f"a mapping of errors to numbers (RateLimitError{ending}: 3)", value)
        check_keys(value, names_of(fields), unsupported=[*others, "DefaultRetries"])
        return RetryPolicy(**read_fields(value, fields))

    return kind


def policies(value: Value) -> dict[str, RetryPolicy]:
    """model_group_retry_policy: group -> policy."""
    if not value.is_mapping:
        raise expected("a mapping of groups to retry policies", value)
    found = {name: guarded(policy("Retries", RETRIES), each) for name, each in value.entries().items()}
    return {name: each for name, each in found.items() if each is not None}


def aliases(value: Value) -> dict[str, tuple[str, bool]]:
    """model_group_alias: name -> (group, hidden). The short form is a text, the long one {model, hidden}."""
    if not value.is_mapping:
        raise expected("a mapping of names to groups", value)
    found = {}
    for name, each in value.entries().items():
        if not each.is_mapping:
            if (group := guarded(text, each)) is not None:
                found[name] = (group, False)
            continue
        check_keys(each, ("model", "hidden"))
        if each.entry("model").is_null:
            each.error("model is missing: the group that is meant")
            continue
        long = read_fields(each, (Field("model", "model", text), Field("hidden", "hidden", flag)))
        if "model" in long:
            found[name] = (long["model"], long.get("hidden", False))
    return found


FALLBACKS = (  # litellm_settings may say these too
    Field("fallbacks", "router.fallbacks", fallbacks),
    Field("context_window_fallbacks", "router.context_window_fallbacks", fallbacks),
    Field("content_policy_fallbacks", "router.content_policy_fallbacks", fallbacks),
    Field("default_fallbacks", "router.default_fallbacks", texts),
    Field("max_fallbacks", "router.max_fallbacks", whole("fallbacks", most=100)),
    Field("allowed_fails", "router.allowed_fails", FAILS),
)
FIELDS = (
    Field("routing_strategy", "router.strategy", one_of(*STRATEGIES)),
    Field("routing_strategy_args", "router.strategy_args", mapping),
    Field("num_retries", "router.num_retries", RETRIES, also=("max_retries",)),
    Field("timeout", "router.timeout_s", seconds),
    Field("stream_timeout", "router.stream_timeout_s", seconds),
    Field("ttft_timeout", "router.ttft_s", seconds),
    Field("stream_idle_timeout", "router.idle_s", seconds),
    Field("retry_after", "router.retry_after_s", seconds_or_zero),
    *FALLBACKS,
    Field("retry_policy", "router.retry_policy", policy("Retries", RETRIES)),
    Field("model_group_retry_policy", "router.group_retry_policy", policies),
    Field("allowed_fails_policy", "router.allowed_fails_policy", policy("AllowedFails", FAILS)),
    Field("cooldown_time", "router.cooldown_s", seconds_or_zero),
    Field("disable_cooldowns", "router.disable_cooldowns", flag),
    Field("model_group_alias", "router.named", aliases),
    Field("enable_tag_filtering", "router.tag_filtering", flag),
    Field("tag_filtering_match_any", "router.tag_match_any", flag),
    Field("default_max_parallel_requests", "rows.max_parallel", whole("requests", least=1)),
)
STRATEGY_ARGS = (
    Field("ttl", "ttl", seconds),
    Field("lowest_latency_buffer", "lowest_latency_buffer", number("a share of the lowest latency")),
)


def read_router(section: Value, elsewhere: Mapping[str, str]) -> dict[str, Any]:
    names = names_of(FIELDS)
    check_keys(
        section,
        names,
        unsupported=known_settings.ROUTER_UNSUPPORTED,
        ignored=known_settings.ROUTER_IGNORED,
        elsewhere=elsewhere,
    )
    found = read_fields(section, FIELDS)
    if "router.strategy_args" in found:
        args = section.entry("routing_strategy_args")
        check_keys(args, names_of(STRATEGY_ARGS), unsupported=("rpm", "tpm", "max_latency_list_size", "cache_kwargs"))
        found["router.strategy_args"] = read_fields(args, STRATEGY_ARGS)
    return found


def finish_aliases(section: Value, found: dict[str, Any], names: list[str]) -> None:
    """`router.named` becomes aliases and hidden_aliases; those of unknown groups are left out."""
    named: dict[str, tuple[str, bool]] = found.pop("router.named", {})
    for name, (group, _) in list(named.items()):
        if not is_known(group, names):
            section.entry("model_group_alias").entry(name).warn(
                "no such group in model_list: the alias is left out", nearest(group, names)
            )
            del named[name]
    found["router.aliases"] = {name: group for name, (group, _) in named.items()}
    found["router.hidden_aliases"] = frozenset(name for name, (_, hidden) in named.items() if hidden)
