"""Windows of both sides, and streams that were given up: credit is obeyed, returned, and never stalls a neighbour
(rules 8, 25 to 32, 60, 62, 65)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from penstock import Limits, Response, Timeouts, errors
from tests.transport import h2_frames as h2
from tests.transport.h2_client import fine, h2c, nothing_left, one_connection, outcome
from tests.transport.h2_raw_peer import Asked, H2Peer, Talk
from tests.waiting import eventually

MIB = 1024 * 1024


def first_window(n: int) -> bytes:
    return h2.settings((h2.INITIAL_WINDOW_SIZE, n))


def settled(talk: Talk) -> None:
    """A round trip: what the client would send by now, it has sent."""
    mark = b"%08d" % len(talk.frames)
    talk.send(h2.ping(mark))
    talk.until(lambda: any(each.kind == h2.PING and each.payload == mark for each in talk.frames))


def expect_upload(talk: Talk, asked: Asked, n: int) -> None:
    """So many bytes come, and no more."""
    talk.until(lambda: len(asked.body) >= n)
    settled(talk)
    assert len(asked.body) == n


async def test_a_bigger_first_window_unholds_an_upload() -> None:
    """Rule 8: as a WINDOW_UPDATE would."""

    def script(talk: Talk) -> None:
        talk.gives_credit = False
        asked = talk.head("/a")
        expect_upload(talk, asked, 10)
        talk.send(first_window(30))
        expect_upload(talk, asked, 30)
        talk.send(first_window(5000))
        talk.until(lambda: asked.is_whole)
        talk.answer(asked)
        talk.serve()

    async with h2c() as transport:
        with H2Peer(script, hellos=[first_window(10)]) as peer:
            await fine(transport, peer, "/warm")
            got = await outcome(transport, peer.url("/a"), content=bytes(1000))
            assert isinstance(got, Response) and got.body == b"fine"
            assert len(peer.talks[0].requests[1].body) == 1000


async def test_a_smaller_first_window_makes_a_window_negative() -> None:
    """Rule 8: it must be paid back first."""

    def script(talk: Talk) -> None:
        talk.gives_credit = False
        asked = talk.head("/a")
        expect_upload(talk, asked, 1000)
        talk.send(first_window(0), h2.window(asked.stream, 1000))
        expect_upload(talk, asked, 1000)
        talk.send(h2.window(asked.stream, 500))
        expect_upload(talk, asked, 1500)
        talk.send(h2.window(asked.stream, 10_000))
        talk.until(lambda: asked.is_whole)
        talk.answer(asked)
        talk.serve()

    async with h2c() as transport:
        with H2Peer(script, hellos=[first_window(1000)]) as peer:
            await fine(transport, peer, "/warm")
            got = await outcome(transport, peer.url("/a"), content=bytes(5000))
            assert isinstance(got, Response) and got.body == b"fine"


async def test_an_upload_without_credit_ends_by_the_write_clock() -> None:
    """Rule 32: that one alone."""

    def script(talk: Talk) -> None:
        talk.gives_credit = False
        talk.head("/a")
        talk.serve()

    async with h2c(timeouts=Timeouts(write_s=0.2)) as transport:
        with H2Peer(script, hellos=[first_window(1000)]) as peer:
            await fine(transport, peer, "/warm")
            got = await outcome(transport, peer.url("/a"), content=bytes(5000))
            assert isinstance(got, errors.WriteTimeout) and got.maybe_processed
            await fine(transport, peer, "/b")
            assert len(peer.seen) == 1 and list(peer.talks[0].resets().values()) == [h2.CANCEL]
            await nothing_left(transport, peer)


@pytest.mark.parametrize("status", [200, 413])
async def test_a_head_before_the_upload_has_ended(status: int) -> None:
    """Rule 62: 200 may be full duplex, the upload goes on; 413 ends it, the response is read to its end."""

    def script(talk: Talk) -> None:
        talk.gives_credit = False
        asked = talk.head("/a")
        talk.until(lambda: len(asked.body) == 1000)
        talk.send(h2.status(asked.stream, status))
        settled(talk)
        if status == 200:
            talk.send(h2.window(asked.stream, 100_000))
            talk.until(lambda: asked.is_whole)
        talk.send(h2.data(asked.stream, b"fine", end=True))
        asked.is_over = True
        talk.serve()

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield bytes(1000)

    async with h2c() as transport:
        with H2Peer(script, hellos=[first_window(1000)]) as peer:
            await fine(transport, peer, "/warm")
            got = await outcome(transport, peer.url("/a"), content=upload())
            assert isinstance(got, Response)
            assert (got.status, got.body) == (status, b"fine")
            assert len(peer.talks[0].requests[1].body) == (50_000 if status == 200 else 1000)
            await fine(transport, peer, "/b")
            await nothing_left(transport, peer)
            assert len(peer.seen) == 1


@pytest.mark.parametrize("status", [100, 413])
async def test_a_body_that_waits_for_100(status: int) -> None:
    """Rule 66: 100 lets it go; a final status before that means that it never goes."""

    def script(talk: Talk) -> None:
        asked = talk.head("/a")
        settled(talk)
        assert not asked.body
        if status == 100:
            talk.send(h2.status(asked.stream, 100))
            talk.until(lambda: asked.is_whole)
            talk.answer(asked)
        else:
            talk.send(h2.answer(asked.stream, code=413))
        talk.serve()

    async with h2c() as transport:
        with H2Peer(script) as peer:
            got = await transport.request("POST", peer.url("/a"), content=b"x", headers={"expect": "100-continue"})
            assert (got.status, got.body) == (200 if status == 100 else 413, b"fine")
            await fine(transport, peer, "/b")
            assert [bytes(each.body) for each in peer.talks[0].requests] == [b"x" if status == 100 else b"", b"hello"]
            assert len(peer.seen) == 1


async def test_paused_readers_leave_the_connection_its_window() -> None:
    """Rule 30, curl#10988: more is held unread than the connection's window holds, and the neighbour is served."""

    def script(talk: Talk) -> None:
        for i in range(70):
            asked = talk.head(f"/{i}")
            talk.send(h2.status(asked.stream, 200))
            talk.pour(asked.stream, MIB)
            talk.send(h2.data(asked.stream, end=True))
            asked.is_over = True
        big = talk.whole("/big")
        talk.send(h2.status(big.stream, 200))
        talk.pour(big.stream, 3 * MIB)
        talk.send(h2.data(big.stream, end=True))
        big.is_over = True
        talk.serve()

    async with h2c(Limits(max_connections_per_origin=1, buffer_bytes=MIB)) as transport, AsyncExitStack() as unread:
        with H2Peer(script) as peer:
            responses = [
                await unread.enter_async_context(transport.stream("GET", peer.url(f"/{i}"))) for i in range(70)
            ]
            got = await outcome(transport, peer.url("/big"))
            assert isinstance(got, Response) and len(got.body) == 3 * MIB
            for response in responses[:3]:
                assert len(await response.read()) == MIB
            await unread.aclose()
            await fine(transport, peer, "/after")
            await nothing_left(transport, peer)


