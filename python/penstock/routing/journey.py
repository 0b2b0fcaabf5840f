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
from penstock.routing.group import Group, by_order
from penstock.routing.health import Health, State, is_ready, ready_after_s
from penstock.routing.hedge import hedge_after_s
from penstock.routing.policy import NEVER_SAME, Move, decide
from penstock.routing.trial import Attempt, Clocks, GiveUp, Try
from penstock.routing.verdict import Told, nobody_ready, verdict

if TYPE_CHECKING:
    from penstock.routing.routes import Routes

__all__ = ["Attempt", "Clocks", "GiveUp", "Journey", "Try"]

BEGUN = frozenset({Fault.CUT, Fault.STALL, Fault.IN_STREAM})  # of a stream: the caller has seen a part
AFTERWARDS = {Fault.CONTEXT_WINDOW: "context_window_fallbacks", Fault.CONTENT_POLICY: "content_policy_fallbacks"}


class _Flight:
    """An attempt that is on its way."""

    __slots__ = ("attempt", "deployment", "depth", "group", "is_alone", "is_probe", "state")

    def __init__(self, deployment: Deployment, state: State, attempt: Attempt, group: Group, depth: int) -> None:
        self.deployment = deployment
        self.state = state
        self.attempt = attempt
        self.group = group
        self.depth = depth
        self.is_alone = len(group.deployments) == 1
        self.is_probe = False


