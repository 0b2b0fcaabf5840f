"""Event loops: of each kind, closed, collected, replaced, nested, several at once, and the wrong one."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import pytest

from penstock import Limits, Transport, errors
from penstock.runtime import runtime
from tests.transport.loop_kinds import EACH_LOOP, MakeLoop, run
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Tell, Wait, answer, chunked
from tests.waiting import eventually_sync

T = TypeVar("T")
SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


# -- each kind --


@EACH_LOOP
def test_requests_on_each_kind_of_loop(make_loop: MakeLoop) -> None:
    async def main() -> None:
        async with Transport() as transport:
            answers = await asyncio.gather(*(transport.request("GET", peer.url()) for _ in range(100)))
        assert [each.body for each in answers] == [b"ok"] * 100

    with RawPeer(SERVE) as peer:
        run(make_loop, main())


@EACH_LOOP
def test_a_wait_is_an_awaitable_like_any_other(make_loop: MakeLoop) -> None:
    """wait_for, shield, gather, wait and ensure_future get what `await` gets: the chunk."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            it = aiter(response)
            got = [await anext(it)]
            for gate, wrap in zip(gates, wraps, strict=True):
                loop.call_soon(gate.set)  # the chunk comes when the wait has begun
                got.append(await wrap(anext(it)))
            assert [chunk async for chunk in it] == []
        assert got == [b"0", b"1", b"2", b"3", b"4", b"5"]

    async def of_gather(wait: Awaitable[bytes]) -> bytes:
        return (await asyncio.gather(wait))[0]

    async def of_wait(wait: Awaitable[bytes]) -> bytes:
        done, _ = await asyncio.wait({asyncio.ensure_future(wait)})
        return done.pop().result()

    async def in_time(wait: Awaitable[bytes]) -> bytes:
        return await asyncio.wait_for(wait, 30)

    wraps = [in_time, asyncio.shield, of_gather, of_wait, asyncio.ensure_future]
    gates = [threading.Event() for _ in wraps]
    script = [ReadHead(), Send(STREAM_HEAD + chunked(b"0", end=b""))]
    for digit, gate in zip(b"12345", gates, strict=True):
        script += [Wait(gate), Send(chunked(bytes([digit]), end=b"" if digit != b"5"[0] else b"0\r\n\r\n"))]
    with RawPeer(script) as peer:
        run(make_loop, main())


def test_a_wait_is_no_future_before_it_is_awaited() -> None:
    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            wait = anext(aiter(response))
            assert not asyncio.isfuture(wait)
            assert not asyncio.iscoroutine(wait)
            assert await wait == b"ok"

    with RawPeer(SERVE) as peer:
        asyncio.run(main())


# -- one after another --


@EACH_LOOP
def test_one_transport_serves_loop_after_loop(make_loop: MakeLoop) -> None:
    async def main() -> bytes:
        return (await transport.request("GET", peer.url())).body

    with RawPeer(SERVE) as peer, Transport() as transport:
        assert [run(make_loop, main()) for _ in range(10)] == [b"ok"] * 10
        assert len(peer.seen) == 1, "the connection outlives its first loop"


@EACH_LOOP
def test_what_a_closed_loop_left_is_ended_by_the_next(make_loop: MakeLoop) -> None:
    """The loop was closed without cancelling its tasks: the connection is given up, not kept for ever."""

    async def left_behind() -> None:
        loop = asyncio.get_running_loop()
        tasks.append(loop.create_task(transport.request("GET", silent.url())))
        await loop.run_in_executor(None, asked.wait)
        await loop.shutdown_default_executor()

    async def main() -> None:
        await transport.request("GET", peer.url())

    asked = threading.Event()
    tasks: list[asyncio.Task[Any]] = []
    with RawPeer([ReadHead(), Tell(asked)]) as silent, RawPeer(SERVE) as peer, Transport() as transport:
        run(make_loop, left_behind())
        tasks[0]._log_destroy_pending = False  # type: ignore[attr-defined]
        tasks.clear()
        run(make_loop, main())
        gc.collect()
        silent.wait_for(lambda: silent.seen[0].end != "")
        eventually_sync(lambda: runtime.stats()["exchanges"] == 0)


def test_a_closed_loop_does_not_hold_connections_that_another_needs() -> None:
    """Its tasks and responses may live on in cycles until the garbage collector comes."""

    async def main() -> None:
        response = await transport.stream("GET", peer.url()).__aenter__()
        task = asyncio.ensure_future(response.read())
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    gc.disable()
    try:
        limits = Limits(max_connections_per_origin=2)
        with RawPeer([ReadHead(), Send(STREAM_HEAD)]) as peer, Transport(limits=limits) as transport:
            for _ in range(5):
                run(asyncio.new_event_loop, main())
            assert transport.stats()["opened"] == 5
            transport.close(drain_s=0.0)
    finally:
        gc.enable()
        gc.collect()


@EACH_LOOP
def test_a_collected_loop_gives_its_descriptors_back(make_loop: MakeLoop) -> None:
    async def main() -> None:
        await transport.request("GET", peer.url())

    with RawPeer(SERVE) as peer, Transport() as transport:
        run(make_loop, main())
        gc.collect()
        before = open_fds()
        for _ in range(5):
            run(make_loop, main())
        gc.collect()
        assert open_fds() <= before


