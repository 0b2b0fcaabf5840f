"""penstock, its own API: one Transport that negotiates HTTP/2."""

from __future__ import annotations

from . import penstock_peer
from .penstock_peer import PenstockPeer

VERSION = penstock_peer.VERSION
HTTP = "HTTP/2"


async def open_peer(*, ca_file: str | None, connections: int) -> PenstockPeer:
    return await penstock_peer.open_peer(ca_file=ca_file, connections=connections, http2=True)
