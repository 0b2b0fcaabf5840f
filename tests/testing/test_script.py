"""Scripts are values: what they compile to, and what is refused when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.testing import Reply, ScriptError, Turn, faults, on, presets
from penstock.testing.rule import script_of
from penstock.testing.spoil import Spoil, spoilt


def program(rule: Any, number: int = 0) -> Any:
    return rule.compiled()["programs"][number]


def test_a_rule_is_compiled_to_plain_values() -> None:
    rule = on(
        "post",
        "/v1/*",
        header={"X-Key": "a", "Accept": None},
        json={"/stream": True, "/n": 2},
        attempt=3,
        times=4,
        for_s=1.5,
    ).answer(json={"a": "é"})
    compiled = rule.compiled()
    assert compiled["match"] == {
        "method": b"POST",
        "path": b"/v1/*",
        "headers": [(b"x-key", b"a"), (b"accept", None)],
        "json": [(b"/stream", b"true"), (b"/n", b"2")],
        "attempt": 3,
        "times": 4,
        "for_us": 1_500_000,
    }
    assert compiled["early"] is False
    assert compiled["programs"] == [
        [("head", 200, ((b"content-type", b"application/json"),), 10), ("body", '{"a":"é"}'.encode())]
    ]


def test_an_empty_match_is_for_everything() -> None:
    assert on().answer().compiled()["match"] == on("*", "*").answer().compiled()["match"] == {}


def test_each_step_is_compiled() -> None:
    rule = (
        on()
        .delay(0.25)
        .info(103, {"Link": "</a>"})
        .head(201, {"X": 1})
        .body("ab")
        .raw(b"\r\n")
        .trailers({"Checksum": "1"})
    )
    assert program(rule) == [
        ("delay", 250_000),
        ("info", 103, ((b"link", b"</a>"),)),
        ("head", 201, ((b"x", b"1"),), -1),
        ("body", b"ab"),
        ("raw", b"\r\n"),
        ("trailers", ((b"checksum", b"1"),)),
    ]
    assert program(on().cut("fin")) == [("cut", "fin")]
    assert program(on().stall()) == [("stall",)]
    assert on().answer().early().compiled()["early"] is True


def test_trailers_make_a_body_chunked() -> None:
    assert program(on().answer(body="x").trailers({"a": "b"}))[0] == ("head", 200, (), -1)


def test_events_are_framed_paced_and_stamped() -> None:
    rule = on().sse([{"a": 1}, ("ping", {}), "two\nlines", b": raw\n\n"], count=9, per_s=50, jitter=0.5, seed=7)
    head, events = program(rule)
    assert head[:2] == ("head", 200)
    assert dict(head[2])[b"content-type"].startswith(b"text/event-stream")
    pieces = (b'data: {"a":1}\n\n', b"event: ping\ndata: {}\n\n", b"data: two\ndata: lines\n\n", b": raw\n\n")
    assert events == ("events", pieces, 9, 50.0, 0.5, 7, ())


def test_stamps_are_places_of_twenty_digits() -> None:
    _, (_, pieces, _, _, _, _, stamps) = program(on().sse([{"a": 1}, "text"], stamped=True))
    assert pieces[0].startswith(b'data: {"a":1,"penstock":{"seq":"00000000000000000000","ns":"')
    assert pieces[1] == b": penstock " + b"0" * 20 + b" " + b"0" * 20 + b"\ndata: text\n\n"
    assert [(index, kind) for index, _, kind in stamps] == [(0, "seq"), (0, "ns"), (1, "seq"), (1, "ns")]
    for index, offset, _ in stamps:
        assert pieces[index][offset : offset + 20] == b"0" * 20
        assert not pieces[index][offset - 1 : offset].isdigit()


def test_the_next_request_gets_the_next_reply() -> None:
    rule = on().answer(500).then.answer(200, body="ok")
    assert [program(rule, n)[0][1] for n in (0, 1)] == [500, 200]
    assert rule.reply_of(1).status == 500
    assert rule.reply_of(7).status == 200
    assert rule == on().reply(Reply().answer(500), Reply().answer(200, body="ok"))


def test_scripts_are_flattened() -> None:
    one, two, three = (on(path=f"/{n}").answer() for n in range(3))
    assert script_of([one, [two, [three]]]) == (one, two, three)


def test_a_limited_fault_stands_before_the_rule_it_spoils() -> None:
    script = (on(path="/a").answer(body="fine"), on(path="/b").stall())
    made = spoilt(script, [Spoil((faults.cut(after_bytes=2),), times=3)])
    assert [rule.match.path for rule in made] == ["/a", "/a", "/b"]
    assert made[0].match.times == 3
    assert made[0].replies[0].steps != script[0].replies[0].steps
    assert made[1:] == script


def test_a_limited_fault_keeps_to_the_limits_of_its_rule() -> None:
    first, last = spoilt([on(attempt=2).answer()], [Spoil((faults.server_error(),), times=1)])
    assert (first.match.attempt, first.match.times, last.match.attempt) == (2, 1, 2)


def test_faults_queue_up_over_what_is_always_spoilt() -> None:
    script = (on().answer(body="fine"),)
    spoils = [
        Spoil((faults.server_error(),), times=1),
        Spoil((faults.delay(1),)),
        Spoil((faults.rate_limit(),), times=2),
    ]
    made = spoilt(script, spoils)
    assert [(rule.match.times, rule.replies[0].status) for rule in made] == [(1, 500), (2, 429), (None, 200)]
    assert [type(rule.replies[0].steps[0]).__name__ for rule in made] == ["Head", "Head", "Delay"]
    assert spoilt((), spoils) == ()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: on("GE T"), "no request can have the method 'GE T'"),
        (lambda: on(path="v1"), "does not begin with '/'"),
        (lambda: on(path="/a?b=1"), "has a query"),
        (lambda: on(json={"stream": True}), "is no JSON pointer"),
        (lambda: on(json={"/a": [1]}), "compares single values, not list"),
        (lambda: on(header={"a": 1}), "must be compared with text"),
        (lambda: on(times=0), "times must be a whole number from 1"),
        (lambda: on(attempt=True), "attempt must be"),
        (lambda: on(for_s=0), "for_s must be"),
        (lambda: on().answer(99), "the status of an answer is 200 to 999"),
        (lambda: on().answer().answer(), "has its head already"),
        (lambda: on().answer(body="a", json=1), "body= or json="),
        (lambda: on().answer(headers={"a b": "c"}), "cannot be the name"),
        (lambda: on().answer(headers={"a": "b\r\nc"}), "line break"),
        (lambda: on().info(200), "informational status"),
        (lambda: on().body("x"), "needs a head before"),
        (lambda: on().answer().cut().body("x"), "nothing can follow"),
        (lambda: on().sse([]), "at least one event"),
        (lambda: on().sse([1]), "an event must be"),
        (lambda: on().sse(["a"], jitter=0.5), "give per_s"),
        (lambda: on().sse(["a"], per_s=1, jitter=2), "jitter must be 0 to 1"),
        (lambda: on().delay(-1), "number of seconds"),
        (lambda: on().compiled(), "says nothing"),
        (lambda: on(json={"/a": 1}).answer().early().compiled(), "is early: it answers before the body"),
        (lambda: script_of([3]), "a script is made of rules"),
        (lambda: script_of(["GET"]), "a script is made of rules, .* not of str"),
        (lambda: presets.openai_responses.streamed(Turn(deltas_n=10_001)), "at most 10000 deltas"),
        (lambda: spoilt([on().stall()], [Spoil((faults.cut(after_bytes=1),))]), "needs a reply with a head"),
        (lambda: Spoil(("cut",)), "made by penstock.testing.faults, not 'cut'"),
        (lambda: on().answer().fault("reset"), "made by penstock.testing.faults, not 'reset'"),  # type: ignore[arg-type]
        (lambda: on().answer().fault(faults.reset(how="fine")), "fin, abrupt or reset, not 'fine'"),  # type: ignore[arg-type]
        (lambda: faults.goaway("soon"), "graceful, immediate or before, not 'soon'"),  # type: ignore[arg-type]
        (lambda: on().stall().fault(faults.cut()), "needs a reply with a head"),
        (lambda: on().sse(["a"]).fault(faults.cut(after_events=2)), "1 events too few"),
        (lambda: on().sse(["a"]).fault(faults.cut(after_events=1, after_bytes=1)), "not both"),
        (lambda: faults.fault_of("cutt"), "no fault 'cutt'; there are bad_chunk"),
        (lambda: faults.fault_of("cut", after=1), "fault cut: .*'after'"),
        (lambda: faults.settings(speed=1), "no HTTP/2 setting 'speed'"),
    ],
)
def test_a_mistake_is_named_where_it_is_made(make: Any, why: str) -> None:
    with pytest.raises(ScriptError, match=why):
        make()
