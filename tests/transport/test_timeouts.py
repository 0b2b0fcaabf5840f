"""Each clock: which error, which phase, and that the slot is free afterwards. Peers wait for events, not for time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from penstock import Limits, Timeouts, Transport, errors
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Wait, WaitEnd, answer

SOON_S = 0.05
NEVER = Timeouts(connect_s=None, write_s=None, pool_s=None, first_byte_s=None, idle_s=None, total_s=None)


def only(**clock: float) -> Timeouts:
    values = dict.fromkeys(("connect_s", "write_s", "pool_s", "first_byte_s", "idle_s", "total_s"))
    return Timeouts(**{**values, **clock})


async def test_first_byte() -> None:
    async with Transport() as transport:
        with RawPeer([ReadHead(), ReadBody(), WaitEnd()]) as peer:
            with pytest.raises(errors.FirstByteTimeout) as caught:
                await transport.request("POST", peer.url(), content=b"x", timeouts=only(first_byte_s=SOON_S))
            assert caught.value.phase == "wait"
            assert caught.value.maybe_processed
            assert isinstance(caught.value, TimeoutError)
            peer.wait_for(lambda: peer.seen[0].end != "")


async def test_idle() -> None:
    head = Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    async with Transport() as transport:
        with RawPeer([ReadHead(), head, WaitEnd()]) as peer:
            with pytest.raises(errors.IdleTimeout) as caught:
                await transport.request("GET", peer.url(), timeouts=only(idle_s=SOON_S))
            assert caught.value.phase == "body"
            assert caught.value.bytes_received == 4


async def test_total_covers_everything() -> None:
    head = Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    async with Transport() as transport:
        with RawPeer([ReadHead(), head, WaitEnd()]) as peer:
            with pytest.raises(errors.TotalTimeout):
                await transport.request("GET", peer.url(), timeouts=only(total_s=SOON_S))


async def test_pool_and_the_reason_in_stats() -> None:
    go = threading.Event()
    limits = Limits(max_connections=1, max_connections_per_origin=1)
    async with Transport(limits=limits) as transport:
        with RawPeer([Forever([ReadHead(), Wait(go), answer(b"ok")])]) as peer:
            first = asyncio.ensure_future(transport.request("GET", peer.url(), timeouts=NEVER))
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
            second = asyncio.ensure_future(transport.request("GET", peer.url(), timeouts=only(pool_s=1.0)))
            await asyncio.sleep(0)  # it submits
            waiting = transport.stats()["origins"][0]["waiting"]
            assert [row["for"] for row in waiting] == ["max_connections_per_origin"]
            with pytest.raises(errors.PoolTimeout) as caught:
                await second
            assert caught.value.phase == "queue"
            assert not caught.value.maybe_processed
            assert caught.value.retry_is_safe
            go.set()
            assert (await first).body == b"ok"
            assert transport.stats()["waiting"] == 0


async def test_a_reader_that_pauses_is_not_an_idle_peer() -> None:
    """The clock stands while our own backpressure keeps the peer from sending."""
    body = b"x" * 4_000_000
    async with Transport(limits=Limits(buffer_bytes=65536)) as transport:
        with RawPeer([ReadHead(), answer(body)]) as peer:
            async with transport.stream("GET", peer.url(), timeouts=only(idle_s=0.2)) as response:
                chunks = response.__aiter__()
                got = len(await chunks.__anext__())
                await asyncio.sleep(0.5)  # longer than idle_s: the reader is slow, which is the subject here
                async for chunk in chunks:
                    got += len(chunk)
            assert got == len(body)


async def test_write() -> None:
    async with Transport() as transport:
        with RawPeer([ReadHead(), Wait(stop := threading.Event())]) as peer:
            try:
                with pytest.raises(errors.WriteTimeout) as caught:
                    await transport.request(
                        "POST", peer.url(), content=b"x" * 30_000_000, timeouts=only(write_s=SOON_S * 4)
                    )
                assert caught.value.phase == "send"
            finally:
                stop.set()


@pytest.mark.parametrize("bad", [-1, float("nan"), "5", True])
def test_bad_values_are_refused_where_they_are_made(bad: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        Timeouts(total_s=bad)  # type: ignore[arg-type]
