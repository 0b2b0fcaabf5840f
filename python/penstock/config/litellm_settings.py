"""`litellm_settings`: LiteLLM's module-wide switches, as far as a gateway without LiteLLM has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.config import known, known_settings
from penstock.config.fields import Field, check_keys, names_of, read_fields
from penstock.config.kinds import Refused, flag, flag_or_path, number, seconds, text
from penstock.config.router import FALLBACKS, RETRIES
from penstock.config.value import Value, nearest


def flag_off(value: Value) -> bool:
    """The opposite: of a key that says what is not wanted."""
    return not flag(value)


def callbacks(value: Value) -> tuple[str, ...]:
    """Names of sinks, or `module.attribute`; others are warned of and left out."""
    if value.is_mapping:
        raise Refused("must be a list of names, not a mapping")
    found = []
    for item in value.items() if value.is_list else [value]:
        name = item.scalar()
        if not isinstance(name, str) or not name:
            item.error(f"must be a name, not {item.kind}")
        elif name in known.CALLBACKS or (name not in known.CALLBACKS_UNSUPPORTED and "." in name.strip(".")):
            found.append(name)
        elif name in known.CALLBACKS_UNSUPPORTED:
            item.warn(f"{name} is LiteLLM's and not supported by penstock yet: nothing is sent to it")
        else:
            hint = nearest(name, known.CALLBACKS)
            item.warn(f"is not a callback: {', '.join(known.CALLBACKS)} or module.attribute", hint)
    return tuple(dict.fromkeys(found))


CALLBACKS = (
    Field("callbacks", "callbacks", callbacks),
    Field("success_callback", "success_callback", callbacks),
    Field("failure_callback", "failure_callback", callbacks),
)
FIELDS = (
    Field("drop_params", "general.drop_params", flag),
    Field("num_retries", "router.num_retries", RETRIES),
    Field("request_timeout", "rows.timeout_s", seconds),
    *FALLBACKS,
    Field("ssl_verify", "upstream.ssl_verify", flag_or_path),
    Field("ssl_certificate", "upstream.ssl_certificate", text),
    Field("http2", "upstream.http2", flag, also=("enable_http2",)),
    Field("disable_aiohttp_trust_env", "upstream.trust_env", flag_off),
    Field("turn_off_message_logging", "journal.keep_text", flag_off),
    Field("sse_keepalive_ping_interval_seconds", "general.sse_keepalive_s", number("a number of seconds", least=1)),
    Field("always_include_stream_usage", "general.always_include_stream_usage", flag),
)


def read_litellm(section: Value, elsewhere: Mapping[str, str]) -> dict[str, Any]:
    check_keys(
        section,
        names_of(FIELDS) | names_of(CALLBACKS),
        unsupported=known_settings.LITELLM_UNSUPPORTED,
        ignored=known_settings.LITELLM_IGNORED,
        elsewhere=elsewhere,
    )
    found = read_fields(section, FIELDS)
    names = [name for each in read_fields(section, CALLBACKS).values() for name in each]
    if names:
        found["journal.callbacks"] = tuple(dict.fromkeys(names))
    return found
