"""Request bodies of aiohttp that are written piece by piece: how they end, and who is told."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from penstock.adapters.aiohttp import client_session
from penstock.testing import Upstream, on
from tests.compat.within import run
from tests.transport.raw_peer import RawPeer, ReadHead, Send, Wait, WaitEnd, answer
from tests.waiting import eventually

BLOCK = b"x" * 65536


class Endless:
    """A source that says when it was closed: as in aiohttp, when nobody holds it any more."""

    def __init__(self) -> None:
        self.is_closed = False

    async def closed(self) -> None:
        await eventually(lambda: gc.collect() >= 0 and self.is_closed, "the source goes on")

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield BLOCK
                await asyncio.sleep(0)
        finally:
            self.is_closed = True


@pytest.mark.parametrize("form", [False, True])
def test_a_refusal_ends_the_upload(form: bool) -> None:
    source = Endless()

    def body() -> Any:
        if not form:
            return source.pieces()
        made = aiohttp.MultipartWriter()
        made.append(source.pieces())
        return made

    async def ask(peer: RawPeer) -> None:
        async with client_session() as client:
            async with client.post(peer.url(), data=body()) as response:
                assert (response.status, await response.text()) == (413, "enough")
            await source.closed()

    with RawPeer([ReadHead(), answer(b"enough", status=b"413 Too Large"), WaitEnd()]) as peer:
        run(ask(peer))


def test_leaving_ends_the_upload() -> None:
    """The response is there and wants more of the request; the caller wants no more of it."""
    source = Endless()

    async def ask(peer: RawPeer) -> None:
        async with client_session() as client:
            async with client.post(peer.url(), data=source.pieces()) as response:
                assert response.status == 200
            await source.closed()

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawPeer([ReadHead(), Send(head), WaitEnd()]) as peer:
        run(ask(peer))


def test_cancelling_ends_the_upload() -> None:
    source = Endless()

    async def ask(peer: RawPeer) -> None:
        async with client_session() as client:
            task = asyncio.create_task(client.post(peer.url(), data=source.pieces()))  # type: ignore[arg-type]
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await source.closed()
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))


def test_the_source_waits_for_the_peer() -> None:
    """A peer that reads nothing: what is asked of the source is bounded."""
    asked = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal asked
        while asked < 10_000:
            asked += 1
            yield BLOCK

    async def ask(peer: RawPeer) -> None:
        async with client_session() as client:
            with pytest.raises(asyncio.TimeoutError):
                await client.post(peer.url(), data=source(), timeout=aiohttp.ClientTimeout(total=0.5))
            assert asked * len(BLOCK) < 64 << 20
            is_over.set()

    is_over = threading.Event()
    with RawPeer([ReadHead(), Wait(is_over), WaitEnd()]) as peer:
        run(ask(peer))


def test_expect_waits_for_the_answer() -> None:
    """417 or any other final status: the body is never asked for."""
    asked = []

    async def source() -> AsyncIterator[bytes]:
        asked.append(1)
        yield b"never"

    async def ask(peer: RawPeer) -> None:
        async with client_session() as client:
            async with client.post(peer.url(), data=b"abc", expect100=True) as response:
                assert response.status == 403
            assert peer.requests[0].header(b"expect") == b"100-continue"
            assert peer.requests[0].body == b""

    with RawPeer([ReadHead(), answer(b"no", status=b"403 Forbidden"), WaitEnd()]) as peer:
        run(ask(peer))


@pytest.mark.skipif(not hasattr(aiohttp, "UploadTracker"), reason="new in aiohttp 3.14.4")
@pytest.mark.parametrize("http2", [False, True])
def test_an_upload_tracker_sees_it(http2: bool) -> None:
    async def source() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield BLOCK

    async def ask() -> None:
        with Upstream(on().answer(body="ok"), tls=False) as upstream:
            async with client_session(http2=http2) as client:
                for data, size in ((b"abc", 3), (source(), 20 * len(BLOCK)), (None, 0)):
                    tracker = aiohttp.UploadTracker()
                    async with client.post(upstream.url(), data=data, upload_tracker=tracker):
                        await tracker.upload_complete
                    assert (tracker.attempts, tracker.bytes_written) == (1, size)

    run(ask())


def test_request_signals_are_sent() -> None:
    seen: list[tuple[str, bytes]] = []

    async def on_headers(_: Any, __: Any, params: aiohttp.TraceRequestHeadersSentParams) -> None:
        seen.append(("headers", params.method.encode()))

    async def on_chunk(_: Any, __: Any, params: aiohttp.TraceRequestChunkSentParams) -> None:
        seen.append(("chunk", params.chunk))

    async def source() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def ask() -> None:
        traces = aiohttp.TraceConfig()
        traces.on_request_headers_sent.append(on_headers)
        traces.on_request_chunk_sent.append(on_chunk)
        with Upstream(on().answer(body="ok"), tls=False) as upstream:
            async with client_session(trace_configs=[traces]) as client:
                for data in (b"whole", source()):
                    async with client.post(upstream.url(), data=data):
                        pass
        assert seen == [
            ("headers", b"POST"),
            ("chunk", b"whole"),
            ("headers", b"POST"),
            ("chunk", b"one"),
            ("chunk", b"two"),
        ]

    run(ask())
