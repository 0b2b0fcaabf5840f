"""decide(): what follows a failure, question by question."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.config.models import RetryPolicy, RouterSettings
from penstock.dialects.failure import Failure, Fault
from penstock.routing.policy import CLASSES, Move, backoff_s, decide, named_retries, wait_of
from tests.unit.routing.builders import failure

DEFAULTS: dict[str, Any] = {
    "retries_left_n": 2,
    "is_named": False,
    "has_other": False,
    "has_again": True,
    "again_n": 0,
    "room_s": 100.0,
    "roll": 0.5,
}
PASSING = (Fault.RATE_LIMIT, Fault.OVERLOADED, Fault.SERVER, Fault.CONNECT, Fault.RESET)
STUBBORN = (Fault.SILENT, Fault.AUTHENTICATION, Fault.NOT_FOUND)
CALLERS = (Fault.BAD_REQUEST, Fault.CONTEXT_WINDOW, Fault.CONTENT_POLICY)


def moved(what: Failure | Fault, settings: RouterSettings | None = None, **changed: Any) -> Move:
    told = what if isinstance(what, Failure) else failure(what)
    return decide(told, settings or RouterSettings(), **{**DEFAULTS, **changed}).move


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_tried_again_elsewhere_first(fault: Fault) -> None:
    assert moved(fault) is Move.AGAIN
    assert moved(fault, has_other=True) is Move.OTHER
    assert moved(fault, retries_left_n=0, has_other=True) is Move.FALLBACK
    assert moved(fault, has_again=False) is Move.FALLBACK


@pytest.mark.parametrize("fault", STUBBORN)
def test_what_will_not_pass_never_goes_to_the_same_route(fault: Fault) -> None:
    assert moved(fault) is Move.FALLBACK
    assert moved(fault, has_other=True) is Move.OTHER
    assert moved(fault, retries_left_n=0, has_other=True) is Move.FALLBACK


@pytest.mark.parametrize("fault", CALLERS)
def test_the_callers_fault_is_only_tried_again_when_somebody_says_so(fault: Fault) -> None:
    assert moved(fault, has_other=True) is Move.FALLBACK
    assert moved(fault, is_named=True) is Move.AGAIN
    assert moved(fault, is_named=True, retries_left_n=0) is Move.FALLBACK
    assert moved(failure(fault, should_retry=True)) is Move.AGAIN


@pytest.mark.parametrize("fault", [Fault.CANCELLED, Fault.BUDGET])
def test_some_end_it(fault: Fault) -> None:
    assert moved(fault, has_other=True) is Move.GIVE_UP


def test_every_fault_has_an_answer() -> None:
    for fault in Fault:
        assert moved(fault) in Move


def test_x_should_retry_is_honoured() -> None:
    assert moved(failure(Fault.SERVER, should_retry=False)) is Move.FALLBACK
    assert moved(failure(Fault.SERVER, should_retry=False), has_other=True) is Move.OTHER
    assert moved(failure(Fault.NOT_FOUND, should_retry=True)) is Move.AGAIN


@pytest.mark.parametrize(
    ("retry_after_s", "room_s", "expected"),
    [
        (2.0, 30.0, Move.AGAIN),
        (60.0, 100.0, Move.AGAIN),
        (60.1, 100.0, Move.FALLBACK),  # longer than retry_after_most_s
        (2.0, 2.0, Move.FALLBACK),  # no time left for an attempt after it
        (0.0, 30.0, Move.AGAIN),  # says nothing: back off
        (None, 0.2, Move.FALLBACK),  # the back-off itself does not fit
    ],
)
def test_waits_fit_or_are_not_made(retry_after_s: float | None, room_s: float, expected: Move) -> None:
    assert moved(failure(Fault.RATE_LIMIT, retry_after_s=retry_after_s), room_s=room_s) is expected


def test_back_off_doubles_with_full_jitter() -> None:
    assert [backoff_s(n, 1.0) for n in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert backoff_s(3, 0.0) == 0.0
    assert backoff_s(10_000, 0.5) == 4.0


def test_retry_after_is_never_undercut_and_spread_a_little() -> None:
    told = failure(Fault.RATE_LIMIT, retry_after_s=2.0)
    assert wait_of(told, RouterSettings(), again_n=0, roll=0.0) == 2.0
    assert wait_of(told, RouterSettings(), again_n=5, roll=0.999) == pytest.approx(2.25, abs=0.01)
    assert wait_of(told, RouterSettings(retry_after_s=7.0), again_n=0, roll=0.0) == 7.0
    assert wait_of(failure(Fault.SERVER), RouterSettings(retry_after_s=1.0), again_n=0, roll=0.0) == 1.0


def test_the_groups_policy_is_asked_before_the_general_one() -> None:
    settings = RouterSettings(
        retry_policy=RetryPolicy(timeout=1, rate_limit=4),
        group_retry_policy={"main": RetryPolicy(timeout=0)},
    )
    assert named_retries(settings, "main", Fault.SILENT) == 0
    assert named_retries(settings, "main", Fault.RATE_LIMIT) == 4
    assert named_retries(settings, "other", Fault.SILENT) == 1
    assert named_retries(settings, "other", Fault.CONNECT) is None
    assert set(CLASSES.values()) <= set(RetryPolicy.__dataclass_fields__)
