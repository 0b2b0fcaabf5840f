"""What each fault makes of a reply's steps."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.testing import Reply, faults
from penstock.testing.steps import Body, Cut, Events, Head, compiled

STREAM = Reply(dialect="openai").sse([{"n": n} for n in range(3)] + ["[DONE]"], per_s=10)
LONG = Reply().sse(["a", "b"], count=5)
WHOLE = Reply().answer(body="0123456789")


def steps(reply: Reply, *given: faults.Fault) -> Any:
    return [each[:1] + each[1:] for each in compiled(reply.fault(*given).steps)]


def events(reply: Reply) -> list[bytes]:
    """All events that the reply sends."""
    return [step.piece(n) for step in reply.steps if isinstance(step, Events) for n in range(step.count)]


def test_a_stream_is_cut_after_events() -> None:
    cut = STREAM.fault(faults.cut(after_events=2))
    assert events(cut) == events(STREAM)[:2]
    assert cut.steps[-1] == Cut("reset")
    assert events(LONG.fault(faults.cut(after_events=3))) == events(LONG)[:3]


def test_a_cut_may_look_like_the_end() -> None:
    short = STREAM.fault(faults.cut(after_events=2, how="end"))
    assert isinstance(short.steps[-1], Events)
    head, body = WHOLE.fault(faults.cut(after_bytes=4, how="end")).steps
    assert isinstance(head, Head)
    assert (head.body_bytes, body) == (4, Body(b"0123"))


@pytest.mark.parametrize("at", range(1, 30))
def test_a_stream_is_cut_after_bytes(at: int) -> None:
    reply = LONG.fault(faults.cut(after_bytes=at, how="fin"))
    sent = b"".join(
        step.data if isinstance(step, Body) else b"".join(step.piece(n) for n in range(step.count))
        for step in reply.steps
        if isinstance(step, Body | Events)
    )
    assert sent == b"".join(events(LONG))[:at]


@pytest.mark.parametrize("reply", [STREAM, LONG])
@pytest.mark.parametrize("at", range(4))
def test_one_event_is_malformed_and_the_others_are_well(reply: Reply, at: int) -> None:
    before, after = events(reply), events(reply.fault(faults.malformed_event(at)))
    assert [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new] == [at]
    assert after[at].endswith(b"\n\n")


def test_the_terminal_event_is_missing() -> None:
    assert events(STREAM.fault(faults.without_done())) == events(STREAM)[:3]


def test_a_delay_divides_a_long_stream_where_it_is_told() -> None:
    reply = LONG.fault(faults.delay_body(1.0, after_events=3))
    assert events(reply) == events(LONG)
    assert [each[0] for each in compiled(reply.steps)] == ["head", "events", "delay", "events"]


def test_a_content_length_lies() -> None:
    head, body, end = steps(WHOLE, faults.wrong_length(5))
    assert head == ("head", 200, ((b"content-length", b"15"),), -3)
    assert (body, end) == (("body", b"0123456789"), ("cut", "fin"))


def test_faults_of_the_connection() -> None:
    assert steps(WHOLE, faults.silence()) == [("stall",)]
    assert steps(WHOLE, faults.reset()) == [("cut", "reset")]
    assert [each[0] for each in steps(WHOLE, faults.reset(after_head=True))] == ["head", "cut"]
    assert steps(WHOLE, faults.refused_stream()) == [("rst", 7)]
    assert steps(WHOLE, faults.rst(8, after_bytes=3))[-2:] == [("body", b"012"), ("rst", 8)]
    assert steps(WHOLE, faults.stall(after_bytes=3))[-2:] == [("body", b"012"), ("stall",)]
    assert steps(WHOLE, faults.split())[0] == ("split", 1, 0)
    assert steps(WHOLE, faults.drip(bytes_n=2, pause_s=0.5))[0] == ("split", 2, 500_000)
    assert steps(WHOLE, faults.bad_chunk(after_bytes=3))[0][3] == -1
    assert [each[0] for each in steps(WHOLE, faults.bad_chunk())] == ["head", "raw", "cut"]


def test_faults_of_http2() -> None:
    assert steps(WHOLE, faults.goaway("before")) == [("goaway", 0, "before", b""), ("cut", "fin")]
    assert steps(WHOLE, faults.goaway("immediate", code=11)) == [("goaway", 11, "this", b""), ("cut", "fin")]
    assert [each[:3] for each in steps(WHOLE, faults.goaway())[:2]] == [("goaway", 0, "max"), ("goaway", 0, "this")]
    assert steps(WHOLE, faults.stream_limit(2))[0] == ("settings", ((3, 2),))
    assert steps(WHOLE, faults.settings(initial_window_size=0))[0] == ("settings", ((4, 0),))


def test_an_error_is_in_the_words_of_its_provider() -> None:
    head, body = steps(Reply(dialect="anthropic").answer(), faults.overloaded())
    assert head[1] == 529
    assert b'"overloaded_error"' in body[1]
    head, body = steps(Reply(dialect="openai").answer(), faults.rate_limit(retry_after_s=2, retry_after_ms=1500))
    assert (head[1], dict(head[2])[b"retry-after"], dict(head[2])[b"retry-after-ms"]) == (429, b"2", b"1500")
    assert b'"rate_limit_exceeded"' in body[1]
    assert steps(WHOLE, faults.status(418, "tea")) == [("head", 418, (), 3), ("body", b"tea")]


def test_every_boundary_is_tried() -> None:
    replies = list(faults.at_each_boundary(Reply().answer(body="abc")))
    assert [[step.data for step in each.steps if isinstance(step, Body)] for each in replies] == [
        [b"a", b"bc"],
        [b"ab", b"c"],
    ]


def test_every_fault_has_its_name() -> None:
    for name in faults.FAULTS:
        assert getattr(faults, name) is faults.FAULTS[name]
    assert repr(faults.fault_of("cut", after_events=1)) == "<Fault cut>"
