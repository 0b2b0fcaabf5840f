"""Which penstock transport a request goes through: settings of the middleware, of the session's connector, and of the
request (`ssl=`, `proxy=`), in one place.

What the middleware was given comes first; what it was not is read from the connector, which itself never connects
(but for WebSockets). A setting that cannot be honoured is a ConfigError, never left out in silence.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import sys
import weakref
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.connector import BaseConnector

from penstock.client import Transport
from penstock.errors import ConfigError
from penstock.http2 import HTTP2
from penstock.limits import Limits
from penstock.network import Family, Network
from penstock.tls import TLS

UNLIMITED = 100_000  # connections, where aiohttp says 0
KEPT_MOST = 64  # transports of one connector: by ssl= and proxy=
FAMILIES: dict[int, Family] = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}
# A connector class that does this its own way connects to somewhere that we would not.
CONNECTING = ("connect", "_create_connection", "_wrap_create_connection", "_resolve_host")


@dataclass(frozen=True, slots=True)
class Given:
    """What the middleware was made with; None = as the connector says."""

    http2: bool | HTTP2 = True
    tls: TLS | None = None
    limits: Limits | None = None
    network: Network | None = None


class Transports:
    """Made when first used, kept as long as their connector. Thread: any loop's."""

    def __init__(self, given: Given, fixed: Transport | None) -> None:
        self._given = given
        self._fixed = fixed
        self._kept: weakref.WeakKeyDictionary[BaseConnector, dict[Any, Transport]] = weakref.WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"<Transports, {sum(map(len, self._kept.values()))} in use>"

    def of(self, request: Any) -> Transport:
        """ConfigError for what cannot be honoured; ClientConnectionError when the connector is closed."""
        connector = request._session._connector
        if connector is None or connector._closed:
            raise aiohttp.ClientConnectionError("Connector is closed.")
        ssl_, proxy = request._ssl, request.proxy
        if self._fixed is not None:
            if ssl_ is not True or proxy is not None:
                raise ConfigError("ssl= and proxy= of a request need a middleware without transport=")
            return self._fixed
        kept = self._kept.get(connector)
        if kept is None:
            kept = self._kept[connector] = {}
        key = ssl_ if proxy is None else (ssl_, proxy_url(request))
        transport = kept.get(key)
        if transport is None:
            if len(kept) >= KEPT_MOST:
                del kept[next(iter(kept))]
            transport = kept[key] = self._made(connector, ssl_, proxy_url(request))
        return transport

    def _made(self, connector: BaseConnector, ssl_: Any, proxy: str | None) -> Transport:
        given = self._given
        check_connector(connector)
        return Transport(
            http2=given.http2,
            tls=tls_of(ssl_, getattr(connector, "_ssl", True), given.tls),
            limits=given.limits or limits_of(connector),
            network=given.network or network_of(connector),
            proxy=proxy,
            trust_env=False,  # of proxies the session takes care, of certificates tls_of()
        )


def check_connector(connector: Any) -> None:
    """ConfigError for one whose way of connecting we cannot take over."""
    kind = type(connector)
    if not isinstance(connector, aiohttp.TCPConnector | aiohttp.UnixConnector):
        raise ConfigError(f"a {kind.__name__} connects in its own way, which penstock cannot take over")
    base: type[Any] = aiohttp.TCPConnector if isinstance(connector, aiohttp.TCPConnector) else aiohttp.UnixConnector
    if changed := [name for name in CONNECTING if getattr(kind, name, None) is not getattr(base, name, None)]:
        raise ConfigError(f"{kind.__name__} has its own {', '.join(changed)}, which penstock would not call")
    if isinstance(connector, aiohttp.UnixConnector):
        return
    if not getattr(connector, "_resolver_owner", isinstance(connector._resolver, aiohttp.DefaultResolver)):
        raise ConfigError("resolver= of the connector cannot be honoured: penstock resolves names itself")
    if getattr(connector, "_socket_factory", None) is not None:
        raise ConfigError("socket_factory= of the connector cannot be honoured: use network=penstock.Network(...)")


def limits_of(connector: Any) -> Limits:
    """From limit, limit_per_host, keepalive_timeout and force_close."""
    most = connector._limit or UNLIMITED
    idle_s = connector._keepalive_timeout
    return Limits(
        max_connections=most,
        max_connections_per_origin=min(most, connector._limit_per_host or most),
        max_waiting=max(UNLIMITED, most),
        idle_s=0.0 if connector._force_close else 3600.0 if idle_s is None else float(idle_s),
    )


def network_of(connector: Any) -> Network:
    """From family, local_addr, happy_eyeballs_delay, the DNS cache's age, or the socket's path."""
    if isinstance(connector, aiohttp.UnixConnector):
        return Network(uds=connector.path)
    local = connector._local_addr_infos
    delay_s = connector._happy_eyeballs_delay
    ttl_s = connector._cached_hosts._ttl if connector._use_dns_cache else 0.0
    return Network(
        family=FAMILIES.get(connector._family, "any"),
        local_address=local[0][4][0] if local else None,
        eyeballs_ms=round((0.25 if delay_s is None else delay_s) * 1000),
        dns_ttl_s=3600.0 if ttl_s is None else float(ttl_s),
    )


def tls_of(requested: Any, connectors: Any, given: TLS | None) -> TLS:
    """`ssl=` of the request, else of the connector; True on both: what the middleware was given, or the system's trust.
    ConfigError for a Fingerprint."""
    value = requested if requested is not True else connectors
    if isinstance(value, ssl.SSLContext):
        return TLS(context=value)
    if isinstance(value, aiohttp.Fingerprint):
        raise ConfigError(
            "ssl=Fingerprint(...) cannot be honoured: penstock checks certificates by authorities; "
            "trust that certificate with tls=penstock.TLS(ca_file=...)"
        )
    if value is True or value is None:
        return given or default_tls()
    return TLS(verify=False)


def default_tls() -> TLS:
    """As ssl.create_default_context(): OpenSSL's own places, or SSL_CERT_FILE and SSL_CERT_DIR."""
    paths = ssl.get_default_verify_paths()
    is_strict = sys.version_info >= (3, 13)
    return TLS(
        ca_file=paths.cafile,
        ca_dir=paths.capath,
        partial_chain=is_strict,
        x509_strict=is_strict,
        keylog_file=None if sys.flags.ignore_environment else os.environ.get("SSLKEYLOGFILE") or None,
    )


def proxy_url(request: Any) -> str | None:
    """With user and password of proxy_auth, or of a Basic Proxy-Authorization. ConfigError for other proxy_headers."""
    if request.proxy is None:
        return None
    auth = request.proxy_auth
    for name, value in (request.proxy_headers or {}).items():
        scheme, _, encoded = value.partition(" ")
        if name.lower() != "proxy-authorization" or scheme.lower() != "basic":
            raise ConfigError(f"{name} of proxy_headers= cannot be honoured: penstock makes the proxy's request itself")
        user, _, password = base64.b64decode(encoded).decode("utf-8").partition(":")
        return str(request.proxy.with_user(user).with_password(password))
    return str(request.proxy if auth is None else request.proxy.with_user(auth.login).with_password(auth.password))
