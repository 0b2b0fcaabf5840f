"""The native API against peers on real sockets: requests, streams, facts of a response, blocking twins."""

from __future__ import annotations

import asyncio
import ssl
import threading

import pytest

from penstock import TLS, Headers, Limits, Timeouts, Transport
from penstock.errors import CertificateError, ConfigError, FirstByteTimeout, LimitExceeded, TruncatedResponse
from penstock.runtime import shares_libssl
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import (
    Close,
    Forever,
    RawPeer,
    ReadBody,
    ReadHead,
    Send,
    Step,
    Wait,
    WaitEnd,
    answer,
    chunked,
)

HELLO = Forever([ReadHead(), ReadBody(), answer(b"hello", b"X-A: 1", b"x-a: 2", b"Set-Cookie: a=b")])
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def piecewise(*events: threading.Event) -> list[Step]:
    """A chunked answer, `piece N` whenever its event is set."""
    steps: list[Step] = [ReadHead(), Send(CHUNKED)]
    for n, event in enumerate(events):
        steps += [Wait(event), Send(chunked(b"piece %d" % n, end=b""))]
    return [*steps, Send(b"0\r\n\r\n"), WaitEnd()]


def test_a_request_gives_a_complete_response() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            response = await transport.request("POST", peer.url("/x?y=1"), headers={"X-Me": "1"}, content="é")
            assert (response.status, response.reason, response.http_version) == (200, "OK", "HTTP/1.1")
            assert response.body == await response.read() == b"hello"
            assert response.headers.get_all("X-A") == ["1", "2"]
            assert [chunk async for chunk in response] == [b"hello"]
            assert repr(response) == "<Response 200, done>"
            assert response.timings.first_byte_s is not None
            assert (response.timings.bytes_received, response.timings.bytes_sent) == (5, 2)

    with RawPeer([HELLO]) as peer:
        run(ask(peer))
    request = peer.requests[0]
    assert (request.method, request.target, request.body) == (b"POST", b"/x?y=1", "é".encode())
    assert request.header(b"x-me") == b"1"
    assert request.header(b"content-length") == b"2"


def test_the_blocking_twin() -> None:
    with RawPeer([HELLO]) as peer, Transport() as transport:
        response = transport.request_sync("GET", peer.url(), headers=Headers([("X-Me", "1")]))
        assert (response.status, response.body, list(response)) == (200, b"hello", [b"hello"])
        with transport.stream_sync("GET", peer.url()) as streamed:
            assert b"".join(streamed) == b"hello"
            assert streamed.timings.reused
        with transport.stream_sync("POST", peer.url(), content=[b"a", b"", b"bc"]) as streamed:
            assert streamed.read() == streamed.body == b"hello"
        assert peer.requests[-1].body == b"abc"
        assert peer.requests[-1].header(b"transfer-encoding") == b"chunked"


def test_chunks_come_one_by_one() -> None:
    events = [threading.Event() for _ in range(3)]

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            assert (response.status, response.state) == (200, "open")
            with pytest.raises(RuntimeError, match="read"):
                _ = response.body
            got = []
            events[0].set()
            async for chunk in response:
                got.append(chunk)
                if len(got) < 3:
                    events[len(got)].set()
            assert got == [b"piece 0", b"piece 1", b"piece 2"]
            assert response.state == "done"

    with RawPeer(piecewise(*events)) as peer:
        run(ask(peer))


def test_iterating_runs_no_python_code_per_chunk() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            assert aiter(response) is response.exchange

    with RawPeer([HELLO]) as peer:
        run(ask(peer))


def test_read_collects_what_was_not_iterated() -> None:
    events = [threading.Event() for _ in range(2)]

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport, transport.stream("GET", peer.url()) as response:
            events[0].set()
            assert await anext(aiter(response)) == b"piece 0"
            events[1].set()
            assert await response.read() == response.body == b"piece 1"

    with RawPeer(piecewise(*events)) as peer:
        run(ask(peer))


def test_trailers_and_informational_responses() -> None:
    script = [
        ReadHead(),
        Send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        Send(CHUNKED + chunked(b"x", end=b"0\r\nX-Sum: 9\r\n\r\n")),
        WaitEnd(),
    ]

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            response = await transport.request("GET", peer.url())
            assert list(response.trailers) == [("X-Sum", "9")]
            assert [(status, list(fields)) for status, fields in response.informational] == [(103, [("Link", "</a>")])]

    with RawPeer(script) as peer:
        run(ask(peer))


def test_a_connection_is_reused_and_shared_by_transports_of_equal_settings() -> None:
    async def ask(peer: RawPeer) -> None:
        limits = Limits(max_waiting=501)  # a pool of its own
        async with Transport(limits=limits) as one, Transport(limits=limits) as other:
            assert not (await one.request("GET", peer.url())).timings.reused
            assert (await other.request("GET", peer.url())).timings.reused
            stats = other.stats()
            assert (stats["connections"], stats["opened"], stats["reused"]) == (1, 1, 1)
            assert stats["origins"][0]["origin"] == f"http://127.0.0.1:{peer.port}"

    with RawPeer([HELLO]) as peer:
        run(ask(peer))
    assert len(peer.seen) == 1


