"""How connections are made and kept: addresses, Unix sockets, limits, death noticed, sharing."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from penstock import Limits, Network, Transport, errors
from tests.transport.raw_peer import Close, Forever, RawPeer, ReadBody, ReadHead, Tell, Wait, answer

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]


async def test_refused_names_every_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with Transport() as transport:
            with pytest.raises(errors.ConnectFailed) as caught:
                await transport.request("POST", f"http://localhost:{port}/", content=b"x")
    assert "127.0.0.1" in str(caught.value) and "refused" in str(caught.value)
    assert not caught.value.maybe_processed and caught.value.retry_is_safe


async def test_an_unknown_name_is_a_resolve_error() -> None:
    async with Transport() as transport:
        with pytest.raises(errors.ResolveError) as caught:
            await transport.request("GET", "http://no-such-host.invalid/")
    assert "no-such-host.invalid" in str(caught.value)
    assert caught.value.phase == "resolve"


@pytest.mark.parametrize("family, host", [("ipv4", "127.0.0.1"), ("ipv6", "::1")])
async def test_a_family_can_be_forced(family: str, host: str) -> None:
    kind = socket.AF_INET6 if family == "ipv6" else socket.AF_INET
    with socket.create_server((host, 0), family=kind) as listener:
        port = listener.getsockname()[1]
        accepted: list[tuple[object, ...]] = []

        def serve() -> None:
            sock, peer = listener.accept()
            accepted.append(peer)
            with sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        async with Transport(network=Network(family=family)) as transport:
            name = "[::1]" if family == "ipv6" else "localhost"  # which need not have an IPv6 address
            response = await transport.request("GET", f"http://{name}:{port}/")
            with pytest.raises(errors.ResolveError):
                other = "127.0.0.1" if family == "ipv6" else "[::1]"
                await transport.request("GET", f"http://{other}:{port}/")
        thread.join()
        assert response.body == b"ok"
        assert accepted[0][0] == host


async def test_local_address() -> None:
    with RawPeer(SERVE) as peer:
        async with Transport(network=Network(local_address="127.0.0.9")) as transport:
            assert (await transport.request("GET", peer.url())).body == b"ok"


async def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        async with Transport(network=Network(uds=str(path))) as transport:
            assert (await transport.request("GET", "http://anything.example/")).body == b"ok"
        thread.join()


async def test_a_dead_idle_connection_is_not_used() -> None:
    gone = threading.Event()
    dies = [ReadHead(), ReadBody(), answer(b"one"), Close(), Tell(gone)]
    with RawPeer(dies, [ReadHead(), ReadBody(), answer(b"two")]) as peer:
        async with Transport() as transport:
            assert (await transport.request("POST", peer.url(), content=b"x")).body == b"one"
            await asyncio.to_thread(gone.wait)
            response = await transport.request("POST", peer.url(), content=b"x")
            assert response.body == b"two"
            assert not response.timings.reused


async def test_the_limit_per_origin_queues_in_order() -> None:
    async with Transport(limits=Limits(max_connections_per_origin=2)) as transport:
        with RawPeer(SERVE) as peer:
            done: list[int] = []

            async def one(index: int) -> None:
                assert (await transport.request("GET", peer.url(f"/{index}"))).body == b"ok"
                done.append(index)

            await asyncio.gather(*(one(index) for index in range(50)))
            assert len(peer.seen) == 2
            assert sorted(done) == list(range(50))
            for seen in peer.seen:  # each connection served its share in order of asking
                paths = [int(request.target[1:]) for request in seen.requests]
                assert paths == sorted(paths)


async def test_the_total_limit_takes_an_idle_connection_from_another_origin() -> None:
    async with Transport(limits=Limits(max_connections=1)) as transport:
        with RawPeer(SERVE) as one, RawPeer(SERVE) as two:
            for _ in range(3):
                assert (await transport.request("GET", one.url())).body == b"ok"
                assert (await transport.request("GET", two.url())).body == b"ok"
            assert transport.stats()["connections"] <= 1


async def test_too_many_waiters_are_refused() -> None:
    go = threading.Event()
    limits = Limits(max_connections=1, max_connections_per_origin=1, max_waiting=2)
    async with Transport(limits=limits) as transport:
        with RawPeer([Forever([ReadHead(), Wait(go), answer(b"ok")])]) as peer:
            first = asyncio.ensure_future(transport.request("GET", peer.url()))
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
            more = [asyncio.ensure_future(transport.request("GET", peer.url())) for _ in range(3)]
            with pytest.raises(errors.PenstockError, match="max_waiting"):
                await more[2]
            go.set()
            for each in (first, *more[:2]):
                assert (await each).body == b"ok"


async def test_a_stream_outlives_its_transport() -> None:
    go = threading.Event()
    with RawPeer([ReadHead(), Wait(go), answer(b"late")]) as peer:
        transport = Transport()
        task = asyncio.ensure_future(transport.request("GET", peer.url()))
        await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
        del transport
        go.set()
        assert (await task).body == b"late"
