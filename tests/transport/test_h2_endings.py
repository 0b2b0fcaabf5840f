"""Connections that end, age or fall silent under requests, and what a second connection may cost (rules 12, 17, 21,
33, 34, 81)."""

from __future__ import annotations

import asyncio

import pytest

from penstock import TLS, Response, Timeouts, Transport, errors
from tests.transport import h2_frames as h2
from tests.transport.certs import Authority
from tests.transport.h2_client import begin, fine, h2c, nothing_left, one_connection, outcome, waiters
from tests.transport.h2_raw_peer import Asked, H2Peer, Talk
from tests.waiting import eventually


def states(transport: Transport, peer: H2Peer) -> list[str]:
    """Of the peer's connections."""
    origins = [each for each in transport.stats()["origins"] if each["origin"].endswith(f":{peer.port}")]
    return [str(each["state"]) for origin in origins for each in origin["connections"]]


async def test_goaway_sends_the_queue_to_another_connection() -> None:
    """Rule 17: those who wait for a slot get one elsewhere at once; what runs ends where it is."""

    def drains(talk: Talk) -> None:
        running = talk.whole("/running")
        talk.until(lambda: any(each.kind == h2.PING for each in talk.frames))  # the test's sign
        talk.send(h2.goaway(running.stream))
        talk.peer.wait_for(lambda: {"/0", "/1", "/2"} <= set(talk.peer.paths()))
        talk.answer(running)
        talk.serve()

    async with h2c(one_connection()) as transport:
        limit_1 = h2.settings((h2.MAX_CONCURRENT_STREAMS, 1))
        with H2Peer(drains, Talk.serve, hellos=[limit_1, h2.settings()]) as peer:
            await fine(transport, peer, "/warm")
            running = begin(transport, peer, "/running")
            await asyncio.to_thread(peer.wait_for, lambda: "/running" in peer.paths())
            queue = begin(transport, peer, "/0", "/1", "/2")
            await waiters(transport, 3)
            peer.talks[0].link.send(h2.ping())  # its answer is the sign
            await asyncio.gather(*queue, *running)
            assert [each.path for each in peer.talks[0].requests] == ["/warm", "/running"]
            await nothing_left(transport, peer)


async def test_a_dead_connection_frees_its_queue() -> None:
    """Rule 6: those who wait for a slot of it were never sent, so they go elsewhere, once."""

    def dies(talk: Talk) -> None:
        talk.whole("/running")
        talk.until(lambda: any(each.kind == h2.PING for each in talk.frames))  # the test's sign
        talk.finish()

    async with h2c(one_connection()) as transport:
        with H2Peer(dies, Talk.serve, hellos=[h2.settings((h2.MAX_CONCURRENT_STREAMS, 1)), h2.settings()]) as peer:
            await fine(transport, peer, "/warm")
            running = asyncio.create_task(outcome(transport, peer.url("/running")))
            await asyncio.to_thread(peer.wait_for, lambda: "/running" in peer.paths())
            queue = begin(transport, peer, "/0", "/1", "/2")
            await waiters(transport, 3)
            peer.talks[0].link.send(h2.ping())
            assert isinstance(await running, errors.Disconnected)
            assert {each.timings.attempts for each in await asyncio.gather(*queue)} == {1}
            await nothing_left(transport, peer)


@pytest.mark.parametrize("code", [h2.NO_ERROR, h2.INTERNAL_ERROR])
async def test_goaway_as_the_first_word_of_every_connection(code: int) -> None:
    """Rule 21: it ends, after few connections."""
    async with h2c() as transport:
        with H2Peer(Talk.serve, hellos=[h2.settings() + h2.goaway(0, code, b"go away")]) as peer:
            got = await outcome(transport, peer.url("/a"))
            assert isinstance(got, errors.Disconnected) and "go away" in str(got)
            assert len(peer.seen) <= 4
            await nothing_left(transport, peer)