def test_one_transport_serves_loops_and_threads() -> None:
    bodies: list[bytes] = []

    def blocking(transport: Transport, url: str) -> None:
        bodies.append(transport.request_sync("GET", url).body)

    def looping(transport: Transport, url: str) -> None:
        async def ask() -> None:
            bodies.append((await transport.request("GET", url)).body)

        run(ask())

    with RawPeer([HELLO]) as peer:
        transport = Transport()
        threads = [
            threading.Thread(target=work, args=(transport, peer.url()))
            for work in (blocking, looping)
            for _ in range(4)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
        transport.close()
    assert bodies == [b"hello"] * 8


def test_tls_trust_is_a_setting(authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport(tls=TLS(ca_file=authority.ca_file)) as transport:
            response = await transport.request("GET", peer.url())
            assert response.timings.tls_version == "TLSv1.3"
        async with Transport(tls=TLS(ca_pem=authority.ca_file.read_bytes())) as transport:
            assert (await transport.request("GET", peer.url())).status == 200
        async with Transport(tls=TLS(verify=False)) as transport:
            assert (await transport.request("GET", peer.url())).status == 200
        async with Transport() as transport:
            with pytest.raises(CertificateError) as caught:
                await transport.request("GET", peer.url())
        assert (caught.value.phase, caught.value.maybe_processed) == ("tls", False)
        assert caught.value.detail != 0

    with RawPeer([HELLO], tls=server_tls) as peer:
        run(ask(peer))


def test_server_name_replaces_the_host_for_tls(authority: Authority) -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport(tls=TLS(ca_file=authority.ca_file)) as transport:
            with pytest.raises(CertificateError):
                await transport.request("GET", peer.url())
            assert (await transport.request("GET", peer.url(), server_name="api.example")).status == 200

    with RawPeer([HELLO], tls=authority.issue(["api.example"]).server_context()) as peer:
        run(ask(peer))


def test_an_ssl_context_is_used_as_it_is(authority: Authority, server_tls: ssl.SSLContext) -> None:
    if not shares_libssl():
        with pytest.raises(ConfigError, match="another copy of OpenSSL"):
            Transport(tls=TLS(context=authority.client_context()))
        return

    async def ask(peer: RawPeer) -> None:
        async with Transport(tls=TLS(context=authority.client_context())) as transport:
            assert (await transport.request("GET", peer.url())).status == 200
        async with Transport(tls=TLS(context=ssl.create_default_context())) as transport:
            with pytest.raises(CertificateError):
                await transport.request("GET", peer.url())

    with RawPeer([HELLO], tls=server_tls) as peer:
        run(ask(peer))


def test_a_truncated_body_raises_after_what_came() -> None:
    script = [ReadHead(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Close()]

    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            got = b""
            with pytest.raises(TruncatedResponse) as caught:
                async with transport.stream("GET", peer.url()) as response:
                    async for chunk in response:
                        got += chunk
            assert got == b"half"
            assert (caught.value.bytes_received, caught.value.head_seen, caught.value.phase) == (4, True, "body")
            with pytest.raises(TruncatedResponse):
                await transport.request("GET", peer.url())

    with RawPeer(script) as peer:
        run(ask(peer))


def test_bodies_are_collected_up_to_a_limit() -> None:
    script = [Forever([ReadHead(), answer(b"x" * 5000)])]

    async def ask(peer: RawPeer) -> None:
        async with Transport(limits=Limits(body_bytes=4999)) as transport:
            with pytest.raises(LimitExceeded, match="body_bytes"):
                await transport.request("GET", peer.url())
            async with transport.stream("GET", peer.url()) as response:
                with pytest.raises(LimitExceeded, match="body_bytes"):
                    await response.read()
            with pytest.raises(LimitExceeded, match="body_bytes"):
                transport.request_sync("GET", peer.url())
            async with transport.stream("GET", peer.url()) as response:  # a stream has no such limit
                assert sum([len(chunk) async for chunk in response]) == 5000

    with RawPeer(script) as peer:
        run(ask(peer))


def test_bodies_larger_than_the_buffer_can_be_read() -> None:
    body = bytes(range(256)) * 4096 * 3  # 3 MiB

    async def ask(peer: RawPeer) -> None:
        async with Transport(limits=Limits(buffer_bytes=65536)) as transport:
            async with transport.stream("GET", peer.url()) as response:
                assert await response.read() == body
            assert (await transport.request("GET", peer.url())).body == body
            with transport.stream_sync("GET", peer.url()) as blocking:
                assert blocking.read() == body

    with RawPeer([Forever([ReadHead(), answer(body)])]) as peer:
        run(ask(peer))


@pytest.mark.parametrize("content", [None, b""])
def test_a_declared_length_of_nothing_is_sent_at_once(content: bytes | None) -> None:
    """So that the first byte's clock runs."""

    async def ask(peer: RawPeer) -> None:
        async with Transport(timeouts=Timeouts(first_byte_s=0.05)) as transport:
            with pytest.raises(FirstByteTimeout):
                await transport.request("POST", peer.url(), headers=[("Content-Length", "0")], content=content)

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))


def test_a_requests_own_timeouts_count() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            with pytest.raises(FirstByteTimeout) as caught:
                await transport.request("POST", peer.url(), content=b"x", timeouts=Timeouts(first_byte_s=0.05))
            assert caught.value.maybe_processed
            assert not caught.value.retry_is_safe
            assert caught.value.origin == f"http://127.0.0.1:{peer.port}"

    with RawPeer([ReadHead(), ReadBody(), WaitEnd()]) as peer:
        run(ask(peer))


def test_target_is_sent_verbatim() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            await transport.request("OPTIONS", peer.url("/ignored"), target=b"*")

    with RawPeer([HELLO]) as peer:
        run(ask(peer))
    assert peer.requests[0].line == b"OPTIONS * HTTP/1.1"


def test_leaving_the_block_early_resets_the_response() -> None:
    async def ask(peer: RawPeer) -> None:
        async with Transport() as transport:
            async with transport.stream("GET", peer.url()) as response:
                await anext(aiter(response))
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")

    with RawPeer([ReadHead(), Send(CHUNKED + chunked(b"x", end=b"")), WaitEnd()]) as peer:
        run(ask(peer))
