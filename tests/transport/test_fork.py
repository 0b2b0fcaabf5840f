"""fork: the child starts anew, the parent goes on, and neither waits for the other's locks or holds its sockets."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

from tests.transport.own_process import run_script
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Tell, answer, chunked

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

# `fork(act)` runs `act` in a child and returns its exit status; nothing of the parent's is finalized in the child.
PRELUDE = """
import asyncio, os, sys, threading, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of every fork beside threads
from penstock import Transport, errors

def start(act):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        act()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

def fork(act):
    return os.waitstatus_to_exitcode(os.waitpid(start(act), 0)[1])
"""


def test_the_child_starts_anew_and_the_parent_goes_on() -> None:
    script = """
    url = sys.argv[1]
    transport = Transport()
    assert transport.request_sync("GET", url).body == b"ok"

    def child():
        assert transport.request_sync("GET", url).body == b"ok"
        async def main():
            return (await transport.request("GET", url)).body
        assert asyncio.run(main()) == b"ok"
        assert fork(grandchild) == 0
        assert transport.request_sync("GET", url).body == b"ok"

    def grandchild():
        assert transport.request_sync("GET", url).body == b"ok"

    assert fork(child) == 0
    assert transport.request_sync("GET", url).body == b"ok"
    assert transport.stats()["opened"] == 1
    """
    with RawPeer(SERVE) as peer:
        run_script(PRELUDE + unindented(script), peer.url())
        assert len(peer.seen) == 3, "one connection for each process"


def test_a_response_of_the_parent_is_an_error_in_the_child() -> None:
    script = """
    url = sys.argv[1]
    transport = Transport()

    def child(response, waits):
        def check(use):
            try:
                use()
            except errors.ForkedError:
                return
            raise AssertionError("no ForkedError")
        exchange = response.exchange
        if waits:
            async def head(): await exchange.wait_head()
            async def chunk(): await exchange.read_chunk()
            check(lambda: asyncio.run(head()))
            check(lambda: asyncio.run(chunk()))
        else:
            check(exchange.wait_head_sync)
            check(exchange.read_chunk_sync)
        # Facts are what the parent had seen, or nothing; what matters is that no lock is waited for.
        assert "failed" in repr(response) and response.state == "failed"
        assert (response.status, len(response.headers), len(response.trailers)) == (200, 1, 0)
        assert response.informational == [] and response.timings is not None
        response.cancel()
        exchange.cancel()

    with transport.stream_sync("GET", url) as response:
        assert response.status == 200
        assert fork(lambda: child(response, False)) == 0
        response.cancel()

    async def main():
        async with transport.stream("GET", url) as response:
            assert response.status == 200 and len(response.headers) == 1
            pid = None
            def in_thread():  # a running loop is no place to fork
                return fork(lambda: child(response, True))
            assert await asyncio.to_thread(in_thread) == 0
    asyncio.run(main())
    """
    with RawPeer([ReadHead(), Send(STREAM_HEAD)]) as peer:
        run_script(PRELUDE + unindented(script), peer.url())


def test_the_child_does_not_hold_the_parents_connections() -> None:
    """The peer sees the parent's close while the child lives on."""
    script = """
    url = sys.argv[1]
    transport = Transport()
    tell_r, tell_w = os.pipe()
    with transport.stream_sync("GET", url) as response:
        child = start(lambda: os.read(tell_r, 1))
        print("forked", flush=True)
    sys.stdin.readline()
    os.write(tell_w, b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    with RawPeer([ReadHead(), Send(STREAM_HEAD)]) as peer:
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + unindented(script), peer.url()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            peer.wait_for(lambda: len(peer.seen) > 0 and peer.seen[0].end != "")
        finally:
            told = process.communicate(b"go\n", timeout=60)[0]
        assert (told.strip(), process.returncode) == (b"forked", 0)


def test_forks_beside_requests_of_other_threads() -> None:
    """The io thread and the other threads are anywhere in their work when it happens."""
    script = """
    url = sys.argv[1]
    transport = Transport()
    over = threading.Event()
    troubles = []

    def load():
        try:
            while not over.is_set():
                assert transport.request_sync("GET", url).body == b"ok"
        except BaseException as err:
            troubles.append(err)

    async def load_async():
        async def one():
            while not over.is_set():
                assert (await transport.request("GET", url)).body == b"ok"
        await asyncio.gather(*(one() for _ in range(4)))

    threads = [threading.Thread(target=load), threading.Thread(target=lambda: asyncio.run(load_async()))]
    for each in threads:
        each.start()

    def child():
        assert transport.request_sync("GET", url).body == b"ok"

    try:
        for _ in range(30):
            assert fork(child) == 0
    finally:
        over.set()
    for each in threads:
        each.join()
    assert troubles == [], troubles
    """
    with RawPeer(SERVE) as peer:
        run_script(PRELUDE + unindented(script), peer.url())


def test_multiprocessing_by_fork() -> None:
    script = """
    import multiprocessing
    url = sys.argv[1]
    transport = Transport()
    assert transport.request_sync("GET", url).body == b"ok"

    def work(_):
        return transport.request_sync("GET", url).body

    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(work, range(8)) == [b"ok"] * 8
    assert transport.request_sync("GET", url).body == b"ok"
    """
    with RawPeer(SERVE) as peer:
        run_script(PRELUDE + unindented(script), peer.url())


def test_a_child_that_exits_the_usual_way() -> None:
    """With everything finalized: atexit, module teardown, objects of the parent's engine."""
    script = """
    url = sys.argv[1]
    transport = Transport()
    response = transport.stream_sync("GET", url).__enter__()
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert next(iter(response)) == b"x"
    """
    told = threading.Event()
    with RawPeer([ReadHead(), Send(STREAM_HEAD + chunked(b"x", end=b"")), Tell(told)]) as peer:
        run_script(PRELUDE + unindented(script), peer.url())


def unindented(script: str) -> str:
    return textwrap.dedent(script)
