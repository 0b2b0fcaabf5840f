"""httpx's AsyncClient over a transport that does nothing: what the client itself costs. Every answer is `JSON`."""

from __future__ import annotations

import httpx

from tests.transport.nginx_peer import JSON

from .httpx_client import HttpxPeer

VERSION = f"{httpx.__version__} over a transport that answers at once"
HTTP = "HTTP/1.1"
HEADERS = [  # nginx's
    (b"Server", b"nginx"),
    (b"Date", b"Mon, 01 Jan 2024 00:00:00 GMT"),
    (b"Content-Type", b"application/json"),
    (b"Content-Length", b"%d" % len(JSON)),
    (b"Connection", b"keep-alive"),
]


class Body(httpx.AsyncByteStream):
    async def __aiter__(self):  # type: ignore[no-untyped-def]
        yield JSON


class NullTransport(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        extensions = {"http_version": b"HTTP/1.1", "reason_phrase": b"OK"}
        return httpx.Response(200, headers=HEADERS, stream=Body(), extensions=extensions)


async def open_peer(*, ca_file: str | None, connections: int) -> HttpxPeer:
    return HttpxPeer(httpx.AsyncClient(transport=NullTransport(), timeout=60))
