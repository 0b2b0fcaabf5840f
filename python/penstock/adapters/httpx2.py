"""penstock under httpx2: `httpx2.AsyncClient(transport=AsyncTransport())`, `httpx2.Client(transport=SyncTransport())`.

The client keeps what is its own (redirects, cookies, auth, decoding); the transport takes the arguments of
httpx2's own transports, because a client with an explicit `transport=` ignores verify, cert, limits and the like.
`response.extensions["penstock"]` has timings, trailers and 1xx responses.
"""

from __future__ import annotations

import httpx2

from penstock.adapters._httpx_family import AsyncBodyCore, AsyncCore, Family, SyncBodyCore, SyncCore

FAMILY = Family(httpx2)


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
