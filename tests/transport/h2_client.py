"""The client's side of tests with an H2Peer: a transport that speaks HTTP/2 without TLS, outcomes, what is left."""

from __future__ import annotations

import asyncio
import threading

from penstock import HTTP2, Limits, Response, Timeouts, Transport, errors
from penstock.upload import Content
from tests.transport.h2_raw_peer import H2Peer
from tests.transport.raw_peer import LIMIT_S
from tests.waiting import eventually

Outcome = Response | errors.PenstockError
PATIENT = Timeouts(total_s=30)  # a hang becomes an outcome


class Gate:
    """A script waits here until the test opens it."""

    def __init__(self) -> None:
        self._is_open = threading.Event()

    def open(self) -> None:
        self._is_open.set()

    def wait(self) -> None:
        assert self._is_open.wait(LIMIT_S), "nobody opened the gate"


def h2c(
    limits: Limits | None = None, timeouts: Timeouts = PATIENT, *, strict_streams: bool = False, **clocks: float
) -> Transport:
    """`clocks` are HTTP2's."""
    http2 = HTTP2(prior_knowledge=True, strict_streams=strict_streams, **clocks)
    return Transport(http2=http2, limits=limits, timeouts=timeouts)


def one_connection(n: int = 1) -> Limits:
    return Limits(max_connections_per_origin=n)


async def outcome(transport: Transport, url: str, method: str = "POST", content: Content = b"hello") -> Outcome:
    try:
        return await transport.request(method, url, content=content)
    except errors.PenstockError as err:
        return err


async def fine(transport: Transport, peer: H2Peer, path: str) -> Response:
    got = await outcome(transport, peer.url(path))
    assert isinstance(got, Response), f"{path}: {got!r}"
    assert (got.status, got.body) == (200, b"fine")
    return got


def begin(transport: Transport, peer: H2Peer, *paths: str) -> list[asyncio.Task[Response]]:
    """They are submitted in this order, at the next turn of the loop."""
    return [asyncio.create_task(fine(transport, peer, path)) for path in paths]


async def cancel(*tasks: asyncio.Task[Response]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


async def waiters(transport: Transport, n: int) -> None:
    """Until so many requests wait for a connection."""
    await eventually(lambda: transport.stats()["waiting"] == n, f"{n} waiters")


def leftovers(transport: Transport, peer: H2Peer) -> list[object]:
    """Streams and waiters that stats() still tells of."""
    stats = transport.stats()
    mine = [each for each in stats["origins"] if each["origin"].endswith(f":{peer.port}")]
    streams = [each for origin in mine for each in origin["connections"] if each["streams"]]
    waiting = [each for origin in mine for each in origin["waiting"]]
    return [*streams, *waiting, *(["running"] * stats["running"])]


async def nothing_left(transport: Transport, peer: H2Peer) -> None:
    await eventually(lambda: not leftovers(transport, peer), "no stream and no waiter is left")
