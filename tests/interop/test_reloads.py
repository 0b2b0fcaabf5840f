"""Servers that are reloaded while they serve: GOAWAY as each of them sends it (rules B16 to B21).

node, nginx, Caddy    one GOAWAY with the last id it will serve
haproxy, h2o          one with 2^31-1, the end of the connection once the streams have ended
Apache                both, and see Apache.cuts
nghttpd               nothing: its connections break
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from penstock import Transport, errors

from .asking import MIB, PIECE, Events, echo, get_hello, opened_n, pieces
from .load import CONCURRENCY, Load
from .nginx import Nginx
from .server import Server
from .table import SERVERS

REQUESTS_N = 300
EVENTS_N = 10
GRACEFUL = [kind for kind in SERVERS if not kind.cuts]


async def reload_seen(server: Server, transport: Transport, load: Load) -> tuple[float, float]:
    """When it began, and when the server had given its old connection up."""
    former_n, began_s = opened_n(transport), time.monotonic()
    await asyncio.to_thread(server.reload)
    await load.until(lambda: opened_n(transport) > former_n, "a new connection")
    return began_s, time.monotonic()


async def test_a_reload_under_load_loses_nothing(server: Server, transport: Transport) -> None:
    """What was not processed is asked for again, what runs is finished; what the server cuts is told."""
    reloads = []
    async with Load(transport, server) as load:
        for _ in range(2):
            await load.reach(REQUESTS_N // 3)
            reloads.append(await reload_seen(server, transport, load))
        await load.reach(REQUESTS_N // 3)
    assert len(load.connections) <= 6
    if not server.cuts:
        assert load.losses == []
    for loss in load.losses:
        assert isinstance(loss.error, errors.PenstockError), repr(loss.error)
        assert any(loss.ended_s >= began_s and loss.began_s <= ended_s for began_s, ended_s in reloads), loss
        if not server.goes_down:
            assert loss.method == "POST", "a GET that was cut can be asked for again"
            assert loss.error.maybe_processed, "a POST that was not seen can be asked for again"
    cut = [loss for loss in load.losses if isinstance(loss.error, errors.PenstockError) and loss.error.maybe_processed]
    assert len(cut) <= CONCURRENCY * len(reloads)


@pytest.mark.parametrize("server", [Nginx], indirect=True)
async def test_a_server_that_counts_requests_costs_nothing(server: Server, transport: Transport) -> None:
    """nginx ends each connection after 1000 requests (keepalive_requests), whatever runs on it."""
    async with Load(transport, server) as load:
        await load.reach(2500)
    assert load.losses == []
    assert transport.stats()["goaways"] >= 2
    assert opened_n(transport) <= 6


@pytest.mark.parametrize("server", GRACEFUL, indirect=True)
async def test_what_runs_outlives_a_reload(server: Server, transport: Transport) -> None:
    """An event stream and an upload that began before it end after it, while new requests go elsewhere."""
    is_reloaded = asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        async for piece in pieces(MIB[:PIECE]):
            yield piece
        await is_reloaded.wait()
        async for piece in pieces(MIB[PIECE:]):
            yield piece

    events = Events(server, transport, f"{type(server).__name__}-reload", EVENTS_N)
    await events.release()
    async with transport.stream("GET", events.url) as response:
        chunks = aiter(response)
        await events.read(chunks, until=2)
        uploading = asyncio.create_task(echo(transport, server.url("/echo"), halting(), MIB))
        await get_hello(transport, server.url("/hello"))
        assert opened_n(transport) == 1
        await asyncio.to_thread(server.reload)
        async with Load(transport, server) as load:
            await load.until(lambda: opened_n(transport) > 1, "a new connection")
        is_reloaded.set()
        await uploading
        await events.read(chunks, until=EVENTS_N)
        assert [chunk async for chunk in chunks] == []
        assert response.timings.attempts == 1
        assert load.losses == []
    assert opened_n(transport) <= 3
