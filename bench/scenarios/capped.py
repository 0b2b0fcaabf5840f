"""60 requests at once to an upstream that answers after 0.9 s, over TLS, where only 6 connections are allowed: on
HTTP/1.1 six requests run and 54 wait, on HTTP/2 all run. Beside it HTTP/1.1 with as many connections as it wants.
What counts is requests per second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.events import Events
from bench.peers import Peer
from bench.programs import stream_server
from bench.scenarios import Goal, Target, WrongAnswer, small_unary
from tests.transport.certs import Authority

VARIANTS = ("tls",)
PEERS = ("penstock-h2@6", "penstock@60", "penstock@6")
FLOOR = None
GOALS = (Goal("penstock-h2@6", 0.95, "penstock@60", "requests_per_s", least=True),)
ROUNDS = 3
CONCURRENCY = 60
WARMUP = 60
EVENTS = 0
DELAY_MS = 900

ANSWER = Events(1, 100, b'data: {"i":%d,"d":"').body


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    authority = Authority(folder)
    with stream_server(authority.issue(), prefix, event_bytes=len(ANSWER), delay_ms=DELAY_MS) as port:
        yield Target(f"https://localhost:{port}/1", str(authority.ca_file))


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    status, body = await peer.post(url, small_unary.HEADERS, small_unary.BODY)
    if status != 200 or bytes(body) != ANSWER:
        raise WrongAnswer(f"status {status}, body {bytes(body)[:200]!r}")
