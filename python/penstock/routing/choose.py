"""Pick one of several deployments. Pure: the clock and the dice are arguments, the state is only read.

Each strategy takes the members that may be used now (never none) and answers one of them; `order` has been applied
before. The names are LiteLLM's. Equal ones are told apart by the roll, so no deployment is favoured by its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from penstock.config.models import Deployment
from penstock.routing.health import State

LATENCY_TTL_S = 3600.0
LATENCY_SAMPLES_N = 10
LAST = float("inf")


class Member(NamedTuple):
    """A deployment beside its state."""

    deployment: Deployment
    state: State


class Question(NamedTuple):
    """What a strategy may look at besides the members."""

    now_s: float
    roll: float  # in [0, 1)
    stream: bool
    args: Mapping[str, Any]  # routing_strategy_args


Strategy = Callable[[Sequence[Member], Question], Member]


def any_of(members: Sequence[Member], roll: float) -> Member:
    """Each as likely as the other."""
    return members[min(int(roll * len(members)), len(members) - 1)]


def weighted(members: Sequence[Member], weights: Sequence[float], roll: float) -> Member:
    """In proportion to their weights; these are not negative and not all 0."""
    mark = roll * sum(weights)
    last = members[0]
    for member, weight in zip(members, weights, strict=True):
        if weight <= 0:
            continue
        mark -= weight
        last = member
        if mark < 0:
            break
    return last


def uniform(members: Sequence[Member], question: Question) -> Member:
    """simple-shuffle of a group where nobody has a weight or a limit."""
    return any_of(members, question.roll)


def simple_shuffle(members: Sequence[Member], question: Question) -> Member:
    """By weight; without any weight by rpm, then by tpm, else each alike. One without a weight among others that
    have one is only used when those are away, as LiteLLM does it."""
    for weights in (
        [each.deployment.weight or 0.0 for each in members],
        [each.deployment.rpm or 0 for each in members],
        [each.deployment.tpm or 0 for each in members],
    ):
        if any(weights):
            return weighted(members, weights, question.roll)
    return any_of(members, question.roll)


def _lowest(members: Sequence[Member], values: Sequence[float], roll: float, *, most: float | None = None) -> Member:
    """One of those with the lowest value, or with a value up to `most`."""
    limit = min(values) if most is None else most
    return any_of([member for member, value in zip(members, values, strict=True) if value <= limit], roll)


def least_busy(members: Sequence[Member], question: Question) -> Member:
    """Fewest attempts in flight."""
    return _lowest(members, [each.state.in_flight_n for each in members], question.roll)


def latency_based(members: Sequence[Member], question: Question) -> Member:
    """Lowest mean of the newest latencies (first-token times for a stream) within `ttl` seconds; those within
    `lowest_latency_buffer` (0.1 = 10 %) of the lowest are alike. One without samples is tried first."""
    args = question.args
    since_s = question.now_s - float(args.get("ttl", LATENCY_TTL_S))
    newest_n = max(1, int(args.get("max_latency_list_size", LATENCY_SAMPLES_N)))
    values: list[float] = []
    for each in members:
        samples = each.state.ttfts if question.stream else each.state.latencies
        values.append(samples.mean(since_s, newest_n=newest_n) or 0.0)
    most = min(values) * (1.0 + float(args.get("lowest_latency_buffer", 0.0)))
    return _lowest(members, values, question.roll, most=most)


def usage_based(members: Sequence[Member], question: Question) -> Member:
    """Fewest tokens of the minute, then fewest requests."""
    now_s = question.now_s
    tokens = [each.state.tokens.sum(now_s) for each in members]
    least = min(tokens)
    rest = [member for member, tokens_n in zip(members, tokens, strict=True) if tokens_n == least]
    return _lowest(rest, [each.state.requests.sum(now_s) for each in rest], question.roll)


def cost_of(deployment: Deployment) -> float:
    """Of a token in and a token out; one whose price is not known is the dearest."""
    price = deployment.price
    if price.input_token is None and price.output_token is None:
        return LAST
    return (price.input_token or 0.0) + (price.output_token or 0.0)


def cost_based(members: Sequence[Member], question: Question) -> Member:
    """The cheapest."""
    return _lowest(members, [cost_of(each.deployment) for each in members], question.roll)


STRATEGIES: Mapping[str, Strategy] = {
    "simple-shuffle": simple_shuffle,
    "least-busy": least_busy,
    "latency-based-routing": latency_based,
    "usage-based-routing": usage_based,
    "usage-based-routing-v2": usage_based,
    "cost-based-routing": cost_based,
}


def lowest_order(members: Sequence[Member]) -> Sequence[Member]:
    """Those with the lowest `order`; one without comes last."""
    orders = [LAST if each.deployment.order is None else each.deployment.order for each in members]
    least = min(orders)
    return [member for member, order in zip(members, orders, strict=True) if order == least]
