"""litellm.acompletion(stream=True), 200 deltas as fast as the scripted OpenAI sends them over TLS, 8 at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.peers import Peer
from bench.scenarios import Target, WrongAnswer
from bench.scenarios.litellm_unary import GOALS, PEERS, ROUNDS, VARIANTS, scripted

__all__ = ["GOALS", "PEERS", "ROUNDS", "VARIANTS"]

FLOOR = None
CONCURRENCY = 8
WARMUP = 16
EVENTS = 200


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    with scripted(folder, prefix, "--deltas", str(EVENTS)) as target:
        yield target


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    pieces = 0

    def feed(piece: Any) -> None:
        nonlocal pieces
        pieces += bool(piece)

    status = await peer.stream(url, feed)
    if status != 200 or pieces != EVENTS:
        raise WrongAnswer(f"status {status}, {pieces} pieces")
