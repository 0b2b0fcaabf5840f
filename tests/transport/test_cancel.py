"""Cancelling: tasks, responses, at each moment, and the races between a cancel and the news it crosses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from penstock import Response, Transport, errors
from penstock.runtime import runtime
from tests.transport.loop_kinds import EACH_LOOP, KINDS, MakeLoop, run
from tests.transport.raw_peer import (
    Forever,
    RawPeer,
    ReadBody,
    ReadHead,
    ReadSome,
    Send,
    Step,
    Tell,
    Wait,
    answer,
    chunked,
)
from tests.waiting import eventually, eventually_sync

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def read(response: Response) -> bytes:
    return await anext(aiter(response))


async def at_rest() -> None:
    await eventually(lambda: runtime.stats()["exchanges"] == 0, "the engine still holds an exchange")


async def turns(n: int = 3) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


@EACH_LOOP
def test_a_task_that_waits_for_the_head(make_loop: MakeLoop) -> None:
    async def main() -> None:
        async with Transport() as transport:
            task = asyncio.ensure_future(transport.request("GET", peer.url()))
            await asyncio.to_thread(asked.wait)
            task.cancel("enough")
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")
            await at_rest()

    asked = threading.Event()
    with RawPeer([ReadHead(), Tell(asked)]) as peer:
        run(make_loop, main())


@EACH_LOOP
def test_before_anything_was_sent(make_loop: MakeLoop) -> None:
    async def main() -> None:
        async with Transport() as transport:
            tasks = [asyncio.ensure_future(transport.request("GET", peer.url())) for _ in range(50)]
            for each in tasks[::2]:
                each.cancel()
            await asyncio.sleep(0)
            for each in tasks[1::2]:
                each.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in done)
            await at_rest()
            assert (await transport.request("GET", peer.url())).body == b"ok"

    with RawPeer(SERVE) as peer:
        run(make_loop, main())


@EACH_LOOP
@pytest.mark.parametrize("cancels", [1, 2])
def test_a_cancel_that_crosses_the_news_loses_nothing(make_loop: MakeLoop, cancels: int) -> None:
    """The chunk arrives after cancel() and before the task hears of it."""

    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:

            async def consume() -> bytes:
                try:
                    return await read(response)
                except asyncio.CancelledError:
                    return b"cancelled, then " + await read(response)

            task = asyncio.ensure_future(consume())
            await turns()
            for _ in range(cancels):
                task.cancel()
            go.set()
            eventually_sync(lambda: response.timings.bytes_received > 0)  # the loop stands still meanwhile
            assert await task == b"cancelled, then x"

    go = threading.Event()
    with RawPeer([ReadHead(), Send(STREAM_HEAD), Wait(go), Send(chunked(b"x"))]) as peer:
        run(make_loop, main())


@EACH_LOOP
def test_a_cancel_after_the_news_is_heard_at_the_next_wait(make_loop: MakeLoop) -> None:
    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            got: list[bytes] = []

            async def consume() -> None:
                async for chunk in response:
                    got.append(chunk)
                    me = asyncio.current_task()
                    assert me is not None
                    me.cancel()

            task = asyncio.ensure_future(consume())
            await turns()
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert got == [b"x"]

    go = threading.Event()
    with RawPeer([ReadHead(), Send(STREAM_HEAD), Wait(go), Send(chunked(b"x", end=b""))]) as peer:
        run(make_loop, main())


@EACH_LOOP
def test_a_wait_can_be_awaited_again(make_loop: MakeLoop) -> None:
    """One and the same wait object, cancelled the first time."""

    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            wait = anext(aiter(response))

            async def consume() -> bytes:
                return await wait

            first = asyncio.ensure_future(consume())
            await turns()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            second = asyncio.ensure_future(consume())
            await turns()
            go.set()
            assert await second == b"x"

    go = threading.Event()
    with RawPeer([ReadHead(), Send(STREAM_HEAD), Wait(go), Send(chunked(b"x"))]) as peer:
        run(make_loop, main())


@EACH_LOOP
def test_a_timeout_around_a_read(make_loop: MakeLoop) -> None:
    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            for _ in range(3):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(read(response), 0.01)
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(aiter(response)), 0.01)
            if hasattr(asyncio, "timeout"):  # 3.11
                with pytest.raises(asyncio.TimeoutError):
                    async with asyncio.timeout(0.01):
                        await anext(aiter(response))
            go.set()
            assert await response.read() == b"x"

    go = threading.Event()
    with RawPeer([ReadHead(), Send(STREAM_HEAD), Wait(go), Send(chunked(b"x"))]) as peer:
        run(make_loop, main())


@pytest.mark.skipif(not hasattr(asyncio, "TaskGroup"), reason="TaskGroup came with Python 3.11")
async def test_a_task_group_takes_its_requests_with_it() -> None:
    async def fail() -> None:
        await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 3)
        raise LookupError

    group_type: Any = asyncio.TaskGroup  # type: ignore[attr-defined,unused-ignore]
    with RawPeer([ReadHead()]) as peer:
        async with Transport() as transport:
            with pytest.raises(BaseException, match="unhandled errors in a TaskGroup") as caught:
                async with group_type() as group:
                    for _ in range(3):
                        group.create_task(transport.request("GET", peer.url()))
                    group.create_task(fail())
            assert [type(each) for each in caught.value.exceptions] == [LookupError]  # type: ignore[attr-defined]
            await at_rest()


# -- the response's own cancel() --


@EACH_LOOP
def test_cancelling_a_response_tells_its_reader(make_loop: MakeLoop) -> None:
    async def main() -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            task = asyncio.ensure_future(read(response))
            await turns()
            response.cancel()
            with pytest.raises(errors.RequestCancelled):
                await task
            response.cancel()
            with pytest.raises(errors.RequestCancelled):
                await read(response)
            await at_rest()

    with RawPeer([ReadHead(), Send(STREAM_HEAD)]) as peer:
        run(make_loop, main())


def test_cancelling_from_another_thread() -> None:
    def give_up() -> None:
        eventually_sync(lambda: bool(held), "the response is not there")
        held[0].cancel()

    held: list[Any] = []
    thread = threading.Thread(target=give_up)
    thread.start()
    with RawPeer([ReadHead(), Send(STREAM_HEAD)]) as peer, Transport() as transport:
        with transport.stream_sync("GET", peer.url()) as response:
            held.append(response)
            with pytest.raises(errors.RequestCancelled):
                response.read()
        peer.wait_for(lambda: peer.seen[0].end != "")
    thread.join()


async def test_cancelling_a_complete_response_is_harmless() -> None:
    with RawPeer(SERVE) as peer:
        async with Transport() as transport:
            response = await transport.request("GET", peer.url())
            response.cancel()
            assert (response.body, response.state) == (b"ok", "done")
            assert (await transport.request("GET", peer.url())).body == b"ok"
            assert len(peer.seen) == 1, "its connection was not harmed"


async def test_a_dropped_response_is_reset_at_the_peer() -> None:
    with RawPeer([ReadHead(), Send(STREAM_HEAD)]) as peer:
        async with Transport() as transport:
            call = transport.stream("GET", peer.url())
            await call.__aenter__()
            del call
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")
            await at_rest()


async def test_cancels_under_load_leave_nothing_behind() -> None:
    """Half of the requests are given up, each after a different number of turns of the loop."""
    with RawPeer(SERVE) as peer:
        async with Transport() as transport:

            async def one(index: int) -> bool:
                task = asyncio.ensure_future(transport.request("GET", peer.url()))
                if index % 2:
                    return (await task).body == b"ok"
                await turns(index % 23)
                task.cancel()
                done = (await asyncio.gather(task, return_exceptions=True))[0]
                return isinstance(done, asyncio.CancelledError) or getattr(done, "body", None) == b"ok"

            assert all(await asyncio.gather(*(one(index) for index in range(400))))
            await at_rest()


# -- interrupts --


def interrupted(make_loop: MakeLoop, script: list[Step], act: Callable[[Transport, str], Any]) -> None:
    """Runs `act` on a loop until it raises KeyboardInterrupt, and again until it is through."""
    with RawPeer(script) as peer, Transport() as transport:
        loop = make_loop()
        task = loop.create_task(act(transport, peer.url()))
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        loop.run_until_complete(task)
        loop.close()


@pytest.mark.parametrize("kind", ["asyncio", "debug"])
def test_an_interrupt_of_one_task_does_not_cost_others_their_news(kind: str) -> None:
    """All answers are there when the first woken task raises; the others get theirs when the loop runs on."""

    async def act(transport: Transport, url: str) -> None:
        async def one(index: int) -> bytes:
            body = (await transport.request("GET", url)).body
            if index == 0:
                raise KeyboardInterrupt
            return body

        tasks = [asyncio.ensure_future(one(index)) for index in range(100)]
        await turns(1)
        eventually_sync(lambda: runtime.stats()["exchanges"] == 0)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert done[1:] == [b"ok"] * 99

    interrupted(KINDS[kind], SERVE, act)


def test_an_interrupt_of_the_reader_does_not_cost_the_writer_its_news() -> None:
    """Both wait for the same exchange: the upload for room, the reader for a chunk."""

    async def act(transport: Transport, url: str) -> None:
        wrote = asyncio.Event()

        async def source() -> AsyncIterator[bytes]:
            yield bytes(size)  # more than the kernel and the engine hold
            yield b"x"
            wrote.set()

        async with transport.stream("POST", url, content=source()) as response:

            async def reader() -> None:
                await read(response)
                raise KeyboardInterrupt

            task = asyncio.ensure_future(reader())
            await turns(1)
            go.set()
            eventually_sync(lambda: response.timings.bytes_received > 0 and response.timings.bytes_sent == size)
            await wrote.wait()
            assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], KeyboardInterrupt)

    size = 16 << 20
    go = threading.Event()
    script = [ReadHead(), Send(STREAM_HEAD), Wait(go), ReadSome(size), Send(chunked(b"x", end=b""))]
    interrupted(asyncio.new_event_loop, script, act)
