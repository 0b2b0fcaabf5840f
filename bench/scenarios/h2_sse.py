"""The bursts of burst_sse over TLS: 500 events of 150 bytes, 8 responses at once, each event its own DATA frame, or on
HTTP/1.1 its own chunk.

`one` gives the response to TLS at once; `many` in 50 writes of ten events, a turn of the server's loop between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.events import Events
from bench.peers import Peer
from bench.programs import stream_server
from bench.scenarios import Floor, Goal, Target
from tests.transport.certs import Authority

VARIANTS = ("one", "many")
PEERS = ("penstock-h2", "penstock", "aiohttp", "httpx-h2", "pyreqwest-h2")
ROUNDS = 3
CONCURRENCY = 8
WARMUP = 40
EVENTS = 500
EVENT_BYTES = 150
EVENTS_PER_WRITE = {"one": EVENTS, "many": 10}
FLOOR = Floor(answer_bytes=EVENTS * EVENT_BYTES)
GOALS = (
    Goal("penstock-h2", 1.2, "penstock"),
    Goal("penstock-h2", 0.1, "httpx-h2"),
    Goal("penstock-h2", 1.0, "pyreqwest-h2"),
)

ANSWER = Events(EVENTS, EVENT_BYTES, b'data: {"i":%d,"d":"')


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    authority = Authority(folder)
    per_write = EVENTS_PER_WRITE[variant]
    with stream_server(authority.issue(), prefix, event_bytes=EVENT_BYTES, piece_events=per_write) as port:
        yield Target(f"https://localhost:{port}/{EVENTS}", str(authority.ca_file))


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    await ANSWER.expect(peer, url, whole=whole)
