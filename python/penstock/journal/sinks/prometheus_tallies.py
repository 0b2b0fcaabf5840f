"""Counting in plain numbers first, into prometheus_client once per batch: its locks and loops cost ten times more.

Thread: the sink's lane, which alone owns the tallies. What has been counted since the last `flush` is not in /metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, Union

from prometheus_client import Counter, Histogram

OTHER = "other"
FREE = frozenset({"requested_model", "model", "litellm_model_name", "route"})

T = TypeVar("T")


class Family(Generic[T]):
    """One metric and what stands for its children (`make` of a child), found by one dictionary look-up.

    Past `series_most` children the labels in FREE, whose values callers or providers choose, become OTHER.
    """

    __slots__ = ("_children", "_free", "_labels", "_make", "series_most")

    def __init__(
        self, labels_of: Callable[..., Any], labels: tuple[str, ...], make: Callable[[Any], T], series_most: int
    ) -> None:
        self._labels = labels_of
        self._make: Callable[[Any], T] = make
        self._children: dict[tuple[str, ...], T] = {}
        self._free = tuple(name in FREE for name in labels)
        self.series_most = series_most

    def child(self, *values: str) -> T:
        found = self._children.get(values)
        return found if found is not None else self._add(values)

    def _add(self, values: tuple[str, ...]) -> T:
        if len(self._children) >= self.series_most and any(self._free):
            values = tuple(OTHER if free else value for value, free in zip(values, self._free, strict=True))
            if (found := self._children.get(values)) is not None:
                return found
        child = self._children[values] = self._make(self._labels(*values))
        return child

    def __repr__(self) -> str:
        return f"<Family {len(self._children)} children>"


class Batch:
    """The tallies that changed since the last flush."""

    __slots__ = ("changed",)

    def __init__(self) -> None:
        self.changed: list[Tally] = []

    def flush(self) -> None:
        changed, self.changed = self.changed, []
        for tally in changed:
            tally.flush()


class Sum:
    """Stands for one child of a counter."""

    __slots__ = ("_batch", "_child", "_n")

    def __init__(self, child: Counter, batch: Batch) -> None:
        self._child = child
        self._batch = batch
        self._n = 0.0

    def inc(self, n: float = 1.0) -> None:
        if n > 0:
            if not self._n:
                self._batch.changed.append(self)
            self._n += n

    def flush(self) -> None:
        n, self._n = self._n, 0.0
        self._child.inc(n)


class SumHistogram(Histogram):
    """A histogram that takes many observations at once. Uses what Histogram keeps for its own `observe`."""

    def add(self, total: float, hits: Sequence[int]) -> None:
        """`hits` per bucket, the last one without bound; `total` of all values."""
        self._sum.inc(total)
        for bucket, n in zip(self._buckets, hits, strict=True):
            if n:
                bucket.inc(n)


class Spread:
    """Stands for one child of a SumHistogram."""

    __slots__ = ("_batch", "_bounds", "_child", "_hits", "_total")

    def __init__(self, child: SumHistogram, bounds: Sequence[float], batch: Batch) -> None:
        self._child = child
        self._bounds = bounds
        self._batch = batch
        self._hits: list[int] | None = None
        self._total = 0.0

    def observe(self, value: float) -> None:
        hits = self._hits
        if hits is None:
            hits = self._hits = [0] * (len(self._bounds) + 1)
            self._batch.changed.append(self)
        hits[bisect_left(self._bounds, value)] += 1
        self._total += value

    def flush(self) -> None:
        hits, self._hits = self._hits, None
        total, self._total = self._total, 0.0
        if hits is not None:
            self._child.add(total, hits)


Tally = Union[Sum, Spread]  # noqa: UP007 - evaluated at run time
