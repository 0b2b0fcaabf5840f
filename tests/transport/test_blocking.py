"""Blocking calls: threads, signals, and news that comes at an awkward moment."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import pytest

from penstock import Transport
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Tell, Wait, answer, chunked
from tests.waiting import eventually_sync

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_threads_share_a_transport() -> None:
    def ask() -> None:
        for _ in range(50):
            bodies.append(transport.request_sync("GET", peer.url()).body)

    bodies: list[bytes] = []
    with RawPeer(SERVE) as peer, Transport() as transport:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(peer.seen) <= 8
    assert bodies == [b"ok"] * 400


def test_a_response_may_move_to_another_thread() -> None:
    def rest() -> None:
        got.append(response.read())

    got: list[bytes] = []
    go = threading.Event()
    with (
        RawPeer([ReadHead(), Send(STREAM_HEAD), Wait(go), Send(chunked(b"a", b"b"))]) as peer,
        Transport() as transport,
    ):
        with transport.stream_sync("GET", peer.url()) as response:
            reader = threading.Thread(target=rest)
            reader.start()
            go.set()
            reader.join()
    assert got == [b"ab"]


@pytest.mark.parametrize("where", ["head", "body"])
def test_a_signal_ends_a_wait(where: str) -> None:
    """The handler runs on the main thread while it waits; what it raises leaves the wait, and the peer sees the end."""

    class Stop(Exception):
        pass

    def handler(number: int, frame: FrameType | None) -> None:
        raise Stop

    def send() -> None:
        assert ready.wait(30)
        signal.pthread_kill(main.ident or 0, signal.SIGUSR1)

    ready, main = threading.Event(), threading.main_thread()
    before = signal.signal(signal.SIGUSR1, handler)
    sender = threading.Thread(target=send)
    sender.start()
    script = [ReadHead(), Tell(ready)] if where == "head" else [ReadHead(), Send(STREAM_HEAD), Tell(ready)]
    try:
        with RawPeer(script) as peer, Transport() as transport:
            with pytest.raises(Stop):
                with transport.stream_sync("GET", peer.url()) as response:
                    response.read()
            peer.wait_for(lambda: peer.seen[0].end != "")
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)


def test_chunks_are_read_as_they_come() -> None:
    """Each chunk is sent after the one before was read: a wait that misses news would never end."""
    gates = [threading.Event() for _ in range(50)]
    script: list[object] = [ReadHead(), Send(STREAM_HEAD)]
    for gate in gates:
        script += [Wait(gate), Send(chunked(b"x", end=b""))]
    with RawPeer([*script, Send(b"0\r\n\r\n")]) as peer, Transport() as transport:  # type: ignore[list-item]
        with transport.stream_sync("GET", peer.url()) as response:
            # The head is not waited for again; it lies linked in the home's list.
            eventually_sync(lambda: response.state == "open")
            chunks = iter(response)
            for gate in gates:
                gate.set()
                assert next(chunks) == b"x"
            assert list(chunks) == []


def test_what_belongs_to_a_loop_is_refused() -> None:
    with RawPeer(SERVE) as peer, Transport() as transport:
        with transport.stream_sync("GET", peer.url()) as response:
            with pytest.raises(RuntimeError, match="_sync"):
                response.exchange.read_chunk()
            assert response.read() == b"ok"
