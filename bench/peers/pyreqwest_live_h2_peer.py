"""pyreqwest over HTTP/2, streams without its read buffer: by default the first piece of a body is given out when 64 KiB
have come or the body is over, which for a text that is being written is at its end."""

from __future__ import annotations

from . import Feed
from .pyreqwest_peer import VERSION, PyreqwestPeer, builder

HTTP = "HTTP/2"

__all__ = ["HTTP", "VERSION", "open_peer"]


class PyreqwestLivePeer(PyreqwestPeer):
    async def stream(self, url: str, feed: Feed) -> int:
        async with self._client.get(url).streamed_read_buffer_limit(0).build_streamed() as response:
            reader = response.body_reader
            while (chunk := await reader.read_chunk()) is not None:
                feed(chunk)
            self._version = response.version
            status: int = response.status
            return status


async def open_peer(*, ca_file: str | None, connections: int) -> PyreqwestLivePeer:
    return PyreqwestLivePeer(builder(ca_file, connections).http2(True).build())
