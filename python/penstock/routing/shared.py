"""Routing for calls of several threads: the same decisions, one at a time.

A gateway has one event loop, and its Health no lock. A Router in somebody's program is used from many loops and
threads; there every step of every journey holds the lock of their common Health, for microseconds and never while
anything is awaited. A fork makes the lock anew, so that a child never waits for a thread that it does not have.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection, Iterable
from threading import RLock
from typing import Any

from penstock.config.models import Deployment, RouterSettings
from penstock.dialects.failure import Failure
from penstock.routing.health import Health
from penstock.routing.journey import Journey
from penstock.routing.trial import GiveUp, Try

_shared: weakref.WeakSet[SharedHealth] = weakref.WeakSet()


class SharedHealth(Health):
    """A Health for several threads. Who reads or changes more than one thing holds `lock`."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self, settings: RouterSettings | None = None) -> None:
        super().__init__(settings)
        self.lock = RLock()
        _shared.add(self)

    def keep(self, ids: Collection[str]) -> None:
        with self.lock:
            super().keep(ids)

    def cooling(self, now_s: float | None = None) -> set[str]:
        with self.lock:
            return super().cooling(now_s)

    def snapshot(self, now_s: float | None = None, *, ids: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        with self.lock:
            return super().snapshot(now_s, ids=ids)


class SharedJourney(Journey):
    """A Journey over a SharedHealth; its own fields are still its task's alone."""

    __slots__ = ("_lock",)

    def __init__(self, routes: Any, group: Any, health: Health, **options: Any) -> None:
        assert isinstance(health, SharedHealth)
        self._lock = health.lock
        with self._lock:
            super().__init__(routes, group, health, **options)

    def step(self, now_s: float, roll: float) -> Try | GiveUp:
        with self._lock:
            return super().step(now_s, roll)

    def failed(
        self, failure: Failure, now_s: float, *, deployment: Deployment | None = None, begun: bool | None = None
    ) -> bool:
        with self._lock:
            return super().failed(failure, now_s, deployment=deployment, begun=begun)

    def succeeded(
        self, now_s: float, *, ttft_s: float | None, tokens_n: int, deployment: Deployment | None = None
    ) -> None:
        with self._lock:
            super().succeeded(now_s, ttft_s=ttft_s, tokens_n=tokens_n, deployment=deployment)

    def dropped(self, deployment: Deployment, now_s: float | None = None) -> None:
        with self._lock:
            super().dropped(deployment, now_s)

    def close(self, now_s: float | None = None) -> None:
        with self._lock:
            super().close(now_s)

    def hedge_after_s(self, now_s: float) -> float | None:
        with self._lock:
            return super().hedge_after_s(now_s)

    def hedge(self, now_s: float, roll: float) -> Try | None:
        with self._lock:
            return super().hedge(now_s, roll)


def _after_fork() -> None:
    for health in list(_shared):
        health.lock = RLock()


os.register_at_fork(after_in_child=_after_fork)
