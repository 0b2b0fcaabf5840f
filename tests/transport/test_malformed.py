"""A response that breaks the rules: one typed error, the connection closed, the pool intact."""

from __future__ import annotations

import pytest

from penstock import Limits, Transport, errors
from tests.transport.raw_peer import Close, Forever, RawPeer, ReadBody, ReadHead, Reset, Send, WaitEnd, answer

OK = b"HTTP/1.1 200 OK\r\n"
MALFORMED = {
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "http/0.9": b"<html>hello</html>\r\n\r\n",
    "http/2 as text": b"HTTP/2.0 200 OK\r\n\r\n",
    "two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR in a value": OK + b"X: a\rb\r\nContent-Length: 0\r\n\r\n",
    "folded line": OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": OK + b"Content-Length : 0\r\n\r\n",
    "empty name": OK + b": a\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "both lengths": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "signed length": OK + b"Content-Length: +2\r\n\r\nok",
    "huge length": OK + b"Content-Length: 99999999999999999999\r\n\r\n",
    "unknown coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunk size with 0x": OK + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n",
    "no CRLF after a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n",
    "switching unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
}


def one_answer(data: bytes) -> list[object]:
    return [ReadHead(), ReadBody(), Send(data), WaitEnd()]


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_response_is_one_error_and_the_pool_serves_on(name: str) -> None:
    good = [Forever([ReadHead(), ReadBody(), answer(b"fine")])]
    async with Transport() as transport:
        with RawPeer(one_answer(MALFORMED[name]), good) as peer:
            with pytest.raises(errors.MalformedResponse) as caught:
                await transport.request("POST", peer.url(), content=b"x")
            assert caught.value.origin == f"http://127.0.0.1:{peer.port}"
            assert caught.value.maybe_processed
            assert not caught.value.retry_is_safe
            peer.wait_for(lambda: peer.seen[0].end != "")  # the bad connection is closed by us
            for _ in range(2):
                response = await transport.request("POST", peer.url(), content=b"x")
                assert response.body == b"fine"
            assert len(peer.seen) == 2
            assert transport.stats()["running"] == 0


CUT = {
    "inside the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "inside a length": OK + b"Content-Length: 9\r\n\r\nhalf",
    "inside a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    "at a chunk's border": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "before the last CRLF": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
}


@pytest.mark.parametrize("name", CUT)
async def test_a_cut_response_is_truncated_never_a_short_success(name: str) -> None:
    async with Transport() as transport:
        with RawPeer([ReadHead(), ReadBody(), Send(CUT[name]), Close()]) as peer:
            with pytest.raises(errors.TruncatedResponse):
                await transport.request("POST", peer.url(), content=b"x")


async def test_what_came_before_the_cut_is_delivered_first() -> None:
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    async with Transport() as transport:
        with RawPeer([ReadHead(), Send(data), Close()]) as peer:
            got = b""
            with pytest.raises(errors.TruncatedResponse) as caught:
                async with transport.stream("GET", peer.url()) as response:
                    async for chunk in response:
                        got += chunk
            assert got == b"half"
            assert caught.value.bytes_received == 4


async def test_a_reset_inside_the_body_is_an_error() -> None:
    data = OK + b"Content-Length: 9\r\n\r\nhalf"
    async with Transport() as transport:
        with RawPeer([ReadHead(), Send(data), Reset()]) as peer:
            with pytest.raises((errors.ReadError, errors.TruncatedResponse)):
                await transport.request("GET", peer.url())


async def test_closing_before_any_byte_is_a_disconnect() -> None:
    async with Transport() as transport:
        with RawPeer([ReadHead(), ReadBody(), Close()]) as peer:
            with pytest.raises(errors.Disconnected) as caught:
                await transport.request("POST", peer.url(), content=b"x")
            assert caught.value.phase == "wait"
            assert caught.value.maybe_processed
            assert len(peer.requests) == 1  # a POST is not sent twice without proof


async def test_a_body_until_close_ends_with_the_connection() -> None:
    async with Transport() as transport:
        with RawPeer([ReadHead(), Send(OK + b"\r\nall of it"), Close()]) as peer:
            response = await transport.request("GET", peer.url())
            assert response.body == b"all of it"


LIMITS = {
    "head bytes": (Limits(head_bytes=4096), OK + b"X: " + b"a" * 5000 + b"\r\n\r\n"),
    "head fields": (Limits(head_fields=10), OK + b"X: a\r\n" * 11 + b"\r\n"),
    "line": (Limits(line_bytes=1024), OK + b"X: " + b"a" * 2000),
    "1xx heads": (Limits(info_count=4), b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5),
    "trailers": (
        Limits(trailer_bytes=256),
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 300 + b"\r\n\r\n",
    ),
    "body": (Limits(body_bytes=1000), OK + b"Content-Length: 2000\r\n\r\n" + b"a" * 2000),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_each_limit_is_an_error_of_its_own(name: str) -> None:
    limits, data = LIMITS[name]
    async with Transport(limits=limits) as transport:
        with RawPeer([ReadHead(), Send(data), WaitEnd()]) as peer:
            with pytest.raises(errors.LimitExceeded):
                await transport.request("GET", peer.url())
            peer.wait_for(lambda: peer.seen[0].end != "")


async def test_bytes_after_the_response_are_discarded_with_the_connection() -> None:
    extra = OK + b"Content-Length: 2\r\n\r\nok" + OK + b"Content-Length: 5\r\n\r\nwrong"
    good = [ReadHead(), answer(b"right")]
    async with Transport() as transport:
        with RawPeer([ReadHead(), Send(extra), WaitEnd()], good) as peer:
            assert (await transport.request("GET", peer.url())).body == b"ok"
            assert (await transport.request("GET", peer.url())).body == b"right"
