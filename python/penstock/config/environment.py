"""Settings that LiteLLM takes from environment variables. The file wins, but for SSL_VERIFY, as in LiteLLM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.config.fields import Field, read_fields
from penstock.config.kinds import flag, flag_or_path, seconds, seconds_or_zero, text, whole
from penstock.config.litellm_settings import flag_off
from penstock.config.node import Node, mapping_node
from penstock.config.router import FAILS, RETRIES
from penstock.config.value import Reading, Value

UNLIMITED = 1_000_000


def connections(value: Value) -> int:
    """aiohttp's: 0 = no limit."""
    return whole("connections", most=UNLIMITED)(value) or UNLIMITED


def split_texts(value: Value) -> tuple[str, ...]:
    """Separated by commas."""
    return tuple(part.strip() for part in text(value).split(",") if part.strip())


FIELDS = (
    Field("AIOHTTP_CONNECTOR_LIMIT", "upstream.max_connections", connections),
    Field("AIOHTTP_CONNECTOR_LIMIT_PER_HOST", "upstream.max_connections_per_origin", connections),
    Field("AIOHTTP_KEEPALIVE_TIMEOUT", "upstream.idle_s", seconds),
    Field("LITELLM_HTTP2", "upstream.http2", flag, also=("LITELLM_ENABLE_HTTP2",)),
    Field("SSL_CERTIFICATE", "upstream.ssl_certificate", text),
    Field("DISABLE_AIOHTTP_TRUST_ENV", "upstream.trust_env", flag_off),
    Field("GRACEFUL_SHUTDOWN_TIMEOUT", "general.drain_s", seconds_or_zero),
    Field("LITELLM_MAX_STREAMING_DURATION_SECONDS", "general.max_stream_s", seconds),
    Field("LITELLM_CORS_ORIGINS", "general.cors_origins", split_texts),
    Field("LITELLM_DROP_PARAMS", "general.drop_params", flag),
    Field("REQUEST_TIMEOUT", "rows.timeout_s", seconds),
    Field("DEFAULT_MAX_RETRIES", "router.num_retries", RETRIES),
    Field("DEFAULT_ALLOWED_FAILS", "router.allowed_fails", FAILS),
    Field("DEFAULT_COOLDOWN_TIME_SECONDS", "router.cooldown_s", seconds_or_zero),
    Field("ROUTER_MAX_FALLBACKS", "router.max_fallbacks", whole("fallbacks", most=100)),
)
VERIFY: tuple[Field, ...] = (Field("SSL_VERIFY", "upstream.ssl_verify", flag_or_path),)
AUTHORITIES: tuple[Field, ...] = (Field("SSL_CERT_FILE", "upstream.ssl_verify", text),)
MASTER_KEY = "LITELLM_MASTER_KEY"
NAMES = tuple(name for field in (*FIELDS, *VERIFY, *AUTHORITIES) for name in field.keys)


def section_of(reading: Reading) -> Value:
    """The variables as a section of their own; empty ones count as not set."""
    given = {name: Node(reading.environ[name]) for name in (*NAMES, MASTER_KEY) if reading.environ.get(name)}
    return Value(mapping_node(given), "environment", reading)


def read_environment(section: Value) -> dict[str, Any]:
    """What the file's keys override."""
    return read_fields(section, FIELDS)


def read_verify(section: Value, found: Mapping[str, Any]) -> dict[str, Any]:
    """ssl_verify after SSL_VERIFY (wins over the file) and SSL_CERT_FILE (names the authorities when verify is on)."""
    verify: Any = read_fields(section, VERIFY).get("upstream.ssl_verify", found.get("upstream.ssl_verify", True))
    if verify is True:
        verify = read_fields(section, AUTHORITIES).get("upstream.ssl_verify", True)
    return {"upstream.ssl_verify": verify}
