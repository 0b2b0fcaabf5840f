"""A response may be closed from anywhere: another loop, a thread without one, the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.compat.httpx_library import Library
from tests.compat.within import run
from tests.transport.raw_peer import RawPeer, ReadHead, Send, Wait, WaitEnd, answer, chunked
from tests.waiting import eventually

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
STALL = [ReadHead(), Send(HEAD + chunked(b"begun", end=b"")), WaitEnd()]


async def seen_end(peer: RawPeer, n: int = 0) -> None:
    await asyncio.to_thread(peer.wait_for, lambda: len(peer.seen) > n and peer.seen[n].end != "")


async def opened(client: Any, peer: RawPeer, **request: Any) -> Any:
    method = "POST" if request else "GET"
    return await client.send(client.build_request(method, peer.url(), **request), stream=True)


@pytest.fixture(params=[False, True], ids=["fast", "compat"])
def shape(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_from_another_loop(library: Library, shape: bool) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=shape) as client:
            response = await opened(client, peer)
            assert await anext(response.aiter_raw()) == b"begun"
            await asyncio.to_thread(lambda: asyncio.run(response.stream.aclose()))
            await seen_end(peer)

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_from_another_loop_while_it_uploads(library: Library) -> None:
    """The source belongs to the first loop: it is ended there."""
    closed = threading.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient() as client:
            response = await opened(client, peer, content=source())
            await asyncio.to_thread(lambda: asyncio.run(response.stream.aclose()))
            await asyncio.to_thread(closed.wait)
            await seen_end(peer)

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_from_a_coroutine_that_no_loop_runs(library: Library, shape: bool) -> None:
    """Finalizers drive a coroutine by hand."""

    def drive(coroutine: Any) -> None:
        with pytest.raises(StopIteration):
            coroutine.send(None)

    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=shape) as client:
            response = await opened(client, peer)
            await asyncio.to_thread(drive, response.stream.aclose())
            await seen_end(peer)

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_by_the_garbage_collector(library: Library, shape: bool) -> None:
    """Generators that were begun are ended by the loop first, and what they held is found by the next collection."""

    def collected(peer: RawPeer, n: int) -> bool:
        gc.collect()
        return len(peer.seen) > n and peer.seen[n].end != ""

    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=shape, timeout=None) as client:
            for begins in (False, True):
                response = await opened(client, peer)
                chunks = response.aiter_raw()
                if begins:
                    assert await anext(chunks) == b"begun"
                response.self = response  # a cycle
                del response, chunks
                await eventually(lambda n=int(begins): collected(peer, n))

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_twice_and_after_the_end(library: Library, shape: bool) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=shape) as client:
            response = await opened(client, peer)
            assert await response.aread() == b"hello"
            for _ in range(2):
                await response.aclose()
                await response.stream.aclose()

    with RawPeer([ReadHead(), answer(b"hello"), WaitEnd()]) as peer:
        run(ask(peer))


def test_the_place_is_free_at_the_end_of_the_body(library: Library, shape: bool) -> None:
    """Before the response is closed."""

    async def ask(peer: RawPeer) -> None:
        limits = library.module.Limits(max_connections=1)
        async with library.adapter.AsyncClient(compat=shape, limits=limits) as client:
            response = await opened(client, peer)
            chunks = [chunk async for chunk in response.stream]
            assert b"".join(chunks) == b"hello"
            other = await client.get(peer.url(), timeout=library.module.Timeout(5, pool=5))
            assert other.text == "again"

    with RawPeer([ReadHead(), answer(b"hello"), ReadHead(), answer(b"again"), WaitEnd()]) as peer:
        run(ask(peer))


def test_the_library_watches_over_streams(library: Library) -> None:
    """StreamConsumed and StreamClosed are the library's own."""

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            response = await opened(client, peer)
            assert b"".join([chunk async for chunk in response.aiter_raw()]) == b"hello"
            with pytest.raises(library.module.StreamConsumed):
                await anext(response.aiter_raw())
            response = await opened(client, peer)
            await response.aclose()
            with pytest.raises(library.module.StreamClosed):
                await anext(response.aiter_raw())

    with RawPeer([ReadHead(), answer(b"hello"), ReadHead(), answer(b"hello"), WaitEnd()]) as peer:
        run(ask(peer))


def test_nothing_is_fetched_before_it_is_asked_for(library: Library) -> None:
    """The response is there with its head; the body may come when it likes."""
    go_on = threading.Event()

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            response = await opened(client, peer)
            assert response.status_code == 200
            assert not response.is_stream_consumed
            go_on.set()
            assert await response.aread() == b"late"

    with RawPeer([ReadHead(), Send(HEAD), Wait(go_on), Send(chunked(b"late")), WaitEnd()]) as peer:
        run(ask(peer))


# -- an iteration that is given up, while the response is still held --


def test_a_cancelled_read_ends_it(library: Library, shape: bool) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=shape) as client:
            response = await opened(client, peer)
            chunks = response.aiter_raw()
            assert await anext(chunks) == b"begun"
            reading = asyncio.ensure_future(anext(chunks))
            await asyncio.sleep(0)  # it waits for the engine now
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await seen_end(peer)
            assert response.status_code == 200  # held until here

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_a_dropped_iterator_ends_it(library: Library, shape: bool) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=shape) as client:
            response = await opened(client, peer)
            chunks = response.aiter_raw()
            assert await anext(chunks) == b"begun"
            await chunks.aclose()
            del chunks
            await seen_end(peer)
            assert response.status_code == 200  # held until here

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_a_dropped_blocking_iterator_ends_it(library: Library, shape: bool) -> None:
    with RawPeer(STALL) as peer, library.adapter.Client(compat=shape) as client:
        response = client.send(client.build_request("GET", peer.url()), stream=True)
        chunks = response.iter_raw()
        assert next(chunks) == b"begun"
        chunks.close()
        del chunks
        peer.wait_for(lambda: len(peer.seen) > 0 and peer.seen[0].end != "")
        assert response.status_code == 200  # held until here
