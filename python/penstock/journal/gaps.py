"""Times between the pieces of one stream, as a digest of fixed size: a histogram with log-spaced bounds.

One per stream, written by the relay on its loop. 0.1 ms to 100 s in steps of 12 %, so a percentile is right within
6 %. What is shorter or longer counts as the edge.
"""

from __future__ import annotations

from bisect import bisect_left

LEAST_S = 1e-4
MOST_S = 100.0
STEP = 1.12


def _bounds() -> list[float]:
    bounds = [LEAST_S]
    while bounds[-1] < MOST_S:
        bounds.append(bounds[-1] * STEP)
    return bounds


BOUNDS_S = _bounds()
MIDDLE: float = STEP**-0.5  # from a bucket's upper bound to its middle


class Gaps:
    """Counts gaps between pieces.

    >>> gaps = Gaps()
    >>> for gap_s in (0.010, 0.010, 0.500): gaps.add(gap_s)
    >>> gaps
    <Gaps 3, p50 10 ms, p99 500 ms>
    """

    __slots__ = ("_counts", "most_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self.most_s = 0.0

    def add(self, gap_s: float) -> None:
        self._counts[bisect_left(BOUNDS_S, gap_s)] += 1
        if gap_s > self.most_s:
            self.most_s = gap_s

    @property
    def gaps_n(self) -> int:
        return sum(self._counts)

    def percentile_ms(self, part: float) -> float | None:
        """The gap that `part` (0..1) of all gaps do not exceed, in milliseconds; None without gaps."""
        wanted = part * self.gaps_n
        seen = 0
        for at, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                middle_s = BOUNDS_S[min(at, len(BOUNDS_S) - 1)] * MIDDLE
                return round(min(middle_s, self.most_s) * 1000, 3)
        return None

    def __repr__(self) -> str:
        p50, p99 = self.percentile_ms(0.5), self.percentile_ms(0.99)
        return f"<Gaps {self.gaps_n}, p50 {p50 or 0:.0f} ms, p99 {p99 or 0:.0f} ms>"
