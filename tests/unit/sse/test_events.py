"""Framing as the WHATWG has it, with limits."""

from __future__ import annotations

import pytest

from penstock.sse import Event, Events, EventTooLong


def found(data: bytes) -> list[tuple[str, bytes | None]]:
    return [(each.event, each.data) for each in Events().feed(data)]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\r\n\r\ndata: b\r\rdata:  c\n\r\n", [("", b"a"), ("", b"b"), ("", b" c")]),
        (b"data: a\ndata\ndata: b\n\n", [("", b"a\n\nb")]),
        (b"event: x\nid: 1\nretry: 9\ndata: a\n\n", [("x", b"a")]),
        (b"event: x\nevent: y\ndata: a\n\ndata: b\n\n", [("y", b"a"), ("", b"b")]),
        (b": comment\n\n", [("", None)]),
        (b": comment\ndata: a\n\n", [("", b"a")]),
        (b"event: alone\n\n", [("alone", None)]),
        (b"\n\n", [("", None), ("", None)]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"\xef\xbb\xbf\ndata: a\n\n", [("", None), ("", b"a")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("", b"a"), ("", None)]),
        (b"data: last\n", []),
        (b"Data: a\ndatas: b\n data: c\n\n", [("", None)]),
        (b"data: a\x00\xff\n\n", [("", b"a\x00\xff")]),
    ],
)
def test_events(data: bytes, wanted: list[tuple[str, bytes | None]]) -> None:
    assert found(data) == wanted


def test_raw_pieces_add_up_and_cuts_change_nothing() -> None:
    data = b"\xef\xbb\xbf: hi\r\n\r\nevent: a\rdata: 1\r\rdata: 2\n\n\n\rdata: 3\r\n\ndata: 4"
    whole = Events().feed(data)
    for at in range(len(data) + 1):
        events = Events()
        cut = events.feed(data[:at]) + events.feed(data[at:])
        assert b"".join(each.raw for each in cut) + events.held == data
        assert [each[:2] for each in cut if not each.is_tail] == [each[:2] for each in whole]


def test_an_lf_after_a_cr_comes_as_a_tail() -> None:
    events = Events()
    assert [each.data for each in events.feed(b"data: a\r\r")] == [b"a"]
    assert events.held == b""
    assert events.feed(b"\ndata: b\n") == [Event("", None, b"\n", is_tail=True)]
    assert [each.data for each in events.feed(b"\n")] == [b"b"]


@pytest.mark.parametrize("step", [1, 5, 100])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r\n"])
def test_an_event_is_limited(end: bytes, step: int) -> None:
    event = b"data: abc" + end
    size = len(event) - end.endswith(b"\r\n")  # an LF after the CR of the blank line does not count

    def feed(limit: int) -> None:
        events = Events(max_event_bytes=limit)
        for at in range(0, len(event), step):
            events.feed(event[at : at + step])

    feed(size)
    with pytest.raises(EventTooLong, match=f"^an event of the stream is longer than {size - 1} bytes$"):
        feed(size - 1)


def test_shows_its_state() -> None:
    events = Events()
    events.feed(b"data: a\n\ndata")
    assert repr(events) == "<Events 4 bytes held>"
