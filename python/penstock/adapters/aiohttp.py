"""penstock under aiohttp: `aiohttp.ClientSession(middlewares=(Middleware(),))`, or `client_session()` for the same.

The session is aiohttp's own and keeps what is its own: cookies, redirects, auth, `raise_for_status`, request traces,
decompression, `ClientTimeout.total`. Requests go through penstock's engine, with HTTP/2 where the peer has it.
WebSockets, CONNECT and HTTP/1.0 go on through aiohttp's connector. docs/differences-aiohttp.md lists what differs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.http import HttpVersion11

from penstock.adapters._aiohttp.exchange import send
from penstock.adapters._aiohttp.settings import Given, Transports
from penstock.adapters._aiohttp.version import check, settings_of
from penstock.client import Transport
from penstock.errors import ConfigError
from penstock.http2 import HTTP2
from penstock.limits import Limits
from penstock.network import Network
from penstock.tls import TLS

Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]


class Middleware:
    """The last of a session's (or a request's) `middlewares=`. One may serve many sessions, of any loops.

    http2      as in penstock.Transport
    tls        trust for requests with `ssl=True`; None = as aiohttp: the system's authorities
    limits     None = limit, limit_per_host, keepalive_timeout of the session's connector
    network    None = family, local_addr, happy_eyeballs_delay, DNS cache, Unix socket of the session's connector
    transport  a penstock.Transport for everything, instead of all these

    ConfigError for an aiohttp that this adapter does not know, and when used for what it cannot honour:
    `ssl=Fingerprint(...)`, most of `proxy_headers=`, a connector with a resolver or socket factory of its own.
    """

    def __init__(
        self,
        *,
        http2: bool | HTTP2 = True,
        tls: TLS | None = None,
        limits: Limits | None = None,
        network: Network | None = None,
        transport: Transport | None = None,
    ) -> None:
        check()
        given = Given(http2, tls, limits, network)
        if transport is not None and given != Given():
            raise ConfigError("transport= has its own settings: give it, or http2, tls, limits and network")
        self._transports = Transports(given, transport)

    async def __call__(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        settings = settings_of(handler)
        if _is_aiohttps(request):
            return await handler(request)
        return await send(request, self._transports.of(request), settings)

    def __repr__(self) -> str:
        return f"<penstock Middleware, {self._transports!r}>"


def client_session(
    *args: Any,
    http2: bool | HTTP2 = True,
    tls: TLS | None = None,
    limits: Limits | None = None,
    network: Network | None = None,
    transport: Transport | None = None,
    middlewares: Sequence[Any] = (),
    **settings: Any,
) -> aiohttp.ClientSession:
    """An aiohttp.ClientSession over penstock; further arguments are its own, `middlewares` come before ours."""
    ours = Middleware(http2=http2, tls=tls, limits=limits, network=network, transport=transport)
    return aiohttp.ClientSession(*args, middlewares=(*middlewares, ours), **settings)


def _is_aiohttps(request: aiohttp.ClientRequest) -> bool:
    """Is this a request for aiohttp's own connector?"""
    return (
        hdrs.UPGRADE in request.headers
        or request.method == hdrs.METH_CONNECT
        or request.version != HttpVersion11
        or request.url.scheme in ("ws", "wss")
    )
