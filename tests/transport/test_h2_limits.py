"""The peer's limit of streams: obeyed, and never a deadlock (rules 1 to 5, 9)."""

from __future__ import annotations

import asyncio

import pytest

from penstock import Timeouts, errors
from tests.transport import h2_frames as h2
from tests.transport.h2_client import Gate, begin, fine, h2c, nothing_left, one_connection, outcome, waiters
from tests.transport.h2_raw_peer import H2Peer, Talk


def paths(n: int) -> list[str]:
    return [f"/{i}" for i in range(n)]


async def test_100_streams_before_the_first_settings() -> None:
    """Rule 1."""
    gate = Gate()

    def script(talk: Talk) -> None:
        talk.acks_settings = talk.gives_credit = False  # nothing may come before SETTINGS
        talk.until(lambda: len(talk.requests) == 100)
        gate.wait()
        talk.send(h2.settings(), h2.settings_ack())
        talk.until(lambda: len(talk.requests) == 101)
        talk.serve()

    async with h2c(one_connection()) as transport:
        with H2Peer(script, hellos=[b""]) as peer:
            tasks = begin(transport, peer, *paths(101))
            await waiters(transport, 1)
            gate.open()
            await asyncio.gather(*tasks)
            await nothing_left(transport, peer)


async def test_1000_streams_where_the_peer_knows_no_limit() -> None:
    """Rule 2."""
    gate = Gate()

    def script(talk: Talk) -> None:
        talk.until(lambda: len(talk.requests) == 1 + 1000)  # with /warm, which is over
        gate.wait()
        talk.serve()

    async with h2c(one_connection()) as transport:
        with H2Peer(script) as peer:
            await fine(transport, peer, "/warm")
            tasks = begin(transport, peer, *paths(1001))
            await waiters(transport, 1)
            gate.open()
            await asyncio.gather(*tasks)
            await nothing_left(transport, peer)


async def test_a_limit_lowered_below_what_runs() -> None:
    """Rule 3, httpx2#1216: what runs goes on, nothing new comes until there is room, and then it does."""
    lowered, answered, again = Gate(), Gate(), Gate()

    def script(talk: Talk) -> None:
        five = [talk.whole(path) for path in paths(5)]
        talk.send(h2.stream_limit(2), h2.ping(b"settled!"))
        talk.until(lambda: any(each.kind == h2.PING for each in talk.frames))
        lowered.open()
        answered.wait()
        for each in five:
            talk.answer(each)
        two = [talk.whole("/next"), talk.whole("/next")]
        again.wait()
        assert len(talk.requests) == 7  # the eighth waits for one of the two
        for each in two:
            talk.answer(each)
        talk.serve()

    async with h2c(one_connection()) as transport:
        with H2Peer(script) as peer:
            five = begin(transport, peer, *paths(5))
            await asyncio.to_thread(lowered.wait)
            three = begin(transport, peer, "/next", "/next", "/next")
            await waiters(transport, 3)
            answered.open()
            await asyncio.gather(*five)
            await waiters(transport, 1)
            again.open()
            await asyncio.gather(*three)
            await nothing_left(transport, peer)
            assert len(peer.seen) == 1


def closes_the_door(talk: Talk) -> None:
    """Limit 0 with the first answer (a server that drains so); room for 10 when told."""
    talk.auto.clear()
    warm = talk.whole("/warm")
    talk.send(h2.stream_limit(0))
    talk.answer(warm)
    talk.serve()


async def test_limit_0_sends_requests_elsewhere() -> None:
    """Rule 4."""
    async with h2c(one_connection(2)) as transport:
        with H2Peer(closes_the_door, Talk.serve) as peer:
            await fine(transport, peer, "/warm")
            await asyncio.gather(*begin(transport, peer, *paths(3)))
            assert [len(talk.requests) for talk in peer.talks] == [1, 3]


async def test_limit_0_everywhere_ends_by_the_pool_clock() -> None:
    """Rule 4: no spinning, no more connections than allowed."""
    async with h2c(one_connection(), Timeouts(pool_s=0.2)) as transport:
        with H2Peer(closes_the_door) as peer:
            await fine(transport, peer, "/warm")
            got = await outcome(transport, peer.url("/x"))
            assert isinstance(got, errors.PoolTimeout) and not got.maybe_processed
            assert (len(peer.seen), peer.paths()) == (1, ["/warm"])
            await nothing_left(transport, peer)


async def test_a_raised_limit_lets_waiters_go() -> None:
    """Rule 4: the end of the drain."""
    gate = Gate()

    def script(talk: Talk) -> None:
        talk.auto.clear()
        warm = talk.whole("/warm")
        talk.send(h2.stream_limit(0))
        talk.answer(warm)
        gate.wait()
        talk.send(h2.stream_limit(10))
        talk.serve()

    async with h2c(one_connection()) as transport:
        with H2Peer(script) as peer:
            await fine(transport, peer, "/warm")
            tasks = begin(transport, peer, *paths(3))
            await waiters(transport, 3)
            gate.open()
            await asyncio.gather(*tasks)
            assert len(peer.seen) == 1


async def test_at_the_limit_another_connection_then_a_queue() -> None:
    """Rule 5, httpcore#1088: streams are counted, not connections; who came first goes first."""
    gate = Gate()

    def script(talk: Talk) -> None:
        first = talk.whole("/hold")
        gate.wait()
        talk.answer(first)
        talk.serve()

    async with h2c(one_connection(2)) as transport:
        with H2Peer(script, hellos=[h2.stream_limit(1)]) as peer:
            await fine(transport, peer, "/warm")  # its SETTINGS are known now
            holds = begin(transport, peer, "/hold", "/hold")
            await asyncio.to_thread(peer.wait_for, lambda: peer.paths().count("/hold") == 2)
            queue = begin(transport, peer, *paths(6))
            await waiters(transport, 6)
            gate.open()
            await asyncio.gather(*holds, *queue)
            await nothing_left(transport, peer)
            assert [talk.most_open_n for talk in peer.talks] == [1, 1]
            for talk in peer.talks:
                queued = [each.path for each in talk.requests if each.path[1:].isdigit()]
                assert queued == sorted(queued)


async def test_strict_streams_never_open_another_connection() -> None:
    """Rule 5."""
    gate = Gate()

    def script(talk: Talk) -> None:
        first = talk.whole("/0")
        gate.wait()
        talk.answer(first)
        talk.serve()

    async with h2c(strict_streams=True) as transport:
        with H2Peer(script, hellos=[h2.stream_limit(1)]) as peer:
            await fine(transport, peer, "/warm")
            tasks = begin(transport, peer, *paths(3))
            await waiters(transport, 2)
            gate.open()
            await asyncio.gather(*tasks)
            assert (len(peer.seen), peer.talks[0].most_open_n) == (1, 1)


@pytest.mark.parametrize("size", [0, 65536])
async def test_the_hpack_table_of_the_peer(size: int) -> None:
    """Rule 9: at most 4 KiB of it are used whatever is offered; the decoder of the peer refuses more."""
    async with h2c() as transport:
        with H2Peer(Talk.serve, hellos=[h2.settings((h2.HEADER_TABLE_SIZE, size))]) as peer:
            for _ in range(3):
                await fine(transport, peer, "/x")
            assert len(peer.seen) == 1
