"""A journey's stay in one group: its members, who was tried there, and how often.

Owner: one Journey, which has one at a time. A new group is a new Stay, so nothing of the last one has to be reset.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.config.models import RouterSettings
from penstock.dialects.failure import Failure
from penstock.routing.choose import Member
from penstock.routing.group import Group
from penstock.routing.health import Health, is_ready
from penstock.routing.policy import NEVER_SAME


class Stay:
    """retries_n: further attempts made here; again_n: those of them that came back to a tried one, for the back-off."""

    __slots__ = ("again_n", "banned", "group", "members", "retries_n", "tried")

    def __init__(self, group: Group, health: Health, settings: RouterSettings, tags: Sequence[str]) -> None:
        self.group = group
        self.members = group.members(health)
        if settings.tag_filtering:
            tagged = group.tagged(tags, match_any=settings.tag_match_any)
            self.members = [each for each in self.members if each[0] in tagged]
        self.tried: set[str] = set()
        self.banned: set[str] = set()  # never again in this journey's stay
        self.retries_n = 0
        self.again_n = 0

    def __repr__(self) -> str:
        return f"<Stay at {self.group.asked}, {self.retries_n} retries, tried {sorted(self.tried)}>"

    def ready(self, now_s: float) -> list[Member]:
        """Members that may get an attempt now."""
        if not self.banned:
            return [each for each in self.members if is_ready(each[0], each[1], now_s)]
        banned = self.banned
        return [each for each in self.members if each[0].id not in banned and is_ready(each[0], each[1], now_s)]

    def untried(self, ready: Sequence[Member]) -> list[Member]:
        return [each for each in ready if each[0].id not in self.tried]

    def soonest(self, now_s: float) -> tuple[float, Member] | None:
        """The member whose circuit first lets a probe through, and in how long; None when there is none to wait for."""
        waits = [
            (max(0.0, state.open_until_s - now_s), Member(one, state))
            for one, state in self.members
            if state.open_until_s is not None and not state.is_probed and one.id not in self.banned
        ]
        return min(waits, key=lambda each: each[0]) if waits else None

    def note(self, name: str, failure: Failure) -> None:
        """Ban a deployment whose failure says that it would be the same again."""
        if failure.should_retry is False or (failure.fault in NEVER_SAME and not failure.should_retry):
            self.banned.add(name)
