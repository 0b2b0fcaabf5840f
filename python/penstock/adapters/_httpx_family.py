"""What the adapters for httpx and httpx2 share: everything but the classes they inherit from.

The two libraries have the same transport contract and distinct classes, so each adapter module derives from its own
library and from the classes here, and names that library as its `Family`. In: the library's Request. Out: its
Response, with a body that is fetched as it is iterated, or its exception with ours as the cause.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

from penstock import errors
from penstock.client import Transport
from penstock.http2 import HTTP2
from penstock.limits import Clocks, Limits
from penstock.network import Network
from penstock.response import Response, ResponseFacts, SyncResponse
from penstock.tls import TLS

# The nearest class of ours -> the library's name. What is missing (ConfigError, TransportClosed, ForkedError,
# InternalError) is raised as it is: not a fault of the exchange, and httpx has no word for it.
ERROR_NAMES: dict[type[errors.PenstockError], str] = {
    errors.ConnectTimeout: "ConnectTimeout",
    errors.WriteTimeout: "WriteTimeout",
    errors.PoolTimeout: "PoolTimeout",
    errors.TimeoutError: "ReadTimeout",
    errors.ProxyError: "ProxyError",
    errors.ConnectError: "ConnectError",
    errors.ReadError: "ReadError",
    errors.WriteError: "WriteError",
    errors.NetworkError: "NetworkError",
    errors.Disconnected: "RemoteProtocolError",
    errors.ProtocolError: "RemoteProtocolError",
    errors.UnsupportedScheme: "UnsupportedProtocol",
    errors.InvalidRequest: "LocalProtocolError",
    errors.BodyMismatch: "LocalProtocolError",
    errors.RequestCancelled: "ReadError",
}
FIRST_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Family:
    """One of the two libraries."""

    module: ModuleType

    def error(self, err: errors.PenstockError, request: Any) -> Exception:
        """The library's exception for ours; ours when it has none."""
        for each in type(err).__mro__:
            if name := ERROR_NAMES.get(each):
                made: Exception = getattr(self.module, name)(str(err), request=request)
                return made
        return err

    def content(self, request: Any) -> Any:
        """The body: bytes when the request holds them, None when it is empty, else its stream."""
        stream = request.stream
        if not isinstance(stream, self.module.ByteStream):
            return stream
        try:
            return request.content or None
        except self.module.RequestNotRead:
            return stream

    def respond(self, response: ResponseFacts, body: Any) -> Any:
        exchange = response.exchange
        extensions: dict[str, Any] = {
            "http_version": exchange.http_version,
            "penstock": response,  # .timings, .trailers, .informational
        }
        if stream_id := exchange.stream_id:
            extensions["stream_id"] = stream_id
        else:  # HTTP/2 has none, and the client then names the status itself
            extensions["reason_phrase"] = exchange.reason
        return self.module.Response(exchange.status, headers=exchange.headers, stream=body, extensions=extensions)


def clocks_of(request: Any) -> Clocks:
    """`read` is a limit on silence: before the head and inside the body."""
    timeout = request.extensions.get("timeout") or {}
    read_s = timeout.get("read")
    return (timeout.get("connect"), timeout.get("write"), timeout.get("pool"), read_s, read_s, None)


def url_of(request: Any) -> bytes:
    """Without userinfo (the client has made a header of it) and without fragment."""
    url = request.url
    raw: bytes = url.raw_scheme + b"://" + url.netloc + url.raw_path
    return raw


def retry_delays(retries: int) -> Iterator[float]:
    """Seconds before each retry of a failed connect: at once, then doubling, as httpx does."""
    for n in range(retries):
        yield 0.0 if n == 0 else FIRST_RETRY_S * 2 ** (n - 1)


def is_retried(err: errors.PenstockError, content: Any) -> bool:
    """Only what failed before a byte was sent, and only a body that can be sent again."""
    is_connect = isinstance(err, errors.ConnectError | errors.ConnectTimeout) and err.can_retry
    return is_connect and (content is None or isinstance(content, bytes))


def limits_of(given: Any) -> Limits | None:
    """penstock's Limits, or the library's own translated. Its keep-alive count has no counterpart: idle connections
    are bounded by max_connections and their idle time."""
    if given is None or isinstance(given, Limits):
        return given
    most = given.max_connections
    settings: dict[str, Any] = {} if most is None else {"max_connections": most, "max_connections_per_origin": most}
    if given.keepalive_expiry is not None:
        settings["idle_s"] = given.keepalive_expiry
    if given.max_keepalive_connections == 0:
        settings["idle_s"] = 0.0
    return Limits(**settings)


