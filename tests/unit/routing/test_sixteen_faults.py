"""The sixteen faults of a primary route, each as the sequence of steps it must lead to.

Baseline for all: 2 retries, 30 s, one fallback route. `p` is the primary, `f` the fallback. A script is a list of
(fault or failure, seconds until it is known); the first step is always `p`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.dialects.failure import Failure, Fault
from tests.unit.routing.builders import Walk, deployment, failure, routes

LIMIT = failure(Fault.RATE_LIMIT, retry_after_s=2.0)


@dataclass(frozen=True, kw_only=True)
class Case:
    what: str
    script: list[tuple[Fault | Failure, float]]
    steps: list[str]
    within_s: float
    stream: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


CASES = [
    Case(what="1 429 with Retry-After: 2", script=[(LIMIT, 0.1)], steps=["p+2.12"], within_s=2.5),
    Case(
        what="2 429 for ever",
        script=[(Fault.RATE_LIMIT, 0.1)] * 3,
        steps=["p+0.25", "p+0.50", "f"],
        within_s=2.0,
    ),
    Case(what="3 500 once", script=[(Fault.SERVER, 0.1)], steps=["p+0.25"], within_s=1.0),
    Case(what="4 503 for ever", script=[(Fault.OVERLOADED, 0.1)] * 3, steps=["p+0.25", "p+0.50", "f"], within_s=2.0),
    Case(
        what="4 503 for ever, each after 9 s",
        script=[(Fault.OVERLOADED, 9.0)] * 3,
        steps=["p+0.25", "p+0.50", "f"],
        within_s=30.0,
    ),
    Case(what="5 reset before the head", script=[(Fault.RESET, 0.1)], steps=["p+0.25"], within_s=1.0),
    Case(what="6 never answers", script=[(Fault.SILENT, 20.0)], steps=["f"], within_s=20.1),
    Case(what="6 never answers, a stream", script=[(Fault.SILENT, 20.0)], steps=["f"], within_s=20.1, stream=True),
    Case(
        what="7 head at once, first token late",
        script=[(Fault.SILENT, 5.0)],
        steps=["f"],
        within_s=5.1,
        stream=True,
        settings={"ttft_s": 5.0},
    ),
    Case(what="8 cut after 40 of 60", script=[(Fault.CUT, 1.0)], steps=["give up cut"], within_s=1.1, stream=True),
    Case(
        what="8 cut, with rescue",
        script=[(Fault.CUT, 1.0)],
        steps=["f!"],
        within_s=1.1,
        stream=True,
        settings={"rescue": True},
    ),
    Case(what="8 cut, unary: nobody saw it", script=[(Fault.CUT, 1.0)], steps=["p+0.25"], within_s=1.5),
    Case(what="9 stall", script=[(Fault.STALL, 10.0)], steps=["give up stall"], within_s=10.1, stream=True),
    Case(
        what="9 stall, with rescue",
        script=[(Fault.STALL, 10.0)],
        steps=["f!"],
        within_s=10.1,
        stream=True,
        settings={"rescue": True},
    ),
    Case(what="10 a malformed answer", script=[(Fault.SERVER, 0.1)], steps=["p+0.25"], within_s=1.0),
    Case(what="11 no [DONE] is a success", script=[], steps=[], within_s=0.1, stream=True),
    Case(what="12 context length", script=[(Fault.CONTEXT_WINDOW, 0.1)], steps=["give up 400"], within_s=0.2),
    Case(
        what="12 context length, fallback configured",
        script=[(Fault.CONTEXT_WINDOW, 0.1)],
        steps=["long"],
        within_s=0.2,
        settings={"context_window_fallbacks": {"main": ("longer",)}},
    ),
    Case(what="13 content filter", script=[(Fault.CONTENT_POLICY, 0.1)], steps=["give up 400"], within_s=0.2),
    Case(
        what="13 content filter, fallback configured",
        script=[(Fault.CONTENT_POLICY, 0.1)],
        steps=["long"],
        within_s=0.2,
        settings={"content_policy_fallbacks": {"main": ("longer",)}},
    ),
    Case(
        what="14 cut, and the fallback rejects",
        script=[(Fault.CUT, 1.0), (Fault.BAD_REQUEST, 0.1)],
        steps=["f!", "give up cut"],
        within_s=1.2,
        stream=True,
        settings={"rescue": True},
    ),
    Case(
        what="16 503, then the fallback answers",
        script=[(Fault.OVERLOADED, 0.1)],
        steps=["f"],
        within_s=0.2,
        settings={"num_retries": 0},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_fault(case: Case) -> None:
    settings: dict[str, Any] = {"timeout_s": 30.0, "fallbacks": {"main": ("spare",)}, **case.settings}
    compiled = routes(deployment("p"), deployment("f", "spare"), deployment("long", "longer"), **settings)
    walk = Walk(compiled, stream=case.stream)
    assert walk.step() == "p"
    for (fault, took_s), expected in zip(case.script, case.steps, strict=True):
        assert walk.fail(fault, took_s) == expected
    assert walk.elapsed_s <= case.within_s
    if walk.trial is not None:
        walk.win()
        assert walk.journey.attempts[-1].deployment == walk.trial.deployment.id  # 16: who served is known
    assert walk.in_flight_n == 0


def test_6_a_silent_unary_route_leaves_time_for_the_fallback() -> None:
    compiled = routes(deployment("p"), deployment("f", "spare"), timeout_s=30.0, fallbacks={"main": ("spare",)})
    walk = Walk(compiled)
    walk.step()
    assert walk.trial is not None
    assert walk.trial.clocks.total_s == pytest.approx(20.0)
    assert walk.fail(Fault.SILENT, 20.0) == "f"
    assert walk.trial.clocks.total_s == pytest.approx(10.0)


def test_15_the_circuit_opens_is_probed_and_closes_again() -> None:
    compiled = routes(deployment("p"), deployment("f", "spare"), fallbacks={"main": ("spare",)})
    walk = Walk(compiled)
    health = walk.health

    def request(now_s: float, *, is_down: bool) -> str:
        one = Walk(compiled, health=health, now_s=now_s)
        way = one.step()
        while one.trial is not None:
            if is_down and one.trial.deployment.id == "p":
                way = f"{way} {one.fail(Fault.OVERLOADED)}"
            else:
                one.win()
                break
        return way

    down = [request(1000.0 + second, is_down=True) for second in range(60)]
    assert down[0] == "p p+0.25 p+0.50 f"
    assert down[1] == "p f"  # the fourth failure in a row opens the circuit
    assert down[2:6] == ["f"] * 4
    assert down[6] == "p f"  # five seconds later: the probe, and no retry of it
    assert sum("p" in each for each in down) <= 14
    up = [request(1060.0 + second, is_down=False) for second in range(8)]
    assert up[-1] == "p"
    assert health.cooling() == set()
