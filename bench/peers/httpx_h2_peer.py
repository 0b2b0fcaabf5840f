"""httpx: one AsyncClient with http2=True."""

from __future__ import annotations

from importlib.metadata import version

from . import httpx_peer
from .httpx_client import HttpxPeer

VERSION = f"{httpx_peer.VERSION}, h2 {version('h2')}"
HTTP = "HTTP/2"


async def open_peer(*, ca_file: str | None, connections: int) -> HttpxPeer:
    return await httpx_peer.open_peer(ca_file=ca_file, connections=connections, http2=True)
