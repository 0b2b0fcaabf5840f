"""One request's way over the deployments: asked for the next step, told how it went.

    journey = routes.journey(model, health, stream=..., now_s=...)
    step = journey.step(now_s, roll)             Try (send after wait_s, with these clocks) or GiveUp (tell the caller)
    journey.failed(failure, now_s)               then step() again
    journey.succeeded(now_s, ttft_s=..., tokens_n=...)
    journey.dropped(deployment)                  cancelled: the caller is gone, or a hedge has lost

Every Try counts as in flight from step() until one of the three is told of it, once; telling twice does nothing.
Clock and dice are arguments. Decisions are in policy, choices in choose, memory in health: here they are put together.
Budgets: attempts (max_attempts, less what the caller's SDK has tried), retries per group, fallbacks, and time
(`ends_s`): a wait never goes beyond it. Owner: the task that serves the request. Thread: the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.config.models import Deployment
from penstock.dialects.failure import Failure, Fault
from penstock.routing.choose import Member, Question
from penstock.routing.clocks import clocks_of
from penstock.routing.flights import Flights
from penstock.routing.group import Group, by_order
from penstock.routing.health import Health
from penstock.routing.hedge import hedge_after_s
from penstock.routing.policy import CALLERS, HERD_S, OVER, Move, decide
from penstock.routing.stay import Stay
from penstock.routing.trial import Attempt, Clocks, GiveUp, Try
from penstock.routing.verdict import Told, nothing_sent, verdict

if TYPE_CHECKING:
    from penstock.routing.routes import Routes

__all__ = ["Attempt", "Clocks", "GiveUp", "Journey", "Try"]

BEGUN = frozenset({Fault.CUT, Fault.STALL, Fault.IN_STREAM})  # of a stream: the caller has seen a part


class Journey:
    """See above. `attempts` is the account for the journal, oldest first; `ends_s` when the time is used up."""

    __slots__ = (
        "_attempts_most_n",
        "_end",
        "_entered",
        "_flights",
        "_health",
        "_is_begun",
        "_last",
        "_pending",
        "_routes",
        "_sdk_retries_n",
        "_settings",
        "_stay",
        "_tags",
        "_time_s",
        "_told",
        "attempts",
        "ends_s",
        "fallbacks_n",
        "is_stream",
        "max_fallbacks",
        "retries_n",
    )

    _stay: Stay

    def __init__(
        self,
        routes: Routes,
        group: Group,
        health: Health,
        *,
        stream: bool,
        now_s: float,
        sdk_retries_n: int = 0,
        deadline_s: float | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        settings = routes.settings
        self._routes = routes
        self._settings = settings
        self._health = health
        self._tags = tags
        self._sdk_retries_n = sdk_retries_n
        time_s = settings.stream_timeout_s if stream and settings.stream_timeout_s is not None else settings.timeout_s
        self._time_s = time_s if deadline_s is None else min(time_s, deadline_s - now_s)
        self.ends_s = now_s + self._time_s
        self._attempts_most_n = settings.max_attempts
        if sdk_retries_n > 0:
            self._attempts_most_n = max(1, settings.max_attempts - sdk_retries_n * (1 + settings.num_retries))
        self.is_stream = stream
        self.retries_n = 0
        self.fallbacks_n = 0
        self.max_fallbacks = settings.max_fallbacks
        self._flights = Flights(health)
        self.attempts = self._flights.attempts
        self._told: list[Told] = []
        self._last: Deployment | None = None  # the one that failed last
        self._end: GiveUp | None = None
        self._is_begun = False
        self._pending: list[str] = []  # fallback groups in line
        self._entered: set[str] = set()
        self._enter(group)

    def __repr__(self) -> str:
        flying = f", {len(self._flights)} in flight" if self._flights else ""
        end = f", over: {self._end.failure.fault.value}" if self._end is not None else ""
        return f"<Journey {self._stay.group.asked}: {self.attempts}{flying}{end}>"

    # -- the next step --

    def step(self, now_s: float, roll: float) -> Try | GiveUp:
        """What to do now. After a GiveUp always the same GiveUp."""
        if self._end is not None:
            return self._end
        if len(self.attempts) >= self._attempts_most_n or (now_s >= self.ends_s and not self._is_begun):
            return self._give_up(now_s)
        if not self._told:
            ready = self._stay.ready(now_s)
            return self._send(ready, 0.0, now_s, roll) if ready else self._fall_back(None, now_s, roll)
        failure = self._told[-1].failure
        if self._is_begun:
            return self._rescue(failure, now_s, roll)
        return self._after(failure, now_s, roll)

    def _after(self, failure: Failure, now_s: float, roll: float) -> Try | GiveUp:
        """The step that follows a failure nobody has seen yet."""
        stay = self._stay
        ready = stay.ready(now_s)
        others = stay.untried(ready)
        left_n = self._retry_limit(failure.fault) - self._stay.retries_n
        decision = decide(
            failure,
            self._settings,
            retries_left_n=left_n,
            is_named=failure.fault in self._stay.group.retries,
            has_other=bool(others),
            has_again=bool(ready),
            again_n=self._stay.again_n,
            room_s=self._room_s(failure.fault, now_s),
            roll=roll,
        )
        if decision.move is Move.OTHER:
            return self._retry(others, 0.0, now_s, roll)
        if decision.move is Move.AGAIN:
            self._stay.again_n += 1
            return self._retry(ready, decision.wait_s, now_s, roll)
        if decision.move is Move.GIVE_UP:
            return self._give_up(now_s)
        if not ready and left_n > 0 and failure.fault not in CALLERS and not self._has_elsewhere(failure.fault):
            return self._await_soonest(now_s, roll)
        return self._fall_back(failure.fault, now_s, roll)

    def _retry(self, members: Sequence[Member], wait_s: float, now_s: float, roll: float) -> Try:
        self._stay.retries_n += 1
        self.retries_n += 1
        return self._send(members, wait_s, now_s, roll)

    def _retry_limit(self, fault: Fault) -> int:
        """Retries in a group after this class: by policy, else of the deployment, else of the router; less those
        that the caller's SDK has made already."""
        limit: int | None = self._stay.group.retries.get(fault)
        if limit is None and self._last is not None:
            limit = self._last.num_retries
        if limit is None:
            limit = self._settings.num_retries
        return limit - self._sdk_retries_n

    def _room_s(self, fault: Fault, now_s: float) -> float:
        """The longest wait: what is left of the time, less the part that is kept for other routes."""
        left_s = self.ends_s - now_s
        return left_s * (1.0 - self._settings.fallback_reserve) if self._has_elsewhere(fault) else left_s

    def _await_soonest(self, now_s: float, roll: float) -> Try | GiveUp:
        """All of the group cool down and there is nowhere else: probe the first that may be, when it may be."""
        soonest = self._stay.soonest(now_s)
        if soonest is None or soonest[0] > self._settings.retry_after_most_s:
            return self._give_up(now_s)
        wait_s = soonest[0] + HERD_S * roll
        if wait_s >= self.ends_s - now_s:
            return self._give_up(now_s)
        return self._retry([soonest[1]], wait_s, now_s, roll)

    def _fall_back(self, fault: Fault | None, now_s: float, roll: float, *, is_rescue: bool = False) -> Try | GiveUp:
        """The first group in line that has a deployment ready. `fault` None: nothing was sent here."""
        self._pending[:0] = self._stay.group.targets(fault)
        while self._pending and self.fallbacks_n < self.max_fallbacks:
            group = self._routes.group(self._pending.pop(0))
            if group is None or group.key in self._entered:
                continue
            before = self._stay
            ready = self._enter(group).ready(now_s)
            if ready:
                self.fallbacks_n += 1
                return self._send(ready, 0.0, now_s, roll, is_rescue=is_rescue)
            self._pending[:0] = group.targets(None)
            if not self.attempts:
                self._stay = before  # what nobody could serve is said of the group that was asked for
        return self._give_up(now_s)

    def _has_elsewhere(self, fault: Fault | None) -> bool:
        """Is there a group left to fall back to? Whether it is healthy is not asked."""
        if self.fallbacks_n >= self.max_fallbacks:
            return False
        for name in (*self._pending, *self._stay.group.targets(fault)):
            group = self._routes.group(name)
            if group is not None and group.key not in self._entered:
                return True
        return False

    def _rescue(self, failure: Failure, now_s: float, roll: float) -> Try | GiveUp:
        """The caller has seen a part: replay from the start elsewhere, at once, or tell it."""
        if not self._settings.rescue or failure.fault in OVER or failure.fault is Fault.BAD_REQUEST:
            return self._give_up(now_s)
        others = self._stay.untried(self._stay.ready(now_s))
        if others and failure.fault not in CALLERS and self._stay.retries_n < self._retry_limit(failure.fault):
            self._stay.retries_n += 1
            self.retries_n += 1
            return self._send(others, 0.0, now_s, roll, is_rescue=True)
        return self._fall_back(failure.fault, now_s, roll, is_rescue=True)

    def _enter(self, group: Group) -> Stay:
        self._entered.add(group.key)
        self._stay = Stay(group, self._health, self._settings, self._tags)
        return self._stay

    def _send(
        self,
        ready: Sequence[Member],
        wait_s: float,
        now_s: float,
        roll: float,
        *,
        is_rescue: bool = False,
        is_hedge: bool = False,
    ) -> Try:
        """Choose one of those and put it on its way."""
        group = self._stay.group
        ready = by_order(group, ready)
        member = ready[0]
        if len(ready) > 1:
            member = group.strategy(ready, Question(now_s, roll, self.is_stream, self._settings.strategy_args))
        deployment = member[0]
        start_s = now_s + wait_s
        depth = 1 if self.fallbacks_n else 0
        self._flights.begin(member, group, start_s, wait_s, depth=depth, is_hedge=is_hedge, is_rescue=is_rescue)
        self._stay.tried.add(deployment.id)
        # A rescue has the time of a new request: that of the first was for its beginning.
        left_s = self._time_s if self._is_begun else self.ends_s - start_s
        clocks = clocks_of(
            deployment, self._routes.config, left_s=left_s, is_stream=self.is_stream, has_more=self._has_more()
        )
        return Try(deployment, wait_s, clocks, is_hedge, is_rescue)

    def _has_more(self) -> bool:
        """Would this attempt, if it stays silent, leave anything to go to?"""
        if len(self.attempts) >= self._attempts_most_n:
            return False
        if len(self._stay.tried) < len(self._stay.members) and self._stay.retries_n < self._retry_limit(Fault.SILENT):
            return True
        return self._has_elsewhere(None)

    # -- how it went --

    def failed(
        self, failure: Failure, now_s: float, *, deployment: Deployment | None = None, begun: bool | None = None
    ) -> bool:
        """An attempt failed: that at `deployment`, else the newest one on its way. True when its circuit opened.

        begun  has the caller seen a part of this stream? None: CUT, STALL and IN_STREAM of a stream say yes
        """
        flight = self._flights.failed(failure, now_s, deployment)
        if flight is None:
            return False
        self._last = flight.deployment
        is_begun = self.is_stream and failure.fault in BEGUN if begun is None else begun
        is_break = is_begun and not self._is_begun  # a rescue that fails too is not what broke the answer
        self._is_begun = self._is_begun or is_begun
        self._told.append(Told(failure, flight.depth, is_break))
        self._stay.note(flight.deployment.id, failure)
        return flight.opened_circuit

    def succeeded(
        self, now_s: float, *, ttft_s: float | None, tokens_n: int, deployment: Deployment | None = None
    ) -> None:
        """The attempt at `deployment`, else the newest one on its way, has given a whole answer."""
        self._flights.succeeded(now_s, ttft_s, tokens_n, deployment)

    def dropped(self, deployment: Deployment, now_s: float | None = None) -> None:
        """The attempt at `deployment` was cancelled; it says nothing about the deployment."""
        self._flights.dropped(deployment, now_s)

    def close(self, now_s: float | None = None) -> None:
        """Drop whatever is still on its way; nothing when all was told."""
        self._flights.close(now_s)

    # -- the end --

    def _give_up(self, now_s: float) -> GiveUp:
        failure = verdict(self._told)
        if failure is None:
            failure = nothing_sent(self._stay.group.asked, self._stay.members, self._tags, self.ends_s, now_s)
        self._end = GiveUp(failure)
        return self._end

    @property
    def should_retry_header(self) -> str:
        """x-should-retry for the caller. The gateway has tried what there was to try, so `false`; `true` only for a
        limit that passes at a known time."""
        if self._end is None:
            return "false"
        failure = self._end.failure
        passes = failure.fault in (Fault.RATE_LIMIT, Fault.OVERLOADED) and failure.retry_after_s is not None
        return "true" if passes and failure.should_retry is not False else "false"

    # -- hedging --

    def hedge_after_s(self, now_s: float) -> float | None:
        """How long after its sending the running attempt counts as late; None = do not hedge."""
        if not self._settings.hedge or not self.is_stream or len(self._flights) != 1 or self._is_begun:
            return None
        if len(self.attempts) >= self._attempts_most_n:
            return None
        return hedge_after_s(self._stay.members, self._settings, self._health, now_s)

    def hedge(self, now_s: float, roll: float) -> Try | None:
        """A second attempt beside the running one, at a deployment that was not tried; None when there is none."""
        if self.hedge_after_s(now_s) is None:
            return None
        others = self._stay.untried(self._stay.ready(now_s))
        if not others:
            return None
        self._health.hedges.add(1, now_s)
        return self._send(others, 0.0, now_s, roll, is_hedge=True)
