"""The sixteen faults of a primary route, and the answer that is right: streamed and whole.

Numbers are those of the table that gateways are measured with. Each row has its own two providers and its own group
in one gateway: two retries, one fallback. Time bounds are those of the clocks that are configured, far below the test's
own limit; what must not happen (a second request to a silent route, a masked error, a short success) is asserted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.testing import Provider, Turn, faults
from penstock.testing.fault import Fault
from tests.gateway.answers import Answer, ask
from tests.gateway.running import Running, config_of, deployment

TEXT = "A penstock carries water under pressure to the turbine of the power station below. " * 5  # 65 words
SPARE = "The spare says something else."
QUICK = {"stream_timeout": 2, "ttft_timeout": 2, "stream_idle_timeout": 1, "timeout": 3}


@dataclass(frozen=True, slots=True)
class Row:
    """fault      of the primary route, so many times (None = for ever)
    serves     whose text the caller gets; None = an error
    requests   the primary route gets; None = does not matter
    error      part of the error's message, type or code
    status     of the answer
    """

    number: int
    name: str
    fault: Fault
    times: int | None = None
    serves: str | None = "primary"
    requests: int | None = None
    error: str = ""
    status: int = 200
    kinds: tuple[str, ...] = ("stream", "whole")
    spare_fault: Fault | None = None
    context_fallback: bool = False

    @property
    def group(self) -> str:
        return f"f{self.number}-{self.name}"


CUT = faults.cut(after_events=40)
REFUSED = faults.status(400, "no prefill")
TOO_LONG = faults.context_length()
ROWS = (
    Row(1, "429-with-retry-after", faults.rate_limit(retry_after_s=1), times=1, requests=2),
    Row(2, "429-for-ever", faults.rate_limit(), serves="spare", requests=3),
    Row(3, "500-once", faults.server_error(500), times=1, requests=2),
    Row(4, "503-for-ever", faults.server_error(503), serves="spare", requests=3),
    Row(5, "reset-once", faults.reset(), times=1, requests=2),
    Row(6, "silent", faults.silence(), serves="spare", requests=1),
    Row(7, "late-first-token", faults.delay_body(20), serves="spare", requests=1),
    Row(8, "cut", CUT, serves=None, error="cut", kinds=("stream",), requests=1),
    Row(8, "cut-whole", faults.cut(after_bytes=40), times=1, kinds=("whole",), requests=2),
    Row(9, "stall", faults.stall(after_events=40), serves=None, error="stall", kinds=("stream",), requests=1),
    Row(10, "malformed-event", faults.malformed_event(30), serves=None, error="malformed", kinds=("stream",)),
    Row(10, "malformed-first", faults.malformed_event(0), times=1, kinds=("stream",), requests=2),
    Row(11, "without-done", faults.without_done(), kinds=("stream",), requests=1),
    Row(12, "context-window", TOO_LONG, serves=None, error="context_length_exceeded", status=400, requests=1),
    Row(12, "context-window-fallback", TOO_LONG, serves="spare", context_fallback=True, requests=1),
    Row(13, "content-filter", faults.content_filter(), serves=None, error="content", status=400, requests=1),
    Row(14, "cut-and-refused", CUT, serves=None, error="cut", kinds=("stream",), spare_fault=REFUSED),
    Row(14, "503-and-refused", faults.server_error(503), serves=None, status=503, spare_fault=REFUSED),
    Row(16, "503-then-spare", faults.server_error(503), serves="spare", requests=3),
    Row(17, "error-event", faults.error_event(after_events=40), serves=None, kinds=("stream",)),
    Row(17, "early-error-event", faults.error_event(after_events=0), serves="spare", kinds=("stream",)),
)
CASES = [pytest.param(row, kind == "stream", id=f"{row.group}-{kind}") for row in ROWS for kind in row.kinds]


class Routes:
    """Both providers of each row, and the gateway."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.primary = {row.group: stack.enter_context(_provider(TEXT, "primary-1")) for row in ROWS}
        self.spare = {row.group: stack.enter_context(_provider(SPARE, "spare-1")) for row in ROWS}
        rows: list[dict[str, Any]] = []
        fallbacks: list[dict[str, list[str]]] = []
        context: list[dict[str, list[str]]] = []
        for row in ROWS:
            name = row.group
            rows.append(deployment(name, "openai/primary-1", self.primary[name].base_url, **QUICK))
            rows.append(deployment(f"{name}-spare", "openai/spare-1", self.spare[name].base_url, **QUICK))
            if row.context_fallback:
                context.append({name: [f"{name}-spare"]})
            elif row.error != "context_length_exceeded":
                fallbacks.append({name: [f"{name}-spare"]})
        config = config_of(
            *rows,
            router_settings={
                "num_retries": 2,
                "timeout": 30,
                "fallbacks": fallbacks,
                "context_window_fallbacks": context,
                "disable_cooldowns": True,
            },
        )
        trust = next(iter(self.primary.values())).trust
        self.gateway = stack.enter_context(Running(config, folder, env=trust.env()))
        self.client = stack.enter_context(self.gateway.client())


