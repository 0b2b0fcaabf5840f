"""A hostile HTTP/2 server, row by row: the outcome that the table names, and nothing else lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from penstock import TLS, Limits, Response, Transport
from tests.transport import h2_frames as h2
from tests.transport.certs import Authority
from tests.transport.h2_client import PATIENT, Outcome, h2c, nothing_left, outcome
from tests.transport.h2_raw_peer import H2Peer, Talk
from tests.transport.h2_row import Row, Want
from tests.transport.h2_rows_goaway import GOAWAYS
from tests.transport.h2_rows_resets import RESETS
from tests.transport.h2_scenarios import TABLE


def transport_for(row: Row, authority: Authority) -> Transport:
    if row.tls:
        return Transport(tls=TLS(ca_file=authority.ca_file), limits=row.limits, timeouts=PATIENT)
    return h2c(row.limits)


async def ask(transport: Transport, row: Row, peer: H2Peer, path: str) -> Outcome:
    if path == "/a":
        return await outcome(transport, peer.url(path), row.method, row.content())
    return await outcome(transport, peer.url(path))


def check_victim(want: Want, got: Outcome) -> None:
    if want.error is None:
        assert isinstance(got, Response), f"not a response: {got!r}"
        assert want.sent_n is None or got.timings.attempts == want.sent_n
        assert (got.status, got.http_version) == (want.status, want.version)
        if want.body is not None and want.status == 200:
            assert got.body == want.body
        assert all(got.headers.get_all(name) == [value] for name, value in want.fields), got.headers
        assert tuple(got.trailers) == want.trailers
        assert len(got.informational) == want.infos_n
        return
    assert isinstance(got, want.error), f"{got!r} where {want.error.__name__} is wanted"
    assert want.text in got.text
    assert want.code is None or got.detail == want.code, f"code {got.detail}: {got}"
    assert got.attempts == want.sent_n
    assert got.maybe_processed == want.maybe_processed
    assert not got.retry_is_safe or not want.maybe_processed or got.method == "GET"


def check_neighbour(want: Want, got: Outcome) -> None:
    if want.neighbour is None:
        assert isinstance(got, Response), f"the neighbour was lost, too: {got!r}"
        assert (got.status, got.body) == (200, b"fine")
    else:
        assert isinstance(got, want.neighbour), f"{got!r} where {want.neighbour.__name__} is wanted"


def check_server(want: Want, peer: H2Peer) -> None:
    """What was asked how often, and with which frames the client took its leave."""
    first = peer.talks[0]
    paths = peer.paths()
    assert want.sent_n is None or paths.count("/a") == want.sent_n, paths
    if want.loses == "connection":
        peer.wait_for(lambda: peer.seen[0].end != "")
        goaway = first.goaway()
        assert want.goaway is None or (goaway is not None and goaway.number(4) == want.goaway), first
    else:
        assert first.goaway() is None or want.loses == "reuse"
    victim = next((each for each in first.requests if each.path == "/a"), None)
    if want.rst is not None and not want.rst_is_sure:
        assert victim is not None
        assert first.resets() in ({}, {victim.stream: want.rst})
    elif want.rst is not None:
        assert victim is not None
        peer.wait_for(lambda: victim.stream in first.resets())
        assert first.resets() == {victim.stream: want.rst}
    elif want.loses != "connection":
        assert first.resets() == {}


def check_reuse(want: Want, peer: H2Peer) -> None:
    """Where /c went."""
    is_first = "/c" in {each.path for each in peer.talks[0].requests}
    if want.loses in ("reuse", "connection"):
        assert not is_first, "a connection that was lost was used again"
    elif want.sent_n == 1:
        assert is_first and len(peer.seen) == 1, "a connection was thrown away for the fault of one stream"


async def run(row: Row, authority: Authority) -> None:
    tls = authority.issue().server_context(["h2", "http/1.1"]) if row.tls else None
    async with transport_for(row, authority) as transport:
        with H2Peer(*row.scripts, Talk.serve, hellos=(row.hello, h2.settings()), tls=tls) as peer:
            if row.warms:
                assert isinstance(await ask(transport, row, peer, "/warm"), Response)
            order = ["/b", "/a"] if row.neighbour_first else ["/a", "/b"]
            both = await asyncio.gather(*[ask(transport, row, peer, path) for path in order])
            got = dict(zip(order, both, strict=True))
            want = row.or_want if row.or_want and not isinstance(got["/b"], Response) else row.want
            check_victim(want, got["/a"])
            check_neighbour(want, got["/b"])
            after = await ask(transport, row, peer, "/c")
            assert isinstance(after, Response) and after.body == b"fine", f"the pool does not serve on: {after!r}"
            check_server(want, peer)
            check_reuse(want, peer)
            await nothing_left(transport, peer)


def rows(*of: Row) -> list[object]:
    return [row.name for row in of]


@pytest.mark.parametrize("name", rows(*TABLE.values()))
async def test_only_what_the_row_names_is_lost(name: str, authority: Authority) -> None:
    await run(TABLE[name], authority)


@pytest.mark.parametrize("name", rows(*RESETS, *GOAWAYS))
async def test_the_same_where_there_is_room_for_one_connection(name: str, authority: Authority) -> None:
    """Whoever is sent again finds the one connection there is; one that only finishes takes no place."""
    row = TABLE[name]
    assert row.limits is None
    await run(replace(row, limits=Limits(max_connections=1, max_connections_per_origin=1)), authority)
