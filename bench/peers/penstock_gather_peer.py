"""penstock, its own API, told that small pieces may wait a millisecond for others (Limits.gather_s), HTTP/1.1."""

from __future__ import annotations

from . import penstock_peer
from .penstock_peer import PenstockPeer

VERSION = f"{penstock_peer.VERSION}, gather_s=0.001"
HTTP = "HTTP/1.1"


async def open_peer(*, ca_file: str | None, connections: int) -> PenstockPeer:
    return await penstock_peer.open_peer(ca_file=ca_file, connections=connections, http2=False, gather_s=0.001)
