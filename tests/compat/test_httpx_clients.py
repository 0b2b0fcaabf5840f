"""The ready clients, and settings that reach the engine through them."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest

from penstock import Limits, Network, errors
from tests.compat.httpx_library import Library
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, Wait, WaitEnd, answer
from tests.waiting import eventually_sync

ECHO = Forever([ReadHead(), ReadBody(), answer(b"hello")])


@pytest.mark.parametrize("compat", [False, True])
def test_a_client_takes_the_arguments_of_both(
    library: Library, server_tls: ssl.SSLContext, authority: Authority, compat: bool
) -> None:
    own: dict[str, Any] = {"verify": str(authority.ca_file), "limits": library.module.Limits(max_connections=3)}
    own |= {"http2": False, "retries": 1, "trust_env": False, "compat": compat}

    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(base_url=peer.url(), timeout=5, headers={"a": "b"}, **own) as client:
            assert isinstance(client, library.module.AsyncClient)
            assert (await client.get("/x")).text == "hello"

    with RawPeer([ECHO], tls=server_tls) as peer:
        run(ask(peer))
        with library.adapter.Client(base_url=peer.url(), timeout=5, headers={"a": "b"}, **own) as client:
            assert isinstance(client, library.module.Client)
            assert client.get("/x").text == "hello"
        assert [each.header(b"a") for each in peer.requests] == [b"b", b"b"]
        assert peer.requests[0].target == b"/x"


def test_a_transport_that_is_given_stays(library: Library) -> None:
    given = library.module.MockTransport(lambda request: library.module.Response(204))
    with library.adapter.Client(transport=given, limits=library.module.Limits()) as client:
        assert client.get("http://x/").status_code == 204


def test_mounts_are_the_clients_own(library: Library) -> None:
    given = library.module.MockTransport(lambda request: library.module.Response(204))
    with RawPeer([ECHO]) as peer, library.adapter.Client(mounts={"http://mounted": given}) as client:
        assert client.get("http://mounted/").status_code == 204
        assert client.get(peer.url()).text == "hello"


def test_of_an_unknown_argument_the_library_says_so(library: Library) -> None:
    with pytest.raises(TypeError, match="nonsense"):
        library.adapter.AsyncClient(nonsense=1)


def test_socket_options_are_set(library: Library) -> None:
    """What the system does not know fails the connection, so they arrive; test_dial.c looks at the socket."""
    unknown = [(socket.SOL_SOCKET, 0x7FFF, 1)]
    known = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, b"\1\0\0\0")]
    with RawPeer([ECHO]) as peer:
        with library.sync_client(socket_options=known) as client:
            assert client.get(peer.url()).text == "hello"
        with library.sync_client(socket_options=unknown) as client:
            with pytest.raises(library.module.ConnectError, match="protocol not available"):
                client.get(peer.url())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([(1, 2, "3")], "a socket option is"),
        ([(1, 2, None, 4)], "a socket option is"),
        ([(1, 2, b"x" * 65)], "at most 64 bytes"),
        ([(1, 2, 2**31)], "a socket option is"),
        ([(1, 2, 3)] * 33, "must be at most 32"),
    ],
)
def test_socket_options_are_checked(options: Any, words: str) -> None:
    with pytest.raises(errors.ConfigError, match=words):
        Network(socket_options=options)
    with pytest.raises(errors.ConfigError, match="combined with uds"):
        Network(socket_options=((1, 2, 3),), uds="/x")


def test_as_many_connections_are_kept_as_httpx_says(library: Library) -> None:
    limits = library.module.Limits(max_connections=5, max_keepalive_connections=2, keepalive_expiry=31)
    go_on = threading.Event()
    script = [ReadHead(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), Wait(go_on), Send(b"x"), WaitEnd()]
    with RawPeer(script) as peer, library.sync_client(limits=limits) as client:
        responses = [client.send(client.build_request("GET", peer.url()), stream=True) for _ in range(4)]
        transport = client._transport.transport
        assert transport.limits == Limits(
            max_connections=5, max_connections_per_origin=5, max_idle_connections=2, idle_s=31
        )
        go_on.set()
        assert [response.read() for response in responses] == [b"x"] * 4
        eventually_sync(lambda: transport.stats()["connections"] == 2)
        peer.wait_for(lambda: sum(seen.end != "" for seen in peer.seen) == 2)


def test_without_kept_connections_each_request_has_its_own(library: Library) -> None:
    limits = library.module.Limits(max_keepalive_connections=0)
    with RawPeer([ECHO]) as peer, library.sync_client(limits=limits) as client:
        for _ in range(3):
            client.get(peer.url())
        assert len(peer.seen) == 3
