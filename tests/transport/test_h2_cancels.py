"""Requests that are given up: each slot comes back once, and no defence of a server is tripped (rules 6, 7, 53)."""

from __future__ import annotations

import asyncio

import pytest

from penstock import Timeouts
from tests.transport import h2_frames as h2
from tests.transport.h2_client import Gate, begin, cancel, fine, h2c, nothing_left, one_connection, waiters
from tests.transport.h2_raw_peer import H2Peer, Talk
from tests.waiting import eventually


async def test_every_cancelled_request_gives_its_slot_back() -> None:
    """Rule 6, httpcore#943 #1022 #1093: given up while queued, before the head, and inside the body."""

    def script(talk: Talk) -> None:
        while True:
            if talk.read().kind == h2.RST_STREAM:
                talk.send(h2.ping())  # for rule 7
            for asked in [each for each in talk.requests if not each.is_taken and each.is_whole]:
                asked.is_taken = True
                if asked.path == "/half":
                    talk.send(h2.status(asked.stream, 200), h2.data(asked.stream, b"half"))
                elif asked.path != "/mute" and not asked.is_over:
                    talk.answer(asked)

    async with h2c(one_connection()) as transport:
        with H2Peer(script, hellos=[h2.stream_limit(2)]) as peer:
            await fine(transport, peer, "/warm")
            for turn in range(20):
                mute = begin(transport, peer, "/mute")
                async with transport.stream("GET", peer.url("/half")) as response:
                    assert response.status == 200
                    queued = begin(transport, peer, "/never")
                    await waiters(transport, 1)
                    await cancel(*queued)
                await cancel(*mute)
                await asyncio.gather(*begin(transport, peer, f"/{turn}", f"/{turn}"))
            await nothing_left(transport, peer)
            assert "/never" not in peer.paths()
            assert [talk.most_open_n <= 2 for talk in peer.talks] == [True] * len(peer.talks)


async def test_a_reset_stream_counts_until_the_peer_shows_life() -> None:
    """Rule 7."""
    gate = Gate()

    def script(talk: Talk) -> None:
        talk.acks_pings = talk.gives_credit = False  # not a word
        talk.head("/mute")
        talk.until(lambda: talk.resets() != {})
        gate.wait()
        assert [each.path for each in talk.requests] == ["/warm", "/mute"]
        talk.send(h2.ping(b"alive..."))
        talk.serve()

    async with h2c(one_connection()) as transport:
        with H2Peer(script, hellos=[h2.stream_limit(1)]) as peer:
            await fine(transport, peer, "/warm")
            mute = begin(transport, peer, "/mute")
            await asyncio.to_thread(peer.wait_for, lambda: "/mute" in peer.paths())
            await cancel(*mute)
            after = begin(transport, peer, "/after")
            await waiters(transport, 1)
            gate.open()
            await asyncio.gather(*after)
            await nothing_left(transport, peer)


@pytest.mark.parametrize("cancels_n", [1, 3])
async def test_cancels_at_the_limit_stall_nobody(cancels_n: int) -> None:
    """Rule 7: a server has nothing to say to a RST_STREAM, so somebody must ask whether it lives, each time."""

    def script(talk: Talk) -> None:
        talk.gives_credit = False
        for _ in range(cancels_n):
            talk.head("/mute")
        talk.serve()

    async with h2c(one_connection(), Timeouts(pool_s=5)) as transport:
        with H2Peer(script, hellos=[h2.stream_limit(1)]) as peer:
            await fine(transport, peer, "/warm")
            for n in range(1, cancels_n + 1):
                (mute,) = begin(transport, peer, "/mute")
                await eventually(lambda n=n, mute=mute: mute.done() or peer.paths().count("/mute") == n)
                await cancel(mute)
            await fine(transport, peer, "/after")
            assert len(peer.seen) == 1


async def test_too_many_cancels_in_a_row_retire_the_connection() -> None:
    """Rule 53: rather another connection than a server's defence against rapid resets."""

    def script(talk: Talk) -> None:
        talk.serve(lambda asked: b"" if asked.path == "/mute" else h2.answer(asked.stream))

    async with h2c() as transport:
        with H2Peer(script) as peer:
            for turn in range(1, 4):
                mute = begin(transport, peer, *["/mute"] * 60)
                await asyncio.to_thread(peer.wait_for, lambda n=60 * turn: peer.paths().count("/mute") == n)
                await cancel(*mute)
            await fine(transport, peer, "/after")
            await nothing_left(transport, peer)
            assert len(peer.seen) > 1
            peer.wait_for(
                lambda: all(talk.link.seen.end or all(a.is_over for a in talk.requests) for talk in peer.talks)
            )
            assert all(len(talk.resets()) <= 160 for talk in peer.talks)
