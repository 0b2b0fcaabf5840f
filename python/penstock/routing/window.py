"""Counts of the last minute and samples of the last while, in memory that never grows.

A Window counts in six slots of ten seconds: what it tells is the sum of the last 50 to 60 s, in 48 bytes of counters
whatever the traffic. Samples keep the newest few of a measurement with the time when it was taken. The clock is an
argument; it must not go back. Owner: one State of the Health.
"""

from __future__ import annotations

import math
from collections import deque

SLOT_S = 10.0
SLOTS_N = 6
SAMPLES_N = 64


class Window:
    """A count over the last minute."""

    __slots__ = ("_at", "_slots", "_sum")

    def __init__(self) -> None:
        self._slots = [0] * SLOTS_N
        self._at = 0
        self._sum = 0

    def __repr__(self) -> str:
        return f"<Window {self._sum}>"

    def add(self, n: int, now_s: float) -> None:
        at = int(now_s / SLOT_S)
        if at != self._at:
            self._turn(at)
        self._slots[at % SLOTS_N] += n
        self._sum += n

    def sum(self, now_s: float) -> int:
        """What was added in the last 50 to 60 s."""
        at = int(now_s / SLOT_S)
        if at != self._at:
            self._turn(at)
        return self._sum

    def room_after_s(self, now_s: float) -> float:
        """When the oldest slot that counts will be forgotten: the soonest that the sum can get smaller."""
        at = int(now_s / SLOT_S)
        if at != self._at:
            self._turn(at)
        for age in range(SLOTS_N - 1, -1, -1):
            if self._slots[(at - age) % SLOTS_N]:
                return (at - age + SLOTS_N) * SLOT_S - now_s
        return 0.0

    def clear(self) -> None:
        self._slots = [0] * SLOTS_N
        self._sum = 0

    def _turn(self, at: int) -> None:
        """Forget the slots between the one that was written last and the one of now."""
        if at < self._at:
            return
        for gone in range(self._at + 1, min(at, self._at + SLOTS_N) + 1):
            self._sum -= self._slots[gone % SLOTS_N]
            self._slots[gone % SLOTS_N] = 0
        self._at = at


class Samples:
    """The newest SAMPLES_N of a measurement in seconds."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: deque[tuple[float, float, bool]] = deque(maxlen=SAMPLES_N)  # when, how long, is it whole

    def __repr__(self) -> str:
        return f"<Samples {len(self._kept)}>"

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, value_s: float, now_s: float, *, is_whole: bool = True) -> None:
        """`is_whole` False: it was given up after so long, and would have taken longer."""
        self._kept.append((now_s, value_s, is_whole))

    def values(self, since_s: float) -> list[float]:
        """Oldest first, without those taken before `since_s` and those that were given up."""
        return [value_s for at_s, value_s, is_whole in self._kept if is_whole and at_s >= since_s]

    def mean(self, since_s: float, *, newest_n: int) -> float | None:
        """Of the newest, also those that were given up; None without samples."""
        total_s, n = 0.0, 0
        for at_s, value_s, _ in reversed(self._kept):
            if at_s < since_s or n == newest_n:
                break
            total_s += value_s
            n += 1
        return total_s / n if n else None


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is at least as large as `share` of them; `values` must not be empty.

    >>> percentile([3.0, 1.0, 2.0, 4.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * share) - 1))]
