"""What only streams have: rescue after the caller has seen a part, and hedging before."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.dialects.failure import Fault
from penstock.routing.health import Health
from tests.unit.routing.builders import Walk, deployment, failure, routes

P, Q, F = deployment("p"), deployment("q"), deployment("f", "spare")
RESCUE: dict[str, Any] = {"rescue": True, "fallbacks": {"main": ("spare",)}}


# -- rescue --


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STALL, Fault.IN_STREAM])
def test_a_rescue_goes_elsewhere_at_once(fault: Fault) -> None:
    walk = Walk(routes(P, F, **RESCUE), stream=True)
    assert walk.step() == "p"
    assert walk.fail(fault, 3.0) == "f!"
    assert walk.trial is not None
    assert walk.trial.is_rescue
    assert walk.journey.attempts[-1].is_rescue
    walk.win()
    assert walk.in_flight_n == 0


def test_another_deployment_of_the_group_rescues_before_a_fallback() -> None:
    walk = Walk(routes(P, Q, F, **RESCUE), stream=True)
    assert walk.step() == "q"
    assert walk.fail(Fault.CUT) == "p!"
    assert walk.fail(Fault.OVERLOADED) == "f!"
    assert walk.fail(Fault.OVERLOADED) == "give up cut"


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STALL, Fault.IN_STREAM])
def test_without_rescue_the_caller_is_told(fault: Fault) -> None:
    walk = Walk(routes(P, Q, F, fallbacks={"main": ("spare",)}), stream=True)
    walk.step()
    assert walk.fail(fault) == f"give up {fault.value}"
    assert walk.journey.should_retry_header == "false"


def test_the_gateway_knows_better_whether_the_caller_has_seen_something() -> None:
    walk = Walk(routes(P, F, fallbacks={"main": ("spare",)}), stream=True)
    walk.step()
    assert walk.fail(Fault.IN_STREAM, begun=False) == "p+0.25"
    assert walk.fail(Fault.OVERLOADED, begun=True) == "give up 503"
    whole = Walk(routes(P, F, fallbacks={"main": ("spare",)}))
    whole.step()
    assert whole.fail(Fault.IN_STREAM) == "p+0.25"  # of a unary answer nobody has seen anything


def test_a_rescue_comes_after_the_time_to_begin_is_over() -> None:
    walk = Walk(routes(P, F, timeout_s=30.0, **RESCUE), stream=True)
    walk.step()
    assert walk.fail(Fault.STALL, 400.0) == "f!"
    assert walk.trial is not None
    assert walk.trial.clocks.head_s == pytest.approx(30.0)


@pytest.mark.parametrize("fault", [Fault.BAD_REQUEST, Fault.OVERLOADED, Fault.CUT])
def test_a_failed_rescue_does_not_mask_what_broke_the_stream(fault: Fault) -> None:
    walk = Walk(routes(P, F, **RESCUE), stream=True)
    walk.step()
    assert walk.fail(Fault.STALL, begun=True) == "f!"
    assert walk.fail(fault, begun=True) == "give up stall"


def test_the_caller_who_left_is_not_rescued() -> None:
    walk = Walk(routes(P, F, **RESCUE), stream=True)
    walk.step()
    walk.fail(Fault.CUT)
    assert walk.fail(Fault.CANCELLED) == "give up cut"


# -- hedging --


def hedged(*deployments: Any, samples_n: int = 40, requests_n: int = 100, **settings: Any) -> Walk:
    compiled = routes(*deployments, hedge=True, **settings)
    health = Health(compiled.settings)
    for at in range(samples_n):
        health.of(deployments[at % len(deployments)]).ttfts.add(0.1 * (at + 1), 999.0)
    health.of(deployments[0]).requests.add(requests_n, 999.0)
    walk = Walk(compiled, health=health, stream=True)
    walk.step()
    return walk


def test_late_is_later_than_most_were() -> None:
    walk = hedged(P, Q)
    assert walk.journey.hedge_after_s(walk.now_s) == pytest.approx(3.8)  # the 95th of a hundred: 38th of 40
    walk = hedged(P, Q, hedge_percentile=0.5)
    assert walk.journey.hedge_after_s(walk.now_s) == pytest.approx(2.0)
    walk = hedged(P, Q, hedge_percentile=0.01)
    assert walk.journey.hedge_after_s(walk.now_s) == 0.5  # hedge_least_s


def test_the_first_token_wins_and_the_loser_is_dropped() -> None:
    walk = hedged(P, Q)
    first = walk.trial
    second = walk.journey.hedge(walk.now_s + 3.8, 0.5)
    assert first is not None and second is not None
    assert second.is_hedge and second.deployment is not first.deployment
    assert walk.in_flight_n == 2
    assert walk.journey.hedge_after_s(walk.now_s) is None  # one hedge beside one attempt
    assert walk.journey.hedge(walk.now_s, 0.5) is None
    walk.journey.dropped(first.deployment)
    walk.journey.succeeded(walk.now_s + 4, ttft_s=0.2, tokens_n=5)
    assert walk.in_flight_n == 0
    assert [(one.fault, one.is_hedge) for one in walk.journey.attempts] == [(Fault.CANCELLED, False), (None, True)]
    assert walk.health.snapshot()[first.deployment.id]["failures_minute"] == 0


def test_losers_are_remembered_as_late() -> None:
    walk = hedged(P, Q)
    first = walk.trial
    assert first is not None
    walk.journey.hedge(walk.now_s + 3.8, 0.5)
    before = len(walk.health.of(first.deployment).ttfts.values(0.0))
    walk.journey.dropped(first.deployment, walk.now_s + 4.0)
    assert walk.health.of(first.deployment).ttfts.values(0.0)[before:] == [4.0]


def test_silence_is_no_measure_of_when_to_hedge() -> None:
    walk = hedged(P, Q)
    due_s = walk.journey.hedge_after_s(walk.now_s)
    for _ in range(10):
        one = Walk(walk.journey._routes, health=walk.health, stream=True)
        one.step()
        one.journey.failed(failure(Fault.SILENT), one.now_s + 60.0)
    assert walk.journey.hedge_after_s(walk.now_s) == due_s


def test_one_of_two_fails_and_the_other_goes_on() -> None:
    walk = hedged(P, Q)
    first = walk.trial
    assert first is not None
    second = walk.journey.hedge(walk.now_s, 0.5)
    assert second is not None
    walk.journey.failed(failure(Fault.OVERLOADED), walk.now_s, deployment=first.deployment)
    assert walk.in_flight_n == 1
    walk.journey.succeeded(walk.now_s, ttft_s=1.0, tokens_n=5, deployment=second.deployment)
    assert walk.in_flight_n == 0


@pytest.mark.parametrize(
    "walk",
    [
        hedged(P, Q, samples_n=19),
        hedged(P),
        hedged(P, Q, max_attempts=1),
    ],
    ids=["too few samples", "one deployment", "no attempt left"],
)
def test_no_hedge(walk: Walk) -> None:
    assert walk.journey.hedge_after_s(walk.now_s) is None
    assert walk.journey.hedge(walk.now_s, 0.5) is None


def test_no_hedge_unless_asked_for_nor_for_what_is_no_stream() -> None:
    walk = Walk(routes(P, Q), stream=True)
    walk.step()
    assert walk.journey.hedge_after_s(walk.now_s) is None
    compiled = routes(P, Q, hedge=True)
    whole = Walk(compiled)
    whole.step()
    assert whole.journey.hedge_after_s(whole.now_s) is None


def test_hedges_are_a_tenth_of_the_requests_at_most() -> None:
    walk = hedged(P, Q, requests_n=50)
    hedges_n = 0
    for _ in range(50):
        one = Walk(walk.journey._routes, health=walk.health, stream=True)
        one.step()
        hedges_n += one.journey.hedge(one.now_s, 0.5) is not None
        one.journey.close()
    assert 5 <= hedges_n <= 17


def test_a_hedge_needs_somebody_who_is_ready() -> None:
    walk = hedged(deployment("p", max_parallel=1), deployment("q", max_parallel=1))
    other = Walk(walk.journey._routes, health=walk.health, stream=True)
    other.step()
    assert walk.journey.hedge_after_s(walk.now_s) is not None
    assert walk.journey.hedge(walk.now_s, 0.5) is None
