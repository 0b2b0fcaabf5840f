"""The trace extension: httpcore's events, in httpcore's order; and what network_stream tells of the connection."""

from __future__ import annotations

import asyncio
import io
import ssl
from typing import Any

import pytest

from penstock.testing import Upstream, on
from tests.compat.httpx_library import Library
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import Close, Forever, RawPeer, ReadBody, ReadHead, Send, WaitEnd, answer

ECHO = Forever([ReadHead(), ReadBody(), answer(b"hello")])
FACTS = ("at_s", "ssl_context", "local_address", "socket_options", "timeout", "stream_id")


class Told:
    """Keeps what a trace function was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def atell(self, name: str, info: dict[str, Any]) -> None:
        self.events.append((name, dict(info)))

    def tell(self, name: str, info: dict[str, Any]) -> None:
        self.events.append((name, dict(info)))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def info(self, name: str) -> dict[str, Any]:
        (found,) = (info for each, info in self.events if each == name)
        return found


async def asked(client: Any, url: str, times: int) -> Told:
    told = Told()
    for _ in range(times):
        await client.post(url, content=b"x", extensions={"trace": told.atell})
    return told


def test_the_same_events_as_the_librarys_own(
    library: Library, server_tls: ssl.SSLContext, authority: Authority
) -> None:
    """Names, order, and the values that matter, over TLS, of a new connection and of a reused one."""

    async def ask(peer: RawPeer) -> tuple[Told, Told]:
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        async with library.module.AsyncClient(verify=context) as stock:
            theirs = await asked(stock, peer.url(), 2)
        async with library.client(verify=str(authority.ca_file)) as client:
            return theirs, await asked(client, peer.url(), 2)

    with RawPeer([ECHO], tls=server_tls) as peer:
        theirs, ours = run(ask(peer))
    assert ours.names == theirs.names
    assert ours.names.count("connection.start_tls.complete") == 1
    for (name, mine), (_, stock) in zip(ours.events, theirs.events, strict=True):
        assert set(stock) - set(FACTS) <= set(mine), name
    name = "http11.receive_response_headers.complete"
    mine, stock = (next(info for each, info in told.events if each == name)["return_value"] for told in (ours, theirs))
    assert mine == stock


def test_moments_are_in_order(library: Library) -> None:
    async def ask(peer: RawPeer) -> Told:
        async with library.client() as client:
            return await asked(client, peer.url(), 1)

    with RawPeer([ECHO]) as peer:
        told = run(ask(peer))
    moments = [info["at_s"] for _, info in told.events if info.get("at_s") is not None]
    assert len(moments) >= 5
    assert moments == sorted(moments)


def test_the_blocking_twin(library: Library) -> None:
    told = Told()
    with RawPeer([ECHO]) as peer:
        with library.module.Client() as stock:
            stock.post(peer.url(), content=b"x", extensions={"trace": told.tell})
        theirs, told.events = told.events, []
        with library.sync_client() as client:
            client.post(peer.url(), content=b"x", extensions={"trace": told.tell})
    assert told.names == [name for name, _ in theirs]


def test_over_http2(library: Library) -> None:
    told = Told()
    with Upstream(on("POST", "/").answer(body="hello")) as upstream:
        with library.sync_client(tls=upstream.trust.tls()) as client:
            for _ in range(2):
                response = client.post(upstream.url("/"), content=b"x", extensions={"trace": told.tell})
            tls = response.extensions["network_stream"].get_extra_info("ssl_object")
            assert tls.selected_alpn_protocol() == "h2"
    parts = ["send_request_headers", "send_request_body", "receive_response_headers", "receive_response_body"]
    request = [f"http2.{name}.{state}" for name in [*parts, "response_closed"] for state in ("started", "complete")]
    assert [name for name in told.names if name.startswith("connection.")] == [
        "connection.connect_tcp.started",
        "connection.connect_tcp.complete",
        "connection.start_tls.started",
        "connection.start_tls.complete",
    ]
    assert told.names[4:] == request * 2
    values = [info["return_value"] for name, info in told.events if name == "http2.receive_response_headers.complete"]
    assert [status for status, _ in values] == [200, 200]


def test_failures_are_told(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            told = Told()
            with pytest.raises(library.module.ConnectError) as caught:
                await client.get("http://127.0.0.1:1/", extensions={"trace": told.atell})
            assert told.names == ["connection.connect_tcp.started", "connection.connect_tcp.failed"]
            assert told.events[-1][1]["exception"] is caught.value
            told = Told()
            with pytest.raises(library.module.RemoteProtocolError) as caught:
                await client.get(peer.url(), extensions={"trace": told.atell})
            assert told.names[-2:] == [
                "http11.receive_response_headers.started",
                "http11.receive_response_headers.failed",
            ]
            assert told.events[-1][1]["exception"] is caught.value

    with RawPeer([ReadHead(), Close()]) as peer:
        run(ask(peer))


def test_a_handshake_that_fails_is_told(library: Library, server_tls: ssl.SSLContext) -> None:
    told = Told()
    with RawPeer([ECHO], tls=server_tls) as peer, library.sync_client() as client:
        with pytest.raises(library.module.ConnectError):
            client.get(peer.url(), extensions={"trace": told.tell})
    assert told.names == [
        "connection.connect_tcp.started",
        "connection.connect_tcp.complete",
        "connection.start_tls.started",
        "connection.start_tls.failed",
    ]


def test_the_function_must_be_of_the_clients_kind(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            with pytest.raises(TypeError, match="asynchronous function"):
                await client.get(peer.url(), extensions={"trace": Told().tell})
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")  # given up

    with RawPeer([ReadHead(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), WaitEnd()]) as peer:
        run(ask(peer))
    with RawPeer([ECHO]) as peer, library.sync_client() as client:
        with pytest.raises(TypeError, match="plain function"):
            client.get(peer.url(), extensions={"trace": Told().atell})


def test_what_is_known_of_the_connection(library: Library, server_tls: ssl.SSLContext, authority: Authority) -> None:
    with RawPeer([ECHO], tls=server_tls) as peer, library.sync_client(verify=str(authority.ca_file)) as client:
        with client.stream("GET", peer.url()) as response:
            stream = response.extensions["network_stream"]
            assert stream.get_extra_info("server_addr") == ("127.0.0.1", peer.port)
            host, port = stream.get_extra_info("client_addr")
            assert host == "127.0.0.1"
            assert port not in (0, peer.port)
            tls = stream.get_extra_info("ssl_object")
            assert (tls.version(), tls.selected_alpn_protocol()) == ("TLSv1.3", None)
            assert stream.get_extra_info("socket") is None
            with pytest.raises(io.UnsupportedOperation, match="keeps this socket"):
                stream.read(1)
