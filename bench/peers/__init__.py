"""The clients that are compared, one file each. A file holds `VERSION`, `HTTP`, and `open_peer` that makes a `Peer`.

A peer is set up as its own documentation recommends for many requests to one host: one client, one connection pool,
no more connections than requests at once, and nothing switched off that its users would have on. `-h2` in a name:
this one has to speak HTTP/2. `@6` behind a name: its pool has at most six connections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

NAMES = (
    "aiohttp",
    "aiohttp-null",
    "httpx",
    "httpx-h2",
    "httpx2",
    "pyreqwest",
    "pyreqwest-h2",
    "pyreqwest-live-h2",
    "penstock",
    "penstock-h2",
    "penstock-gather",
    "penstock-gather-h2",
    "penstock-httpx",
    "penstock-httpx-compat",
    "penstock-aiohttp",
    "penstock-aiohttp-h2",
    "httpx-null",
    "httpx-turn",
)
IN_LITELLMS_ENVIRONMENT = ("litellm", "litellm-penstock", "litellm-h2", "litellm-penstock-h2")  # by overhead.py
ONLY_ASKED_FOR = ("-h2", "-gather", "-null", "-turn", "-compat")  # by a scenario that names them, or by overhead.py
EVERY_H1 = tuple(name for name in NAMES if not name.endswith(ONLY_ASKED_FOR))

Feed = Callable[[Any], None]  # takes bytes or what bytes() accepts


class Peer(Protocol):
    @property
    def http_version(self) -> str:
        """Of the latest response: what was negotiated, not what was wished for; "" before the first."""
        ...

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Send, read the whole answer; its status and body."""
        ...

    async def stream(self, url: str, feed: Feed) -> int:
        """GET, give each piece of the body to `feed` as it comes; the status."""
        ...

    async def close(self) -> None: ...


class OpenPeer(Protocol):
    VERSION: str
    HTTP: str  # what every response's `http_version` must be

    async def open_peer(self, *, ca_file: str | None, connections: int) -> Peer: ...


def cap_of(name: str, otherwise: int) -> int:
    """The pool's size that a name asks for.

    >>> cap_of("penstock-h2@6", 60), cap_of("penstock", 60)
    (6, 60)
    """
    _, _, cap = name.partition("@")
    return int(cap) if cap else otherwise


def load(name: str) -> OpenPeer:
    """The peer's module; ImportError when that client is not installed."""
    client, _, _ = name.partition("@")
    module = import_module(f"bench.peers.{client.replace('-', '_')}_peer")
    return cast(OpenPeer, module)
