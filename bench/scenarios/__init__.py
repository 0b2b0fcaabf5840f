"""What is measured, one scenario per file. A file holds what `Scenario` names."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from bench.peers import Peer

NAMES = ("small_unary", "burst_sse")


class WrongAnswer(Exception):
    """The peer returned something else than the server sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client finds the server."""

    url: str
    ca_file: str | None = None


class Scenario(Protocol):
    VARIANTS: tuple[str, ...]
    CONCURRENCY: int
    WARMUP: int  # requests before the measured ones, bodies compared whole
    EVENTS: int  # in one response; 0 = not a stream

    def serve(self, variant: str, folder: Path, prefix: list[str]) -> AbstractContextManager[Target]:
        """Run the server, its command line behind `prefix` (taskset)."""
        ...

    async def once(self, peer: Peer, url: str, *, whole: bool) -> None:
        """One request. WrongAnswer unless length and content are right; `whole` compares every byte."""
        ...


def load(name: str) -> Scenario:
    module = import_module(f"bench.scenarios.{name}")
    return cast(Scenario, module)
