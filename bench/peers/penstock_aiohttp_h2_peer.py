"""aiohttp's ClientSession over penstock, HTTP/2."""

from __future__ import annotations

from .aiohttp_peer import AiohttpPeer
from .penstock_aiohttp_peer import VERSION
from .penstock_aiohttp_peer import open_peer as open_either

__all__ = ["HTTP", "VERSION", "open_peer"]

HTTP = "HTTP/2.0"


async def open_peer(*, ca_file: str | None, connections: int) -> AiohttpPeer:
    return await open_either(ca_file=ca_file, connections=connections, http2=True)
