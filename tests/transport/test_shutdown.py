"""The end: of an engine with requests under way, and of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from penstock import Transport, _core, errors
from tests.transport.loop_kinds import EACH_LOOP, MakeLoop, run
from tests.transport.own_process import run_script
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Tell, Wait, answer, chunked
from tests.waiting import eventually, eventually_sync

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOCKS = (10.0, None, None, None, None, None)


def open_pool(engine: _core.Engine) -> _core.Pool:
    """A pool of an engine of one's own, which may be stopped without harm to other tests."""
    return engine.open_pool(Transport()._config)


def ask(pool: _core.Pool, url: str, **more: Any) -> _core.Exchange:
    return pool.submit("GET", url, [], None, CLOCKS, **more)


# -- the engine --


@EACH_LOOP
@pytest.mark.parametrize("whole", [False, True])
def test_stop_answers_every_request(make_loop: MakeLoop, whole: bool) -> None:
    async def main() -> None:
        engine = _core.Engine()
        pool = open_pool(engine)

        async def one() -> None:
            exchange = ask(pool, peer.url(), whole=whole)
            await (exchange.read_whole() if whole else exchange.wait_head())

        tasks = [asyncio.ensure_future(one()) for _ in range(100)]
        await asyncio.sleep(0)
        await asyncio.to_thread(engine.stop)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in done} == {errors.TransportClosed}, done
        assert not engine.is_running
        with pytest.raises(errors.TransportClosed):
            ask(pool, peer.url())
        with pytest.raises(RuntimeError):
            open_pool(engine)

    with RawPeer([ReadHead()]) as peer:
        run(make_loop, main())


def test_stop_answers_blocking_waits() -> None:
    def wait() -> None:
        try:
            ask(pool, peer.url(), blocking=True).wait_head_sync()
        except errors.TransportClosed as err:
            caught.append(err)

    caught: list[BaseException] = []
    engine = _core.Engine()
    pool = open_pool(engine)
    with RawPeer([ReadHead()]) as peer:
        threads = [threading.Thread(target=wait) for _ in range(8)]
        for each in threads:
            each.start()
        peer.wait_for(lambda: len(peer.requests) == 8)
        engine.stop()
        for each in threads:
            each.join(30)
        assert len(caught) == 8


def test_stop_with_time_to_drain_lets_requests_finish() -> None:
    asked, go = threading.Event(), threading.Event()
    engine = _core.Engine()
    pool = open_pool(engine)
    with RawPeer([ReadHead(), Tell(asked), Wait(go), answer(b"ok")]) as peer:
        exchange = ask(pool, peer.url(), whole=True, blocking=True)
        assert asked.wait(30)
        stopper = threading.Thread(target=engine.stop, args=(60.0,))
        stopper.start()
        eventually_sync(lambda: not engine.is_running)
        go.set()
        assert exchange.read_whole_sync() == b"ok"
        stopper.join(30)
        assert not stopper.is_alive()


def test_a_second_stop_in_a_hurry_wins() -> None:
    engine = _core.Engine()
    pool = open_pool(engine)
    with RawPeer([ReadHead()]) as peer:
        exchange = ask(pool, peer.url(), blocking=True)
        peer.wait_for(lambda: len(peer.requests) == 1)
        patient = threading.Thread(target=engine.stop, args=(3600.0,))
        patient.start()
        eventually_sync(lambda: not engine.is_running)
        engine.stop(0.0)
        patient.join(30)
        assert not patient.is_alive(), "the second stop came back while the first still waits"
        with pytest.raises(errors.TransportClosed):
            exchange.wait_head_sync()