class Journey:
    """See above. `attempts` is the account for the journal, oldest first."""

    __slots__ = (
        "_again_n",
        "_attempts_most_n",
        "_banned",
        "_end",
        "_entered",
        "_failed",
        "_flights",
        "_group",
        "_health",
        "_is_begun",
        "_last",
        "_members",
        "_pending",
        "_retries_here_n",
        "_routes",
        "_sdk_retries_n",
        "_settings",
        "_started_s",
        "_tags",
        "_tried",
        "attempts",
        "ends_s",
        "fallbacks_n",
        "is_stream",
        "max_fallbacks",
        "retries_n",
    )

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
        self._started_s = now_s
        limit_s = settings.stream_timeout_s if stream and settings.stream_timeout_s is not None else settings.timeout_s
        self.ends_s = now_s + limit_s if deadline_s is None else min(now_s + limit_s, deadline_s)
        self._attempts_most_n = settings.max_attempts
        if sdk_retries_n > 0:
            self._attempts_most_n = max(1, settings.max_attempts - sdk_retries_n * (1 + settings.num_retries))
        self.is_stream = stream
        self.attempts: list[Attempt] = []
        self.retries_n = 0
        self.fallbacks_n = 0
        self.max_fallbacks = settings.max_fallbacks
        self._flights: list[_Flight] = []
        self._failed: list[Told] = []
        self._last: _Flight | None = None
        self._end: GiveUp | None = None
        self._is_begun = False
        self._pending: list[str] = []
        self._entered: set[str] = set()
        self._enter(group)

    def __repr__(self) -> str:
        flying = f", {len(self._flights)} in flight" if self._flights else ""
        end = f", over: {self._end.failure.fault.value}" if self._end is not None else ""
        return f"<Journey {self._group.asked}: {self.attempts}{flying}{end}>"

    # -- the next step --

    def step(self, now_s: float, roll: float) -> Try | GiveUp:
        """What to do now. After a GiveUp always the same GiveUp."""
        if self._end is not None:
            return self._end
        if len(self.attempts) >= self._attempts_most_n or (now_s >= self.ends_s and not self._is_begun):
            return self._give_up(now_s)
        if not self._failed:
            ready = self._ready(now_s)
            return self._send(ready, 0.0, now_s, roll) if ready else self._fall_back(now_s, roll, None)
        failure = self._failed[-1].failure
        if self._is_begun:
            return self._rescue(failure, now_s, roll)
        return self._after(failure, now_s, roll)

    def _after(self, failure: Failure, now_s: float, roll: float) -> Try | GiveUp:
        """The step that follows a failure nobody has seen yet."""
        ready = self._ready(now_s)
        others = [each for each in ready if each.deployment.id not in self._tried]
        named = self._group.retries.get(failure.fault)
        decision = decide(
            failure,
            self._settings,
            retries_left_n=self._retry_limit(failure.fault) - self._retries_here_n,
            is_named=bool(named),
            has_other=bool(others),
            has_again=bool(ready),
            again_n=self._again_n,
            room_s=self._room_s(now_s, failure.fault),
            roll=roll,
        )
        if decision.move is Move.GIVE_UP:
            return self._give_up(now_s)
        if decision.move is Move.FALLBACK:
            return self._fall_back(now_s, roll, failure.fault)
        self._retries_here_n += 1
        self.retries_n += 1
        if decision.move is Move.AGAIN:
            self._again_n += 1
            return self._send(ready, decision.wait_s, now_s, roll)
        return self._send(others, 0.0, now_s, roll)

    def _retry_limit(self, fault: Fault) -> int:
        limit = self._group.retries.get(fault)
        if limit is None and self._last is not None:
            limit = self._last.deployment.num_retries
        if limit is None:
            limit = self._settings.num_retries
        return limit - self._sdk_retries_n

    def _room_s(self, now_s: float, fault: Fault) -> float:
        """The longest wait: what is left of the time, less the part that is kept for other routes."""
        left_s = self.ends_s - now_s
        return left_s * (1.0 - self._settings.fallback_reserve) if self._has_elsewhere(fault) else left_s

    def _fall_back(self, now_s: float, roll: float, fault: Fault | None, *, is_rescue: bool = False) -> Try | GiveUp:
        """The first group in line that has a deployment ready. `fault` None: nothing was sent here."""
        self._pending[:0] = self._targets(fault)
        while self._pending and self.fallbacks_n < self.max_fallbacks:
            group = self._routes.group(self._pending.pop(0))
            if group is None or group.name in self._entered:
                continue
            self._enter(group)
            ready = self._ready(now_s)
            if not ready:
                self._pending[:0] = self._targets(None)
                continue
            self.fallbacks_n += 1
            return self._send(ready, 0.0, now_s, roll, is_rescue=is_rescue)
        return self._give_up(now_s)

    def _targets(self, fault: Fault | None) -> tuple[str, ...]:
        """Where this group falls back to after `fault`."""
        group = self._group
        if fault is None:
            return group.fallbacks
        if fault is Fault.BAD_REQUEST:
            return ()
        name = AFTERWARDS.get(fault)
        targets: tuple[str, ...] = group.fallbacks if name is None else getattr(group, name)
        return targets

    def _has_elsewhere(self, fault: Fault | None) -> bool:
        """Is there a group left to fall back to? Whether it is healthy is not asked."""
        if self.fallbacks_n >= self.max_fallbacks:
            return False
        return bool(self._pending) or any(each not in self._entered for each in self._targets(fault))

    def _rescue(self, failure: Failure, now_s: float, roll: float) -> Try | GiveUp:
        """The caller has seen a part: replay from the start elsewhere, at once, or tell it."""
        if not self._settings.rescue or failure.fault in (Fault.CANCELLED, Fault.BAD_REQUEST):
            return self._give_up(now_s)
        ready = [each for each in self._ready(now_s) if each.deployment.id not in self._tried]
        if ready and self._retries_here_n < self._retry_limit(failure.fault):
            self._retries_here_n += 1
            self.retries_n += 1
            return self._send(ready, 0.0, now_s, roll, is_rescue=True)
        return self._fall_back(now_s, roll, failure.fault, is_rescue=True)

    # -- a group and its members --

    def _enter(self, group: Group) -> None:
        self._group = group
        self._entered.add(group.name)
        self._entered.add(group.asked)
        deployments = group.deployments
        if self._settings.tag_filtering:
            deployments = group.tagged(self._tags, match_any=self._settings.tag_match_any)
        of = self._health.of
        self._members = [Member(each, of(each)) for each in deployments]
        self._tried: set[str] = set()
        self._banned: set[str] = set()
        self._retries_here_n = 0
        self._again_n = 0

    def _ready(self, now_s: float) -> list[Member]:
        """Members that may get an attempt now, in their lowest order after what was tried."""
        banned = self._banned
        return [each for each in self._members if is_ready(each[0], each[1], now_s) and each[0].id not in banned]

    def _send(
        self, ready: Sequence[Member], wait_s: float, now_s: float, roll: float, *, is_rescue: bool = False
    ) -> Try:
        """Choose one and put it on its way."""
        group = self._group
        if len(ready) > 1:
            ready = by_order(group, ready)
        if len(ready) > 1:
            question = Question(now_s, roll, self.is_stream, self._settings.strategy_args)
            member = group.strategy(ready, question)
        else:
            member = ready[0]
        return self._launch(member, wait_s, now_s, is_rescue=is_rescue)

    def _launch(
        self, member: Member, wait_s: float, now_s: float, *, is_rescue: bool = False, is_hedge: bool = False
    ) -> Try:
        deployment, state = member
        group = self._group
        attempt = Attempt(deployment.id, group.name, now_s + wait_s, wait_s, is_hedge=is_hedge, is_rescue=is_rescue)
        self.attempts.append(attempt)
        flight = _Flight(deployment, state, attempt, group, 0 if self.fallbacks_n == 0 else 1)
        flight.is_probe = self._health.begin(state, now_s)
        self._flights.append(flight)
        self._tried.add(deployment.id)
        clocks = self._clocks(deployment, now_s + wait_s)
        return Try(deployment, wait_s, clocks, is_hedge, is_rescue)

    def _clocks(self, deployment: Deployment, start_s: float) -> Clocks:
        """Deployment over router settings, within the rest of the time."""
        settings = self._settings
        left_s = self.ends_s - start_s
        if self._is_begun:
            left_s = self.ends_s - self._started_s  # the caller is reading: a rescue has the time of a new request
        own_s = deployment.timeout_s
        if self.is_stream and deployment.stream_timeout_s is not None:
            own_s = deployment.stream_timeout_s
        if own_s is None:
            own_s = left_s * (1.0 - settings.fallback_reserve) if self._has_more() else left_s
        head_s = max(0.001, min(own_s, left_s))
        idle_s = settings.idle_s if deployment.idle_s is None else deployment.idle_s
        connect_s = min(self._routes.config.upstream.connect_s, head_s)
        if not self.is_stream:
            return Clocks(connect_s, head_s, None, idle_s, head_s)
        ttft_s = settings.ttft_s if deployment.ttft_s is None else deployment.ttft_s
        return Clocks(connect_s, head_s, ttft_s, idle_s, self._routes.config.general.max_stream_s)

    def _has_more(self) -> bool:
        """Would a silent attempt leave anything to go to?"""
        if len(self.attempts) >= self._attempts_most_n:
            return False
        if len(self._tried) < len(self._members) and self._retries_here_n < self._retry_limit(Fault.SILENT):
            return True
        return self._has_elsewhere(None)

    # -- how it went --

    def failed(
        self, failure: Failure, now_s: float, *, deployment: Deployment | None = None, begun: bool | None = None
    ) -> None:
        """An attempt failed: that at `deployment`, else the newest one on its way.

        begun  has the caller seen a part of this stream? None: CUT, STALL and IN_STREAM of a stream say yes
        """
        flight = self._land(deployment)
        if flight is None:
            return
        attempt = flight.attempt
        attempt.ended_s = now_s
        attempt.fault = failure.fault
        attempt.status = failure.status
        took_s = max(0.0, now_s - attempt.started_s)
        self._health.failed(
            flight.state, failure, now_s, is_probe=flight.is_probe, is_alone=flight.is_alone, took_s=took_s
        )
        self._last = flight
        is_begun = self.is_stream and failure.fault in BEGUN if begun is None else begun
        self._is_begun = self._is_begun or is_begun
        self._failed.append(Told(failure, flight.depth, is_begun))
        if failure.fault in NEVER_SAME or failure.should_retry is False:
            self._banned.add(flight.deployment.id)

    def succeeded(
        self, now_s: float, *, ttft_s: float | None, tokens_n: int, deployment: Deployment | None = None
    ) -> None:
        """The attempt at `deployment`, else the newest one on its way, has given a whole answer."""
        flight = self._land(deployment)
        if flight is None:
            return
        attempt = flight.attempt
        attempt.ended_s = now_s
        attempt.status = 200
        self._health.succeeded(
            flight.state,
            now_s,
            is_probe=flight.is_probe,
            took_s=max(0.0, now_s - attempt.started_s),
            ttft_s=ttft_s,
            tokens_n=tokens_n,
        )

    def dropped(self, deployment: Deployment, now_s: float | None = None) -> None:
        """The attempt at `deployment` was cancelled; it says nothing about the deployment."""
        flight = self._land(deployment)
        if flight is not None:
            flight.attempt.ended_s = now_s
            flight.attempt.fault = Fault.CANCELLED
            self._health.dropped(flight.state, is_probe=flight.is_probe)

    def close(self, now_s: float | None = None) -> None:
        """Drop whatever is still on its way; nothing when all was told."""
        for flight in list(self._flights):
            self.dropped(flight.deployment, now_s)

    def _land(self, deployment: Deployment | None) -> _Flight | None:
        flights = self._flights
        for at in range(len(flights) - 1, -1, -1):
            if deployment is None or flights[at].deployment.id == deployment.id:
                return flights.pop(at)
        return None

    # -- the end --

    def _give_up(self, now_s: float) -> GiveUp:
        failure = verdict(self._failed)
        if failure is None:
            failure = self._nothing_sent(now_s)
        self._end = GiveUp(failure)
        return self._end

    def _nothing_sent(self, now_s: float) -> Failure:
        asked = self._group.asked
        if now_s >= self.ends_s:
            return Failure(fault=Fault.BUDGET, status=504, message=f"no time was left to ask for {asked!r}")
        if not self._members:
            tags = ", ".join(self._tags) or "none"
            return Failure(fault=Fault.BAD_REQUEST, message=f"no deployment of {asked!r} is for these tags: {tags}")
        reasons = []
        for deployment, state in self._members:
            last = state.last_failure if state.open_until_s is not None else None
            reasons.append(
                f"{deployment.id}: " + ("at its limits" if last is None else f"cooling down after {last.message}")
            )
        soonest_s = min(ready_after_s(each.deployment, each.state, now_s) for each in self._members)
        return nobody_ready(asked, reasons, max(0.05, soonest_s))

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
        if not self._settings.hedge or not self.is_stream or len(self._flights) != 1:
            return None
        if len(self.attempts) >= self._attempts_most_n:
            return None
        return hedge_after_s(self._members, self._settings, self._health, now_s)

    def hedge(self, now_s: float, roll: float) -> Try | None:
        """A second attempt beside the running one, at a deployment that was not tried; None when there is none."""
        if self.hedge_after_s(now_s) is None:
            return None
        ready = [each for each in self._ready(now_s) if each.deployment.id not in self._tried]
        if not ready:
            return None
        ready = list(by_order(self._group, ready))
        question = Question(now_s, roll, self.is_stream, self._settings.strategy_args)
        self._health.hedges.add(1, now_s)
        return self._launch(self._group.strategy(ready, question), 0.0, now_s, is_hedge=True)
