"""penstock under httpx2: `AsyncClient()` and `Client()`, or `httpx2.AsyncClient(transport=AsyncTransport())`.

The client keeps what is its own (redirects, cookies, auth, decoding); the transport takes the arguments of
httpx2's own transports, because a client with an explicit `transport=` ignores verify, cert, limits and the like.
`response.extensions["penstock"]` has timings, trailers and 1xx responses. `CompatAsyncTransport` and
`CompatSyncTransport` are the same for tools that replace methods of httpx2's classes (docs/howto/httpx.md).
"""

from __future__ import annotations

from typing import Any

import httpcore2
import httpx2

from penstock.adapters._httpx import pool
from penstock.adapters._httpx.clients import transport_of
from penstock.adapters._httpx_family import AsyncBodyCore, AsyncCore, Family, SyncBodyCore, SyncCore

FAMILY = Family(httpx2)
POOL_FAMILY = pool.PoolFamily(httpcore2, httpx2)


class AsyncBody(AsyncBodyCore, httpx2.AsyncByteStream):
    family = FAMILY


class AsyncTransport(AsyncCore, httpx2.AsyncBaseTransport):
    family = FAMILY
    body_type = AsyncBody


class SyncBody(SyncBodyCore, httpx2.SyncByteStream):
    family = FAMILY


class SyncTransport(SyncCore, httpx2.BaseTransport):
    family = FAMILY
    body_type = SyncBody


# -- the compat shape --


class AsyncPoolBody(AsyncBodyCore):
    family = POOL_FAMILY


class AsyncPool(pool.AsyncPoolCore, httpcore2.AsyncConnectionPool):
    family = POOL_FAMILY
    body_type = AsyncPoolBody
    library_pool = httpcore2.AsyncConnectionPool


class CompatAsyncTransport(httpx2.AsyncHTTPTransport):
    """Arguments as of `AsyncTransport`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._pool = AsyncPool(AsyncTransport(*args, **settings))

    def __repr__(self) -> str:
        return f"<httpx2 CompatAsyncTransport on {self._pool!r}>"


class SyncPoolBody(SyncBodyCore):
    family = POOL_FAMILY


class SyncPool(pool.SyncPoolCore, httpcore2.ConnectionPool):
    family = POOL_FAMILY
    body_type = SyncPoolBody
    library_pool = httpcore2.ConnectionPool


class CompatSyncTransport(httpx2.HTTPTransport):
    """Arguments as of `SyncTransport`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._pool = SyncPool(SyncTransport(*args, **settings))

    def __repr__(self) -> str:
        return f"<httpx2 CompatSyncTransport on {self._pool!r}>"


# -- clients --


class AsyncClient(httpx2.AsyncClient):
    """httpx2.AsyncClient over penstock: all its arguments, and those of `AsyncTransport`, which are the transport's.

    HTTP/2 is offered unless `http2=False`; `limits` left out are penstock's. `compat=True` takes the compat shape.
    """

    def __init__(self, **settings: Any) -> None:
        shape = CompatAsyncTransport if settings.pop("compat", False) else AsyncTransport
        super().__init__(**transport_of(shape, settings))


class Client(httpx2.Client):
    """httpx2.Client over penstock; arguments as of `AsyncClient`."""

    def __init__(self, **settings: Any) -> None:
        shape = CompatSyncTransport if settings.pop("compat", False) else SyncTransport
        super().__init__(**transport_of(shape, settings))