def tls_of(verify: Any, cert: Any) -> TLS:
    """From httpx's `verify` and `cert`."""
    if isinstance(verify, ssl.SSLContext):
        settings: dict[str, Any] = {"context": verify}
    else:
        settings = {"verify": verify}
    if cert is not None:
        names = ("cert_file", "key_file", "key_password")
        settings |= zip(names, (cert,) if isinstance(cert, str) else cert, strict=False)
    return TLS(**settings)


class Core:
    """The constructor: httpx's arguments in httpx's order, then penstock's own.

    tls replaces `verify` and `cert`; network replaces `uds` and `local_address`; limits may be of either library.
    `retries` repeats failed connects. `socket_options` other than None are refused; `proxy` is a
    URL, the library's Proxy or penstock's.
    Timeouts come with each request, from the client.
    """

    family: ClassVar[Family]

    def __init__(
        self,
        verify: ssl.SSLContext | str | bool = True,
        cert: str | tuple[str, str] | tuple[str, str, str] | None = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = True,
        limits: Any = None,
        proxy: Any = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[Any] | None = None,
        *,
        tls: TLS | None = None,
        network: Network | None = None,
    ) -> None:
        if not http1 and not http2:
            raise errors.ConfigError("http1=False and http2=False leave nothing")
        if socket_options is not None:
            raise errors.ConfigError("socket_options are not supported: use network=penstock.Network(...)")
        if tls is not None and (verify is not True or cert is not None):
            raise errors.ConfigError("tls= replaces verify= and cert=: give one or the other")
        if network is not None and (uds is not None or local_address is not None):
            raise errors.ConfigError("network= replaces uds= and local_address=: give one or the other")
        self.retries = retries
        self.transport = Transport(
            http2=http2 if http1 else HTTP2(prior_knowledge=True),
            limits=limits_of(limits),
            tls=tls or tls_of(verify, cert),
            network=network or Network(uds=uds, local_address=local_address),
            proxy=proxy,
            trust_env=trust_env,
        )

    def __repr__(self) -> str:
        return f"<{self.family.module.__name__} {type(self).__name__} on {self.transport!r}>"


class AsyncCore(Core):
    body_type: ClassVar[type[Any]]

    async def handle_async_request(self, request: Any) -> Any:
        content = self.family.content(request)
        try:
            response = await self._send(request, content)
        except errors.PenstockError as err:
            raise self.family.error(err, request) from err
        return self.family.respond(response, self.body_type(response, request))

    async def _send(self, request: Any, content: Any) -> Response:
        for pause_s in retry_delays(self.retries):
            try:
                return await self._send_once(request, content)
            except errors.PenstockError as err:
                if not is_retried(err, content):
                    raise
                await asyncio.sleep(pause_s)
        return await self._send_once(request, content)

    async def _send_once(self, request: Any, content: Any) -> Response:
        extensions = request.extensions
        response = self.transport.submit(
            request.method,
            url_of(request),
            request.headers.raw,
            content,
            clocks_of(request),
            extensions.get("target"),
            extensions.get("sni_hostname"),
        )
        await response.wait_head()
        return response

    async def aclose(self) -> None:
        """Refuses new requests; responses that were handed out go on."""
        self.transport.refuse()


class AsyncBodyCore:
    """A response's body, fetched as it is iterated."""

    family: ClassVar[Family]

    def __init__(self, response: Response, request: Any) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response:
                yield chunk
        except errors.PenstockError as err:
            raise self.family.error(err, self._request) from err

    async def aclose(self) -> None:
        await self._response.aclose()


class SyncCore(Core):
    body_type: ClassVar[type[Any]]

    def handle_request(self, request: Any) -> Any:
        content = self.family.content(request)
        try:
            response = self._send(request, content)
        except errors.PenstockError as err:
            raise self.family.error(err, request) from err
        return self.family.respond(response, self.body_type(response, request))

    def _send(self, request: Any, content: Any) -> SyncResponse:
        for pause_s in retry_delays(self.retries):
            try:
                return self._send_once(request, content)
            except errors.PenstockError as err:
                if not is_retried(err, content):
                    raise
                time.sleep(pause_s)
        return self._send_once(request, content)

    def _send_once(self, request: Any, content: Any) -> SyncResponse:
        extensions = request.extensions
        response = self.transport.submit_sync(
            request.method,
            url_of(request),
            request.headers.raw,
            content,
            clocks_of(request),
            extensions.get("target"),
            extensions.get("sni_hostname"),
        )
        response.wait_head()
        return response

    def close(self) -> None:
        """Refuses new requests; responses that were handed out go on."""
        self.transport.refuse()


class SyncBodyCore:
    """The blocking twin of AsyncBodyCore."""

    family: ClassVar[Family]

    def __init__(self, response: SyncResponse, request: Any) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response
        except errors.PenstockError as err:
            raise self.family.error(err, self._request) from err

    def close(self) -> None:
        self._response.close()
