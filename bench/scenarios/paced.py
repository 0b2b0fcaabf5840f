"""100 streams at once, each 100 events of 40 bytes a second for three seconds, over TLS. What a client that keeps up
has to spend is CPU per event; requests per second say nothing here.

`spread` has the streams' clocks spread over the 10 ms between two events, as independent streams are: 10,000 writes a
second. `together` lets them all tick at once, 100 events in each tick: over HTTP/2 that is one write.

A client that gives out the first event when the response is over has not streamed: that is an error here, and why
pyreqwest runs without its read buffer. A round measures at least one response per stream, however few --seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.events import Events
from bench.peers import Peer
from bench.programs import stream_server
from bench.scenarios import Floor, Goal, Target
from tests.transport.certs import Authority

VARIANTS = ("spread", "together")
PEERS = ("penstock-h2", "penstock-gather-h2", "penstock", "aiohttp", "httpx-h2", "pyreqwest-live-h2")
ROUNDS = 3
CONCURRENCY = 100
WARMUP = 200
EVENTS = 300
EVENT_BYTES = 40
INTERVAL_MS = 10
PHASES = {"spread": 100, "together": 1}
FLOOR = Floor(answer_bytes=EVENTS * EVENT_BYTES, path=str(EVENTS))
GOALS = (
    Goal("penstock-h2", 1 / 3, "aiohttp", "cpu_us_per_event"),
    Goal("penstock-gather-h2", 1 / 3, "aiohttp", "cpu_us_per_event"),
)

HEAD = b'data: {"i":%d,"d":"'
ANSWER = Events(EVENTS, EVENT_BYTES, HEAD)
WARM = Events(20, EVENT_BYTES, HEAD)


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    authority = Authority(folder)
    with stream_server(
        authority.issue(), prefix, event_bytes=EVENT_BYTES, interval_ms=INTERVAL_MS, phases=PHASES[variant]
    ) as port:
        yield Target(f"https://localhost:{port}/", str(authority.ca_file))


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    answer = WARM if whole else ANSWER
    await answer.expect(peer, f"{url}{answer.count}", whole=whole, live=not whole)
