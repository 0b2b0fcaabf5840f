"""The mock and the server, given one script, are the same to a caller of penstock over HTTP/1.1."""

from __future__ import annotations

from typing import Any

import pytest

import penstock
from penstock.testing import MockTransport, Reply, Upstream, faults, on
from penstock.testing.scripted import Scripted
from penstock.testing.steps import UNTIL_CLOSE

LIMITS = penstock.Timeouts(first_byte_s=0.3, idle_s=0.3)
STREAM = Reply(dialect="openai").sse([{"n": n} for n in range(4)] + ["[DONE]"])
WHOLE = Reply(dialect="openai").answer(201, {"a": "b"}, "0123456789")
FAULTS: dict[str, Any] = {
    "none": (),
    "reset": (faults.reset(),),
    "fin before the head": (faults.reset(how="fin"),),
    "reset after the head": (faults.reset(after_head=True),),
    "silence": (faults.silence(),),
    "delay": (faults.delay(60),),
    "stall": (faults.stall(),),
    "cut": (faults.cut(after_bytes=3),),
    "cut fin": (faults.cut(after_bytes=3, how="fin"),),
    "cut abrupt": (faults.cut(after_bytes=3, how="abrupt"),),
    "cut end": (faults.cut(after_bytes=3, how="end"),),
    "delay_body": (faults.delay_body(60, after_bytes=3),),
    "rst": (faults.rst(after_bytes=3),),
    "refused": (faults.refused_stream(),),
    "longer": (faults.wrong_length(5),),
    "shorter": (faults.wrong_length(-5),),
    "split": (faults.split(),),
    "rate_limit": (faults.rate_limit(retry_after_s=2),),
    "overloaded": (faults.overloaded(),),
}


def outcome(transport: penstock.Transport, url: str, method: str = "GET") -> tuple[Any, ...]:
    """All that a caller can see: error, status, fields, body."""
    status, fields, came, error = 0, list[tuple[str, str]](), b"", None
    try:
        with transport.stream_sync(method, url) as response:
            status = response.status
            fields = list(response.headers)
            for chunk in response:
                came += chunk
    except penstock.PenstockError as err:
        error = (type(err), err.head_seen, err.maybe_processed, err.phase)
    return status, fields, came, error


def statuses(peer: Scripted) -> list[tuple[str, int | None, int]]:
    return [(each.path, each.rule, each.attempt) for each in peer.requests]


@pytest.mark.parametrize("reply", [STREAM, WHOLE], ids=["stream", "whole"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_the_same(name: str, reply: Reply) -> None:
    script = on("GET", "/a").reply(reply.fault(*FAULTS[name]))
    with Upstream(script, tls=False) as upstream:
        real = outcome(penstock.Transport(http2=False, timeouts=LIMITS), upstream.url("/a"))
    mock = outcome(MockTransport(script, timeouts=LIMITS, skip_time=True), "http://a/a")
    assert mock == real


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("kind", ["length", "chunked", "empty", "close"])
def test_framing_is_the_same(method: str, status: int, kind: str) -> None:
    rule = {
        "length": on().answer(status, body="0123"),
        "chunked": on().head(status).body("01").body("23"),
        "empty": on().answer(status),
        "close": on().head(status, body_bytes=UNTIL_CLOSE).body("0123"),
    }[kind]
    with Upstream(rule, tls=False) as upstream:
        real = outcome(penstock.Transport(http2=False, timeouts=LIMITS), upstream.url(), method)
    assert outcome(MockTransport(rule, timeouts=LIMITS, skip_time=True), "http://a/", method) == real


def test_the_same_rules_are_chosen() -> None:
    script = [
        on(path="/a", times=2).answer(500),
        on(path="/a", attempt=2).answer(429),
        on(path="/a", header={"x-id": None}).answer(202),
        on("GET", "/a").answer(200).then.answer(201),
        on("GET", "/b*").answer(203),
    ]
    asked: list[tuple[str, list[tuple[str, str]]]] = [("/a", [])] * 6 + [
        ("/a", [("X-Id", "1")]),
        ("/bc", []),
        ("/c", []),
    ]
    with Upstream(script, tls=False) as upstream:
        real = penstock.Transport(http2=False)
        mock = MockTransport(script)
        for path, headers in asked:
            statuses_of = [real.request_sync("GET", upstream.url(path), headers=headers).status]
            statuses_of.append(mock.request_sync("GET", f"http://a{path}", headers=headers).status)
            assert statuses_of[0] == statuses_of[1]
        upstream.wait_done()
        assert statuses(mock) == statuses(upstream)
