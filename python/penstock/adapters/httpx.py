"""penstock under httpx: `httpx.AsyncClient(transport=AsyncTransport())`, `httpx.Client(transport=SyncTransport())`.

The client keeps what is its own (redirects, cookies, auth, decoding); the transport takes the arguments of
httpx's own transports, because a client with an explicit `transport=` ignores verify, cert, limits and the like.
`response.extensions["penstock"]` has timings, trailers and 1xx responses.
"""

from __future__ import annotations

import httpx

from penstock.adapters._httpx_family import AsyncBodyCore, AsyncCore, Family, SyncBodyCore, SyncCore

FAMILY = Family(httpx)


class AsyncBody(AsyncBodyCore, httpx.AsyncByteStream):
    family = FAMILY


class AsyncTransport(AsyncCore, httpx.AsyncBaseTransport):
    family = FAMILY
    body_type = AsyncBody


class SyncBody(SyncBodyCore, httpx.SyncByteStream):
    family = FAMILY


class SyncTransport(SyncCore, httpx.BaseTransport):
    family = FAMILY
    body_type = SyncBody
