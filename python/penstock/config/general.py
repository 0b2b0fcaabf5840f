"""`general_settings`: the door of the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.config import known_settings
from penstock.config.fields import Field, check_keys, names_of, read_fields
from penstock.config.keys import master_key
from penstock.config.kinds import Refused, expected, flag, number, pairs, seconds, text, url
from penstock.config.models import PassThrough
from penstock.config.value import Value

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def mebibytes(value: Value) -> int:
    """LiteLLM's `_mb`, as bytes."""
    return int(number("a number of MB", above=True, most=2**20)(value) * 1024 * 1024)


def path(value: Value) -> str:
    found = text(value)
    if not found.startswith("/"):
        raise Refused("must be a path that starts with /")
    return found


def methods(value: Value) -> tuple[str, ...]:
    if not value.is_list:
        raise expected("a list of methods", value)
    found = tuple(text(item).upper() for item in value.items())
    if wrong := [name for name in found if name not in METHODS]:
        raise Refused(f"must be of {', '.join(METHODS)}; {len(wrong)} of {len(found)} is not")
    return found


PASS_THROUGH = (
    Field("path", "path", path, is_needed=True),
    Field("target", "target", url, is_needed=True),
    Field("headers", "headers", pairs),
    Field("auth", "auth", flag),
    Field("forward_headers", "forward_headers", flag),
    Field("include_subpath", "include_subpath", flag),
    Field("methods", "methods", methods),
)
PASS_THROUGH_UNSUPPORTED = ("id", "cost_per_request", "timeout", "default_query_params", "guardrails")


def pass_through(value: Value) -> tuple[PassThrough, ...]:
    if not value.is_list:
        raise expected("a list of {path, target, ...}", value)
    found = []
    for item in value.items():
        if not item.is_mapping:
            item.error(f"must be a mapping of path, target, ...; not {item.kind}")
            continue
        check_keys(item, names_of(PASS_THROUGH), unsupported=PASS_THROUGH_UNSUPPORTED)
        for name in ("path", "target"):
            if item.entry(name).is_null:
                item.error(f"{name} is missing")
        read = read_fields(item, PASS_THROUGH)
        if "path" in read and "target" in read:
            found.append(PassThrough(**read))
    return tuple(found)


FIELDS = (
    Field("pass_through_endpoints", "general.pass_through", pass_through),
    Field("max_request_size_mb", "general.max_request_bytes", mebibytes),
    Field("forward_client_headers_to_llm_api", "general.forward_client_headers", flag),
    Field("forward_openai_org_id", "general.forward_openai_org_id", flag),
    Field("always_include_stream_usage", "general.always_include_stream_usage", flag),
    Field("health_check_interval", "general.health_check_interval_s", seconds),
)


def read_general(section: Value, elsewhere: Mapping[str, str]) -> dict[str, Any]:
    check_keys(
        section,
        names_of(FIELDS) | {"master_key"},
        unsupported=known_settings.GENERAL_UNSUPPORTED,
        ignored=known_settings.GENERAL_IGNORED,
        elsewhere=elsewhere,
    )
    found = read_fields(section, FIELDS)
    master = section.entry("master_key")
    if not master.is_null and (key := master_key(master)) is not None:
        found["general.master"] = key
    return found