async def test_data_of_streams_that_were_given_up_is_paid_back() -> None:
    """Rules 29 and 60, httpcore#1022: more than the connection's window comes for streams that we have reset."""

    def script(talk: Talk) -> None:
        for i in range(18):
            asked = talk.head(f"/{i}")
            talk.send(h2.status(asked.stream, 200), h2.data(asked.stream, b"x"))
            talk.until(lambda asked=asked: asked.reset is not None)
            talk.pour(asked.stream, 4 * MIB - 1)
        talk.serve()

    async with h2c(Limits(max_connections_per_origin=1, buffer_bytes=4 * MIB)) as transport:
        with H2Peer(script) as peer:
            for i in range(18):
                async with transport.stream("GET", peer.url(f"/{i}")) as response:
                    assert response.status == 200
            await fine(transport, peer, "/after")
            await nothing_left(transport, peer)
            assert len(peer.seen) == 1


async def test_a_head_for_a_stream_that_was_given_up_still_counts_for_hpack() -> None:
    """Rule 60: its neighbour's head uses what it has put into the table."""

    def script(talk: Talk) -> None:
        asked = talk.head("/a")
        talk.send(h2.status(asked.stream, 200))
        talk.until(lambda: asked.reset is not None)
        talk.send(h2.headers_of(asked.stream, h2.remembered(b"x-from", b"a"), flags=h2.END_STREAM))
        neighbour = talk.whole("/b")
        talk.send(h2.headers_of(neighbour.stream, h2.block((b":status", b"200")) + h2.indexed(62)))
        talk.send(h2.data(neighbour.stream, b"fine", end=True))
        neighbour.is_over = True
        talk.serve()

    async with h2c(one_connection()) as transport:
        with H2Peer(script) as peer:
            async with transport.stream("GET", peer.url("/a")) as response:
                assert response.status == 200
            got = await fine(transport, peer, "/b")
            assert got.headers["x-from"] == "a"
            assert len(peer.seen) == 1


async def test_a_head_the_peer_would_not_take_is_not_sent() -> None:
    """Rule 65: MAX_HEADER_LIST_SIZE."""
    async with h2c() as transport:
        with H2Peer(Talk.serve, hellos=[h2.settings((h2.MAX_HEADER_LIST_SIZE, 1000))]) as peer:
            await fine(transport, peer, "/warm")
            with pytest.raises(errors.LimitExceeded) as caught:
                await transport.request("GET", peer.url("/a"), headers={"x": "v" * 1000})
            assert not caught.value.maybe_processed
            await fine(transport, peer, "/b")
            assert (len(peer.seen), peer.paths()) == (1, ["/warm", "/b"])
            await nothing_left(transport, peer)


async def test_secrets_never_enter_the_peers_table() -> None:
    """Rule 65: literals that are never indexed (RFC 7541 7.1.3)."""
    secret = "Bearer do-not-index-me"
    async with h2c() as transport:
        with H2Peer(Talk.serve) as peer:
            await transport.request("GET", peer.url("/a"), headers={"authorization": secret, "x-plain": "indexed"})
            table = peer.talks[0].hpack_table()
            assert (b"x-plain", b"indexed") in table
            assert all(secret.encode() not in value for _, value in table)


async def test_a_reader_who_kept_up_may_pause() -> None:
    """Rule 27: its window has grown to four times the first, and all of that may wait for it."""
    window_bytes = 1 * MIB

    def script(talk: Talk) -> None:
        asked = talk.head("/a")
        talk.send(h2.status(asked.stream, 200))
        talk.pour(asked.stream, 24 * MIB)
        talk.send(h2.data(asked.stream, end=True))
        asked.is_over = True
        talk.serve()

    async with h2c(limits=Limits(buffer_bytes=window_bytes)) as transport:
        with H2Peer(script) as peer:
            async with transport.stream("GET", peer.url("/a")) as response:
                taken = 0
                async for chunk in response:
                    taken += len(chunk)
                    if taken >= 12 * MIB:
                        break
                await eventually(lambda: response.timings.bytes_received - taken > window_bytes // 2, "nothing waits")
                async for chunk in response:
                    taken += len(chunk)
                assert taken == 24 * MIB
