"""The end of things: cancelled tasks, dropped responses, closing with and without a limit, and forks."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable

import pytest

from penstock import SyncResponse, Transport
from penstock.errors import ForkedError, RequestCancelled, TransportClosed
from penstock.runtime import runtime
from tests.compat.within import run
from tests.transport.raw_peer import Forever, RawPeer, ReadHead, Send, Wait, WaitEnd, answer, chunked

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
STALL = [ReadHead(), Send(HEAD + chunked(b"begun", end=b"")), WaitEnd()]


async def seen_end(peer: RawPeer, n: int = 0) -> None:
    await asyncio.to_thread(peer.wait_for, lambda: len(peer.seen) > n and peer.seen[n].end != "")


def test_cancelling_the_task_resets_the_request() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            task = asyncio.create_task(transport.request("GET", peer.url()))
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await seen_end(peer)

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))


def test_dropping_a_response_resets_it() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            response = transport.submit("GET", peer.url(), None, None, transport.timeouts.clocks)
            await response.wait_head()
            del response
            gc.collect()
            await seen_end(peer)
            assert transport.stats()["running"] == 0

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_another_party_may_cancel() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            assert await anext(aiter(response)) == b"begun"
            waiting = asyncio.ensure_future(response.read())
            await asyncio.sleep(0)
            response.cancel()
            with pytest.raises(RequestCancelled):
                await waiting

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_closing_waits_for_what_runs() -> None:
    go_on = threading.Event()

    async def ask(peer: RawPeer) -> None:
        transport = Transport()
        async with transport.stream("GET", peer.url()) as response:
            closing = asyncio.create_task(transport.aclose())
            await asyncio.sleep(0)
            assert repr(transport) == "<Transport closing, 1 running>"
            with pytest.raises(TransportClosed):
                await transport.request("GET", peer.url())
            assert not closing.done()
            go_on.set()
            assert await response.read() == b"x"
        await closing
        assert repr(transport) == "<Transport closed, 0 running>"

    with RawPeer([ReadHead(), Send(HEAD), Wait(go_on), Send(chunked(b"x")), WaitEnd()]) as peer:
        run(ask(peer))


def test_closing_with_a_limit_cancels_and_says_so() -> None:
    async def ask(peer: RawPeer) -> None:
        transport = Transport()
        async with transport.stream("GET", peer.url()) as response:
            waiting = asyncio.ensure_future(response.read())
            await asyncio.sleep(0)
            await transport.aclose(drain_s=0.02)
            with pytest.raises(RequestCancelled):
                await waiting
        await seen_end(peer)

    with RawPeer(STALL) as peer:
        run(ask(peer))


def test_closing_covers_other_threads() -> None:
    errors: list[BaseException] = []

    def ask(transport: Transport, url: str) -> None:
        try:
            transport.request_sync("GET", url)
        except RequestCancelled as err:
            errors.append(err)

    with RawPeer(STALL) as peer:
        transport = Transport()
        thread = threading.Thread(target=ask, args=(transport, peer.url()))
        thread.start()
        peer.wait_for(lambda: len(peer.requests) == 1)
        transport.close(drain_s=0)
        thread.join(20)
        assert not thread.is_alive()
    assert [err.code for err in errors if isinstance(err, RequestCancelled)] == ["cancelled"]


def test_a_collected_transport_does_not_cut_its_responses() -> None:
    go_on = threading.Event()

    async def ask(peer: RawPeer) -> None:
        transport = Transport()
        response = transport.submit("GET", peer.url(), None, None, transport.timeouts.clocks)
        await response.wait_head()
        del transport
        gc.collect()
        go_on.set()
        assert await response.read() == b"x"

    with RawPeer([ReadHead(), Send(HEAD), Wait(go_on), Send(chunked(b"x")), WaitEnd()]) as peer:
        run(ask(peer))


def in_a_child(work: Callable[[], bool]) -> int:
    """The exit code of a forked child that does `work`: 0 = it was true; minus a signal when it hung."""
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_response_from_before_a_fork_says_so_in_the_child() -> None:
    def work(transport: Transport, response: SyncResponse) -> bool:
        try:
            next(iter(response))
        except ForkedError:
            transport.close()  # nothing of this process runs
            return True
        return False

    with RawPeer(STALL) as peer, Transport() as transport, transport.stream_sync("GET", peer.url()) as response:
        assert next(iter(response)) == b"begun"
        assert in_a_child(lambda: work(transport, response)) == 0


def test_a_child_process_starts_afresh() -> None:
    with RawPeer([Forever([ReadHead(), answer(b"hello")])]) as peer:
        transport = Transport()
        assert transport.request_sync("GET", peer.url()).body == b"hello"
        epoch = runtime.epoch

        def work() -> bool:
            response = transport.request_sync("GET", peer.url())
            return response.body == b"hello" and not response.timings.reused and runtime.epoch == epoch + 1

        assert in_a_child(work) == 0
        assert transport.request_sync("GET", peer.url()).timings.reused  # the parent's connection is untouched
        transport.close()
