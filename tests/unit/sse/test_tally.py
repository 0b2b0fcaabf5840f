"""The tally's manners: what it gives out, what it leaves out, its limits, and that it leaks nothing."""

from __future__ import annotations

import gc
import resource
import sys
import tracemalloc
from typing import Any

import pytest

import penstock.sse
from penstock.sse import DONE, ERROR, FINISHED, MALFORMED, SEMANTIC, EventTooLong
from penstock.sse.gathered import TEXT_MAX_BYTES, TOOLS_MAX, Gathered
from penstock.sse.reference import NAME_MAX_BYTES
from penstock.sse.reference import Tally as Reference
from penstock.sse.tally import Tally
from tests.unit.sse.golden_streams import NAMES, dialect, said, stream

TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}],"usage":null}\n\n'
BARE = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
END = b"data: [DONE]\n\n"
each_kind = pytest.mark.parametrize("kind", [Reference, Tally], ids=["reference", "C"])


def test_the_one_in_use_is_in_c() -> None:
    assert penstock.sse.Tally is Tally
    assert Tally.__module__ == "penstock._core"


@each_kind
def test_whole_events_are_the_same_object(kind: type[Any]) -> None:
    tally = kind("chat")
    data = TEXT * 3
    assert tally.feed(data) is data
    assert tally.feed(data[:10]) == b""
    rest = data[10:]
    assert tally.feed(rest) == data
    assert tally.feed(data) is data
    nothing = bytes(bytearray())
    assert tally.feed(nothing) == b""


@each_kind
def test_an_unfinished_event_is_held(kind: type[Any]) -> None:
    tally = kind("chat")
    assert tally.feed(TEXT + TEXT[:20]) == TEXT
    assert tally.held == TEXT[:20]
    assert tally.events_n == 1
    assert tally.feed(TEXT[20:] + END + b":") == TEXT + END
    assert tally.held == b":"


@each_kind
@pytest.mark.parametrize(
    ("data", "relayed"),
    [
        (TEXT, BARE),
        (TEXT + TEXT + USAGE + END, BARE + BARE + END),
        (USAGE + END, END),
        (b'data: {"usage":null,"choices":[]}\n\n', b'data: {"choices":[]}\n\n'),
        (b'data: {"a":1 , "usage" : null }\n\n', b'data: {"a":1 }\n\n'),
        (b'data: { "usage": null , "a":1}\n\n', b'data: { "a":1}\n\n'),
        (b'data: {"choices":[{"usage":null}]}\n\n', b'data: {"choices":[{"usage":null}]}\n\n'),
        (b'data: {"b":{"a":1,"usage":null},"usage":null}\n\n', b'data: {"b":{"a":1,"usage":null}}\n\n'),
        (b'data: {"b":"\\",\\"usage\\":null","usage":null}\n\n', b'data: {"b":"\\",\\"usage\\":null"}\n\n'),
        (b': {"usage":null,"b":1}\ndata: {"usage":null,"b":1}\n\n', b': {"usage":null,"b":1}\ndata: {"b":1}\n\n'),
        (b'data: {"choices":[],"usage":{}}\r\n\r\n: x\r\n\r\n', b": x\r\n\r\n"),
        # untouched: no comma to take along, twice, over two lines, in escapes, not null
        (b'data: {"usage":null}\n\n', b'data: {"usage":null}\n\n'),
        (b'data: {"a":1,"usage":null,"usage":null}\n\n', b'data: {"a":1,"usage":null,"usage":null}\n\n'),
        (b'data: {"a":1,\ndata: "usage":null}\n\n', b'data: {"a":1,\ndata: "usage":null}\n\n'),
        (b'data: {"a":1,"\\u0075sage":null}\n\n', b'data: {"a":1,"\\u0075sage":null}\n\n'),
        (b'data: {"a":1,"usage":[]}\n\n', b'data: {"a":1,"usage":[]}\n\n'),
    ],
)
def test_usage_is_stripped(kind: type[Any], data: bytes, relayed: bytes) -> None:
    assert kind("chat", strip_usage=True).feed(data) == relayed
    assert kind("chat").feed(data) is data


@each_kind
def test_the_lf_of_a_dropped_event_is_dropped(kind: type[Any]) -> None:
    tally = kind("chat", strip_usage=True)
    assert [tally.feed(piece) for piece in (USAGE[:-2] + b"\r\n\r", b"\n", TEXT)] == [b"", b"", BARE]


@each_kind
def test_malformed_events_are_errors_on_demand(kind: type[Any]) -> None:
    data = b"data: {broken\n\n"
    assert kind("chat").feed(data) is data
    tally = kind("chat", is_strict=True)
    assert tally.feed(TEXT + data + TEXT) == TEXT
    assert (tally.malformed_n, tally.events_n, tally.seen) == (1, 2, SEMANTIC | MALFORMED | ERROR)
    assert tally.error == b"{broken"


@each_kind
def test_nothing_comes_after_an_error(kind: type[Any]) -> None:
    tally = kind("chat")
    assert tally.feed(TEXT + b'data: {"error": {"code" : 5} }\n\n' + TEXT + b"data: rest") == TEXT
    assert (tally.error, tally.held, tally.seen) == (b'{"code" : 5}', b"", SEMANTIC | ERROR)
    assert tally.feed(END) == b""
    assert tally.events_n == 2