def _provider(text: str, model: str) -> Provider:
    return Provider(Turn(text=text, model=model))


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routes]:
    with ExitStack() as stack:
        yield Routes(stack, tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("row, is_stream", CASES)
def test_fault(routes: Routes, row: Row, is_stream: bool) -> None:
    primary, spare = routes.primary[row.group], routes.spare[row.group]
    primary.heal()
    spare.heal()
    primary.clear()
    primary.fault(row.fault, **({} if row.times is None else {"times": row.times}))
    if row.spare_fault is not None:
        spare.fault(row.spare_fault)
    answer = ask(routes.client, row.group, stream=is_stream)
    check(row, answer)
    if row.requests is not None:
        assert len(primary.requests) == row.requests, routes.gateway.log()


def check(row: Row, answer: Answer) -> None:
    assert answer.status == row.status, answer
    if row.serves is None:
        assert answer.error is not None, answer
        assert row.error in str(answer.error).lower(), answer.error
        assert not answer.is_done, "an error has no clean end"
        return
    assert answer.error is None, answer.error
    assert answer.text == {"primary": TEXT, "spare": SPARE}[row.serves]
    assert (answer.is_done, answer.finish_reason) == (True, "stop")
    # Fault 16: the answer names who served.
    is_spare = row.serves == "spare"
    assert answer.headers["x-litellm-model-group"] == row.group + ("-spare" if is_spare else "")
    assert answer.headers["x-litellm-attempted-fallbacks"] == ("1" if is_spare else "0")
    assert answer.model == ("spare-1" if is_spare else "primary-1")


def test_a_cut_stream_keeps_what_came_before(routes: Routes) -> None:
    primary = routes.primary["f8-cut"]
    primary.heal()
    primary.fault(CUT)
    answer = ask(routes.client, "f8-cut", stream=True)
    assert answer.text
    assert TEXT.startswith(answer.text)
    assert answer.finish_reason is None


def test_a_retry_after_is_waited_for(routes: Routes) -> None:
    primary = routes.primary["f1-429-with-retry-after"]
    primary.heal()
    primary.clear()
    primary.fault(faults.rate_limit(retry_after_s=1), times=1)
    assert ask(routes.client, "f1-429-with-retry-after", stream=False).text == TEXT
    first, second = primary.requests
    assert second.arrived_s - first.arrived_s >= 1.0


def test_a_circuit_opens_is_probed_and_closes(tmp_path: Path) -> None:
    """Fault 15: a route that is down for a while."""
    with _provider(TEXT, "primary-1") as primary, _provider(SPARE, "spare-1") as spare:
        config = config_of(
            deployment("m", "openai/primary-1", primary.base_url, **QUICK),
            deployment("spare", "openai/spare-1", spare.base_url, **QUICK),
            router_settings={"num_retries": 0, "fallbacks": [{"m": ["spare"]}], "allowed_fails": 2, "cooldown_time": 1},
        )
        with Running(config, tmp_path, env=primary.trust.env()) as gateway, gateway.client() as client:
            assert ask(client, "m", stream=False).text == TEXT
            primary.fault(faults.server_error(503))
            primary.clear()
            for _ in range(8):
                assert ask(client, "m", stream=False).text == SPARE
            while_down = len(primary.requests)
            assert while_down < 8, "the circuit is open: a route that is down is not asked each time"
            primary.heal()
            assert _served_again(client), gateway.log()


def _served_again(client: httpx.Client) -> bool:
    """The probe finds it healthy, within the cooldown and its own time."""
    import time

    due_s = time.monotonic() + 30
    while time.monotonic() < due_s:
        if ask(client, "m", stream=False).text == TEXT:
            return True
        time.sleep(0.05)
    return False
