"""aiohttp's StreamReader over penstock: each way of reading, its end, backpressure."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from penstock import TLS, Limits
from penstock.adapters.aiohttp import client_session
from penstock.testing import Upstream, on
from tests.compat.within import run
from tests.waiting import eventually

KIB = 1024
PIECE = b"p" * 16 * KIB
BIG_PIECES = 2048  # 32 MiB


@pytest.fixture(params=[False, True], ids=["h1", "h2"])
def http2(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    three = on(path="/three").head().body("one\ntwo").body("\n").body("three")
    big = on(path="/big").sse([PIECE], count=BIG_PIECES)
    packed = gzip.compress(bytes(64 << 20), mtime=0)
    bomb = on(path="/bomb").answer(200, {"content-encoding": "gzip"}, packed)
    with Upstream(three, big, bomb, on(path="/length").answer(body="12345"), on(path="/ok").answer(body="ok")) as made:
        yield made


def session(upstream: Upstream, http2: bool, **settings: Any) -> aiohttp.ClientSession:
    return client_session(http2=http2, tls=TLS(ca_file=upstream.trust.ca_file), **settings)


def test_each_way_of_reading(upstream: Upstream, http2: bool) -> None:
    async def ask() -> None:
        async with session(upstream, http2) as client:
            url = upstream.url("/three")
            async with client.get(url) as response:
                assert [line async for line in response.content] == [b"one\n", b"two\n", b"three"]
            async with client.get(url) as response:
                pieces = [piece async for piece in response.content.iter_chunked(4)]
                assert (pieces[0], b"".join(pieces)) == (b"one\n", b"one\ntwo\nthree")
            async with client.get(url) as response:
                assert b"".join([piece async for piece in response.content.iter_any()]) == b"one\ntwo\nthree"
            async with client.get(url) as response:
                content = response.content
                assert await content.readuntil(b"two") == b"one\ntwo"
                assert await content.readexactly(3) == b"\nth"
                assert await content.read(2) == b"re"
                assert await content.read() == b"e"
                assert await content.read() == b""
                assert content.total_bytes == 13

    run(ask())


def test_chunk_boundaries_are_not_told(upstream: Upstream, http2: bool) -> None:
    """But the end of a chunked body is one, so that what was collected until then is not lost."""

    async def ask() -> None:
        async with session(upstream, http2) as client:
            async with client.get(upstream.url("/three")) as response:
                pairs = [pair async for pair in response.content.iter_chunks()]
            assert b"".join(data for data, _ in pairs) == b"one\ntwo\nthree"
            assert [is_end for _, is_end in pairs].count(True) == (0 if http2 else 1)
            assert pairs[-1][1] is not http2
            async with client.get(upstream.url("/length")) as response:
                assert not any([is_end async for _, is_end in response.content.iter_chunks()])

    run(ask())


def test_the_end_is_told(upstream: Upstream, http2: bool) -> None:
    async def ask() -> None:
        ends: list[str] = []
        async with session(upstream, http2) as client:
            async with client.get(upstream.url("/big")) as response:
                content = response.content
                content.on_eof(lambda: ends.append("end"))
                assert not content.is_eof() and not content.at_eof() and not ends
                assert response.connection is not None and not response.connection.closed
                response.connection.add_callback(lambda: ends.append("released"))
                await content.read()
                assert content.is_eof() and content.at_eof()
                assert sorted(ends) == ["end", "released"]
                content.on_eof(lambda: ends.append("late"))
                assert ends[-1] == "late"
            async with client.get(upstream.url("/three")) as response:
                await response.content.wait_eof()
                assert not response.content.at_eof()
                assert response.content.read_nowait() == b"one\ntwo\nthree"
                assert response.content.at_eof()

    run(ask())


def test_there_is_one_reader_at_a_time(upstream: Upstream, http2: bool) -> None:
    upstream.script(on().head().body("x").stall())

    async def ask() -> None:
        async with session(upstream, http2) as client, client.get(upstream.url()) as response:
            await response.content.readany()
            first = asyncio.create_task(response.content.readany())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="readany\\(\\) called while another coroutine is already waiting"):
                await response.content.readany()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first

    run(ask())


def test_a_cancelled_read_loses_nothing(upstream: Upstream, http2: bool) -> None:
    upstream.script(on().sse([{"n": 1}], count=50, per_s=500))

    async def ask() -> None:
        async with session(upstream, http2) as client, client.get(upstream.url()) as response:
            body = b""
            while True:
                reading = asyncio.create_task(response.content.readany())
                await asyncio.sleep(0)
                reading.cancel()
                try:
                    body += await reading
                except asyncio.CancelledError:
                    pass
                if response.content.at_eof():
                    break
                body += await response.content.readany()
            assert body.count(b"data: ") == 50

    run(ask())


def test_what_nobody_reads_stays_with_the_peer(upstream: Upstream, http2: bool) -> None:
    """The engine stops at its buffer, whatever the body's length; other requests go on; then all of it comes."""
    buffer_bytes = 256 * KIB

    async def ask() -> None:
        async with session(upstream, http2, limits=Limits(buffer_bytes=buffer_bytes)) as client:
            async with client.get(upstream.url("/big")) as response:
                assert response.connection is not None and response.connection.transport is not None
                facts = response.connection.transport.get_extra_info("penstock")
                await eventually(lambda: facts.timings.bytes_received >= buffer_bytes // 2, "nothing is buffered")
                for _ in range(50):
                    async with client.get(upstream.url("/ok")) as other:
                        assert await other.text() == "ok"
                assert facts.timings.bytes_received <= 4 * buffer_bytes + 128 * KIB
                taken = 0
                async for piece in response.content.iter_any():
                    taken += len(piece)
                    assert len(piece) <= 4 * buffer_bytes + 128 * KIB
                assert taken == BIG_PIECES * len(PIECE)

    run(ask())


@pytest.mark.skipif(
    tuple(map(int, aiohttp.__version__.split(".")[:2])) < (3, 14),
    reason="aiohttp before 3.14 decompresses what has come at once, or refuses more than 32 MiB",
)
def test_a_bomb_is_decompressed_in_pieces(upstream: Upstream, http2: bool) -> None:
    async def ask() -> None:
        async with session(upstream, http2) as client, client.get(upstream.url("/bomb")) as response:
            largest = total = 0
            async for piece in response.content.iter_any():
                largest = max(largest, len(piece))
                total += len(piece)
            assert total == 64 << 20
            assert largest <= 2 << 20

    run(ask())


def test_the_connection_can_be_asked(upstream: Upstream, http2: bool) -> None:
    async def ask() -> None:
        async with session(upstream, http2) as client, client.get(upstream.url("/big")) as response:
            connection = response.connection
            assert connection is not None and connection.transport is not None
            assert connection.transport.get_extra_info("peername")[0] == "127.0.0.1"
            assert connection.transport.get_extra_info("socket", "none") == "none"
            ours = connection.transport.get_extra_info("penstock")
            assert (ours.status, ours.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")
            response.close()
            assert connection.closed and connection.transport is None and response.connection is None

    run(ask())
