"""`penstock_settings`: what LiteLLM has no word for. Names are those of the models, with their units."""

from __future__ import annotations

from typing import Any

from penstock.config.fields import Field, check_keys, names_of, read_fields
from penstock.config.keys import keys
from penstock.config.kinds import (
    Refused,
    flag,
    flag_or_path,
    number,
    one_of,
    seconds,
    seconds_or_zero,
    text,
    texts,
    whole,
)
from penstock.config.value import Value

CONNECTIONS = whole("connections", least=1, most=1_000_000)
BYTES = whole("bytes", most=2**31)


def percentile(value: Value) -> float:
    found = number("a share from 0 to 1")(value)
    if not 0 < found < 1:
        raise Refused("must be a share between 0 and 1 (0.95), not a percentage")
    return found


UPSTREAM = (
    Field("http2", "upstream.http2", flag),
    Field("http2_max_connections", "upstream.http2_max_connections", CONNECTIONS),
    Field("max_connections", "upstream.max_connections", CONNECTIONS),
    Field("max_connections_per_origin", "upstream.max_connections_per_origin", CONNECTIONS),
    Field("idle_s", "upstream.idle_s", seconds),
    Field("connect_s", "upstream.connect_s", seconds),
    Field("ssl_verify", "upstream.ssl_verify", flag_or_path),
    Field("ssl_certificate", "upstream.ssl_certificate", text),
    Field("trust_env", "upstream.trust_env", flag),
)
JOURNAL = (
    Field("jsonl", "journal.jsonl_path", text),
    Field("sqlite", "journal.sqlite_path", text),
    Field("keep_text", "journal.keep_text", flag),
    Field("queue", "journal.queue_n", whole("records", least=1, most=10_000_000)),
    Field("prices", "journal.prices_path", text),
)
FIELDS = (
    Field("keys", "general.more_keys", keys),
    Field("rescue", "router.rescue", flag),
    Field("hedge", "router.hedge", flag),
    Field("hedge_percentile", "router.hedge_percentile", percentile),
    Field("hedge_least_s", "router.hedge_least_s", seconds_or_zero),
    Field("hold_events", "router.hold_events_n", whole("events", most=100_000)),
    Field("hold_bytes", "router.hold_bytes", BYTES),
    Field("hold_s", "router.hold_s", seconds_or_zero),
    Field("fallback_reserve", "router.fallback_reserve", percentile),
    Field("max_attempts", "router.max_attempts", whole("attempts", least=1, most=1000)),
    Field("retry_after_most_s", "router.retry_after_most_s", seconds_or_zero),
    Field("ttft_s", "router.ttft_s", seconds),
    Field("idle_s", "router.idle_s", seconds),
    Field("drain_s", "general.drain_s", seconds_or_zero),
    Field("max_stream_s", "general.max_stream_s", seconds),
    Field("max_request_bytes", "general.max_request_bytes", whole("bytes", least=1)),
    Field("cors_origins", "general.cors_origins", texts),
    Field("missing_env", "missing_env", one_of("error", "skip")),
)
PARTS = {"upstream": UPSTREAM, "journal": JOURNAL}


def read_penstock(section: Value) -> dict[str, Any]:
    check_keys(section, names_of(FIELDS) | set(PARTS))
    found = read_fields(section, FIELDS)
    for name, fields in PARTS.items():
        part = section.entry(name)
        if part.is_null:
            continue
        if not part.is_mapping:
            part.error(f"must be a mapping, not {part.kind}")
            continue
        check_keys(part, names_of(fields))
        found.update(read_fields(part, fields))
    return found
