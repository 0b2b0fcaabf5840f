"""One model as callers name it, compiled: who can serve it, and everything that the settings say about it.

Made by Routes, shared by all journeys, never changed (but for the members that it keeps at hand).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.config.models import Deployment, RouterSettings
from penstock.dialects.failure import Fault
from penstock.routing.choose import STRATEGIES, Member, Strategy, lowest_order, simple_shuffle, uniform
from penstock.routing.health import Health
from penstock.routing.policy import named_retries

DEFAULT_TAG = "default"
ANY = "*"  # as a source of fallbacks: every group


class Group:
    """Deployments that stand for one another.

    name    model_name of the rows: what keys, fallbacks and metrics speak of; the pattern for a wildcard
    key     what tells two apart: the same for a name and its aliases, another for each name that fits a pattern
    asked   what the caller wrote: an alias, a name that fits the pattern, or the name
    """

    __slots__ = (
        "_held",
        "asked",
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "deployments",
        "fallbacks",
        "has_order",
        "key",
        "name",
        "retries",
        "strategy",
    )

    def __init__(self, name: str, asked: str, deployments: Sequence[Deployment], settings: RouterSettings) -> None:
        self.name = name
        self.asked = asked
        self.deployments = tuple(deployments)
        is_one = len(deployments) == 1 and deployments[0].id == asked
        self.key = asked if "*" in name or is_one else name
        self.has_order = any(each.order is not None for each in deployments)
        self.strategy: Strategy = STRATEGIES.get(settings.strategy, simple_shuffle)
        if self.strategy is simple_shuffle and not any(each.weight or each.rpm or each.tpm for each in deployments):
            self.strategy = uniform
        self.retries: dict[Fault, int] = {}  # of classes that a policy names
        for fault in Fault:
            named = named_retries(settings, asked, fault)
            if named is None:
                named = named_retries(settings, name, fault)
            if named is not None:
                self.retries[fault] = named
        self._held: tuple[Health, int, list[Member]] | None = None
        self.fallbacks = self._targets(settings.fallbacks, settings.default_fallbacks)
        self.context_window_fallbacks = self._targets(settings.context_window_fallbacks, ())
        self.content_policy_fallbacks = self._targets(settings.content_policy_fallbacks, ())

    def __repr__(self) -> str:
        asked = "" if self.asked == self.name else f" asked as {self.asked}"
        return f"<Group {self.name}{asked}: {', '.join(each.id for each in self.deployments)}>"

    def _targets(self, graph: Mapping[str, tuple[str, ...]], default: tuple[str, ...]) -> tuple[str, ...]:
        for name in (self.asked, self.name, ANY):
            if targets := graph.get(name):
                return targets
        return default

    def targets(self, fault: Fault | None) -> tuple[str, ...]:
        """Where it falls back to after `fault`; None: it could not be asked at all."""
        if fault is Fault.CONTEXT_WINDOW:
            return self.context_window_fallbacks
        if fault is Fault.CONTENT_POLICY:
            return self.content_policy_fallbacks
        return () if fault is Fault.BAD_REQUEST else self.fallbacks

    def members(self, health: Health) -> list[Member]:
        """Each deployment beside its state: kept, since a request would spend a third of its time on making them."""
        held = self._held
        if held is not None and held[0] is health and held[1] == health.forgotten_n:
            return held[2]
        members = [Member(each, health.of(each)) for each in self.deployments]
        self._held = (health, health.forgotten_n, members)
        return members

    def tagged(self, tags: Sequence[str], *, match_any: bool) -> tuple[Deployment, ...]:
        """Those that may serve a request with these tags: LiteLLM's tag routing. Without tags, or when nobody has
        them, those tagged `default`; without tags and such a default all; else none."""
        if tags:
            wanted = set(tags)
            for each in self.deployments:
                if (match_any and wanted.intersection(each.tags)) or (not match_any and wanted.issubset(each.tags)):
                    break
            else:
                return tuple(each for each in self.deployments if DEFAULT_TAG in each.tags)
            if match_any:
                return tuple(each for each in self.deployments if wanted.intersection(each.tags))
            return tuple(each for each in self.deployments if wanted.issubset(each.tags))
        return tuple(each for each in self.deployments if DEFAULT_TAG in each.tags) or self.deployments


def by_order(group: Group, members: Sequence[Member]) -> Sequence[Member]:
    """Only those of the lowest `order` among them."""
    return lowest_order(members) if group.has_order and len(members) > 1 else members
