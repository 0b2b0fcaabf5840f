"""What is measured, one scenario per file. A file holds what `Scenario` names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from bench.peers import Peer

NAMES = ("small_unary", "burst_sse", "h2_unary", "h2_sse", "paced", "capped")


class WrongAnswer(Exception):
    """The peer returned something else than the server sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client finds the server."""

    url: str
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """What h2load has to do to have done the same requests: all streams on one connection, no Python."""

    answer_bytes: int  # of one response's body
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    path: str = ""  # behind the target's URL


@dataclass(frozen=True, slots=True)
class Goal:
    """`peer`'s measure is to be at most (or, with `least`, at least) `factor` times that of `other`."""

    peer: str
    factor: float
    other: str
    measure: str = "cpu_us_per_request"
    least: bool = False


class Scenario(Protocol):
    VARIANTS: tuple[str, ...]
    PEERS: tuple[str, ...]  # that are run unless others are asked for; what the server speaks they can
    FLOOR: Floor | None
    GOALS: tuple[Goal, ...]
    ROUNDS: int  # unless asked for: all variants together take less than three minutes
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