@each_kind
def test_choices_that_come_late_are_waited_for(kind: type[Any]) -> None:
    def choice(index: int, reason: str) -> bytes:
        return b'data: {"choices":[{"index":%d,"delta":{},"finish_reason":%s}]}\n\n' % (index, reason.encode())

    tally = kind("chat")
    seen = [
        tally.feed(choice(*each)) and tally.is_complete for each in ((0, '"stop"'), (127, "null"), (127, '"length"'))
    ]
    assert seen == [True, False, True]
    assert tally.finish_reason == "stop"
    assert tally.seen == FINISHED


@each_kind
def test_names_are_limited(kind: type[Any]) -> None:
    longest = "é" * (NAME_MAX_BYTES // 2)
    for name, wanted in ((longest, longest), (longest + "x", None), ("", None)):
        tally = kind("chat")
        tally.feed(b'data: {"id":"%s"}\n\n' % name.encode())
        assert tally.id == wanted


def test_what_is_gathered_is_limited() -> None:
    tally, slow = Tally("completions", keep_text=True), Gathered(True)
    piece = "x" * (TEXT_MAX_BYTES // 4 - 1)
    for text in (piece, piece, piece, piece, "more than is left", "y"):
        tally.feed(b'data: {"choices":[{"text":"%s"}]}\n\n' % text.encode())
        slow.say(text)
    assert len(tally.text()) == len("".join(slow.text)) == 4 * len(piece)
    assert tally.text_bytes == 4 * len(piece) + len("more than is left") + 1


@each_kind
def test_tool_calls_are_limited_and_sorted(kind: type[Any]) -> None:
    tally = kind("chat", keep_text=True)
    for index in [9, 7, 8, *range(1000, 0, -1)]:
        call = b'{"index":%d,"id":"c%d","function":{"name":"f","arguments":"%d;"}}' % (index, index, index)
        tally.feed(b'data: {"choices":[{"delta":{"tool_calls":[%s]}}]}\n\n' % call)
    calls = tally.tool_calls()
    assert len(calls) == TOOLS_MAX
    assert calls[:4] == [("c7", "f", "7;7;"), ("c8", "f", "8;8;"), ("c9", "f", "9;9;"), ("c492", "f", "492;")]


@each_kind
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_event_that_is_too_long(kind: type[Any], step: int) -> None:
    tally = kind("chat", max_event_bytes=len(TEXT))
    data = TEXT + b": " + TEXT
    with pytest.raises(EventTooLong, match=rf"^an event of the stream is longer than {len(TEXT)} bytes$"):
        for at in range(0, len(data), step):
            tally.feed(data[at : at + step])


def test_after_that_every_call_says_so() -> None:
    tally = Tally("chat", max_event_bytes=3)
    for data in (b"data:", b"", b"\n"):
        with pytest.raises(EventTooLong):
            tally.feed(data)


@each_kind
def test_wrong_settings(kind: type[Any]) -> None:
    with pytest.raises(ValueError, match="dialect is 'morse', wanted one of chat, completions, messages, responses"):
        kind("morse")
    with pytest.raises(ValueError, match="max_event_bytes must be positive"):
        kind("chat", max_event_bytes=0)
    with pytest.raises(TypeError):
        kind("chat", True)


def test_wants_bytes() -> None:
    tally: Any = Tally("chat")
    for wrong in ("text", bytearray(b"x"), None):
        with pytest.raises(TypeError, match="wants bytes"):
            tally.feed(wrong)


@each_kind
def test_shows_its_state(kind: type[Any]) -> None:
    tally = kind("chat")
    tally.feed(TEXT + END)
    assert repr(tally) == f"<Tally chat, 2 events, seen {SEMANTIC | DONE:#x}>"


def test_keeps_no_reference() -> None:
    tally = Tally("chat", keep_text=True)
    data = bytes(TEXT * 2)
    half = bytes(TEXT[:30])
    before = (sys.getrefcount(data), sys.getrefcount(half), sys.getrefcount(Tally))
    for _ in range(10):
        assert tally.feed(data) is data
        tally.feed(half)
        tally.feed(TEXT[30:])
        Tally("chat")
    assert (sys.getrefcount(data), sys.getrefcount(half), sys.getrefcount(Tally)) == before


def test_leaks_nothing() -> None:
    def act() -> None:
        for name in NAMES:
            for options in ({"keep_text": True}, {"strip_usage": True}):
                tally = Tally(dialect(name), **options)
                data = stream(name)
                tally.feed(data[:100])
                tally.feed(data[100:])
                said(tally)
        for wrong in (lambda: Tally("morse"), lambda: Tally("chat", max_event_bytes=2).feed(b"data")):
            with pytest.raises(ValueError):  # noqa: PT011 - several
                wrong()

    act()
    tracemalloc.start()
    try:
        act()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            act()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


def test_memory_comes_back() -> None:
    """What C allocates is not seen by tracemalloc: a leak of these would be 800 MB."""

    def act() -> None:
        tally = Tally("chat", keep_text=True, strip_usage=True)
        tally.feed(b'data: {"choices":[{"delta":{"content":"%s"}}],"usage":null}\n\ndata: ' % (b"x" * 100_000))
        tally.feed(b"y" * 100_000)
        assert len(tally.text()) == 100_000

    for _ in range(50):
        act()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2000):
        act()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
