"""Request bodies: at once, from an iterable with backpressure, answered early, and Expect: 100-continue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from penstock import Limits, Transport, errors
from tests.transport.raw_peer import (
    Close,
    Forever,
    RawPeer,
    ReadBody,
    ReadHead,
    ReadSome,
    Send,
    Wait,
    WaitEnd,
    answer,
)

ECHO = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]


async def pieces(count: int, size: int = 1000) -> AsyncIterator[bytes]:
    for index in range(count):
        yield bytes([index % 256]) * size


async def test_an_iterable_is_sent_chunked() -> None:
    async with Transport() as transport:
        with RawPeer(ECHO) as peer:
            assert (await transport.request("POST", peer.url(), content=pieces(300))).body == b"ok"
            request = peer.requests[0]
            assert request.header(b"transfer-encoding") == b"chunked"
            assert request.header(b"content-length") is None
            assert request.body == b"".join([piece async for piece in pieces(300)])


async def test_an_iterable_with_a_length_is_checked() -> None:
    async with Transport() as transport:
        with RawPeer(ECHO) as peer:
            url, right = peer.url(), {"Content-Length": "3000"}
            assert (await transport.request("POST", url, headers=right, content=pieces(3))).body == b"ok"
            assert peer.requests[0].header(b"content-length") == b"3000"
            for count in (2, 4):
                with pytest.raises(errors.BodyMismatch):
                    await transport.request("POST", url, headers=right, content=pieces(count))


async def test_the_source_is_asked_no_faster_than_the_peer_reads() -> None:
    go = threading.Event()
    made = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(400):
            made += 65536
            yield bytes(65536)

    async with Transport(limits=Limits(upload_bytes=131072)) as transport:
        with RawPeer([ReadHead(), Wait(go), ReadBody(), answer(b"ok")]) as peer:

            async def watch() -> None:
                """Until the source stops being asked although the peer has read nothing."""
                seen, same = -1, 0
                while same < 20:
                    await asyncio.sleep(0.005)  # looking again, not waiting for a moment
                    same = same + 1 if made == seen else 0
                    seen = made
                assert made < 400 * 65536, "everything was pulled from the source"
                go.set()

            response, _ = await asyncio.gather(transport.request("POST", peer.url(), content=source()), watch())
            assert response.body == b"ok"
            assert made == 400 * 65536


async def test_an_early_refusal_stops_the_upload() -> None:
    refusal = Send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntoo big")
    async with Transport() as transport:
        with RawPeer([ReadHead(), ReadSome(1000), refusal, WaitEnd()]) as peer:
            response = await transport.request("POST", peer.url(), content=pieces(100_000))
            assert (response.status, response.body) == (413, b"too big")
            peer.wait_for(lambda: peer.seen[0].end != "")


async def test_a_closed_connection_does_not_hide_the_answer() -> None:
    """Rule 62: the peer answers, stops reading and closes; writing fails, the answer counts."""
    refusal = Send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
    async with Transport() as transport:
        with RawPeer([ReadHead(), refusal, WaitEnd(), Close()]) as peer:
            response = await transport.request("POST", peer.url(), content=b"x" * 5_000_000)
            assert (response.status, response.body) == (401, b"no")


async def test_a_source_that_raises_ends_the_request_with_its_exception() -> None:
    async with Transport() as transport:
        with RawPeer([ReadHead(), WaitEnd()]) as peer:

            async def source() -> AsyncIterator[bytes]:
                yield b"some"
                await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
                raise LookupError("no more")

            with pytest.raises(LookupError, match="no more"):
                await transport.request("POST", peer.url(), content=source())
            peer.wait_for(lambda: peer.seen[0].end != "")


async def test_expect_waits_for_100() -> None:
    headers = {"Expect": "100-continue"}
    go_on = Send(b"HTTP/1.1 100 Continue\r\n\r\n")
    async with Transport() as transport:
        with RawPeer([ReadHead(), go_on, ReadBody(), answer(b"ok")]) as peer:
            response = await transport.request("POST", peer.url(), headers=headers, content=b"body")
            assert response.body == b"ok"
            assert peer.requests[0].body == b"body"


async def test_expect_refused_sends_no_body() -> None:
    headers = {"Expect": "100-continue"}
    async with Transport() as transport:
        with RawPeer([ReadHead(), answer(b"no", status=b"417 Expectation Failed"), WaitEnd()]) as peer:
            response = await transport.request("POST", peer.url(), headers=headers, content=b"body")
            assert response.status == 417
            assert response.timings.bytes_sent == 0
            peer.wait_for(lambda: peer.seen[0].end != "")


async def test_expect_without_an_answer_sends_after_a_second() -> None:
    headers = {"Expect": "100-continue"}
    async with Transport() as transport:
        with RawPeer([ReadHead(), ReadBody(), answer(b"ok")]) as peer:
            response = await transport.request("POST", peer.url(), headers=headers, content=b"body")
            assert response.body == b"ok"