@EACH_LOOP
def test_an_engine_that_is_dropped_leaves_its_loops_alone(make_loop: MakeLoop) -> None:
    """A loop's reader outlives the engine; it ends by itself, on its loop."""

    async def use() -> None:
        exchange = ask(open_pool(_core.Engine()), peer.url())
        await exchange.wait_head()
        assert await exchange.read_chunk() == b"ok"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        added: list[int] = []
        removed: list[int] = []
        for name, record in (("add_reader", added), ("remove_reader", removed)):
            watch(loop, name, record)
        await use()
        gc.collect()
        assert added
        await eventually(lambda: sorted(removed) == sorted(added), "the readers are not removed")

    def watch(loop: Any, name: str, record: list[int]) -> None:
        real = getattr(loop, name)

        def call(fd: int, *args: Any) -> Any:
            record.append(fd)
            return real(fd, *args)

        setattr(loop, name, call)

    with RawPeer(SERVE) as peer:
        loop = make_loop()
        try:
            loop.__dict__  # noqa: B018
        except AttributeError:
            loop.close()
            pytest.skip("this loop's methods cannot be watched")
        loop.run_until_complete(main())
        loop.close()


@EACH_LOOP
def test_a_loop_closed_after_its_engine(make_loop: MakeLoop) -> None:
    """Nobody turns the loop any more, so the home is dropped with the reader still in place."""

    async def use(engine: _core.Engine) -> None:
        assert await ask(open_pool(engine), peer.url(), whole=True).read_whole() == b"ok"

    with RawPeer(SERVE) as peer:
        for stops in (False, True):
            loop = make_loop()
            engine = _core.Engine()
            loop.run_until_complete(use(engine))
            if stops:
                engine.stop()
            del engine
            loop.close()
            del loop


# -- the interpreter --

START = """
import asyncio, sys, threading
from penstock import Transport
url = sys.argv[1]
transport = Transport()
"""
ENDINGS = {
    "a response nobody reads": """
        response = transport.stream_sync("GET", url).__enter__()
    """,
    "a task that waits in a loop that is never closed": """
        loop = asyncio.new_event_loop()
        response = loop.run_until_complete(transport.stream("GET", url).__aenter__())
        async def read():
            async for chunk in response: pass
        task = loop.create_task(read())
        task._log_destroy_pending = False
        loop.run_until_complete(asyncio.sleep(0))
        import warnings; warnings.simplefilter("ignore", ResourceWarning)
    """,
    "a daemon thread that waits": """
        entered = threading.Event()
        def wait():
            with transport.stream_sync("GET", url) as response:
                entered.set()
                try:
                    response.read()
                except Exception:
                    pass
        threading.Thread(target=wait, daemon=True).start()
        assert entered.wait(30)
    """,
    "asyncio.run with a request under way": """
        async def main():
            task = asyncio.create_task(transport.request("GET", url))
            await asyncio.sleep(0)
        asyncio.run(main())
    """,
    "references in cycles and in module globals of builtins": """
        import builtins
        response = transport.stream_sync("GET", url).__enter__()
        builtins.kept = [transport, response]
        builtins.kept.append(builtins.kept)
    """,
    "an exception at the top": """
        response = transport.stream_sync("GET", url).__enter__()
        sys.excepthook = lambda *args: None
        try:
            raise SystemExit(0)
        finally:
            pass
    """,
    "an atexit function that asks once more": """
        import atexit
        from penstock import errors
        transport.stream_sync("GET", url).__enter__()
        def late():
            try:
                transport.request_sync("GET", url)
            except errors.TransportClosed:
                print("refused")
        import penstock.runtime
        atexit.unregister(penstock.runtime.runtime.stop)
        atexit.register(late)
        atexit.register(penstock.runtime.runtime.stop)
    """,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_interpreter_exits_with_a_request_under_way(ending: str) -> None:
    with RawPeer([ReadHead(), Send(STREAM_HEAD + chunked(b"x", end=b""))]) as peer:
        run_script(START + "\n" + "\n".join(line[8:] for line in ending.splitlines()), peer.url())
        peer.wait_for(lambda: all(each.end for each in peer.seen))
