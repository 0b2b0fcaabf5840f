"""Backpressure: a reader that does not read stops its own peer, and nobody else's."""

from __future__ import annotations

import asyncio
import threading

import pytest

from penstock import Limits, Transport
from tests.transport.loop_kinds import EACH_LOOP, MakeLoop, run
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Tell, answer
from tests.waiting import eventually, eventually_sync

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
BUFFER = 64 * 1024
READ = 64 * 1024  # one read of the engine's may come on top
SIZE = 32 << 20  # more than the kernel's buffers hold
BIG = bytes(range(256)) * (SIZE // 256)
LIMITS = Limits(buffer_bytes=BUFFER)


@EACH_LOOP
def test_an_unread_body_is_bounded_and_complete_in_the_end(make_loop: MakeLoop) -> None:
    async def main() -> None:
        async with Transport(limits=LIMITS) as transport, transport.stream("GET", peer.url()) as response:
            await eventually(lambda: response.timings.bytes_received >= BUFFER, "the buffer is not filled")
            for _ in range(50):  # the engine is busy with others meanwhile, and could read
                assert (await transport.request("GET", other.url())).body == b"ok"
                assert response.timings.bytes_received <= BUFFER + READ
            assert not sent.is_set()
            assert await response.read() == BIG

    sent = threading.Event()
    with RawPeer([ReadHead(), answer(BIG), Tell(sent)]) as peer, RawPeer(SERVE) as other:
        run(make_loop, main())


def test_a_blocking_reader_too() -> None:
    sent = threading.Event()
    with RawPeer([ReadHead(), answer(BIG), Tell(sent)]) as peer, RawPeer(SERVE) as other:
        with Transport(limits=LIMITS) as transport, transport.stream_sync("GET", peer.url()) as response:
            eventually_sync(lambda: response.timings.bytes_received >= BUFFER)
            for _ in range(50):
                assert transport.request_sync("GET", other.url()).body == b"ok"
                assert response.timings.bytes_received <= BUFFER + READ
            assert not sent.is_set()
            assert response.read() == BIG


@pytest.mark.parametrize("piece", [1, 1000, 100_000])
async def test_credit_comes_back_whatever_the_pieces(piece: int) -> None:
    """Chunks smaller and larger than a quarter of the window, at which credit is returned."""
    body = BIG[: 4000 * piece if piece < 1000 else 4 << 20]
    with RawPeer(
        [ReadHead(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)), Send(body, piece)]
    ) as peer:
        async with Transport(limits=LIMITS) as transport, transport.stream("GET", peer.url()) as response:
            assert await response.read() == body


async def test_many_slow_readers_on_one_loop() -> None:
    with RawPeer([ReadHead(), answer(BIG[: 4 << 20])]) as peer:
        async with Transport(limits=LIMITS) as transport:

            async def slow(index: int) -> int:
                total = 0
                async with transport.stream("GET", peer.url()) as response:
                    async for chunk in response:
                        total += len(chunk)
                        for _ in range(index % 5):
                            await asyncio.sleep(0)
                return total

            assert await asyncio.gather(*(slow(index) for index in range(10))) == [4 << 20] * 10
