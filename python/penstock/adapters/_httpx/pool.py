"""The compat shape: `AsyncHTTPTransport`/`HTTPTransport` of the library with a pool of ours inside.

Tools that watch or mock httpx replace methods of its classes: `HTTPTransport.handle_request` (pytest-httpx,
OpenTelemetry), or `httpcore.ConnectionPool.handle_request` (respx). A transport that is one, with a pool that is one,
is seen by them all. The pool does httpcore's part by the engine, unless somebody has replaced the method of httpcore's
class: then that one is called, and what it lets through comes back by way of `create_connection()`.

In: httpcore's Request. Out: its Response, or its exception with ours as the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from penstock import errors
from penstock.adapters._httpx.detour import Detour
from penstock.adapters._httpx.errors import class_for
from penstock.adapters._httpx.family import Asked, Family, clocks_of, extensions_of
from penstock.response import ResponseFacts


@dataclass(frozen=True, slots=True)
class PoolFamily(Family):
    """httpcore, or httpcore2: the words of a pool. `module` is the core; `library` is httpx or httpx2."""

    library: ModuleType

    def error(self, err: errors.PenstockError, request: Any) -> Exception:
        kind = class_for(err, self.module)
        return err if kind is None else kind(str(err))

    def content(self, request: Any) -> Any:
        stream = request.stream
        if isinstance(stream, self.library.ByteStream | self.module._models.ByteStream):
            return b"".join(stream) or None
        return stream

    def asked(self, request: Any) -> Asked:
        extensions, url = request.extensions, request.url
        port = b"" if url.port is None else b":%d" % url.port
        host = b"[" + url.host + b"]" if b":" in url.host else url.host
        return (
            request.method,
            url.scheme + b"://" + host + port + url.target,
            request.headers,
            self.content(request),
            clocks_of(extensions.get("timeout") or {}),
            extensions.get("target"),
            extensions.get("sni_hostname"),
        )

    def respond(self, response: ResponseFacts, body: Any) -> Any:
        exchange = response.exchange
        return self.module.Response(
            exchange.status, headers=exchange.headers, content=body, extensions=extensions_of(response)
        )

    def detour(self, detour: Detour, kind: str, request: Any) -> Any:
        return detour.transport(f"{kind}HTTPTransport", self.asked(request)[1])._pool


def is_replaced(method: Any, module: ModuleType) -> bool:
    """Is it another function than the one in the library's source?"""
    home = str(module.__file__).rpartition("/")[0]
    return not isinstance(method, FunctionType) or not method.__code__.co_filename.startswith(home)


class Connection:
    """What the library's pool is given when it runs by itself: one request of ours, then closed."""

    def __init__(self, pool: Any, origin: Any) -> None:
        self._pool = pool
        self._origin = origin
        self._is_used = False

    def __repr__(self) -> str:
        return f"<Connection of penstock to {self._origin}>"

    async def handle_async_request(self, request: Any) -> Any:
        self._is_used = True
        return await self._pool.exchange(request)

    def handle_request(self, request: Any) -> Any:
        self._is_used = True
        return self._pool.exchange(request)

    async def aclose(self) -> None:
        self._is_used = True

    def close(self) -> None:
        self._is_used = True

    def can_handle_request(self, origin: Any) -> bool:
        return bool(origin == self._origin)

    def is_available(self) -> bool:
        return False

    def is_connected(self) -> bool:
        return True

    def can_multiplex(self) -> bool:
        return False

    def has_expired(self) -> bool:
        return False

    def is_idle(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return self._is_used

    def info(self) -> str:
        return "penstock"


class PoolCore:
    """Between httpcore's pool and a transport of ours; `inner` is that transport."""

    family: ClassVar[PoolFamily]

    def __init__(self, inner: Any) -> None:
        limits = inner.transport.limits
        super().__init__(
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_idle_connections,
            keepalive_expiry=limits.idle_s,
            http1=inner.http1,
            http2=inner.http2,
            retries=inner.retries,
            local_address=inner.transport.network.local_address,
            uds=inner.transport.network.uds,
        )  # type: ignore[call-arg]
        self.inner = inner

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.inner.transport!r}>"

    def create_connection(self, origin: Any) -> Any:
        return Connection(self, origin)

    @property
    def connections(self) -> Any:
        """The engine's, as `Transport.stats()` tells them."""
        return [each for origin in self.inner.transport.stats()["origins"] for each in origin["connections"]]


class AsyncPoolCore(PoolCore):
    body_type: ClassVar[type[Any]]
    library_pool: ClassVar[type[Any]]

    async def exchange(self, request: Any) -> Any:
        return await self.inner.exchange(self.family, self.body_type, request)

    async def handle_async_request(self, request: Any) -> Any:
        method = self.library_pool.handle_async_request
        if is_replaced(method, self.family.module):
            return await method(self, request)
        return await self.exchange(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


class SyncPoolCore(PoolCore):
    body_type: ClassVar[type[Any]]
    library_pool: ClassVar[type[Any]]

    def exchange(self, request: Any) -> Any:
        return self.inner.exchange(self.family, self.body_type, request)

    def handle_request(self, request: Any) -> Any:
        method = self.library_pool.handle_request
        if is_replaced(method, self.family.module):
            return method(self, request)
        return self.exchange(request)

    def close(self) -> None:
        self.inner.close()