async def test_a_server_that_hangs_up_on_everybody() -> None:
    """Table B: the request has left, so it is not sent again."""
    async with h2c() as transport:
        with H2Peer(Talk.finish, hellos=[b""]) as peer:
            got = await asyncio.gather(*[outcome(transport, peer.url(f"/{i}")) for i in range(3)])
            assert all(isinstance(each, errors.Disconnected) for each in got), got
            assert len(peer.seen) == 1
            await nothing_left(transport, peer)


IDLE = {
    "goaway": h2.goaway(h2.ID_MAX),
    "goaway with an error": h2.goaway(1, h2.INTERNAL_ERROR, b"x"),
    "garbage": b"HTTP/1.1 408 Request Timeout\r\n\r\n",
    "a frame that breaks the rules": h2.rst(99, h2.CANCEL),
    "a flood": h2.priority(99) * 2000,
    "nothing, and FIN": b"",
}


@pytest.mark.parametrize("name", IDLE)
async def test_an_idle_connection_that_goes_bad_costs_nobody_anything(name: str) -> None:
    """Rule 41, as HTTP/2 has it."""

    def script(talk: Talk) -> None:
        talk.auto.clear()
        talk.answer(talk.whole("/warm"))
        talk.until(lambda: any(each.kind == h2.PING for each in talk.frames))  # the test's sign
        talk.send(IDLE[name])
        if not IDLE[name]:
            talk.finish()
        talk.serve()

    async with h2c() as transport:
        with H2Peer(script, Talk.serve) as peer:
            await fine(transport, peer, "/warm")
            peer.talks[0].link.send(h2.ping())
            await eventually(lambda: states(transport, peer) == [])
            got = await fine(transport, peer, "/a")
            assert got.timings.attempts == 1
            assert [talk.requests[0].path for talk in peer.talks] == ["/warm", "/a"]


def refuse(talk: Talk) -> None:
    talk.serve(lambda asked: h2.rst(asked.stream, h2.REFUSED_STREAM))


async def test_the_total_clock_covers_all_tries() -> None:
    """Rule 23: also the pause before the next."""
    async with h2c(timeouts=Timeouts(total_s=0.45)) as transport:
        with H2Peer(refuse) as peer:
            got = await outcome(transport, peer.url("/a"))
            assert isinstance(got, errors.TotalTimeout) and not got.maybe_processed
            assert len(peer.paths()) == got.attempts <= 2  # the pause before the third is half a second at least
            await nothing_left(transport, peer)


@pytest.mark.parametrize("by", ["the task", "the transport"])
async def test_a_request_is_given_up_while_it_pauses_before_the_next_try(by: str) -> None:
    """Rule 6."""
    async with h2c() as transport:
        with H2Peer(refuse) as peer:
            task = asyncio.create_task(transport.request("POST", peer.url("/a"), content=b"x"))
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.paths()) == 2)
            if by == "the task":
                task.cancel()
            else:
                await transport.aclose(drain_s=0)
            done = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(done[0], asyncio.CancelledError | errors.RequestCancelled)
            await nothing_left(transport, peer)
            assert len(peer.paths()) == 2


async def test_a_storm_of_refusals_ends_by_the_budget() -> None:
    """Rule 21: 130 requests, each refused by whatever connection, are not sent 520 times."""

    def react(asked: Asked) -> bytes:
        return h2.answer(asked.stream) if asked.path == "/after" else h2.goaway(0)

    async with h2c() as transport:
        with H2Peer(lambda talk: talk.serve(react)) as peer:
            storm = [outcome(transport, peer.url(f"/{i}")) for i in range(130)]
            got = await asyncio.gather(*storm)
            assert all(isinstance(each, errors.Disconnected) and not each.maybe_processed for each in got)
            assert any("too many requests to this host were sent twice" in str(each) for each in got)
            assert len(peer.paths()) <= 130 + 100 + 130 // 5
            await fine(transport, peer, "/after")
            await nothing_left(transport, peer)


