"""penstock, its own API: one Transport, HTTP/1.1."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from penstock import TLS, Limits, Timeouts, Transport

from . import Feed

VERSION = version("penstock")
HTTP = "HTTP/1.1"


class PenstockPeer:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.http_version = ""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        response = await self._transport.request("POST", url, headers=headers, content=body)
        self.http_version = response.http_version
        return response.status, response.body

    async def stream(self, url: str, feed: Feed) -> int:
        async with self._transport.stream("GET", url) as response:
            async for chunk in response:
                feed(chunk)
            self.http_version = response.http_version
            return response.status

    async def close(self) -> None:
        await self._transport.aclose()


async def open_peer(
    *, ca_file: str | None, connections: int, http2: bool = False, gather_s: float = 0.0
) -> PenstockPeer:
    limits = Limits(max_connections=connections, max_connections_per_origin=connections, gather_s=gather_s)
    tls = TLS(ca_file=ca_file) if ca_file else TLS()
    return PenstockPeer(Transport(http2=http2, limits=limits, tls=tls, timeouts=Timeouts(total_s=60)))
