"""Repeats that must leave nothing behind; each in a process of its own, whose counts nobody else disturbs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.transport.own_process import run_script
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Wait, answer, chunked

CONNECTIONS = 8
OK = answer(b"ok" * 50_000)
START = """
import asyncio, sys, threading, tracemalloc
import uvloop
from penstock import Limits, Transport, _core
from penstock.runtime import runtime
from tests.leaks.held import Held, check_repeats

CONNECTIONS = 8
url = sys.argv[2]
new_loop = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[sys.argv[1]]
transport = Transport(limits=Limits(max_connections_per_origin=CONNECTIONS))

def run(main):
    loop = new_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

async def fill():  # open all the connections there may be, so that none is opened between two counts
    await asyncio.gather(*(transport.request("GET", url) for _ in range(CONNECTIONS)))
"""
EACH_LOOP = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@contextmanager
def serving() -> Iterator[RawPeer]:
    """A peer that answers when each connection that `fill()` asks for is there."""

    def let_go() -> None:
        with peer.changed:
            peer.changed.wait_for(lambda: len(peer.requests) >= CONNECTIONS or is_over, 60)
        go.set()

    is_over = False
    go = threading.Event()
    with RawPeer([ReadHead(), Wait(go), OK, Forever([ReadHead(), ReadBody(), OK])]) as peer:
        opener = threading.Thread(target=let_go)
        opener.start()
        try:
            yield peer
        finally:
            with peer.changed:
                is_over = True
                peer.changed.notify_all()
            opener.join()


def check(script: str, loop: str, peer: RawPeer) -> None:
    lines = [line.removeprefix("    ") for line in script.splitlines()]
    assert run_script(START + "\n".join(lines), loop, peer.url()).startswith("ok")


@EACH_LOOP
def test_two_hundred_loops_in_a_row(loop: str) -> None:
    script = """
    async def main():
        got = await asyncio.gather(*(transport.request("GET", url) for _ in range(4)))
        assert all(len(each.body) == 100000 for each in got)
    run(fill())
    check_repeats(lambda: run(main()), warm_n=20, repeats_n=200, rss_each_bytes=10000)
    assert runtime.stats()["homes"] <= 1
    """
    with serving() as peer:
        check(script, loop, peer)


@EACH_LOOP
def test_loops_left_with_requests_under_way(loop: str) -> None:
    """Each loop is closed over a response that is half read and a task that waits."""
    script = """
    async def main():
        response = await transport.stream("GET", url).__aenter__()
        it = aiter(response)
        assert await anext(it)
        async def wait():
            async for _ in it: pass
        task = asyncio.ensure_future(wait())
        task._log_destroy_pending = False
        await asyncio.sleep(0)
    check_repeats(lambda: run(main()), warm_n=20, repeats_n=200, rss_each_bytes=10000)
    """
    half = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 10_000, end=b"")
    with RawPeer([ReadHead(), Send(half)]) as peer:
        check(script, loop, peer)


@EACH_LOOP
def test_loops_in_threads_beside_a_blocking_caller(loop: str) -> None:
    script = """
    async def main():
        for _ in range(3):
            await asyncio.gather(*(transport.request("GET", url) for _ in range(4)))
    def once():
        threads = [threading.Thread(target=lambda: run(main())) for _ in range(4)]
        for each in threads: each.start()
        for _ in range(5):
            assert len(transport.request_sync("GET", url).body) == 100000
        for each in threads: each.join()
    run(fill())
    check_repeats(once, warm_n=5, repeats_n=30, rss_each_bytes=60000)
    """
    with serving() as peer:
        check(script, loop, peer)


@EACH_LOOP
def test_cancelled_and_dropped_requests(loop: str) -> None:
    """Python's own memory is traced: 20 rounds leave less than one small object for each of their 1200 requests."""
    script = """
    async def main():
        async def one(index):
            task = asyncio.ensure_future(transport.request("GET", url))
            for _ in range(index % 13): await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*(one(index) for index in range(50)))
        for _ in range(10):
            call = transport.stream("GET", url)
            response = await call.__aenter__()
            del call, response
    run(fill())
    for _ in range(10): run(main())
    tracemalloc.start(1)
    run(main())
    first = Held.now()
    for _ in range(20): run(main())
    last = Held.now()
    assert last.python_bytes - first.python_bytes < 20 * 60 * 40, (first, last)
    assert last.fds <= first.fds + CONNECTIONS and last.threads <= first.threads, (first, last)
    print("ok", first, last)
    """
    with serving() as peer:
        check(script, loop, peer)


@EACH_LOOP
def test_engines_made_and_dropped(loop: str) -> None:
    script = """
    config = Transport()._config
    made = 0
    async def use(engine):
        exchange = engine.open_pool(config).submit("GET", url, [], None, (None,) * 6, whole=True)
        assert len(await exchange.read_whole()) == 100000
    def once():
        global made
        made += 1
        engine = _core.Engine()
        run(use(engine))
        exchange = engine.open_pool(config).submit("GET", url, [], None, (None,) * 6, blocking=True)
        exchange.wait_head_sync()
        if made % 4: engine.stop()
    check_repeats(once, warm_n=10, repeats_n=60, rss_each_bytes=30000)
    """
    with RawPeer([Forever([ReadHead(), ReadBody(), OK])]) as peer:
        check(script, loop, peer)
