"""Upgrades (WebSocket) and CONNECT: they want the connection for themselves, which the engine does not give away, so
the library's own transport makes them, with the same settings, a connection each. A proxy, given or the environment's,
is the library's to speak to; it does so for wss and https, but takes no ws:// through an HTTP proxy (ConfigError).

Which requests: the method CONNECT, the schemes ws and wss, `Upgrade` among the fields. The last two are looked for only
after the engine has refused the request, so that others do not pay for it.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from penstock.errors import ConfigError
from penstock.network import Network
from penstock.proxy import Proxy, proxy_of, reveal
from penstock.proxy_routes import routes_of
from penstock.tls import TLS

CONNECTS = ("CONNECT", b"CONNECT")
PLAIN = TLS()
UNKNOWN = ("ciphersuites", "groups", "security_level", "crl_check", "x509_strict", "partial_chain")


@dataclass(slots=True)
class Detour:
    """The settings of a transport of ours, for one of the library's."""

    module: ModuleType
    tls: TLS
    network: Network
    proxy: Any
    trust_env: bool
    context: ssl.SSLContext | None = None  # made once: reading authorities takes long

    def __repr__(self) -> str:
        return f"<Detour by {self.module.__name__}>"

    def transport(self, name: str, url: bytes) -> Any:
        """The library's own, "AsyncHTTPTransport" or "HTTPTransport"; it keeps no connection. ConfigError for settings
        that it does not have."""
        env = dict(os.environ) if self.trust_env else {}
        if self.context is None:
            self.context = context_of(self.tls, env)
        return getattr(self.module, name)(
            verify=self.context,
            trust_env=self.trust_env,
            limits=self.module.Limits(max_keepalive_connections=0),
            proxy=self.proxy_for(url, env),
            uds=self.network.uds,
            local_address=self.network.local_address,
            socket_options=self.network.socket_options or None,
        )

    def proxy_for(self, url: bytes, env: Mapping[str, str]) -> Any:
        """The library's Proxy, or None."""
        proxy = proxy_of(self.proxy)
        if proxy is None and self.network.uds is None and (routes := routes_of(env)) is not None:
            is_web_socket = url.startswith((b"ws://", b"wss://"))
            proxy = routes.proxy(b"http" + url[2:] if is_web_socket else url)
        if proxy is None:
            return None
        if url.startswith(b"ws://") and proxy.url.startswith("http"):
            raise ConfigError("ws:// does not go through an HTTP proxy: use wss:// or a SOCKS5 proxy")
        return library_proxy(self.module, proxy, env)


def library_proxy(module: ModuleType, proxy: Proxy, env: Mapping[str, str]) -> Any:
    auth = None if proxy.auth is None else (proxy.auth[0], reveal(proxy.auth[1]))
    context = context_of(proxy.tls or PLAIN, env) if proxy.url.startswith("https") else None
    return module.Proxy(proxy.url, ssl_context=context, auth=auth, headers=list(proxy.headers))


def is_upgrade(url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    return url.startswith((b"ws://", b"wss://")) or any(name.lower() == b"upgrade" for name, _ in headers)


def context_of(tls: TLS, env: Mapping[str, str]) -> ssl.SSLContext:
    """An ssl.SSLContext that does what `tls` says. ConfigError for what the ssl module cannot express."""
    if tls.context is not None:
        return tls.context
    for name in UNKNOWN:
        if getattr(tls, name) != getattr(PLAIN, name):
            raise ConfigError(f"TLS({name}=...) cannot be used for upgrades and CONNECT: give a context instead")
    part = tls.pool_part(env)
    cadata = part["ca_pem"] and part["ca_pem"].decode("ascii")
    made = ssl.create_default_context(cafile=part["ca_file"], capath=part["ca_dir"], cadata=cadata)
    if not part["verify"] or not part["check_hostname"]:
        made.check_hostname = False
    if not part["verify"]:
        made.verify_mode = ssl.CERT_NONE
    if part["cert_file"] is not None:
        made.load_cert_chain(part["cert_file"], part["key_file"], part["key_password"])
    if part["ciphers"] is not None:
        made.set_ciphers(part["ciphers"])
    made.minimum_version = _version(tls.min_version)
    if tls.max_version is not None:
        made.maximum_version = _version(tls.max_version)
    return made


def _version(text: str) -> ssl.TLSVersion:
    return ssl.TLSVersion.TLSv1_3 if text == "1.3" else ssl.TLSVersion.TLSv1_2
