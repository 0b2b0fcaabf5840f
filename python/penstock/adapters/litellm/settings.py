"""LiteLLM's settings as penstock's. Read whenever a client is made, since a proxy loads its configuration late.

| LiteLLM | here |
|---|---|
| `litellm.http2`, LITELLM_HTTP2; `litellm.enable_http2`, LITELLM_ENABLE_HTTP2 | HTTP/2 is offered; else it is not |
| `http2_max_connections`, `http2_max_keepalive_connections` | with HTTP/2: connections in all, unused ones kept |
| AIOHTTP_CONNECTOR_LIMIT, AIOHTTP_CONNECTOR_LIMIT_PER_HOST | connections in all, for an origin; 0 = no limit |
| AIOHTTP_KEEPALIVE_TIMEOUT, AIOHTTP_TTL_DNS_CACHE | `Limits.idle_s`, `Network.dns_ttl_s` |
| AIOHTTP_SO_KEEPALIVE, AIOHTTP_TCP_KEEPIDLE ... | socket options; TCP keep-alive is penstock's own otherwise |
| `litellm.force_ipv4` | `Network(family="ipv4")` |
| `litellm.disable_aiohttp_trust_env`, DISABLE_AIOHTTP_TRUST_ENV | async clients do not use the environment's proxies |

TLS is in tls.py. `disable_aiohttp_transport` and `use_aiohttp_transport` choose between two transports that are both
replaced; with the first the environment's proxies count, as they do in httpx.
"""

from __future__ import annotations

import os
import socket
from importlib import import_module
from typing import Any

from penstock.adapters.litellm.tls import tls_of
from penstock.errors import ConfigError
from penstock.limits import Limits
from penstock.network import Network, SocketOption

NO_LIMIT = 2**31 - 1


def is_on(litellm: Any, attribute: str, variable: str) -> bool:
    """LiteLLM's own rule: the attribute is True, or the variable says true."""
    return getattr(litellm, attribute, None) is True or os.environ.get(variable, "").strip().lower() == "true"


def http2_of(litellm: Any, is_wanted: bool = False) -> bool:
    """Whether HTTP/2 is offered: the settings say so, or LiteLLM wants it for this client. ConfigError when a limit
    that goes with it cannot be."""
    wanted = is_on(litellm, "http2", "LITELLM_HTTP2") or is_on(litellm, "enable_http2", "LITELLM_ENABLE_HTTP2")
    if wanted:
        most = whole_number(litellm, "http2_max_connections", least=1)
        kept = whole_number(litellm, "http2_max_keepalive_connections", least=0)
        if most is not None and kept is not None and kept > most:
            raise ConfigError(f"http2_max_keepalive_connections ({kept}) is above http2_max_connections ({most})")
    return wanted or is_wanted


def whole_number(litellm: Any, attribute: str, least: int) -> int | None:
    """An attribute or its variable in capitals; None where neither is set."""
    given = getattr(litellm, attribute, None)
    if given is None:
        given = os.environ.get(f"LITELLM_{attribute.upper()}") or os.environ.get(attribute.upper()) or None
    if given is None:
        return None
    try:
        number = int(given) if isinstance(given, str) else given
    except ValueError:
        number = given
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= NO_LIMIT:
        raise ConfigError(f"litellm_settings.{attribute} must be a whole number of at least {least}, not {given!r}")
    return number


def limits_of(litellm: Any, constants: Any) -> Limits:
    in_all = getattr(constants, "AIOHTTP_CONNECTOR_LIMIT", 1000) or NO_LIMIT
    by_origin = getattr(constants, "AIOHTTP_CONNECTOR_LIMIT_PER_HOST", 500) or NO_LIMIT
    kept = None
    if http2_of(litellm):
        in_all = whole_number(litellm, "http2_max_connections", least=1) or in_all
        kept = whole_number(litellm, "http2_max_keepalive_connections", least=0)
    return Limits(
        max_connections=in_all,
        max_connections_per_origin=min(by_origin, in_all),
        max_idle_connections=kept,
        idle_s=float(getattr(constants, "AIOHTTP_KEEPALIVE_TIMEOUT", 120)),
    )


def network_of(litellm: Any, constants: Any) -> Network:
    return Network(
        family="ipv4" if getattr(litellm, "force_ipv4", False) else "any",
        dns_ttl_s=float(getattr(constants, "AIOHTTP_TTL_DNS_CACHE", 300)),
        socket_options=keepalive_of(constants),
    )


def keepalive_of(constants: Any) -> tuple[SocketOption, ...]:
    if not getattr(constants, "AIOHTTP_SO_KEEPALIVE", False):
        return ()
    options: list[SocketOption] = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for ours, theirs in (("TCP_KEEPIDLE", "KEEPIDLE"), ("TCP_KEEPINTVL", "KEEPINTVL"), ("TCP_KEEPCNT", "KEEPCNT")):
        value = getattr(constants, f"AIOHTTP_TCP_{theirs}", None)
        if value is not None and hasattr(socket, ours):
            options.append((socket.IPPROTO_TCP, getattr(socket, ours), int(value)))
    return tuple(options)


def follows_env(litellm: Any, is_async: bool) -> bool:
    """Are the environment's proxies used? The switch is one of aiohttp's transport; httpx's follows them always."""
    switched_off = is_on(litellm, "disable_aiohttp_trust_env", "DISABLE_AIOHTTP_TRUST_ENV")
    has_httpx = is_on(litellm, "disable_aiohttp_transport", "DISABLE_AIOHTTP_TRANSPORT")
    return not (is_async and switched_off and not has_httpx)


def transport_settings(verify: Any, *, is_async: bool, http2: bool = False) -> dict[str, Any]:
    """Arguments of a transport of `penstock.adapters.httpx`. `http2`: LiteLLM wants it for this client.

    ConfigError where a setting cannot be; TheirsToMake where LiteLLM's own transport must do.
    """
    litellm, constants = import_module("litellm"), import_module("litellm.constants")
    return {
        "tls": tls_of(verify),
        "trust_env": follows_env(litellm, is_async),
        "http2": http2_of(litellm, http2),
        "limits": limits_of(litellm, constants),
        "network": network_of(litellm, constants),
    }
