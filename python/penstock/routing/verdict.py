"""Which of several failures the caller is told. Pure.

The caller shall learn what happened to what it asked for; a later failure of a stand-in must not hide it:

1. a stream that was cut after the caller has seen a part: that cut, whatever the rescue met (GATEWAY row 14)
2. the newest answer (a status) of the group that was asked for, unless it only says that our key or path is wrong
3. the newest such answer of a fallback
4. the newest answer of any kind: now also 401, 403, 404
5. without any answer the newest failure of the group that was asked for: the network's words
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from penstock.dialects.failure import Failure, Fault

OWNERS = frozenset({Fault.AUTHENTICATION, Fault.NOT_FOUND})


class Told(NamedTuple):
    """One failed attempt. `depth` is 0 in the group that was asked for, then 1 a fallback."""

    failure: Failure
    depth: int
    is_begun: bool  # the caller had seen a part


def verdict(told: Sequence[Told]) -> Failure | None:
    """The failure for the caller; None when there was none."""
    best: Told | None = None
    best_rank = -1
    for each in told:
        rank = _rank(each)
        if rank >= best_rank:
            best, best_rank = each, rank
    return None if best is None else best.failure


def _rank(told: Told) -> int:
    failure = told.failure
    if told.is_begun:
        return 6
    is_asked = told.depth == 0
    if failure.status is None:
        return 1 if is_asked else 0
    if failure.fault in OWNERS:
        return 3 if is_asked else 2
    return 5 if is_asked else 4


def nobody_ready(group: str, reasons: Collection[str], retry_after_s: float) -> Failure:
    """No attempt was possible: all circuits are open or limits reached. A 429 with the soonest chance."""
    what = "; ".join(reasons)
    return Failure(
        fault=Fault.RATE_LIMIT,
        status=429,
        message=f"no deployment of {group!r} can be used now, try again in {retry_after_s:.1f} s: {what}",
        retry_after_s=retry_after_s,
    )