async def test_settings_that_are_never_acknowledged() -> None:
    """Rule 12: no new request there, what runs is not cut for a formality."""

    def script(talk: Talk) -> None:
        talk.acks_settings = False
        asked = talk.whole("/a")
        talk.until(lambda: any(each.kind == h2.PING for each in talk.frames))  # the test's sign
        talk.answer(asked)
        talk.serve()

    async with h2c(settings_ack_s=0.2) as transport:
        with H2Peer(script, Talk.serve) as peer:
            running = begin(transport, peer, "/a")
            await eventually(lambda: states(transport, peer) == ["drain"])
            await fine(transport, peer, "/b")
            peer.talks[0].link.send(h2.ping())
            await asyncio.gather(*running)
            assert [talk.requests[0].path for talk in peer.talks] == ["/a", "/b"]
            peer.wait_for(lambda: peer.seen[0].end != "")


async def test_a_silent_peer_loses_the_connection_and_all_on_it() -> None:
    """Rule 34: nothing for a while, and no answer to a PING."""

    def script(talk: Talk) -> None:
        talk.acks_pings = False
        talk.whole("/a")
        talk.until(lambda: False)

    async with h2c(silence_s=0.3, silence_answer_s=1) as transport:
        with H2Peer(script, Talk.serve) as peer:
            got = await asyncio.gather(outcome(transport, peer.url("/a")), outcome(transport, peer.url("/b")))
            assert all(isinstance(each, errors.ReadError) and each.maybe_processed for each in got), got
            assert all("PING" in str(each) for each in got)
            await fine(transport, peer, "/c")
            assert sorted(peer.paths()) == ["/a", "/b", "/c"]
            await nothing_left(transport, peer)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_quiet_connection_is_asked_before_it_is_used(answers: bool) -> None:
    """Rule 33: the request is held; without an answer it goes to a new connection, once."""

    def script(talk: Talk) -> None:
        talk.acks_pings = answers
        talk.serve()

    async with h2c(quiet_s=0.05, quiet_answer_s=5 if answers else 0.1) as transport:
        with H2Peer(script, Talk.serve) as peer:
            await fine(transport, peer, "/warm")
            await eventually(lambda: connection(transport, peer)["idle_ms"] > 100)
            await fine(transport, peer, "/a")
            assert [each.kind for each in peer.talks[0].frames].count(h2.PING) == 1
            assert [len(talk.requests) for talk in peer.talks] == ([2] if answers else [1, 1])
            await nothing_left(transport, peer)


def connection(transport: Transport, peer: H2Peer) -> dict[str, int]:
    (origin,) = [each for each in transport.stats()["origins"] if each["origin"].endswith(f":{peer.port}")]
    (found,) = origin["connections"]
    return dict(found)


ALPN = {
    "both sides": (True, ["h2", "http/1.1"], "HTTP/2"),
    "a server of HTTP/1.1": (True, ["http/1.1"], "HTTP/1.1"),
    "a server without ALPN": (True, [], "HTTP/1.1"),
    "a client that does not offer it": (False, ["h2", "http/1.1"], "HTTP/1.1"),
}


@pytest.mark.parametrize("name", ALPN)
async def test_what_is_spoken_is_what_alpn_says(name: str, authority: Authority) -> None:
    """Rule 81."""
    offers, server, version = ALPN[name]
    tls = authority.issue().server_context(server)
    async with Transport(http2=offers, tls=TLS(ca_file=authority.ca_file), timeouts=Timeouts(total_s=30)) as transport:
        with H2Peer(Talk.serve, tls=tls) as peer:
            got = await asyncio.gather(*[outcome(transport, peer.url(f"/{i}")) for i in range(5)])
            versions = {each.http_version for each in got if isinstance(each, Response)}
            assert versions == {version} and all(isinstance(each, Response) for each in got)
            if version == "HTTP/2":
                assert len(peer.seen) == 1  # rule 43
