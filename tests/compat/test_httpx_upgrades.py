"""Upgrades and CONNECT go over the library's own transport, and their connection is the caller's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import TLS, Proxy, errors
from penstock.testing import MockTransport, on
from tests.compat.httpx_library import Library
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import RawPeer, ReadHead, ReadSome, Send, WaitEnd, answer
from tests.transport.tinyproxy_peer import Tinyproxy

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly"
UPGRADED = [ReadHead(), Send(SWITCH), ReadSome(4), Send(b"pong"), WaitEnd()]
FIELDS = {"connection": "upgrade", "upgrade": "echo"}
CONNECTED = [ReadHead(), Send(b"HTTP/1.1 200 OK\r\n\r\n"), ReadSome(4), Send(b"pong"), WaitEnd()]


@pytest.mark.parametrize("compat", [False, True])
def test_a_connection_is_upgraded(library: Library, compat: bool) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.adapter.AsyncClient(compat=compat) as client:
            async with client.stream("GET", peer.url().replace("http:", "ws:"), headers=FIELDS) as response:
                assert response.status_code == 101
                stream = response.extensions["network_stream"]
                assert await stream.read(9) == b"early"
                await stream.write(b"ping")
                assert await stream.read(9) == b"pong"

    with RawPeer(UPGRADED) as peer:
        run(ask(peer))
        with library.adapter.Client(compat=compat) as client:
            with client.stream("GET", peer.url(), headers=FIELDS) as response:
                stream = response.extensions["network_stream"]
                assert stream.read(9) == b"early"
                stream.write(b"ping")
                assert stream.read(9) == b"pong"


def test_a_tunnel_is_asked_for(library: Library) -> None:
    with RawPeer(CONNECTED) as peer, library.sync_client() as client:
        with client.stream("CONNECT", peer.url(), extensions={"target": b"example.org:443"}) as response:
            stream = response.extensions["network_stream"]
            stream.write(b"ping")
            assert stream.read(9) == b"pong"
        assert peer.requests[0].line == b"CONNECT example.org:443 HTTP/1.1"


def test_an_upgrade_that_is_refused_is_a_response(
    library: Library, server_tls: ssl.SSLContext, authority: Authority
) -> None:
    with RawPeer([ReadHead(), answer(b"no", status=b"403 Forbidden"), WaitEnd()], tls=server_tls) as peer:
        with library.sync_client(tls=TLS(ca_file=authority.ca_file, min_version="1.3")) as client:
            response = client.get(peer.url(), headers=FIELDS)
            assert (response.status_code, response.text) == (403, "no")
        peer.wait_for(lambda: peer.seen[0].end != "")  # the connection is not kept


def test_what_the_ssl_module_cannot_express_is_said(library: Library) -> None:
    with library.sync_client(tls=TLS(groups="X25519")) as client:
        with pytest.raises(errors.ConfigError, match="groups"):
            client.get("ws://127.0.0.1:1/", headers=FIELDS)


def test_a_mock_lets_nothing_out(library: Library) -> None:
    mock = MockTransport(on("CONNECT", "/").answer(418))
    with RawPeer(UPGRADED) as peer, library.module.Client(transport=getattr(mock, f"{library.name}_sync")()) as client:
        assert client.request("CONNECT", peer.url()).status_code == 418
        with pytest.raises(library.module.UnsupportedProtocol):
            client.get(peer.url().replace("http:", "ws:"), headers=FIELDS)
        assert peer.seen == []


# -- through a proxy --


@pytest.fixture
def tinyproxy(tmp_path: Path) -> Iterator[Tinyproxy]:
    with Tinyproxy(tmp_path, auth=("tom", "pw")) as proxy:
        yield proxy


@pytest.mark.parametrize("compat", [False, True])
def test_an_upgrade_through_a_proxy(
    library: Library, compat: bool, tinyproxy: Tinyproxy, server_tls: ssl.SSLContext, authority: Authority
) -> None:
    kind = library.adapter.CompatSyncTransport if compat else library.adapter.SyncTransport
    transport = kind(tls=TLS(ca_file=authority.ca_file), proxy=Proxy(tinyproxy.url(), auth=("tom", "pw")))
    with RawPeer(UPGRADED, tls=server_tls) as peer, library.module.Client(transport=transport) as client:
        with client.stream("GET", peer.url().replace("https:", "wss:"), headers=FIELDS) as response:
            stream = response.extensions["network_stream"]
            assert stream.read(9) == b"early"
            stream.write(b"ping")
            assert stream.read(9) == b"pong"
        assert f"CONNECT localhost:{peer.port}" in tinyproxy.log


@pytest.mark.parametrize("compat", [False, True])
def test_an_upgrade_through_the_environments_proxy(
    library: Library, compat: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with RawPeer([ReadHead(), answer(b"", status=b"502 x"), WaitEnd()]) as peer:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{peer.port}")
        kind = library.adapter.CompatSyncTransport if compat else library.adapter.SyncTransport
        with library.module.Client(transport=kind()) as client, pytest.raises(library.module.ProxyError, match="502"):
            client.get("wss://api.example/", headers=FIELDS)
        assert peer.requests[0].line == b"CONNECT api.example:443 HTTP/1.1"


def test_a_plain_web_socket_does_not_go_through_an_http_proxy(library: Library, tinyproxy: Tinyproxy) -> None:
    with library.sync_client(proxy=tinyproxy.url("tom:pw")) as client:
        with pytest.raises(errors.ConfigError, match="ws://"):
            client.get("ws://localhost:1/", headers=FIELDS)
