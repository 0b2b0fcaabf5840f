"""What is remembered of a deployment: the circuit above all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.config.models import Deployment, RetryPolicy, RouterSettings
from penstock.dialects.failure import Failure, Fault
from penstock.routing.health import STATES_N, Health, is_ready, ready_after_s
from tests.unit.routing.builders import deployment, failure

A = deployment("a")


class Ward:
    """One deployment under observation."""

    def __init__(self, one: Deployment = A, *, is_alone: bool = False, **settings: Any) -> None:
        self.one = one
        self.health = Health(RouterSettings(**settings))
        self.state = self.health.of(one)
        self.is_alone = is_alone
        self.now_s = 1000.0
        self.openings_n = 0

    def attempt(self, how: Fault | Failure | None = None, *, tokens_n: int = 0) -> None:
        """One attempt, sent and ended now; None = a success."""
        is_probe = self.health.begin(self.state, self.now_s)
        if how is None:
            self.health.succeeded(self.state, self.now_s, is_probe=is_probe, took_s=0.5, ttft_s=None, tokens_n=tokens_n)
        else:
            told = how if isinstance(how, Failure) else failure(how)
            self.openings_n += self.health.failed(
                self.state, told, self.now_s, is_probe=is_probe, is_alone=self.is_alone, took_s=0.5
            )

    @property
    def is_ready(self) -> bool:
        return is_ready(self.one, self.state, self.now_s)


@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT, Fault.AUTHENTICATION, Fault.NOT_FOUND])
def test_some_open_at_once_when_others_can_take_over(fault: Fault) -> None:
    ward = Ward()
    ward.attempt(fault)
    assert not ward.is_ready
    alone = Ward(is_alone=True)
    alone.attempt(fault)
    assert alone.is_ready


@pytest.mark.parametrize("fault", [Fault.OVERLOADED, Fault.SERVER, Fault.CONNECT, Fault.RESET, Fault.SILENT, Fault.CUT])
def test_others_after_more_than_allowed(fault: Fault) -> None:
    ward = Ward(allowed_fails=3)
    for _ in range(3):
        ward.attempt(fault)
        assert ward.is_ready
    ward.attempt(fault)
    assert not ward.is_ready
    assert ready_after_s(ward.one, ward.state, ward.now_s) == 5.0


def test_each_opening_is_told_once() -> None:
    ward = Ward(allowed_fails=1)
    for _ in range(4):  # the last two were on their way when it opened
        ward.attempt(Fault.SERVER)
    assert ward.openings_n == 1
    ward.now_s += 6.0
    ward.attempt(Fault.SERVER)  # the probe
    assert ward.openings_n == 2


@pytest.mark.parametrize("fault", [Fault.BAD_REQUEST, Fault.CONTEXT_WINDOW, Fault.CONTENT_POLICY, Fault.CANCELLED])
def test_what_is_not_its_fault_does_not_count(fault: Fault) -> None:
    ward = Ward(allowed_fails=0)
    ward.attempt(fault)
    assert ward.is_ready
    assert ward.health.snapshot()["a"]["failures_minute"] == 0


def test_a_few_failures_among_many_successes_do_not_open_it() -> None:
    ward = Ward(allowed_fails=3)
    for at in range(500):
        ward.attempt(Fault.SERVER if at % 20 == 0 else None)
    assert ward.state.failures.sum(ward.now_s) == 25
    assert ward.is_ready
    ward.now_s += 61.0
    for at in range(6):
        assert ward.is_ready
        ward.attempt(None if at % 2 else Fault.SERVER)
    ward.attempt(Fault.SERVER)
    assert not ward.is_ready  # half of them


def test_a_policy_for_the_class_is_counted_strictly() -> None:
    ward = Ward(allowed_fails=100, allowed_fails_policy=RetryPolicy(timeout=1))
    for at in range(100):
        ward.attempt(Fault.SILENT if at == 50 else None)
    ward.attempt(Fault.OVERLOADED)
    assert ward.is_ready
    ward.attempt(Fault.SILENT)
    assert not ward.is_ready


def test_failures_are_forgotten_after_a_minute() -> None:
    ward = Ward(allowed_fails=1, allowed_fails_policy=RetryPolicy(internal_server=1))
    for _ in range(5):
        ward.attempt(Fault.SERVER)
        ward.now_s += 61.0
    assert ward.is_ready


def test_half_open_lets_one_probe_through() -> None:
    ward = Ward()
    ward.attempt(Fault.RATE_LIMIT)
    ward.now_s += 5.0
    assert ward.is_ready
    assert ward.health.begin(ward.state, ward.now_s)
    assert not ward.is_ready
    ward.health.dropped(ward.state, is_probe=True)  # says nothing: the next may probe
    assert ward.is_ready
    assert ward.health.cooling(None) == {"a"}
    assert ward.health.cooling(ward.now_s) == set()
    ward.attempt(Fault.SERVER)  # the probe fails: open again at once
    assert not ward.is_ready
    ward.now_s += 5.0
    ward.attempt()
    assert ward.is_ready
    assert ward.state.open_until_s is None


def test_a_success_that_was_on_its_way_does_not_close_it() -> None:
    ward = Ward()
    assert ward.health.begin(ward.state, ward.now_s) is False
    ward.attempt(Fault.RATE_LIMIT)
    ward.health.succeeded(ward.state, ward.now_s + 1, is_probe=False, took_s=1.0, ttft_s=None, tokens_n=0)
    assert not is_ready(ward.one, ward.state, ward.now_s + 1)


@pytest.mark.parametrize(
    ("retry_after_s", "expected_s"), [(None, 5.0), (2.0, 2.0), (30.0, 30.0), (3600.0, 60.0), (0.0, 0.05)]
)
def test_retry_after_is_the_cooldown(retry_after_s: float | None, expected_s: float) -> None:
    ward = Ward()
    ward.attempt(failure(Fault.RATE_LIMIT, retry_after_s=retry_after_s))
    assert ready_after_s(ward.one, ward.state, ward.now_s) == pytest.approx(expected_s)


@pytest.mark.parametrize("settings", [{"disable_cooldowns": True}, {"cooldown_s": 0.0}])
def test_cooldowns_can_be_off(settings: dict[str, Any]) -> None:
    ward = Ward(**settings)
    for _ in range(10):
        ward.attempt(Fault.RATE_LIMIT)
    assert ward.is_ready


def test_limits_of_the_deployment() -> None:
    ward = Ward(deployment("a", rpm=2))
    ward.attempt()
    assert ward.is_ready
    ward.attempt()
    assert not ward.is_ready
    ward.now_s += ready_after_s(ward.one, ward.state, ward.now_s)
    assert ward.is_ready
    ward = Ward(deployment("a", tpm=100))
    ward.attempt(tokens_n=99)
    assert ward.is_ready
    ward.attempt(tokens_n=1)
    assert not ward.is_ready
    ward = Ward(deployment("a", max_parallel=1))
    ward.health.begin(ward.state, ward.now_s)
    assert not ward.is_ready
    ward.health.dropped(ward.state, is_probe=False)
    assert ward.is_ready


def test_memory_is_bounded_and_what_runs_is_kept() -> None:
    health = Health()
    busy = health.of(deployment("busy"))
    health.begin(busy, 0.0)
    for at in range(2 * STATES_N):
        health.of(deployment(f"d{at}"))
    assert len(health.snapshot()) <= STATES_N
    assert health.of(deployment("busy")) is busy
    health.keep({"d1"})
    assert set(health.snapshot()) <= {"busy", "d1"}


def test_it_shows_its_state() -> None:
    ward = Ward()
    assert repr(ward.state) == "<State closed, 0 in flight, 0 failed in a row>"
    ward.attempt(Fault.RATE_LIMIT)
    assert repr(ward.state) == "<State open until 1005.0, 0 in flight, 1 failed in a row>"
    assert repr(ward.health) == "<Health 1 deployments, 0 in flight, cooling ['a']>"
    shown = ward.health.snapshot(1002.0)["a"]
    assert json.loads(json.dumps(shown)) == {
        "circuit": "open",
        "cooling_s": 3.0,
        "in_flight": 0,
        "failures_minute": 1,
        "failures_in_a_row": 1,
        "requests_minute": 1,
        "tokens_minute": 0,
        "latency_s": None,
        "ttft_s": None,
        "last_fault": "rate_limit",
        "last_status": 429,
    }
    assert ward.health.snapshot(1006.0)["a"]["circuit"] == "half-open"
