"""What a journey hands out: the next attempt with its clocks, or the end; and what it notes of each attempt.

Values without behaviour. Times are seconds; `started_s` and `ended_s` are on the clock that the journey was given.
"""

from __future__ import annotations

import msgspec

from penstock.config.models import Deployment
from penstock.dialects.failure import Failure, Fault

WRITE_S = 60.0  # without progress while the request is written
POOL_S = 60.0  # for a free connection


class Clocks(msgspec.Struct, frozen=True, gc=False):
    """Limits of one attempt, counted from its sending; None = no limit of this kind.

    connect_s  name, TCP, TLS
    head_s     from the request's last byte to the response head; a unary answer has the limit of the whole
    ttft_s     to the first semantic token; None for what is no stream
    idle_s     without a byte inside the body
    total_s    all of it; for a stream only what general_settings sets (a stream that speaks may go on)
    """

    connect_s: float | None
    head_s: float | None
    ttft_s: float | None
    idle_s: float | None
    total_s: float | None

    @property
    def as_tuple(self) -> tuple[float | None, float | None, float | None, float | None, float | None, float | None]:
        """As the transport takes them: connect, write, pool, first byte, idle, total."""
        head_s = self.head_s
        pool_s = POOL_S if head_s is None or head_s > POOL_S else head_s
        return (self.connect_s, WRITE_S, pool_s, head_s, self.idle_s, self.total_s)


class Try(msgspec.Struct, frozen=True):
    """Send to `deployment` after `wait_s`.

    is_hedge   beside an attempt that is late: the first semantic token wins, the loser is dropped
    is_rescue  after the caller has seen a part: replay from the start, suppress what was sent already
    """

    deployment: Deployment
    wait_s: float
    clocks: Clocks
    is_hedge: bool = False
    is_rescue: bool = False


class GiveUp(msgspec.Struct, frozen=True):
    """No further attempt. `failure` is what the caller is told: see Journey for which one of several."""

    failure: Failure


class Attempt:
    """One line of the journey's account. `fault` None = it succeeded, or runs (`ended_s` None)."""

    __slots__ = ("deployment", "ended_s", "fault", "group", "is_hedge", "is_rescue", "started_s", "status", "waited_s")

    def __init__(
        self, deployment: str, group: str, started_s: float, waited_s: float, *, is_hedge: bool, is_rescue: bool
    ) -> None:
        self.deployment = deployment  # its id
        self.group = group
        self.started_s = started_s  # after the wait
        self.waited_s = waited_s
        self.is_hedge = is_hedge
        self.is_rescue = is_rescue
        self.ended_s: float | None = None
        self.fault: Fault | None = None
        self.status: int | None = None

    def __repr__(self) -> str:
        end = "" if self.ended_s is None else " ok" if self.fault is None else f" {self.fault.value}"
        kind = " hedge" if self.is_hedge else " rescue" if self.is_rescue else ""
        return f"<Attempt {self.group}/{self.deployment}{kind}{end}>"