def test_a_loop_closed_while_news_was_under_way_leaves_the_engine_at_rest() -> None:
    """The home stays awake for ever then; the io thread must not look after it for ever."""

    async def main() -> Any:
        return await transport.stream("GET", peer.url()).__aenter__()

    go = threading.Event()
    script = [ReadHead(), Send(STREAM_HEAD), Wait(go), Send(chunked(b"x", end=b""))]
    with RawPeer(script) as peer, Transport() as transport:
        loop = asyncio.new_event_loop()
        response = loop.run_until_complete(main())
        go.set()
        eventually_sync(lambda: response.timings.bytes_received > 0)  # the loop does not turn: its byte stays unread
        loop.close()

        def turns_of(n: int) -> int:
            """Turns of the io thread while other work takes the time of `n` rounds of this loop."""
            began = runtime.stats()["loop_turns"]
            eventually_sync(iter([False] * n + [True]).__next__)
            return runtime.stats()["loop_turns"] - began

        # Each look is a millisecond apart, as a nudge was: at rest there are none.
        eventually_sync(lambda: turns_of(20) == 0, "the io thread goes on turning")
        response.cancel()


# -- inside one another --


class NestingLoop(asyncio.SelectorEventLoop):
    """Runs a loop inside of a running task, as nest_asyncio does in notebooks."""

    def run_inside(self, coro: Coroutine[Any, Any, T], **more: Any) -> T:
        outer = asyncio.current_task()
        assert outer is not None
        asyncio.tasks._leave_task(self, outer)
        try:
            task = self.create_task(coro, **more)
            while not task.done():
                self._run_once()  # type: ignore[attr-defined]
            return task.result()
        finally:
            asyncio.tasks._enter_task(self, outer)


def test_a_loop_inside_a_loop() -> None:
    """The outer task was resumed by the home's callback, which is thus still running."""

    async def get() -> bytes:
        return (await transport.request("GET", peer.url())).body

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, NestingLoop)
        assert await get() == b"ok"
        assert [loop.run_inside(get()) for _ in range(3)] == [b"ok"] * 3
        assert await get() == b"ok"

    with RawPeer(SERVE) as peer, Transport() as transport:
        run(NestingLoop, main())


@EACH_LOOP
def test_a_task_resumes_in_its_own_context(make_loop: MakeLoop) -> None:
    who: contextvars.ContextVar[int] = contextvars.ContextVar("who", default=-1)

    async def one(index: int) -> bool:
        who.set(index)
        for _ in range(3):
            await transport.request("GET", peer.url())
            if who.get() != index:
                return False
        return True

    async def main() -> None:
        assert all(await asyncio.gather(*(one(index) for index in range(20))))
        assert who.get() == -1

    with RawPeer(SERVE) as peer, Transport() as transport:
        run(make_loop, main())


# -- several, and the wrong one --


@EACH_LOOP
def test_loops_in_threads_share_one_transport(make_loop: MakeLoop) -> None:
    async def main() -> None:
        for _ in range(10):
            answers = await asyncio.gather(*(transport.request("GET", peer.url()) for _ in range(8)))
            assert {each.body for each in answers} == {b"ok"}

    def thread() -> None:
        try:
            run(make_loop, main())
            done.append("ok")
        except BaseException as err:
            done.append(repr(err))

    done: list[str] = []
    with RawPeer(SERVE) as peer, Transport() as transport:
        threads = [threading.Thread(target=thread) for _ in range(4)]
        for each in threads:
            each.start()
        while any(each.is_alive() for each in threads):
            assert transport.request_sync("GET", peer.url()).body == b"ok"
        for each in threads:
            each.join()
    assert done == ["ok"] * 4


def test_a_task_of_another_loop_is_refused_and_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:

            async def read() -> bytes:
                return await anext(aiter(response))

            with pytest.raises(RuntimeError, match="attached to a different loop"):
                await asyncio.to_thread(lambda: run(asyncio.new_event_loop, read()))
            go.set()
            assert await read() == b"x"

    go = threading.Event()
    with RawPeer([ReadHead(), Send(STREAM_HEAD), Wait(go), Send(chunked(b"x"))]) as peer:
        run(asyncio.new_event_loop, main())


def test_a_response_of_a_loop_cannot_be_read_blocking() -> None:
    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            with pytest.raises(RuntimeError, match="await it"):
                await asyncio.to_thread(response.exchange.read_chunk_sync)
            assert await response.read() == b"ok"

    with RawPeer(SERVE) as peer:
        asyncio.run(main())


async def test_one_reader_at_a_time() -> None:
    with RawPeer([ReadHead(), Send(STREAM_HEAD)]) as peer:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:

            async def read() -> bytes:
                return await anext(aiter(response))

            first = asyncio.create_task(read())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another task already waits"):
                await read()
            response.cancel()
            with pytest.raises(errors.RequestCancelled):
                await first


async def test_more_news_than_one_batch() -> None:
    """Over 64 answers are there when the loop looks: it takes turns, and none is forgotten."""
    with RawPeer(SERVE) as peer:
        async with Transport() as transport:
            tasks = [asyncio.create_task(transport.request("GET", peer.url())) for _ in range(100)]
            await asyncio.sleep(0)  # all are submitted
            eventually_sync(lambda: runtime.stats()["exchanges"] == 0)
            answers = await asyncio.gather(*tasks)
    assert len(answers) == 100
