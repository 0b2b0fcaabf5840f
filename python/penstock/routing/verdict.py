"""Which of several failures the caller is told. Pure.

The caller shall learn what happened to what it asked for; a later failure of a stand-in must not hide it:

1. a stream that was cut after the caller has seen a part: that cut, whatever the rescue met (GATEWAY row 14)
2. the newest answer (a status) of the group that was asked for, unless it only says that our key or path is wrong
3. the newest such answer of a fallback
4. the newest answer of any kind: now also 401, 403, 404
5. without any answer the newest failure of the group that was asked for: the network's words
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from penstock.dialects.failure import Failure, Fault
from penstock.routing.choose import Member
from penstock.routing.health import ready_after_s

LEAST_S = 0.05
OWNERS = frozenset({Fault.AUTHENTICATION, Fault.NOT_FOUND})


class Told(NamedTuple):
    """One failed attempt. `depth` is 0 in the group that was asked for, then 1 a fallback."""

    failure: Failure
    depth: int
    is_break: bool  # it broke an answer of which the caller had seen a part


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
    if told.is_break:
        return 6
    is_asked = told.depth == 0
    if failure.status is None:
        return 1 if is_asked else 0
    if failure.fault in OWNERS:
        return 3 if is_asked else 2
    return 5 if is_asked else 4


def nothing_sent(asked: str, members: Sequence[Member], tags: Sequence[str], ends_s: float, now_s: float) -> Failure:
    """Why no attempt was possible. With all circuits open or limits reached a 429 with the soonest chance."""
    if now_s >= ends_s:
        return Failure(fault=Fault.BUDGET, status=504, message=f"no time was left to ask for {asked!r}")
    if not members:
        names = ", ".join(tags) or "none"
        message = f"no deployment of {asked!r} is for a request with these tags: {names}"
        return Failure(fault=Fault.BAD_REQUEST, status=400, message=message)
    reasons: list[str] = []
    for deployment, state in members:
        last = None if state.open_until_s is None else state.last_failure
        reasons.append(f"{deployment.id} {'is at its limits' if last is None else f'cools down after: {last.message}'}")
    soonest_s = max(LEAST_S, min(ready_after_s(each[0], each[1], now_s) for each in members))
    return Failure(
        fault=Fault.RATE_LIMIT,
        status=429,
        message=f"no deployment of {asked!r} can be used now, try again in {soonest_s:.1f} s: {'; '.join(reasons)}",
        retry_after_s=soonest_s,
    )
