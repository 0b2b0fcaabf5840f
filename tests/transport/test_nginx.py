"""Against a real server: many requests at once, reuse of connections, and a server that goes away and comes back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import pytest

from penstock import Transport
from tests.transport.nginx_peer import JSON, Nginx, body_of
from tests.waiting import eventually

REQUESTS = 10_000
CONCURRENCY = 64
BOTH = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and the answer that is right."""

    method: str
    path: str
    content: bytes | None
    status: int
    body: bytes


def call_of(index: int) -> Call:
    """A mix: mostly small, now and then a larger body, up or down, or none at all."""
    kind = index % 50
    if kind == 0:
        return Call("GET", "/bytes/64k", None, 200, body_of("64k"))
    if kind == 1:
        return Call("POST", "/sink", bytes(range(256)) * 256, 204, b"")
    if kind == 2:
        return Call("GET", "/bytes/0", None, 200, b"")
    if kind == 3:
        return Call("HEAD", "/bytes/1k", None, 200, b"")
    if kind % 2:
        return Call("GET", "/bytes/1k", None, 200, body_of("1k"))
    return Call("POST", "/json", b"x" * 1024, 200, JSON)


async def check(transport: Transport, nginx: Nginx, call: Call, *, tls: bool) -> None:
    url = nginx.url(call.path, tls=tls)
    response = await transport.request(call.method, url, headers=[("x-test", "1")], content=call.content)
    assert (response.status, len(response.body)) == (call.status, len(call.body)), call.path
    assert response.body == call.body, call.path


@BOTH
async def test_ten_thousand_requests_without_an_error(transport: Transport, nginx: Nginx, tls: bool) -> None:
    calls = iter(range(REQUESTS))

    async def worker() -> int:
        done_n = 0
        for index in calls:
            await check(transport, nginx, call_of(index), tls=tls)
            done_n += 1
        return done_n

    done = await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    assert sum(done) == REQUESTS
    stats = transport.stats()
    # one per request at once: a dial whose request was served by another goes to the next
    assert stats["opened"] <= CONCURRENCY
    assert stats["reused"] >= REQUESTS - CONCURRENCY


@BOTH
async def test_requests_in_a_row_share_one_connection(transport: Transport, nginx: Nginx, tls: bool) -> None:
    for index in range(20):
        await check(transport, nginx, call_of(index), tls=tls)
    stats = transport.stats()
    assert (stats["opened"], stats["reused"]) == (1, 19)


@BOTH
async def test_a_large_body_streams_unharmed(transport: Transport, nginx: Nginx, tls: bool) -> None:
    body = bytearray()
    async with transport.stream("GET", nginx.url("/bytes/10m", tls=tls)) as response:
        assert response.status == 200
        async for chunk in response:
            assert chunk, "an empty chunk"
            body += chunk
    assert bytes(body) == body_of("10m")


async def test_a_connection_that_the_server_closes_is_not_used_again(transport: Transport, nginx: Nginx) -> None:
    for _ in range(5):
        response = await transport.request("GET", nginx.url("/close"))
        assert response.body == JSON
    assert transport.stats()["opened"] == 5


async def test_headers_arrive_as_sent(transport: Transport, nginx: Nginx) -> None:
    response = await transport.request("GET", nginx.url("/header"), headers=[("X-Echo", "a, b;  c")])
    assert response.body == b"a, b;  c"


@dataclass(frozen=True, slots=True)
class Loss:
    began_s: float
    ended_s: float
    error: Exception


class Load:
    """GETs without end, until told to stop; what fails is kept with its times."""

    def __init__(self, transport: Transport, nginx: Nginx, *, tls: bool) -> None:
        self._transport, self._nginx, self._tls = transport, nginx, tls
        self._is_over = False
        self.answered_n = 0
        self.losses: list[Loss] = []

    def __repr__(self) -> str:
        return f"<Load answered={self.answered_n} losses={len(self.losses)}>"

    async def run(self) -> None:
        await asyncio.gather(*(self._worker() for _ in range(16)))

    async def reach(self, goal_n: int) -> None:
        """Wait until `goal_n` more requests have been answered well."""
        goal_n += self.answered_n
        await eventually(lambda: self.answered_n >= goal_n, f"{goal_n} answers")

    def stop(self) -> None:
        self._is_over = True

    async def _worker(self) -> None:
        call = Call("GET", "/bytes/1k", None, 200, body_of("1k"))
        while not self._is_over:
            began_s = time.monotonic()
            try:
                await check(self._transport, self._nginx, call, tls=self._tls)
                self.answered_n += 1
            except AssertionError:
                raise
            except Exception as error:
                self.losses.append(Loss(began_s, time.monotonic(), error))
                await asyncio.sleep(0)


@BOTH
async def test_a_restart_costs_only_what_was_in_flight(transport: Transport, own_nginx: Nginx, tls: bool) -> None:
    load = Load(transport, own_nginx, tls=tls)
    running = asyncio.create_task(load.run())
    await load.reach(500)
    down_s = time.monotonic()
    await asyncio.to_thread(own_nginx.restart)
    up_s = time.monotonic()
    await load.reach(500)
    load.stop()
    await running
    for loss in load.losses:
        assert type(loss.error).__module__.startswith("penstock"), repr(loss.error)
        assert loss.ended_s >= down_s, "failed before the server went away"
        assert loss.began_s <= up_s, f"failed though the server was back: {loss.error!r}"


@BOTH
async def test_a_reload_costs_nothing(transport: Transport, own_nginx: Nginx, tls: bool) -> None:
    """nginx's old workers finish what they have and close idle connections: a GET met by that is replayed."""
    load = Load(transport, own_nginx, tls=tls)
    running = asyncio.create_task(load.run())
    await load.reach(300)
    for _ in range(3):
        opened_n = transport.stats()["opened"]
        own_nginx.reload()
        while transport.stats()["opened"] == opened_n:  # the old workers have closed theirs
            await load.reach(20)
    await load.reach(300)
    load.stop()
    await running
    assert load.losses == []
