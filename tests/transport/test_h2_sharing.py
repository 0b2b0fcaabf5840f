"""Many requests on few HTTP/2 connections: who hangs up or stands still harms nobody else (rules A6, C30, E53)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from penstock import HTTP2, TLS, Limits, Timeouts, Transport
from tests.waiting import eventually

from .certs import Authority
from .nghttpd_peer import Nghttpd
from .nginx_peer import body_of
from .own_process import run_script

STORM_N = 20_000
BODY = body_of("1m")


@pytest.fixture(scope="module")
def nghttpd(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nghttpd]:
    folder = tmp_path_factory.mktemp("nghttpd")
    (folder / "body").write_bytes(BODY)
    with (folder / "endless").open("wb") as endless:
        endless.truncate(1 << 29)
    with Nghttpd(folder, authority.issue()) as peer:
        yield peer


class Storm:
    """Requests given up at one of four stages; what came of each is counted."""

    def __init__(self, transport: Transport, url: str) -> None:
        self.transport = transport
        self.url = url
        self.ends: Counter[str] = Counter()
        self._random = random.Random(53)

    async def worker(self, stages: Iterator[int]) -> None:
        for stage in stages:
            self.ends[await (self.unsent, self.unanswered, self.at_head, self.mid_body)[stage]()] += 1

    async def unsent(self) -> str:
        """The task has begun, or not even that."""
        return await self._cancelled_after(self._random.randrange(2))

    async def unanswered(self) -> str:
        return await self._cancelled_after(self._random.randrange(2, 40))

    async def _cancelled_after(self, turns_n: int) -> str:
        task = asyncio.ensure_future(self.transport.request("GET", self.url))
        for _ in range(turns_n):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        return "complete"

    async def at_head(self) -> str:
        async with self.transport.stream("GET", self.url) as response:
            return f"head of {response.http_version}"

    async def mid_body(self) -> str:
        async with self.transport.stream("GET", self.url) as response:
            async for chunk in response:
                assert BODY.startswith(chunk)
                return "body"
        return "no body"


async def test_a_storm_of_cancels_leaks_no_slot_and_trips_no_defence(nghttpd: Nghttpd, authority: Authority) -> None:
    limits = Limits(max_connections=4)
    timeouts = Timeouts(total_s=60)
    async with Transport(tls=TLS(ca_file=authority.ca_file), limits=limits, timeouts=timeouts) as transport:
        storm = Storm(transport, nghttpd.url("/body"))
        stages = (index % 4 for index in range(STORM_N))
        await asyncio.gather(*(storm.worker(stages) for _ in range(100)))
        assert storm.ends.total() == STORM_N
        assert storm.ends["head of HTTP/2"] == storm.ends["body"] == STORM_N // 4
        answers = await asyncio.gather(*(transport.request("GET", nghttpd.url("/body")) for _ in range(50)))
        assert all(answer.body == BODY for answer in answers)
        stats = transport.stats()
        assert (stats["running"], stats["waiting"], stats["goaways"]) == (0, 0, 0)
        connections = [connection for origin in stats["origins"] for connection in origin["connections"]]
        assert [connection["streams"] for connection in connections] == [0] * len(connections)
        assert sum(connection["state"] != "drain" for connection in connections) <= 4


STALLED = """
import asyncio, resource, sys
from penstock import HTTP2, TLS, Limits, Transport

async def main(url, ca_file):
    async with Transport(tls=TLS(ca_file=ca_file), limits=Limits(max_connections=1)) as transport:
        async def fetch():
            return (await transport.request("GET", url + "/body")).body

        body = await fetch()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with transport.stream("GET", url + "/endless") as stalled:
            for _ in range(3):  # time enough for 300 MiB more, if nothing held the stalled one back
                bodies = await asyncio.gather(*(fetch() for _ in range(99)))
                assert all(other == body for other in bodies)
            del bodies
            stats = transport.stats()
            assert stats["opened"] == 1, stats
            assert stalled.state == "open"
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main(*sys.argv[1:]))
"""


def test_one_stalled_reader_stalls_nobody_and_stays_bounded(nghttpd: Nghttpd, authority: Authority) -> None:
    """99 bodies of 1 MiB at once are collected three times over; the stalled one may add its window, no more."""
    grown_kib = int(run_script(STALLED, nghttpd.url(""), str(authority.ca_file)))
    assert grown_kib < (99 * 2 + 64) * 1024  # the collected bodies, twice while they are joined, and windows


async def test_a_connection_serves_100_requests_at_once_and_no_more(nghttpd: Nghttpd, authority: Authority) -> None:
    """nghttpd takes 100 streams a connection; in strict mode the others wait for one of them (rule A5)."""
    for strict, opened in ((False, 2), (True, 1)):
        http2 = HTTP2(strict_streams=strict)
        async with Transport(tls=TLS(ca_file=authority.ca_file), http2=http2) as transport:
            await transport.request("GET", nghttpd.url("/body"))
            held = [transport.stream("GET", nghttpd.url("/endless")) for _ in range(100)]
            for call in held:
                await call.__aenter__()
            late = asyncio.ensure_future(transport.request("GET", nghttpd.url("/body")))
            if strict:
                await eventually(lambda: transport.stats()["waiting"] == 1)
                assert transport.stats()["origins"][0]["waiting"][0]["for"] == "stream_limit"
                await held.pop().__aexit__(None, None, None)
            assert (await late).body == BODY
            assert transport.stats()["opened"] == opened
            for call in held:
                await call.__aexit__(None, None, None)


async def test_first_requests_share_one_handshake(nghttpd: Nghttpd, authority: Authority) -> None:
    """Rule D43: all wait for the first connection and then use it."""
    async with Transport(tls=TLS(ca_file=authority.ca_file)) as transport:
        answers = await asyncio.gather(*(transport.request("GET", nghttpd.url("/body")) for _ in range(60)))
        assert {answer.http_version for answer in answers} == {"HTTP/2"}
        assert {answer.stream_id for answer in answers} == set(range(1, 121, 2))
        assert transport.stats()["opened"] == 1
