"""Repeats over one HTTP/2 connection that all loops, threads and blocking callers share: nothing is left behind."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pytest

from tests.transport.certs import Authority
from tests.transport.nghttpd_peer import Nghttpd
from tests.transport.own_process import run_script

START = """
import asyncio, sys, threading
import uvloop
from penstock import TLS, Limits, Transport
from penstock.runtime import runtime
from tests.leaks.held import check_repeats

url, ca_file = sys.argv[2:]
new_loop = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[sys.argv[1]]
transport = Transport(limits=Limits(max_connections=1), tls=TLS(ca_file=ca_file))

def run(main):
    loop = new_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
"""
LOOPS_IN_A_ROW = """
async def main():
    got = await asyncio.gather(*(transport.request("GET", url) for _ in range(8)))
    assert all(len(each.body) == 100000 and each.http_version == "HTTP/2" for each in got)
check_repeats(lambda: run(main()), warm_n=20, repeats_n=200, rss_each_bytes=10000)
assert runtime.stats()["homes"] <= 1 and transport.stats()["opened"] == 1
"""
LOOPS_IN_THREADS = """
async def main():
    for _ in range(3):
        await asyncio.gather(*(transport.request("GET", url) for _ in range(4)))
def once():
    threads = [threading.Thread(target=lambda: run(main())) for _ in range(4)]
    for each in threads: each.start()
    for _ in range(5):
        assert len(transport.request_sync("GET", url).body) == 100000
    for each in threads: each.join()
check_repeats(once, warm_n=5, repeats_n=30, rss_each_bytes=60000)
assert transport.stats()["opened"] == 1
"""
CANCELLED_AND_DROPPED = """
async def main():
    async def one(index):
        task = asyncio.ensure_future(transport.request("GET", url))
        for _ in range(index % 13): await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(*(one(index) for index in range(50)))
    call = transport.stream("GET", url)
    response = await call.__aenter__()
    del call, response
    assert len((await transport.request("GET", url)).body) == 100000
check_repeats(lambda: run(main()), warm_n=20, repeats_n=60, rss_each_bytes=60000)
assert sum(each["streams"] for origin in transport.stats()["origins"] for each in origin["connections"]) == 0
"""
LEFT_UNDER_WAY = """
async def main():
    response = await transport.stream("GET", url).__aenter__()
    it = aiter(response)
    assert await anext(it)
    task = asyncio.ensure_future(transport.request("GET", url))
    task._log_destroy_pending = False
    await asyncio.sleep(0)
check_repeats(lambda: run(main()), warm_n=20, repeats_n=200, rss_each_bytes=60000)
"""


@pytest.fixture(scope="module")
def nghttpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Its URL, and the authority to trust."""
    folder = tmp_path_factory.mktemp("nghttpd")
    (folder / "body").write_bytes(b"ok" * 50_000)
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Nghttpd(folder, authority.issue()) as peer:
        yield peer.url("/body"), str(authority.ca_file)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    "script",
    [LOOPS_IN_A_ROW, LOOPS_IN_THREADS, CANCELLED_AND_DROPPED, LEFT_UNDER_WAY],
    ids=["loops in a row", "loops in threads", "cancelled and dropped", "left under way"],
)
def test_repeats(script: str, loop: str, nghttpd: tuple[str, str]) -> None:
    assert run_script(START + textwrap.dedent(script), loop, *nghttpd).startswith("ok")
