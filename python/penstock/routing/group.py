"""One model as callers name it, compiled: who can serve it, and everything that the settings say about it.

Made by Routes, shared by all journeys, never changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.config.models import Deployment, RouterSettings
from penstock.dialects.failure import Fault
from penstock.routing.choose import STRATEGIES, Member, Strategy, lowest_order, simple_shuffle
from penstock.routing.health import Health
from penstock.routing.policy import named_retries

DEFAULT_TAG = "default"


class Group:
    """Deployments that stand for one another.

    name    model_name of the rows: what keys, fallbacks and metrics speak of; the pattern for a wildcard
    asked   what the caller wrote: an alias, a name that fits the pattern, or the name
    """

    __slots__ = (
        "asked",
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "deployments",
        "fallbacks",
        "has_order",
        "name",
        "retries",
        "strategy",
    )

    def __init__(self, name: str, asked: str, deployments: Sequence[Deployment], settings: RouterSettings) -> None:
        self.name = name
        self.asked = asked
        self.deployments = tuple(deployments)
        self.has_order = any(each.order is not None for each in deployments)
        self.strategy: Strategy = STRATEGIES.get(settings.strategy, simple_shuffle)
        self.retries: dict[Fault, int] = {}  # of classes that a policy names
        for fault in Fault:
            named = named_retries(settings, asked, fault)
            if named is None:
                named = named_retries(settings, name, fault)
            if named is not None:
                self.retries[fault] = named
        self.fallbacks = self._targets(settings.fallbacks, settings.default_fallbacks)
        self.context_window_fallbacks = self._targets(settings.context_window_fallbacks, ())
        self.content_policy_fallbacks = self._targets(settings.content_policy_fallbacks, ())

    def __repr__(self) -> str:
        asked = "" if self.asked == self.name else f" asked as {self.asked}"
        return f"<Group {self.name}{asked}: {', '.join(each.id for each in self.deployments)}>"

    def _targets(self, graph: object, default: tuple[str, ...]) -> tuple[str, ...]:
        assert hasattr(graph, "get")
        for name in (self.asked, self.name, "*"):
            targets: tuple[str, ...] | None = graph.get(name)
            if targets:
                return targets
        return default

    def members(self, health: Health) -> list[Member]:
        """Each deployment beside its state."""
        of = health.of
        return [Member(each, of(each)) for each in self.deployments]

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
