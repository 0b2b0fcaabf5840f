"""The strategies: which of the ready deployments gets it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from penstock.config.models import Deployment, Price
from penstock.routing.choose import STRATEGIES, Member, Question, lowest_order
from penstock.routing.health import State
from tests.unit.routing.builders import deployment

NOW_S = 10_000.0


def member(name: str, **fields: Any) -> Member:
    return Member(deployment(name, **fields), State())


def shares(strategy: str, members: list[Member], *, stream: bool = False, **args: Any) -> dict[str, float]:
    """How often each is picked, over a thousand evenly spread rolls."""
    count: Counter[str] = Counter()
    for at in range(1000):
        picked = STRATEGIES[strategy](members, Question(NOW_S, at / 1000, stream, args))
        count[picked.deployment.id] += 1
    return {name: n / 1000 for name, n in count.items()}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"a": {}, "b": {}}, {"a": 0.5, "b": 0.5}),
        ({"a": {"weight": 3.0}, "b": {"weight": 1.0}}, {"a": 0.75, "b": 0.25}),
        ({"a": {"rpm": 900}, "b": {"rpm": 100}}, {"a": 0.9, "b": 0.1}),
        ({"a": {"tpm": 200}, "b": {"tpm": 800}}, {"a": 0.2, "b": 0.8}),
        ({"a": {"weight": 1.0, "rpm": 1}, "b": {"weight": 1.0, "rpm": 99}}, {"a": 0.5, "b": 0.5}),
        ({"a": {"rpm": 1, "tpm": 99}, "b": {"rpm": 1, "tpm": 1}}, {"a": 0.5, "b": 0.5}),
        ({"a": {"weight": 2.0}, "b": {}}, {"a": 1.0}),  # as LiteLLM: no weight among weights is a reserve
        ({"a": {"weight": 0.0}, "b": {"weight": 0.0}}, {"a": 0.5, "b": 0.5}),
    ],
)
def test_simple_shuffle(fields: dict[str, dict[str, Any]], expected: dict[str, float]) -> None:
    members = [member(name, **each) for name, each in fields.items()]
    assert shares("simple-shuffle", members) == pytest.approx(expected, abs=0.002)


def test_least_busy() -> None:
    a, b, c = member("a"), member("b"), member("c")
    a.state.in_flight_n = 2
    assert shares("least-busy", [a, b, c]) == {"b": 0.5, "c": 0.5}


def test_latency() -> None:
    a, b, c = member("a"), member("b"), member("c")
    a.state.latencies.add(1.0, NOW_S)
    b.state.latencies.add(1.05, NOW_S)
    assert shares("latency-based-routing", [a, b, c]) == {"c": 1.0}  # without samples: find out
    c.state.latencies.add(3.0, NOW_S)
    assert shares("latency-based-routing", [a, b, c]) == {"a": 1.0}
    assert shares("latency-based-routing", [a, b, c], lowest_latency_buffer=0.1) == {"a": 0.5, "b": 0.5}


def test_latency_of_streams_is_the_first_token() -> None:
    a, b = member("a"), member("b")
    a.state.latencies.add(1.0, NOW_S)
    b.state.latencies.add(9.0, NOW_S)
    a.state.ttfts.add(0.5, NOW_S)
    b.state.ttfts.add(0.2, NOW_S)
    assert shares("latency-based-routing", [a, b], stream=True) == {"b": 1.0}
    assert shares("latency-based-routing", [a, b]) == {"a": 1.0}


def test_latencies_are_forgotten() -> None:
    a, b = member("a"), member("b")
    a.state.latencies.add(9.0, NOW_S - 61)
    b.state.latencies.add(1.0, NOW_S)
    assert shares("latency-based-routing", [a, b], ttl=60) == {"a": 1.0}
    for at in range(100):
        b.state.latencies.add(0.5 if at > 88 else 50.0, NOW_S)
    a.state.latencies.add(1.0, NOW_S)
    assert shares("latency-based-routing", [a, b]) == {"b": 1.0}  # of the newest ten only


@pytest.mark.parametrize("strategy", ["usage-based-routing", "usage-based-routing-v2"])
def test_usage(strategy: str) -> None:
    a, b, c = member("a"), member("b"), member("c")
    a.state.tokens.add(5000, NOW_S - 70)
    a.state.tokens.add(100, NOW_S)
    b.state.tokens.add(200, NOW_S)
    c.state.tokens.add(100, NOW_S)
    c.state.requests.add(1, NOW_S)
    assert shares(strategy, [a, b, c]) == {"a": 1.0}


def test_cost() -> None:
    def priced(name: str, into: float | None, out: float | None) -> Member:
        return member(name, price=Price(input_token=into, output_token=out))

    members = [priced("dear", 5e-6, 5e-6), priced("cheap", 1e-7, 4e-7), priced("unknown", None, None)]
    assert shares("cost-based-routing", members) == {"cheap": 1.0}
    assert shares("cost-based-routing", members[2:]) == {"unknown": 1.0}
    assert shares("cost-based-routing", [priced("free", 0.0, 0.0), *members]) == {"free": 1.0}


def test_order() -> None:
    def names(*those: Deployment) -> list[str]:
        return [each.deployment.id for each in lowest_order([Member(one, State()) for one in those])]

    a, b, c, d = deployment("a", order=2), deployment("b", order=1), deployment("c"), deployment("d", order=1)
    assert names(a, b, c, d) == ["b", "d"]
    assert names(a, c) == ["a"]
    assert names(c) == ["c"]


def test_any_roll_picks_somebody() -> None:
    members = [member("a", weight=1.0), member("b", weight=0.1)]
    for strategy in STRATEGIES.values():
        for roll in (0.0, 0.999999999999, 1.0):
            assert strategy(members, Question(NOW_S, roll, False, {})) in members
