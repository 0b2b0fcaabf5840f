"""httpx2: one AsyncClient, HTTP/1.1."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx2

from . import Feed

VERSION = httpx2.__version__
HTTP = "HTTP/1.1"


class Httpx2Peer:
    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._latest: httpx2.Response | None = None

    @property
    def http_version(self) -> str:
        return self._latest.http_version if self._latest else ""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        response = await self._client.post(url, headers=headers, content=body)
        self._latest = response
        return response.status_code, response.content

    async def stream(self, url: str, feed: Feed) -> int:
        async with self._client.stream("GET", url) as response:
            async for chunk in response.aiter_bytes():
                feed(chunk)
            self._latest = response
            return response.status_code

    async def close(self) -> None:
        await self._client.aclose()


async def open_peer(*, ca_file: str | None, connections: int) -> Httpx2Peer:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else True
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    return Httpx2Peer(httpx2.AsyncClient(verify=context, limits=limits, timeout=60))
