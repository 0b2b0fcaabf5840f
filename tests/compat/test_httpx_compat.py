"""The compat shape keeps the contract: the library's transport, its pool's words, our engine."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from penstock import errors
from tests.compat.httpx_library import Library
from tests.compat.within import run
from tests.transport.raw_peer import Close, Forever, RawPeer, ReadBody, ReadHead, Reset, Send, WaitEnd, answer

HALF = Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")


def test_a_request_and_its_response(library: Library) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"c"

    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=True) as client:
            for content in (b"abc", source()):
                response = await client.post(peer.url("/a?b"), content=content, headers={"X-Me": "1"})
                assert (response.status_code, response.text, response.reason_phrase) == (200, "hello", "OK")
                assert response.extensions["penstock"].timings.peer.endswith(str(peer.port))

    def blocking_source() -> Iterator[bytes]:
        yield b"ab"
        yield b"c"

    with RawPeer([Forever([ReadHead(), ReadBody(), answer(b"hello")])]) as peer:
        run(ask(peer))
        with library.adapter.Client(compat=True) as client:
            for content in (b"abc", blocking_source()):
                assert client.post(peer.url("/a?b"), content=content, headers={"X-Me": "1"}).text == "hello"
    assert [request.body for request in peer.requests] == [b"abc"] * 4
    assert {request.line for request in peer.requests} == {b"POST /a?b HTTP/1.1"}
    assert [request.header(b"content-length") for request in peer.requests] == [b"3", None, b"3", None]
    assert {request.header(b"x-me") for request in peer.requests} == {b"1"}


@pytest.mark.parametrize(
    ("script", "name", "cause"),
    [
        ([ReadHead(), Close()], "RemoteProtocolError", errors.Disconnected),
        ([ReadHead(), Reset()], "ReadError", errors.ReadError),
        ([ReadHead(), WaitEnd()], "ReadTimeout", errors.FirstByteTimeout),
        ([ReadHead(), HALF, Close()], "RemoteProtocolError", errors.TruncatedResponse),
        ([ReadHead(), HALF, WaitEnd()], "ReadTimeout", errors.IdleTimeout),
    ],
)
def test_exceptions_and_their_causes(library: Library, script: Any, name: str, cause: type[Exception]) -> None:
    """httpx's, from httpcore's, from ours."""

    def check(caught: Any, peer: RawPeer) -> None:
        assert type(caught.value) is getattr(library.module, name)
        assert type(caught.value.__cause__) is getattr(library.core, name)
        assert type(caught.value.__cause__.__cause__) is cause
        assert str(caught.value.request.url) == peer.url()

    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=True, timeout=library.module.Timeout(5, read=0.2)) as client:
            with pytest.raises(library.module.TransportError) as caught:
                await client.post(peer.url(), content=b"x")
            check(caught, peer)

    with RawPeer(script) as peer:
        run(ask(peer))
        with library.adapter.Client(compat=True, timeout=library.module.Timeout(5, read=0.2)) as client:
            with pytest.raises(library.module.TransportError) as caught:
                client.post(peer.url(), content=b"x")
            check(caught, peer)


def test_without_a_connection(library: Library) -> None:
    with library.adapter.Client(compat=True) as client:
        with pytest.raises(library.module.ConnectError):
            client.get("http://127.0.0.1:1/")
        with pytest.raises(library.module.UnsupportedProtocol):
            client.get("ftp://127.0.0.1/")
        with pytest.raises(library.module.LocalProtocolError):
            client.get("http://127.0.0.1:1/", headers={"a": "b\r\nc"})


def test_a_closed_transport_refuses_and_lets_responses_go_on(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        transport = library.adapter.CompatAsyncTransport()
        async with library.module.AsyncClient(transport=transport) as client:
            response = await client.send(client.build_request("GET", peer.url()), stream=True)
        assert b"".join([chunk async for chunk in response.stream]) == b"hello"
        with pytest.raises(errors.TransportClosed):
            await transport.handle_async_request(client.build_request("GET", peer.url()))

    with RawPeer([ReadHead(), answer(b"hello"), WaitEnd()]) as peer:
        run(ask(peer))


def test_a_cancelled_task_resets_the_request(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=True) as client:
            task = asyncio.create_task(client.get(peer.url()))
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gc.collect()
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))
