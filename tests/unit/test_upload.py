"""Pumping a request body: backpressure, early stop, and what happens when the source raises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.upload import Upload, async_source, fixed_content, pump_sync, sync_source


class FakeSink:
    """An exchange that has room for `room_n` pieces and then wants no more."""

    def __init__(self, room_n: int = 100) -> None:
        self.room_n = room_n
        self.sent: list[tuple[bytes, bool]] = []
        self.is_cancelled = False

    def wait_room_sync(self) -> bool:
        self.room_n -= 1
        return self.room_n >= 0

    async def wait_room(self) -> bool:
        await asyncio.sleep(0)
        return self.wait_room_sync()

    def send(self, data: Any, end: bool = False, /) -> None:
        self.sent.append((bytes(data), end))

    def cancel(self) -> None:
        self.is_cancelled = True


class Source:
    """Gives pieces, then raises or ends; remembers being closed."""

    def __init__(self, *pieces: Any, error: BaseException | None = None) -> None:
        self.pieces, self.error, self.is_closed = pieces, error, False

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self.pieces
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed = True

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            for piece in self.pieces:
                yield piece
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed = True


def pump(sink: FakeSink, source: Source, kind: str) -> BaseException | None:
    """Pump to the end; what the source raised."""

    async def run() -> BaseException | None:
        upload = Upload(sink, source)
        await asyncio.wait({upload._task})
        return upload.failure

    if kind == "async":
        return asyncio.run(run())
    try:
        pump_sync(sink, source)
    except Exception as err:
        return err
    return None


KINDS = pytest.mark.parametrize("kind", ["async", "sync"])


@KINDS
def test_pieces_are_sent_in_order_and_ended(kind: str) -> None:
    sink = FakeSink()
    assert pump(sink, Source(b"a", b"", bytearray(b"b"), memoryview(b"c")), kind) is None
    assert sink.sent == [(b"a", False), (b"b", False), (b"c", False), (b"", True)]
    assert not sink.is_cancelled


@KINDS
def test_a_peer_that_wants_no_more_closes_the_source(kind: str) -> None:
    sink, source = FakeSink(room_n=1), Source(b"a", b"b", b"c")
    assert pump(sink, source, kind) is None
    assert sink.sent == [(b"a", False)]
    assert source.is_closed
    assert not sink.is_cancelled


@KINDS
def test_a_source_that_raises_cancels(kind: str) -> None:
    sink, trouble = FakeSink(), RuntimeError("source")
    assert pump(sink, Source(b"a", error=trouble), kind) is trouble
    assert sink.sent == [(b"a", False)]
    assert sink.is_cancelled


@KINDS
def test_a_piece_that_is_not_bytes_is_refused(kind: str) -> None:
    sink = FakeSink()
    trouble = pump(sink, Source(b"a", "text"), kind)
    assert isinstance(trouble, InvalidRequest)
    assert "must be bytes, not str" in str(trouble)
    assert sink.is_cancelled


def test_stopping_ends_a_source_that_waits() -> None:
    async def run() -> tuple[bool, BaseException | None, str]:
        async def endless() -> AsyncIterator[bytes]:
            try:
                await asyncio.Event().wait()
                yield b""
            finally:
                closed.set()

        closed = asyncio.Event()
        sink = FakeSink()
        upload = Upload(sink, endless())
        await asyncio.sleep(0)
        assert repr(upload) == "<Upload running>"
        await upload.stop()
        await upload.stop()
        return closed.is_set(), upload.failure, repr(upload)

    assert asyncio.run(run()) == (True, None, "<Upload done>")


def test_which_content_is_at_hand() -> None:
    body = bytearray(b"x")
    assert fixed_content(body) is body
    assert fixed_content("é") == b"\xc3\xa9"
    assert fixed_content(None) is None
    assert fixed_content([b"x"]) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [([b"x"], "request_sync"), ({"a": 1}, "json.dumps"), (5, "async iterable of bytes, not int")],
)
def test_what_is_no_source_of_an_asynchronous_call(content: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        async_source(content)


@pytest.mark.parametrize(("content", "words"), [({"a": 1}, "json.dumps"), (5, "iterable of bytes, not int")])
def test_what_is_no_source_of_a_blocking_call(content: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        sync_source(content)
