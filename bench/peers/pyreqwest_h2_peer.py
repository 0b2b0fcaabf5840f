"""pyreqwest: one Client that is told to negotiate HTTP/2; by itself it does not."""

from __future__ import annotations

from .pyreqwest_peer import VERSION, PyreqwestPeer, builder

HTTP = "HTTP/2"

__all__ = ["HTTP", "VERSION", "open_peer"]


async def open_peer(*, ca_file: str | None, connections: int) -> PyreqwestPeer:
    return PyreqwestPeer(builder(ca_file, connections).http2(True).build())
