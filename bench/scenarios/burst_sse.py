"""A burst of 500 server-sent events of 150 bytes, chunked, each event its own chunk, 8 responses at once.

`one` gives the response to the kernel in one write; `many` in 50 writes of ten events, a turn of the server's loop
between them, so that the client sees it come in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.events import Events
from bench.peers import EVERY_H1, Peer
from bench.programs import compiled, running
from bench.scenarios import Target

VARIANTS = ("one", "many")
PEERS = EVERY_H1
FLOOR = None
GOALS = ()
ROUNDS = 5
CONCURRENCY = 8
WARMUP = 40
EVENTS = 500
EVENT_BYTES = 150
WRITES = {"one": 1, "many": 50}

ANSWER = Events(EVENTS, EVENT_BYTES, b'data: {"id":"cmpl-0","index":%d,"delta":"')


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    program = compiled("sse_server")
    with running([*prefix, str(program), str(EVENTS), str(EVENT_BYTES), str(WRITES[variant])]) as port:
        yield Target(f"http://127.0.0.1:{port}/")


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    await ANSWER.expect(peer, url, whole=whole)
