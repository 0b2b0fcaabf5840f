"""HTTP/2 against the servers that front the world's APIs: each does it in its own way, and each must do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from penstock import HTTP2, Transport, errors
from tests.transport.certs import Authority
from tests.waiting import eventually

from .conftest import TIMEOUTS, own_transport
from .load import CONCURRENCY, Load
from .server import HELLO, Server
from .table import SERVERS

MIB = b"".join(b"%07x\n" % word for word in range(1 << 17))  # no two words are alike: lost or doubled pieces show
UPLOAD_BYTES = 8 << 20
PIECE = 65536
EVENTS_N = 20
REQUESTS_N = 300


def opened_n(transport: Transport) -> int:
    return int(transport.stats()["opened"])


async def echo(transport: Transport, url: str, content: bytes | AsyncIterator[bytes], right: bytes) -> None:
    response = await transport.request("POST", url, content=content)
    assert (response.status, response.http_version) == (200, "HTTP/2")
    assert response.body == right, f"{len(response.body)} bytes came back of {len(right)}"


async def get_hello(transport: Transport, url: str) -> None:
    response = await transport.request("GET", url)
    assert (response.status, response.http_version, response.body) == (200, "HTTP/2", HELLO)


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), PIECE):
        yield body[at : at + PIECE]


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


async def test_a_mebibyte_comes_back_unharmed(server: Server, transport: Transport) -> None:
    """One whole, three in pieces, all at the same time."""
    url = server.url("/echo")
    await asyncio.gather(echo(transport, url, MIB, MIB), *(echo(transport, url, pieces(MIB), MIB) for _ in range(3)))
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


async def release_event(server: Server, transport: Transport, name: str) -> None:
    response = await transport.request("POST", server.url(f"/release?of={name}"))
    assert (response.status, response.http_version) == (204, "HTTP/2")


async def read_events(server: Server, transport: Transport, name: str) -> None:
    """An event is released when the one before has arrived, so nothing on the way may hold one back.

    The first is released in advance: h2o and Apache keep the head until something of the body is there.
    """
    await release_event(server, transport, name)
    async with transport.stream("GET", server.url(f"/events?of={name}&count={EVENTS_N}")) as response:
        assert (response.status, response.http_version) == (200, "HTTP/2")
        chunks = aiter(response)
        for sent in range(EVENTS_N):
            text = b""
            while not text.endswith(b"\n\n"):
                text += await anext(chunks)
            assert text == b'id: %d\ndata: {"of":"%b","sent":%d}\n\n' % (sent, name.encode(), sent)
            if sent + 1 < EVENTS_N:
                await release_event(server, transport, name)
        assert [chunk async for chunk in chunks] == []


@pytest.mark.parametrize("server", [kind for kind in SERVERS if kind.has_application], indirect=True)
async def test_each_event_arrives_at_once(server: Server, transport: Transport) -> None:
    await asyncio.gather(*(read_events(server, transport, f"{type(server).__name__}-{n}") for n in range(5)))
    assert opened_n(transport) <= 2


class Upload:
    """A body that nobody wants, and whether its source has ended."""

    def __init__(self) -> None:
        self.is_over = False

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(UPLOAD_BYTES // PIECE):
                yield bytes(PIECE)
        finally:
            self.is_over = True


EARLY = [
    pytest.param(kind, has_length, id=f"{kind.__name__}-{'length' if has_length else 'no-length'}")
    for kind in SERVERS
    for has_length in ([True] if kind.early.needs_length else [True, False])
]


async def refuse_upload(server: Server, transport: Transport, *, has_length: bool) -> None:
    early, upload = server.early, Upload()
    headers = {"content-length": str(UPLOAD_BYTES)} if has_length else {}
    asked = transport.request(early.method, server.url(early.path), headers=headers, content=upload.pieces())
    if not early.statuses:
        with pytest.raises(errors.Disconnected) as refused:
            await asked
        assert not refused.value.maybe_processed
    else:
        response = await asked
        assert (response.status in early.statuses, response.http_version) == (True, "HTTP/2"), response.status
    await eventually(lambda: upload.is_over, "the end of the source")


@pytest.mark.parametrize("server, has_length", EARLY, indirect=["server"])
async def test_an_early_answer_is_an_answer(server: Server, transport: Transport, has_length: bool) -> None:
    """The upload stops, the answer comes, and the connection serves on (rules F62, F63)."""
    for _ in range(5):
        await refuse_upload(server, transport, has_length=has_length)
        await get_hello(transport, server.url("/hello"))
    assert opened_n(transport) == 1


@pytest.mark.parametrize("server, has_length", EARLY, indirect=["server"])
async def test_uploads_go_on_after_early_answers(server: Server, authority: Authority, has_length: bool) -> None:
    """haproxy 2.6 gives no credit back for DATA that arrives after its answer: such a connection takes no upload."""
    async with own_transport(authority, timeouts=replace(TIMEOUTS, write_s=5)) as transport:
        for _ in range(5):
            await refuse_upload(server, transport, has_length=has_length)
            await echo(transport, server.url("/echo"), MIB, MIB)


async def test_a_reload_under_load_loses_nothing(server: Server, transport: Transport) -> None:
    """Two reloads. What was not processed is asked for again, what runs is finished (rules B16 to B20)."""
    load = Load(transport, server)
    running = asyncio.create_task(load.run())
    reloads = []
    for _ in range(2):
        await load.reach(REQUESTS_N // 3)
        former_n, began_s = opened_n(transport), time.monotonic()
        await asyncio.to_thread(server.reload)
        while opened_n(transport) == former_n:  # until the server has given its old connection up
            await load.reach(CONCURRENCY)
        reloads.append((began_s, time.monotonic()))
    await load.reach(REQUESTS_N // 3)
    load.stop()
    await running
    assert len(load.connections) <= 6
    if not server.cuts:
        assert load.losses == []
    for loss in load.losses:
        assert type(loss.error).__module__.startswith("penstock"), repr(loss.error)
        assert any(loss.ended_s >= began_s and loss.began_s <= ended_s for began_s, ended_s in reloads), loss
    cut = [loss for loss in load.losses if not isinstance(loss.error, errors.ConnectError)]
    assert len(cut) <= CONCURRENCY * len(reloads)
