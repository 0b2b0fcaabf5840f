"""The clients that are compared, one file each. A file holds `VERSION`, and `open_peer` that makes a `Peer`.

A peer is set up as its own documentation recommends for many requests to one host: one client, one connection pool,
no more connections than requests at once, and nothing switched off that its users would have on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

NAMES = ("aiohttp", "httpx", "httpx2", "pyreqwest", "penstock", "penstock-httpx")

Feed = Callable[[Any], None]  # takes bytes or what bytes() accepts


class Peer(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Send, read the whole answer; its status and body."""
        ...

    async def stream(self, url: str, feed: Feed) -> int:
        """GET, give each piece of the body to `feed` as it comes; the status."""
        ...

    async def close(self) -> None: ...


class OpenPeer(Protocol):
    VERSION: str

    async def open_peer(self, *, ca_file: str | None, connections: int) -> Peer: ...


def load(name: str) -> OpenPeer:
    """The peer's module; ImportError when that client is not installed."""
    module = import_module(f"bench.peers.{name.replace('-', '_')}_peer")
    return cast(OpenPeer, module)
