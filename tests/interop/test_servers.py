"""HTTP/2 against the servers that front the world's APIs: requests that share a connection, in either direction."""

from __future__ import annotations

import asyncio

import pytest

from penstock import HTTP2, Transport
from tests.transport.certs import Authority

from .asking import MIB, Events, echo, get_hello, opened_n, pieces
from .conftest import own_transport
from .server import HELLO, Server
from .table import SERVERS

EVENTS_N = 20
STREAMS_N = 5


async def test_a_hundred_at_once_share_one_connection(server: Server, transport: Transport) -> None:
    await get_hello(transport, server.url("/hello"))
    await asyncio.gather(*(get_hello(transport, server.url("/hello")) for _ in range(100)))
    assert opened_n(transport) <= 2
    (origin,) = transport.stats()["origins"]
    assert {each["protocol"] for each in origin["connections"]} == {"HTTP/2"}


async def test_a_hundred_at_once_without_a_connection_yet(server: Server, transport: Transport) -> None:
    """One connects, the others wait until it is known that they can share (rule D43)."""
    await asyncio.gather(*(get_hello(transport, server.url("/hello")) for _ in range(100)))
    assert opened_n(transport) <= 2


async def test_more_at_once_than_a_connection_takes(server: Server, transport: Transport) -> None:
    """Most allow 100 streams, nginx 128, Caddy 250: another connection is opened for the rest (rule A5)."""
    await asyncio.gather(*(get_hello(transport, server.url("/hello")) for _ in range(300)))
    assert opened_n(transport) <= 4


async def test_a_mebibyte_comes_back_unharmed(server: Server, transport: Transport) -> None:
    """One whole, three in pieces, all at the same time."""
    url = server.url("/echo")
    in_pieces = (echo(transport, url, pieces(MIB), MIB) for _ in range(3))
    await asyncio.gather(echo(transport, url, MIB, MIB), *in_pieces)
    assert opened_n(transport) <= 2


async def test_prior_knowledge_without_tls(server: Server, authority: Authority) -> None:
    """Rule H81."""
    async with own_transport(authority, http2=HTTP2(prior_knowledge=True)) as transport:
        await get_hello(transport, server.plain_url("/hello"))
        await echo(transport, server.plain_url("/echo"), MIB, MIB)
        assert opened_n(transport) == 1


@pytest.mark.parametrize("server", [kind for kind in SERVERS if kind.has_http1], indirect=True)
async def test_without_http2_they_agree_on_http1(server: Server, authority: Authority) -> None:
    async with own_transport(authority, http2=False) as transport:
        for _ in range(2):
            response = await transport.request("GET", server.url("/hello"))
            assert (response.status, response.http_version, response.body) == (200, "HTTP/1.1", HELLO)
        assert opened_n(transport) == 1


async def read_events(server: Server, transport: Transport, name: str) -> None:
    events = Events(server, transport, name, EVENTS_N)
    await events.release()
    async with transport.stream("GET", events.url) as response:
        assert (response.status, response.http_version) == (200, "HTTP/2")
        chunks = aiter(response)
        await events.read(chunks, until=EVENTS_N)
        assert [chunk async for chunk in chunks] == []


@pytest.mark.parametrize("server", [kind for kind in SERVERS if kind.has_application], indirect=True)
async def test_each_event_arrives_at_once(server: Server, transport: Transport) -> None:
    names = [f"{type(server).__name__}-{index}" for index in range(STREAMS_N)]
    await asyncio.gather(*(read_events(server, transport, name) for name in names))
    assert opened_n(transport) <= 2
