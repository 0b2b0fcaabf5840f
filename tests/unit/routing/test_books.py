"""Whatever happens in whatever order: attempts in flight come back to 0, and no request goes on for ever."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.config.models import Deployment
from penstock.dialects.failure import Fault
from penstock.routing.choose import STRATEGIES
from penstock.routing.health import Health
from penstock.routing.journey import GiveUp, Journey, Try
from tests.unit.routing.builders import deployment, failure, routes

DEPLOYMENTS = (
    deployment("a", order=1, max_parallel=3),
    deployment("b", weight=2.0, rpm=20),
    deployment("c", tpm=500),
    deployment("d", "spare"),
    deployment("e", "spare", num_retries=5),
    deployment("w", "w/*", model="*"),
)
ROUTES = [
    routes(
        *DEPLOYMENTS,
        strategy=strategy,
        fallbacks={"main": ("spare", "w/x"), "spare": ("main", "w/y"), "w/*": ("main",)},
        context_window_fallbacks={"main": ("w/long",)},
        hedge=True,
        rescue=rescue,
        timeout_s=40.0,
    )
    for strategy in STRATEGIES
    for rescue in (True, False)
]
ACTS = st.tuples(
    st.sampled_from(["step", "fail", "fail", "win", "drop", "hedge", "again", "other"]),
    st.sampled_from(list(Fault)),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 20),
    st.none() | st.floats(0, 100),
    st.none() | st.booleans(),
)


def act(journey: Journey, trials: list[Deployment], what: tuple[Any, ...], now_s: float) -> None:
    kind, fault, roll, _, retry_after_s, should_retry = what
    at = trials[int(roll * len(trials))] if trials and kind == "other" else None
    if kind == "step":
        step = journey.step(now_s, roll)
        if isinstance(step, Try):
            trials.append(step.deployment)
            assert step.wait_s >= 0
            assert step.is_rescue or now_s + step.wait_s < journey.ends_s
            assert all(each is None or each > 0 for each in step.clocks.as_tuple)
    elif kind in ("fail", "other"):
        told = failure(fault, retry_after_s=retry_after_s, should_retry=should_retry)
        journey.failed(told, now_s, deployment=at)
    elif kind == "win":
        journey.succeeded(now_s, ttft_s=roll, tokens_n=100)
    elif kind == "hedge":
        trial = journey.hedge(now_s, roll)
        if trial is not None:
            trials.append(trial.deployment)
    elif trials:
        journey.dropped(trials[int(roll * len(trials))])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.sampled_from(ROUTES),
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.lists(ACTS, max_size=25)), min_size=1, max_size=4),
)
def test_in_flight_comes_back_to_nothing(compiled: Any, calls: list[tuple[bool, int, list[Any]]]) -> None:
    health = Health(compiled.settings)
    for each in DEPLOYMENTS[:3]:
        for _ in range(10):
            health.of(each).ttfts.add(0.5, 999.0)
    now_s = 1000.0
    journeys = []
    for stream, sdk_retries_n, acts in calls:
        journey = compiled.journey("main", health, stream=stream, now_s=now_s, sdk_retries_n=sdk_retries_n)
        journeys.append(journey)
        trials: list[Deployment] = []
        for what in acts:
            act(journey, trials, what, now_s)
            now_s += what[3]
        flying = sum(each["in_flight"] for each in health.snapshot().values())
        assert flying == sum(len(each._flights) for each in journeys)
        assert len(journey.attempts) <= compiled.settings.max_attempts
    for journey in journeys:
        journey.close(now_s)
        journey.close(now_s)
    for each in DEPLOYMENTS:
        state = health.of(each)
        assert state.in_flight_n == 0
        assert not state.is_probed


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.sampled_from(ROUTES),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(list(Fault)), st.floats(0, 1), st.none() | st.floats(0, 100)), min_size=20),
)
def test_every_journey_ends_in_time(
    compiled: Any, stream: bool, faults: list[tuple[Fault, float, float | None]]
) -> None:
    health = Health(compiled.settings)
    now_s = 1000.0
    journey = compiled.journey("main", health, stream=stream, now_s=now_s)
    seen: list[Any] = []
    for fault, roll, retry_after_s in faults:
        step = journey.step(now_s, roll * 0.999)
        if isinstance(step, GiveUp):
            assert step.failure in seen or not seen
            assert journey.step(now_s, 0.0) is step
            break
        now_s += step.wait_s
        told = failure(fault, retry_after_s=retry_after_s)
        seen.append(told)
        journey.failed(told, now_s)
    else:
        raise AssertionError("it went on and on")
    assert len(journey.attempts) <= compiled.settings.max_attempts
    silent = [each.deployment for each in journey.attempts if each.fault is Fault.SILENT]
    for name in silent:
        later = [each for each in journey.attempts if each.deployment == name and each.group == "main"]
        assert sum(each.fault is Fault.SILENT for each in later) <= 1
