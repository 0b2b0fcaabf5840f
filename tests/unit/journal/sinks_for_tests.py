"""Sinks that do what a test wants: remember, block until told, or fail."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from penstock.journal import Pace, Record, Sink

QUICK = Pace(linger_s=0.0, backoff_s=0.001, backoff_most_s=0.002)


class Memory(Sink):
    """Keeps what it is given; raises what is in `errors`, one per write."""

    def __init__(self, name: str = "memory", errors: Sequence[BaseException] = ()) -> None:
        self.name = name
        self.errors = list(errors)
        self.records: list[Record] = []
        self.batches: list[int] = []
        self.closed_n = 0

    def write(self, records: Sequence[Record]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append(len(records))
        self.records += records

    def close(self) -> None:
        self.closed_n += 1


class Stuck(Memory):
    """Blocks in its first write until `release` is set."""

    def __init__(self) -> None:
        super().__init__("stuck")
        self.entered = threading.Event()
        self.release = threading.Event()

    def write(self, records: Sequence[Record]) -> None:
        self.entered.set()
        self.release.wait()
        super().write(records)
