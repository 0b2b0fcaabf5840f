"""Repeats that must leave nothing behind; each in a process of its own, whose counts nobody else disturbs."""

from __future__ import annotations

import pytest

from tests.transport.own_process import run_script

START = """
import asyncio, gc, sys, threading, tracemalloc
import uvloop
from penstock import Limits, Transport, errors
from penstock.runtime import runtime
from tests.leaks.held import Held, check_repeats
from tests.transport.raw_peer import *

new_loop = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[sys.argv[1]]

def run(main):
    loop = new_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok" * 50000)])]
"""
EACH_LOOP = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


def check(script: str, loop: str) -> None:
    lines = [line.removeprefix("    ") for line in script.splitlines()]
    assert run_script(START + "\n".join(lines), loop).startswith("ok")


@EACH_LOOP
def test_two_hundred_loops_in_a_row(loop: str) -> None:
    script = """
    with RawPeer(SERVE) as peer, Transport() as transport:
        async def main():
            got = await asyncio.gather(*(transport.request("GET", peer.url()) for _ in range(4)))
            assert all(len(each.body) == 100000 for each in got)
        check_repeats(lambda: run(main()), warm_n=20, repeats_n=200, rss_each_bytes=10000)
        assert runtime.stats()["homes"] <= 1
    """
    check(script, loop)


@EACH_LOOP
def test_loops_left_with_requests_under_way(loop: str) -> None:
    """Each loop is closed over a response that is half read and a task that waits."""
    script = """
    head = b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n" + chunked(b"x" * 10000, end=b"")
    with RawPeer([ReadHead(), Send(head)]) as peer, Transport() as transport:
        async def main():
            response = await transport.stream("GET", peer.url()).__aenter__()
            it = aiter(response)
            while sum(map(len, [await anext(it)])) == 0: pass
            async def wait():
                async for _ in it: pass
            task = asyncio.ensure_future(wait())
            task._log_destroy_pending = False
            await asyncio.sleep(0)
        def once():
            run(main())
            for link in list(peer._links)[:-8]:  # the peer's own books
                peer._links.remove(link)
            peer._threads[1:] = [each for each in peer._threads[1:] if each.is_alive()]
        with Transport() as other:
            check_repeats(once, warm_n=20, repeats_n=200, rss_each_bytes=10000)
    """
    check(script, loop)


@EACH_LOOP
def test_loops_in_threads_beside_a_blocking_caller(loop: str) -> None:
    script = """
    with RawPeer(SERVE) as peer, Transport() as transport:
        async def main():
            for _ in range(3):
                await asyncio.gather(*(transport.request("GET", peer.url()) for _ in range(4)))
        def once():
            threads = [threading.Thread(target=lambda: run(main())) for _ in range(4)]
            for each in threads: each.start()
            for _ in range(5):
                assert len(transport.request_sync("GET", peer.url()).body) == 100000
            for each in threads: each.join()
        check_repeats(once, warm_n=5, repeats_n=30, rss_each_bytes=60000)
    """
    check(script, loop)


@EACH_LOOP
def test_cancelled_and_dropped_requests(loop: str) -> None:
    """Python's own memory is traced: what one round leaves is less than one object per request."""
    script = """
    with RawPeer(SERVE) as peer, Transport() as transport:
        async def main():
            async def one(index):
                task = asyncio.ensure_future(transport.request("GET", peer.url()))
                for _ in range(index % 13): await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await asyncio.gather(*(one(index) for index in range(50)))
            for _ in range(10):
                call = transport.stream("GET", peer.url())
                response = await call.__aenter__()
                del call, response
        def once():
            run(main())
            peer.seen.clear(); peer._links.clear()
            peer._threads[1:] = [each for each in peer._threads[1:] if each.is_alive()]
        for _ in range(10): once()
        tracemalloc.start(1)
        once()
        first = Held.now()
        for _ in range(20): once()
        last = Held.now()
        grown = last.python_bytes - first.python_bytes
        assert grown < 20 * 60 * 50, (first, last)
        print("ok", first, last)
    """
    check(script, loop)


@EACH_LOOP
def test_engines_made_and_dropped(loop: str) -> None:
    script = """
    from penstock import _core
    config = Transport()._config
    with RawPeer(SERVE) as peer:
        async def use(engine):
            exchange = engine.open_pool(config).submit("GET", peer.url(), [], None, (None,) * 6, whole=True)
            assert len(await exchange.read_whole()) == 100000
        def once():
            engine = _core.Engine()
            run(use(engine))
            exchange = engine.open_pool(config).submit("GET", peer.url(), [], None, (None,) * 6, blocking=True)
            exchange.wait_head_sync()
            if len(peer.seen) % 4: engine.stop()
        def tidy():
            once()
            for link in list(peer._links)[:-8]: peer._links.remove(link)
            peer._threads[1:] = [each for each in peer._threads[1:] if each.is_alive()]
        check_repeats(tidy, warm_n=10, repeats_n=60, rss_each_bytes=30000)
    """
    check(script, loop)
