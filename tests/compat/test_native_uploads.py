"""Streamed request bodies: framing, backpressure, early responses, and sources that raise."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock import Limits, Timeouts, Transport
from penstock.errors import BodyMismatch, InvalidRequest, WriteTimeout
from tests.compat.within import run
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Tell, Wait, WaitEnd, answer, chunked

OK = answer(b"ok")
BLOCK = b"x" * 65536


class Trouble(Exception):
    pass


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


def test_pieces_are_chunks() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            response = await transport.request("POST", peer.url(), content=pieces(b"ab", b"", b"c"))
            assert response.body == b"ok"
            async with transport.stream("POST", peer.url(), content=pieces(b"d")) as streamed:
                assert await streamed.read() == b"ok"

    with RawPeer([Forever([ReadHead(), ReadBody(), OK])]) as peer:
        run(ask(peer))
    assert [request.body for request in peer.requests] == [b"abc", b"d"]
    assert peer.requests[0].header(b"transfer-encoding") == b"chunked"


def test_a_declared_length_is_kept() -> None:
    async def ask(peer: RawPeer) -> None:
        headers = {"Content-Length": "3"}
        async with Transport() as transport:
            await transport.request("POST", peer.url(), headers=headers, content=pieces(b"ab", b"c"))
            with pytest.raises(BodyMismatch):
                await transport.request("POST", peer.url(), headers=headers, content=pieces(b"abcd"))
            with pytest.raises(BodyMismatch):
                await transport.request("POST", peer.url(), headers=headers, content=pieces(b"ab"))

    with RawPeer([Forever([ReadHead(), ReadBody(), OK])]) as peer:
        run(ask(peer))
    assert peer.requests[0].body == b"abc"
    assert peer.requests[0].header(b"content-length") == b"3"


def test_a_source_is_asked_for_what_there_is_room_for() -> None:
    total, asked = 64, 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal asked
        for _ in range(total):
            asked += 1
            yield BLOCK * 8

    async def ask(peer: RawPeer, timeouts: Timeouts) -> bytes:
        async with Transport(limits=Limits(upload_bytes=65536), timeouts=timeouts) as transport:
            return (await transport.request("POST", peer.url(), content=source())).body

    with RawPeer([ReadHead(), Wait(never := threading.Event())]) as peer:
        with pytest.raises(WriteTimeout):  # it has stalled: the peer does not read, all buffers are full
            run(ask(peer, Timeouts(write_s=0.2)))
        assert asked < total
        never.set()
    asked = 0
    with RawPeer([ReadHead(), ReadBody(), OK, WaitEnd()]) as peer:
        assert run(ask(peer, Timeouts())) == b"ok"
    assert asked == total
    assert peer.requests[0].body == BLOCK * 8 * total


def test_a_source_that_raises_cancels_the_request() -> None:
    async def source(peer: RawPeer, requests_n: int) -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == requests_n)
        raise Trouble

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            with pytest.raises(Trouble):
                await transport.request("POST", peer.url(), content=source(peer, 1))
            with pytest.raises(Trouble):
                async with transport.stream("POST", peer.url(), content=source(peer, 2)):
                    raise AssertionError("there is no response")

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))
        peer.wait_for(lambda: [seen.end != "" for seen in peer.seen] == [True, True])


def test_a_source_that_raises_while_the_response_is_read() -> None:
    go_on = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield b"a"
        await go_on.wait()
        raise Trouble

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            with pytest.raises(Trouble):
                async with transport.stream("POST", peer.url(), content=source()) as response:
                    async for chunk in response:
                        assert chunk == b"early"
                        go_on.set()
            go_on.clear()
            with pytest.raises(Trouble):  # nobody reads, and still it is told
                async with transport.stream("POST", peer.url(), content=source()) as response:
                    go_on.set()
                    assert response._upload is not None
                    await asyncio.wait({response._upload._task})

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawPeer([ReadHead(), Send(head + chunked(b"early", end=b"")), WaitEnd()]) as peer:
        run(ask(peer))


def test_pieces_must_be_bytes() -> None:
    async def source() -> AsyncIterator[str]:
        yield "text"

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            with pytest.raises(InvalidRequest, match="must be bytes, not str"):
                await transport.request("POST", peer.url(), content=source())  # type: ignore[arg-type]

    with RawPeer([WaitEnd()]) as peer:
        run(ask(peer))


def test_a_refusal_stops_the_upload() -> None:
    """Rule 62: a final status of 300 or more ends the upload; the response is read."""
    is_closed = False

    async def source() -> AsyncIterator[bytes]:
        nonlocal is_closed
        try:
            while True:
                yield BLOCK
                await asyncio.sleep(0)
        finally:
            is_closed = True

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            response = await transport.request("POST", peer.url(), content=source())
            assert (response.status, response.body) == (413, b"too much")
            assert is_closed

    with RawPeer([ReadHead(), answer(b"too much", status=b"413 Content Too Large"), WaitEnd()]) as peer:
        run(ask(peer))


def test_cancelling_the_task_ends_the_source() -> None:
    closed = threading.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            task = asyncio.create_task(transport.request("POST", peer.url(), content=source()))
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert closed.is_set()
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))


def test_a_blocking_source_that_raises() -> None:
    def source(peer: RawPeer) -> Iterator[bytes]:
        yield b"a"
        peer.wait_for(lambda: len(peer.requests) == 1)
        raise Trouble

    with RawPeer([ReadHead(), WaitEnd()]) as peer, Transport() as transport:
        with pytest.raises(Trouble):
            transport.request_sync("POST", peer.url(), content=source(peer))
        peer.wait_for(lambda: peer.seen[0].end != "")


def test_a_blocking_source_stops_at_a_refusal() -> None:
    refused = threading.Event()

    def source() -> Iterator[bytes]:
        yield b"a"
        assert refused.wait(20)
        while True:
            yield BLOCK

    script = [ReadHead(), answer(b"no", status=b"403 Forbidden"), Tell(refused), WaitEnd()]
    with RawPeer(script) as peer, Transport() as transport:
        response = transport.request_sync("POST", peer.url(), content=source())
        assert (response.status, response.body) == (403, b"no")
