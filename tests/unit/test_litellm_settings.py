"""LiteLLM's settings as penstock's, without LiteLLM."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from penstock.adapters.litellm import settings
from penstock.errors import ConfigError

CONSTANTS = SimpleNamespace(
    AIOHTTP_CONNECTOR_LIMIT=0, AIOHTTP_CONNECTOR_LIMIT_PER_HOST=7, AIOHTTP_KEEPALIVE_TIMEOUT=5, AIOHTTP_TTL_DNS_CACHE=9
)


@pytest.mark.parametrize("flag", ["http2", "enable_http2"])
def test_both_families_of_flags(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not settings.http2_of(SimpleNamespace())
    assert settings.http2_of(SimpleNamespace(**{flag: True}))
    assert not settings.http2_of(SimpleNamespace(**{flag: "yes"}))
    monkeypatch.setenv(f"LITELLM_{flag.upper()}", "True")
    assert settings.http2_of(SimpleNamespace())


@pytest.mark.parametrize(
    "wrong",
    [
        {"http2_max_connections": 0},
        {"http2_max_connections": "many"},
        {"http2_max_connections": True},
        {"http2_max_keepalive_connections": -1},
        {"http2_max_connections": 2, "http2_max_keepalive_connections": 3},
    ],
)
def test_wrong_limits_fail_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="http2_max"):
        settings.http2_of(SimpleNamespace(http2=True, **wrong))


def test_limits() -> None:
    plain = settings.limits_of(SimpleNamespace(http2_max_connections=3), CONSTANTS)
    assert (plain.max_connections, plain.max_connections_per_origin, plain.idle_s) == (settings.NO_LIMIT, 7, 5.0)
    few = SimpleNamespace(http2=True, http2_max_connections="3", http2_max_keepalive_connections=1)
    limits = settings.limits_of(few, CONSTANTS)
    assert (limits.max_connections, limits.max_connections_per_origin, limits.max_idle_connections) == (3, 3, 1)


def test_network() -> None:
    assert settings.network_of(SimpleNamespace(), CONSTANTS).family == "any"
    network = settings.network_of(SimpleNamespace(force_ipv4=True), CONSTANTS)
    assert (network.family, network.dns_ttl_s, network.socket_options) == ("ipv4", 9.0, ())
    kept = SimpleNamespace(AIOHTTP_SO_KEEPALIVE=True, AIOHTTP_TCP_KEEPIDLE=60, AIOHTTP_TCP_KEEPINTVL=30)
    assert len(settings.keepalive_of(kept)) == 3
