"""What a response is made of: head, 1xx, body in pieces, trailers, timings; and what must not have a body."""

from __future__ import annotations

import pytest

from penstock import Transport
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, answer, chunked


async def test_head_is_kept_as_it_came() -> None:
    data = b"HTTP/1.1 299 Rather Fine\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: 2\r\n\r\nok"
    async with Transport() as transport:
        with RawPeer([ReadHead(), Send(data)]) as peer:
            response = await transport.request("GET", peer.url())
            assert (response.status, response.reason, response.http_version) == (299, "Rather Fine", "HTTP/1.1")
            assert response.headers.raw[:2] == ((b"X-One", b"1"), (b"x-one", b"2"))
            assert response.headers.get_all("X-ONE") == ["1", "2"]


async def test_every_split_gives_the_same_response() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
    data = head + chunked(b"hello, ", b"world", end=b"0\r\nx-sum: 12\r\n\r\n")
    async with Transport() as transport:
        with RawPeer([Forever([ReadHead(), Send(data, piece=1)])]) as peer:
            response = await transport.request("GET", peer.url())
            assert response.body == b"hello, world"
            assert response.trailers.raw == ((b"x-sum", b"12"),)
            assert "x-sum" not in response.headers


async def test_informational_heads_come_apart() -> None:
    info = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with Transport() as transport:
        with RawPeer([ReadHead(), Send(info), answer(b"ok")]) as peer:
            response = await transport.request("GET", peer.url())
            assert response.status == 200
            ((status, fields),) = response.informational
            assert (status, fields.raw) == (103, ((b"Link", b"</a>"),))


@pytest.mark.parametrize(
    "method, status", [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")]
)
async def test_no_body_where_none_may_be(method: str, status: bytes) -> None:
    length = b"Content-Length: 0\r\n" if status[:1] == b"2" and method == "GET" else b"Content-Length: 10\r\n"
    head = b"HTTP/1.1 " + status + b"\r\n" + (b"" if status.startswith(b"204") else length) + b"\r\n"
    async with Transport() as transport:
        with RawPeer([Forever([ReadHead(), Send(head)])]) as peer:
            for _ in range(2):
                assert (await transport.request(method, peer.url())).body == b""
            assert len(peer.seen) == 1  # and the connection is used again


async def test_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 40_000  # 10 MiB, ten times what is buffered
    async with Transport() as transport:
        with RawPeer([Forever([ReadHead(), answer(body)])]) as peer:
            assert (await transport.request("GET", peer.url())).body == body
            async with transport.stream("GET", peer.url()) as response:
                assert b"".join([chunk async for chunk in response]) == body


async def test_timings_tell_what_happened() -> None:
    async with Transport() as transport:
        with RawPeer([Forever([ReadHead(), ReadBody(), answer(b"ok")])]) as peer:
            first = (await transport.request("POST", peer.url(), content=b"12345")).timings
            second = (await transport.request("POST", peer.url(), content=b"12345")).timings
            assert not first.reused and second.reused
            assert first.connection == second.connection
            assert first.connect_s is not None and second.connect_s is None
            assert first.bytes_sent == 5 and first.bytes_received == 2
            assert first.first_byte_s is not None and first.total_s is not None
            assert 0 < first.first_byte_s <= first.total_s
            assert first.peer == f"127.0.0.1:{peer.port}"
