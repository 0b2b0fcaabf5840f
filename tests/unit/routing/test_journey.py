"""One request's way: retries, fallbacks, budgets, clocks, and what the caller is told at the end."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.config.models import RetryPolicy
from penstock.dialects.failure import Fault
from penstock.routing.health import Health
from penstock.routing.journey import GiveUp
from tests.unit.routing.builders import Walk, deployment, failure, routes

MAIN = deployment("p")
SPARE = deployment("f", "spare")
SPARED: dict[str, Any] = {"fallbacks": {"main": ("spare",)}}


def told(walk: Walk) -> str:
    step = walk.journey.step(walk.now_s, 0.5)
    assert isinstance(step, GiveUp)
    return f"{step.failure.status} {step.failure.message}"


# -- retries --


def test_another_deployment_of_the_group_is_asked_at_once() -> None:
    walk = Walk(routes(MAIN, deployment("q"), SPARE, **SPARED))
    assert walk.step() == "q"  # the roll is 0.5
    assert walk.fail(Fault.RATE_LIMIT) == "p"
    assert walk.fail(Fault.OVERLOADED) == "p+0.25"  # q cools down, so p once more
    assert walk.fail(Fault.OVERLOADED) == "f"
    assert (walk.journey.retries_n, walk.journey.fallbacks_n) == (2, 1)
    assert [each.deployment for each in walk.journey.attempts] == ["q", "p", "p", "f"]


def test_a_wrong_key_costs_one_attempt_and_cools_the_deployment() -> None:
    compiled = routes(MAIN, deployment("q"))
    walk = Walk(compiled)
    assert walk.step() == "q"
    assert walk.fail(Fault.AUTHENTICATION) == "p"
    assert walk.health.cooling() == {"q"}
    walk.win()
    assert Walk(compiled, health=walk.health).step() == "p"


def test_a_silent_route_is_never_asked_twice() -> None:
    walk = Walk(routes(MAIN, deployment("q"), num_retries=5))
    assert walk.step() == "q"
    assert walk.fail(Fault.SILENT) == "p"
    assert walk.fail(Fault.OVERLOADED) == "p+0.25"
    assert walk.fail(Fault.SILENT) == "give up 503"


def test_the_lowest_order_first_then_the_next() -> None:
    compiled = routes(deployment("c"), deployment("b", order=2), deployment("a", order=1), num_retries=3)
    walk = Walk(compiled)
    assert walk.step() == "a"
    assert walk.fail(Fault.SERVER) == "b"
    assert walk.fail(Fault.SERVER) == "c"
    assert walk.fail(Fault.SERVER) == "a+0.25"


@pytest.mark.parametrize(
    ("settings", "fault", "attempts_n"),
    [
        ({"num_retries": 0}, Fault.SERVER, 1),
        ({"num_retries": 4}, Fault.SERVER, 5),
        ({"retry_policy": RetryPolicy(internal_server=1)}, Fault.SERVER, 2),
        ({"retry_policy": RetryPolicy(internal_server=1)}, Fault.CONNECT, 3),
        ({"retry_policy": RetryPolicy(rate_limit=0)}, Fault.RATE_LIMIT, 1),
        ({"group_retry_policy": {"main": RetryPolicy(internal_server=3)}}, Fault.OVERLOADED, 4),
        ({"retry_policy": RetryPolicy(bad_request=1)}, Fault.BAD_REQUEST, 2),
        ({"num_retries": 50, "max_attempts": 4}, Fault.SERVER, 4),
        ({}, Fault.BAD_REQUEST, 1),
        ({}, Fault.CANCELLED, 1),
    ],
)
def test_how_often(settings: dict[str, Any], fault: Fault, attempts_n: int) -> None:
    walk = Walk(routes(MAIN, disable_cooldowns=True, **settings))
    walk.step()
    while walk.trial is not None:
        walk.fail(fault)
    assert len(walk.journey.attempts) == attempts_n


def test_a_deployments_own_number_of_retries() -> None:
    walk = Walk(routes(deployment("p", num_retries=0)))
    walk.step()
    assert walk.fail(Fault.SERVER) == "give up 500"


@pytest.mark.parametrize(("sdk_retries_n", "attempts_n"), [(0, 3), (1, 2), (2, 1), (9, 1)])
def test_what_the_sdk_has_tried_is_taken_off(sdk_retries_n: int, attempts_n: int) -> None:
    walk = Walk(routes(MAIN, disable_cooldowns=True), sdk_retries_n=sdk_retries_n)
    walk.step()
    while walk.trial is not None:
        walk.fail(Fault.SERVER)
    assert len(walk.journey.attempts) == attempts_n


def test_sdk_and_gateway_together_stay_within_the_budget() -> None:
    """Two retries of the SDK, each with a fallback here: 18 attempts without the discount, 12 with."""
    compiled = routes(MAIN, SPARE, disable_cooldowns=True, max_attempts=8, **SPARED)
    attempts_n = []
    for sdk_retries_n in range(3):
        walk = Walk(compiled, sdk_retries_n=sdk_retries_n)
        walk.step()
        while walk.trial is not None:
            walk.fail(Fault.SERVER)
        attempts_n.append(len(walk.journey.attempts))
    assert attempts_n == [6, 4, 2]


def test_a_provider_that_asks_for_a_retry_gets_it() -> None:
    walk = Walk(routes(MAIN))
    walk.step()
    assert walk.fail(failure(Fault.NOT_FOUND, should_retry=True)) == "p+0.25"
    assert walk.fail(failure(Fault.SERVER, should_retry=False)) == "give up 500"


# -- time --


def test_a_wait_that_does_not_fit_becomes_a_fallback() -> None:
    told = failure(Fault.RATE_LIMIT, retry_after_s=25.0)
    walk = Walk(routes(MAIN, SPARE, timeout_s=30.0, **SPARED))
    walk.step()
    assert walk.fail(told) == "f"  # 25 of 30 s would leave too little for anybody
    walk = Walk(routes(MAIN, timeout_s=30.0))
    walk.step()
    assert walk.fail(told) == "p+25.12"  # nowhere else to go: better late than never
    walk = Walk(routes(MAIN, timeout_s=20.0))
    walk.step()
    assert walk.fail(told) == "give up 429"
    assert walk.journey.should_retry_header == "true"


def test_no_attempt_begins_after_the_time() -> None:
    walk = Walk(routes(MAIN, SPARE, timeout_s=30.0, **SPARED))
    walk.step()
    assert walk.fail(Fault.OVERLOADED, 30.0) == "give up 503"
    late = Walk(routes(MAIN), deadline_s=999.0)
    assert late.step() == "give up 504"
    assert told(late) == "504 no time was left to ask for 'main'"


@pytest.mark.parametrize(
    ("fields", "how", "expected"),
    [
        # connect, head, ttft, idle, total
        ({}, {}, (10.0, 30.0, None, 300.0, 30.0)),
        ({"timeout_s": 5.0, "idle_s": 7.0}, {}, (5.0, 5.0, None, 7.0, 5.0)),
        ({"timeout_s": 50.0}, {}, (10.0, 30.0, None, 300.0, 30.0)),
        ({"timeout_s": 5.0, "ttft_s": 1.0}, {"stream": True}, (5.0, 5.0, 1.0, 300.0, None)),
        ({"stream_timeout_s": 4.0, "timeout_s": 5.0}, {"stream": True}, (4.0, 4.0, 2.0, 300.0, None)),
        ({}, {"deadline_s": 1003.0}, (3.0, 3.0, None, 300.0, 3.0)),
    ],
)
def test_clocks(fields: dict[str, Any], how: dict[str, Any], expected: tuple[float | None, ...]) -> None:
    walk = Walk(routes(deployment("p", **fields), timeout_s=30.0, ttft_s=2.0), **how)
    walk.step()
    assert walk.trial is not None
    clocks = walk.trial.clocks
    assert (clocks.connect_s, clocks.head_s, clocks.ttft_s, clocks.idle_s, clocks.total_s) == expected
    assert clocks.as_tuple == (clocks.connect_s, 60.0, min(60.0, expected[1] or 60.0), *expected[1:2], *expected[3:])


def test_a_stream_has_a_time_to_begin_and_a_limit_of_its_own() -> None:
    compiled = routes(MAIN, timeout_s=30.0, stream_timeout_s=8.0, max_stream_s=3600.0)
    walk = Walk(compiled, stream=True)
    walk.step()
    assert walk.trial is not None
    assert (walk.trial.clocks.head_s, walk.trial.clocks.total_s) == (8.0, 3600.0)


def test_the_clock_of_a_retry_is_what_is_left_after_the_wait() -> None:
    walk = Walk(routes(MAIN, timeout_s=30.0))
    walk.step()
    assert walk.fail(failure(Fault.RATE_LIMIT, retry_after_s=4.0), 6.0) == "p+4.12"
    assert walk.trial is not None
    assert walk.trial.clocks.total_s == pytest.approx(30.0 - 6.0 - 4.125)


# -- fallbacks --


def test_fallbacks_in_order_then_those_of_the_fallback() -> None:
    compiled = routes(
        MAIN,
        *(deployment(name, name) for name in "abcd"),
        num_retries=0,
        fallbacks={"main": ("a", "gone", "b"), "a": ("c", "main"), "c": ("d",)},
    )
    walk = Walk(compiled)
    assert walk.step() == "p"
    assert [walk.fail(Fault.SERVER) for _ in range(5)] == ["a", "c", "d", "b", "give up 500"]


def test_a_circle_of_fallbacks_is_walked_once() -> None:
    compiled = routes(
        MAIN,
        SPARE,
        aliases={"alias": "main"},
        num_retries=0,
        fallbacks={"main": ("spare",), "spare": ("alias", "main")},
    )
    walk = Walk(compiled)
    assert walk.step() == "p"
    assert [walk.fail(Fault.SERVER) for _ in range(2)] == ["f", "give up 500"]


def test_most_fallbacks() -> None:
    names = [f"g{at}" for at in range(9)]
    compiled = routes(
        MAIN,
        *(deployment(name, name) for name in names),
        num_retries=0,
        fallbacks={"main": tuple(names)},
        max_fallbacks=3,
    )
    walk = Walk(compiled)
    walk.step()
    while walk.trial is not None:
        walk.fail(Fault.SERVER)
    assert (walk.journey.fallbacks_n, walk.journey.max_fallbacks) == (3, 3)


def test_other_names_of_one_pattern_are_other_models() -> None:
    compiled = routes(
        deployment("w", "openai/*", model="*"), num_retries=0, fallbacks={"openai/big": ("openai/small",)}
    )
    walk = Walk(compiled, "openai/big")
    assert walk.step() == "w"
    assert walk.trial is not None
    assert walk.trial.deployment.model == "big"
    assert walk.fail(Fault.SERVER) == "w"
    assert walk.trial.deployment.model == "small"


def test_a_fallback_whose_request_is_bad_passes_on_to_the_next_one() -> None:
    compiled = routes(
        MAIN, SPARE, deployment("g", "third"), num_retries=0, fallbacks={"main": ("spare", "third"), "spare": ("main",)}
    )
    walk = Walk(compiled)
    walk.step()
    assert walk.fail(Fault.OVERLOADED) == "f"
    assert walk.fail(Fault.BAD_REQUEST) == "g"


def test_fallbacks_of_the_context_window_alone() -> None:
    compiled = routes(MAIN, SPARE, deployment("l", "long"), context_window_fallbacks={"main": ("long",)}, **SPARED)
    walk = Walk(compiled)
    walk.step()
    assert walk.fail(Fault.CONTEXT_WINDOW) == "l"
    assert walk.fail(Fault.CONTEXT_WINDOW) == "give up 400"


# -- cooling down --


def cooled(*names: str, now_s: float = 1000.0, **settings: Any) -> tuple[Health, Any]:
    compiled = routes(MAIN, deployment("q"), SPARE, **settings)
    health = Health(compiled.settings)
    for each in compiled.config.deployments:
        if each.id in names:
            state = health.of(each)
            health.begin(state, now_s)
            health.failed(
                state, failure(Fault.RATE_LIMIT, message="slow down"), now_s, is_probe=False, is_alone=False, took_s=0
            )
    return health, compiled


def test_who_cools_down_is_left_out() -> None:
    health, compiled = cooled("q")
    assert Walk(compiled, health=health).step() == "p"


def test_a_group_that_cools_down_falls_back_without_an_attempt() -> None:
    health, compiled = cooled("p", "q", **SPARED)
    walk = Walk(compiled, health=health)
    assert walk.step() == "f"
    assert walk.journey.fallbacks_n == 1


def test_when_all_cool_down_the_caller_learns_when_to_come_back() -> None:
    health, compiled = cooled("p", "q", "f", **SPARED)
    walk = Walk(compiled, health=health, now_s=1002.0)
    assert walk.step() == "give up 429"
    assert told(walk) == (
        "429 no deployment of 'main' can be used now, try again in 3.0 s: "
        "p cools down after: slow down; q cools down after: slow down"
    )
    assert walk.journey.should_retry_header == "true"
    assert Walk(compiled, health=health, now_s=1005.0).step() == "q"  # the probe
    assert Walk(compiled, health=health, now_s=1005.0).step() == "p"
    assert Walk(compiled, health=health, now_s=1005.0).step() == "f"
    assert Walk(compiled, health=health, now_s=1005.0).step() == "give up 429"  # one each


def test_one_waits_for_the_group_when_there_is_nowhere_else() -> None:
    walk = Walk(routes(MAIN, deployment("q")))
    assert walk.step() == "q"
    assert walk.fail(failure(Fault.RATE_LIMIT, retry_after_s=2.0)) == "p"
    assert walk.fail(failure(Fault.RATE_LIMIT, retry_after_s=9.0)) == "q+2.12"
    walk.win()
    assert walk.health.cooling() == {"p"}
    assert walk.in_flight_n == 0


def test_limits_of_all_deployments() -> None:
    compiled = routes(deployment("p", max_parallel=1))
    first = Walk(compiled)
    first.step()
    second = Walk(compiled, health=first.health)
    assert second.step() == "give up 429"
    assert told(second).endswith("p is at its limits")


def test_tags() -> None:
    compiled = routes(deployment("p", tags=("eu",)), deployment("q", tags=("us",)), tag_filtering=True)
    assert Walk(compiled, tags=("eu",)).step() == "p"
    assert Walk(compiled, tags=("us",)).step() == "q"
    assert Walk(compiled, tags=("moon",)).step() == "give up 400"


# -- what the caller is told --


@pytest.mark.parametrize(
    ("main", "spare", "expected"),
    [
        ([Fault.OVERLOADED], [Fault.SERVER], "503"),  # what was asked for, not the stand-in
        ([Fault.OVERLOADED], [Fault.BAD_REQUEST], "503"),
        ([Fault.CONNECT], [Fault.RATE_LIMIT], "429"),  # an answer before silence
        ([Fault.CONNECT], [Fault.SILENT], "connect"),
        ([Fault.OVERLOADED, Fault.RESET, Fault.CONNECT], [Fault.SILENT], "503"),
        ([Fault.OVERLOADED, Fault.SERVER, Fault.RESET], [Fault.SILENT], "500"),
        ([Fault.AUTHENTICATION], [Fault.SERVER], "500"),  # our key is no business of the caller's
        ([Fault.AUTHENTICATION], [Fault.CONNECT], "401"),
        ([Fault.RATE_LIMIT, Fault.RATE_LIMIT, Fault.RATE_LIMIT], [Fault.CONTEXT_WINDOW], "429"),
    ],
)
def test_the_error_is_not_masked(main: list[Fault], spare: list[Fault], expected: str) -> None:
    walk = Walk(routes(MAIN, deployment("f", "spare", num_retries=0), **SPARED, disable_cooldowns=True))
    walk.step()
    for fault in main:
        way = walk.fail(fault)
    if len(main) == 1 and way != "f":
        while way != "f":
            way = walk.fail(main[0])
    assert way == "f"
    for fault in spare:
        way = walk.fail(fault)
    assert way == f"give up {expected}"
    assert walk.step() == way


def test_the_sdk_shall_not_repeat_what_was_tried() -> None:
    walk = Walk(routes(MAIN))
    walk.step()
    assert walk.journey.should_retry_header == "false"
    while walk.trial is not None:
        walk.fail(Fault.SERVER)
    assert walk.journey.should_retry_header == "false"


def test_the_account() -> None:
    walk = Walk(routes(MAIN, SPARE, num_retries=1, **SPARED))
    walk.step()
    walk.fail(Fault.OVERLOADED, 0.5)
    walk.fail(Fault.RESET, 0.25)
    walk.win(1.0)
    rows = [
        (one.group, one.deployment, one.fault, one.status, one.started_s - 1000, one.ended_s, one.waited_s)
        for one in walk.journey.attempts
    ]
    assert rows == [
        ("main", "p", Fault.OVERLOADED, 503, 0.0, 1000.5, 0.0),
        ("main", "p", Fault.RESET, None, 0.75, 1001.0, 0.25),
        ("spare", "f", None, 200, 1.0, 1002.0, 0.0),
    ]
    assert (
        repr(walk.journey)
        == "<Journey spare: [<Attempt main/p overloaded>, <Attempt main/p reset>, <Attempt spare/f ok>]>"
    )
