"""The attempts of one request: those on their way, and the account of all.

What keeps the books straight: an attempt begins in the health once and is taken off once, by whichever of failed,
succeeded, dropped or close comes first; afterwards it is not found here any more. Owner: one Journey.
"""

from __future__ import annotations

from penstock.config.models import Deployment
from penstock.dialects.failure import Failure, Fault
from penstock.routing.choose import Member
from penstock.routing.group import Group
from penstock.routing.health import Health, State
from penstock.routing.trial import Attempt


class Flight:
    """One attempt on its way."""

    __slots__ = ("attempt", "deployment", "depth", "is_alone", "is_probe", "opened_circuit", "state")

    def __init__(self, member: Member, attempt: Attempt, *, depth: int, is_alone: bool, is_probe: bool) -> None:
        self.deployment: Deployment = member[0]
        self.state: State = member[1]
        self.attempt = attempt
        self.depth = depth  # 0 in the group that was asked for, 1 in a fallback
        self.is_alone = is_alone  # no other deployment in its group
        self.is_probe = is_probe
        self.opened_circuit = False  # when it failed

    def __repr__(self) -> str:
        return f"<Flight {self.attempt}{' probe' if self.is_probe else ''}>"


class Flights:
    """`attempts` is the account, oldest first."""

    __slots__ = ("_health", "_running", "attempts")

    def __init__(self, health: Health) -> None:
        self._health = health
        self._running: list[Flight] = []
        self.attempts: list[Attempt] = []

    def __repr__(self) -> str:
        return f"<Flights {self.attempts}, {len(self._running)} running>"

    def __len__(self) -> int:
        return len(self._running)

    def begin(
        self,
        member: Member,
        group: Group,
        start_s: float,
        waited_s: float,
        *,
        depth: int,
        is_hedge: bool,
        is_rescue: bool,
    ) -> None:
        """Count one in. It is sent at `start_s`, after waiting."""
        attempt = Attempt(member[0].id, group.name, start_s, waited_s, is_hedge=is_hedge, is_rescue=is_rescue)
        self.attempts.append(attempt)
        is_probe = self._health.begin(member[1], start_s)
        is_alone = len(group.deployments) == 1
        self._running.append(Flight(member, attempt, depth=depth, is_alone=is_alone, is_probe=is_probe))

    def failed(self, failure: Failure, now_s: float, deployment: Deployment | None) -> Flight | None:
        """The attempt that was taken off; None when there was none."""
        flight = self._land(deployment)
        if flight is None:
            return None
        attempt = flight.attempt
        attempt.ended_s = now_s
        attempt.fault = failure.fault
        attempt.status = failure.status
        took_s = max(0.0, now_s - attempt.started_s)
        flight.opened_circuit = self._health.failed(
            flight.state, failure, now_s, is_probe=flight.is_probe, is_alone=flight.is_alone, took_s=took_s
        )
        return flight

    def succeeded(self, now_s: float, ttft_s: float | None, tokens_n: int, deployment: Deployment | None) -> None:
        flight = self._land(deployment)
        if flight is None:
            return
        attempt = flight.attempt
        attempt.ended_s = now_s
        attempt.status = 200
        took_s = max(0.0, now_s - attempt.started_s)
        self._health.succeeded(
            flight.state, now_s, is_probe=flight.is_probe, took_s=took_s, ttft_s=ttft_s, tokens_n=tokens_n
        )

    def dropped(self, deployment: Deployment | None, now_s: float | None) -> None:
        flight = self._land(deployment)
        if flight is not None:
            attempt = flight.attempt
            attempt.ended_s = now_s
            attempt.fault = Fault.CANCELLED
            self._health.dropped(flight.state, is_probe=flight.is_probe)
            if now_s is not None and self._running:
                # The loser of a hedge was late. Were it forgotten, only quick first tokens would be remembered, and
                # each hedge would make the next one come sooner.
                flight.state.ttfts.add(max(0.0, now_s - attempt.started_s), now_s)

    def close(self, now_s: float | None) -> None:
        while self._running:
            self.dropped(None, now_s)

    def _land(self, deployment: Deployment | None) -> Flight | None:
        """Take off the newest one at `deployment`, or of all."""
        running = self._running
        for at in range(len(running) - 1, -1, -1):
            if deployment is None or running[at].deployment.id == deployment.id:
                return running.pop(at)
        return None
