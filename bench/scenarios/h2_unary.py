"""The exchange of small_unary, 32 at once, by nginx over TLS with HTTP/2 on; HTTP/1.1 on the same port beside it.

This nginx answers before it reads a request's body, and so sends RST_STREAM(NO_ERROR) behind each response."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers import Peer
from bench.scenarios import Floor, Goal, Target, small_unary
from tests.transport.certs import Authority
from tests.transport.nginx_peer import JSON, Nginx

VARIANTS = ("tls",)
PEERS = ("penstock-h2", "penstock", "httpx-h2", "pyreqwest-h2")
FLOOR = Floor(answer_bytes=len(JSON), headers=small_unary.HEADERS, body=small_unary.BODY)
GOALS = (
    Goal("penstock-h2", 1.2, "penstock"),
    Goal("penstock-h2", 0.1, "httpx-h2"),
    Goal("penstock-h2", 1.0, "pyreqwest-h2"),
)
ROUNDS = 5
CONCURRENCY = small_unary.CONCURRENCY
WARMUP = small_unary.WARMUP
EVENTS = 0


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    authority = Authority(folder)
    with Nginx(folder, tls=authority.issue(), http2=True, prefix=prefix) as nginx:
        yield Target(nginx.url("/json", tls=True), str(authority.ca_file))


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    await small_unary.once(peer, url, whole=whole)
