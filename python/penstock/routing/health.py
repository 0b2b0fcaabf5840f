"""How the deployments are: the one place of routing that remembers.

Per deployment a State: attempts in flight, failures of the minute and in a row, the circuit, the newest latencies and
first-token times, requests and tokens of the minute. All of it has a bound: counters, 64 samples each, and at most
STATES_N deployments (those that rest are forgotten first), so reloads with ever new ids do not grow it.

The circuit of a deployment:

    closed ──too many failures──► open ──cooldown over──► half-open ──the probe succeeds──► closed
                                   ▲                          │
                                   └──────the probe fails─────┘        half-open lets one attempt through, the probe

Thread: one event loop and no other, so there are no locks; every method is done before another request's turn (for
several threads there is SharedHealth, in shared.py). A
process with several workers has one Health each: workers do not see each other's failures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from penstock.config.models import Deployment, RouterSettings
from penstock.dialects.failure import Failure, Fault
from penstock.routing.policy import allowed_fails, opens_at_once
from penstock.routing.window import Samples, Window

STATES_N = 4096
RATE = 0.5  # of the minute's requests must have failed before failures that are not in a row open the circuit

NOT_ITS_FAULT = frozenset(
    {
        Fault.BAD_REQUEST,
        Fault.CONTEXT_WINDOW,
        Fault.CONTENT_POLICY,
        Fault.CANCELLED,
        Fault.BUDGET,
    }
)


class State:
    """One deployment. Written by Health only."""

    __slots__ = (
        "by_fault",
        "failures",
        "in_a_row_n",
        "in_flight_n",
        "is_probed",
        "last_failure",
        "latencies",
        "open_until_s",
        "requests",
        "tokens",
        "ttfts",
    )

    def __init__(self) -> None:
        self.in_flight_n = 0
        self.in_a_row_n = 0  # failures since the last success
        self.open_until_s: float | None = None  # None = closed
        self.is_probed = False  # half-open, and one attempt is on its way
        self.last_failure: Failure | None = None  # the newest that counted
        self.failures = Window()
        self.by_fault: dict[Fault, Window] = {}  # only of faults that allowed_fails_policy names
        self.requests = Window()
        self.tokens = Window()
        self.latencies = Samples()  # of whole answers
        self.ttfts = Samples()

    def __repr__(self) -> str:
        if self.open_until_s is None:
            circuit = "closed"
        else:
            circuit = f"open until {self.open_until_s:.1f}" + (", probed" if self.is_probed else "")
        return f"<State {circuit}, {self.in_flight_n} in flight, {self.in_a_row_n} failed in a row>"

    @property
    def is_resting(self) -> bool:
        """Nothing would be lost but counts of the minute."""
        return self.in_flight_n == 0 and self.open_until_s is None


def is_ready(deployment: Deployment, state: State, now_s: float) -> bool:
    """May it get an attempt now? Circuit, max_parallel, rpm and tpm."""
    until_s = state.open_until_s
    if until_s is not None and (now_s < until_s or state.is_probed):
        return False
    if deployment.max_parallel is not None and state.in_flight_n >= deployment.max_parallel:
        return False
    if deployment.rpm is not None and state.requests.sum(now_s) >= deployment.rpm:
        return False
    return deployment.tpm is None or state.tokens.sum(now_s) < deployment.tpm


def ready_after_s(deployment: Deployment, state: State, now_s: float) -> float:
    """How long until is_ready may become true; a guess of a second for what depends on running requests."""
    until_s = state.open_until_s
    if until_s is not None:
        return until_s - now_s if now_s < until_s else 1.0
    if deployment.rpm is not None and state.requests.sum(now_s) >= deployment.rpm:
        return state.requests.room_after_s(now_s)
    if deployment.tpm is not None and state.tokens.sum(now_s) >= deployment.tpm:
        return state.tokens.room_after_s(now_s)
    return 1.0


class Health:
    """All deployments, by id. Outlives reloads: `settings` is replaced, states stay."""

    __slots__ = ("_seen_s", "_states", "forgotten_n", "hedges", "settings")

    def __init__(self, settings: RouterSettings | None = None) -> None:
        self.settings = RouterSettings() if settings is None else settings
        self.hedges = Window()
        self.forgotten_n = 0  # grows when states were forgotten: who holds states asks for them again
        self._states: dict[str, State] = {}
        self._seen_s = 0.0  # the newest time that anybody told

    def __repr__(self) -> str:
        flying = sum(each.in_flight_n for each in self._states.values())
        return f"<Health {len(self._states)} deployments, {flying} in flight, cooling {sorted(self.cooling())}>"

    def of(self, deployment: Deployment) -> State:
        """Its state, made at the first question."""
        state = self._states.get(deployment.id)
        return self._new(deployment.id) if state is None else state

    def _new(self, name: str) -> State:
        if len(self._states) >= STATES_N:
            self._forget([key for key, each in self._states.items() if each.is_resting][: STATES_N // 4])
        state = self._states[name] = State()
        return state

    def keep(self, ids: Collection[str]) -> None:
        """Forget all others that rest: after a reload."""
        self._forget([key for key, each in self._states.items() if key not in ids and each.is_resting])

    def _forget(self, names: Collection[str]) -> None:
        for each in names:
            del self._states[each]
        self.forgotten_n += 1

    # -- what happens to an attempt --

    def begin(self, state: State, now_s: float) -> bool:
        """An attempt goes out. True when it is the probe of a half-open circuit."""
        self._seen_s = now_s
        state.in_flight_n += 1
        state.requests.add(1, now_s)
        if state.open_until_s is None:
            return False
        is_probe = not state.is_probed and now_s >= state.open_until_s
        if is_probe:
            state.is_probed = True
        return is_probe

    def dropped(self, state: State, *, is_probe: bool) -> None:
        """It ended without saying anything about the deployment: cancelled, or the loser of a hedge."""
        state.in_flight_n -= 1
        if is_probe:
            state.is_probed = False

    def succeeded(
        self, state: State, now_s: float, *, is_probe: bool, took_s: float | None, ttft_s: float | None, tokens_n: int
    ) -> None:
        """`took_s` None = it says nothing about the latency of whole answers."""
        self._seen_s = now_s
        state.in_flight_n -= 1
        state.in_a_row_n = 0
        if tokens_n:
            state.tokens.add(tokens_n, now_s)
        if took_s is not None:
            state.latencies.add(took_s, now_s)
        if ttft_s is not None:
            state.ttfts.add(ttft_s, now_s)
        if state.open_until_s is not None and (is_probe or now_s >= state.open_until_s):
            state.open_until_s = None
            state.failures.clear()
            state.by_fault.clear()
        if is_probe:
            state.is_probed = False

    def failed(
        self, state: State, failure: Failure, now_s: float, *, is_probe: bool, is_alone: bool, took_s: float
    ) -> bool:
        """`is_alone`: its group has no other deployment, so refusing it at the first 429 would help nobody. True when
        the circuit opened for it."""
        self._seen_s = now_s
        state.in_flight_n -= 1
        if is_probe:
            state.is_probed = False
        fault = failure.fault
        if fault in NOT_ITS_FAULT:
            return False
        state.last_failure = failure
        state.in_a_row_n += 1
        state.failures.add(1, now_s)
        if fault is Fault.SILENT:
            state.latencies.add(took_s, now_s, is_whole=False)  # at least so slow
            state.ttfts.add(took_s, now_s, is_whole=False)
        if self.settings.disable_cooldowns or self.settings.cooldown_s <= 0:
            return False
        opens = is_probe or (opens_at_once(fault) and not is_alone) or self._is_too_much(state, fault, now_s)
        was_open = state.open_until_s is not None and not is_probe
        if opens:
            rest_s = self.settings.cooldown_s
            if fault is Fault.RATE_LIMIT and failure.retry_after_s is not None:
                rest_s = min(max(failure.retry_after_s, 0.05), max(rest_s, self.settings.retry_after_most_s))
            state.open_until_s = max(state.open_until_s or 0.0, now_s + rest_s)
        return opens and not was_open

    def _is_too_much(self, state: State, fault: Fault, now_s: float) -> bool:
        named = allowed_fails(self.settings.allowed_fails_policy, fault)
        if named is not None:  # the owner counts this class: strictly
            window = state.by_fault.get(fault)
            if window is None:
                window = state.by_fault[fault] = Window()
            window.add(1, now_s)
            return window.sum(now_s) > named
        allowed_n = self.settings.allowed_fails
        failures_n = state.failures.sum(now_s)
        if failures_n <= allowed_n:
            return False
        return state.in_a_row_n > allowed_n or failures_n >= RATE * state.requests.sum(now_s)

    # -- for /health, /metrics and the curious --

    def cooling(self, now_s: float | None = None) -> set[str]:
        """Ids of those whose circuit is not closed; with a time, without those that may be probed already."""
        return {
            key
            for key, each in self._states.items()
            if each.open_until_s is not None and (now_s is None or now_s < each.open_until_s)
        }

    def snapshot(self, now_s: float | None = None, *, ids: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """Plain values per deployment, for JSON and metrics."""
        at_s = self._seen_s if now_s is None else now_s
        names = list(self._states) if ids is None else [each for each in ids if each in self._states]
        return {name: _facts(self._states[name], at_s) for name in names}


def _facts(state: State, now_s: float) -> dict[str, Any]:
    until_s = state.open_until_s
    circuit = "closed" if until_s is None else "open" if now_s < until_s else "half-open"
    last = state.last_failure
    latency_s = state.latencies.mean(0.0, newest_n=10)
    ttft_s = state.ttfts.mean(0.0, newest_n=10)
    return {
        "circuit": circuit,
        "cooling_s": round(max(0.0, until_s - now_s), 3) if until_s is not None else 0.0,
        "in_flight": state.in_flight_n,
        "failures_minute": state.failures.sum(now_s),
        "failures_in_a_row": state.in_a_row_n,
        "requests_minute": state.requests.sum(now_s),
        "tokens_minute": state.tokens.sum(now_s),
        "latency_s": None if latency_s is None else round(latency_s, 4),
        "ttft_s": None if ttft_s is None else round(ttft_s, 4),
        "last_fault": None if last is None else last.fault.value,
        "last_status": None if last is None else last.status,
    }
