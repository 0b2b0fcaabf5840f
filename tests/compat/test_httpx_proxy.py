"""proxy= of the httpx and httpx2 transports: what it takes, and what a proxy's refusal becomes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from penstock import TLS, Proxy, errors
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, answer
from tests.transport.socks_peer import SocksPeer

ECHO = Forever([ReadHead(), ReadBody(), answer(b"hello")])
TOKEN = b"Basic dG9tOnB3"


@pytest.fixture(params=["httpx", "httpx2"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def client(name: str, **settings: Any) -> Any:
    adapter: Any = import_module(f"penstock.adapters.{name}")
    return import_module(name).AsyncClient(transport=adapter.AsyncTransport(**settings))


def shapes(name: str, port: int) -> list[Any]:
    module: Any = import_module(name)
    url = f"http://tom:pw@127.0.0.1:{port}"
    return [
        url,
        module.URL(url),
        module.Proxy(url),
        module.Proxy(f"http://127.0.0.1:{port}", auth=("tom", "pw")),
        Proxy(url),
    ]


def test_every_shape_of_a_proxy_is_taken(name: str) -> None:
    async def ask(proxy: Any) -> None:
        async with client(name, proxy=proxy) as asking:
            response = await asking.get("http://api.example/a")
            assert (response.status_code, response.text) == (200, "hello")

    with RawPeer([ECHO]) as peer:
        for proxy in shapes(name, peer.port):
            run(ask(proxy))
    assert {request.line for request in peer.requests} == {b"GET http://api.example/a HTTP/1.1"}
    assert {request.header(b"proxy-authorization") for request in peer.requests} == {TOKEN}


def test_the_blocking_twin(name: str) -> None:
    adapter: Any = import_module(f"penstock.adapters.{name}")
    with RawPeer([ECHO]) as peer:
        transport = adapter.SyncTransport(proxy=f"http://127.0.0.1:{peer.port}")
        with import_module(name).Client(transport=transport) as asking:
            assert asking.get("http://api.example/a").text == "hello"


@pytest.mark.parametrize("status", [407, 502])
def test_a_refusal_is_the_librarys_proxy_error(name: str, status: int) -> None:
    module: Any = import_module(name)

    async def ask(proxy: str) -> None:
        async with client(name, proxy=proxy) as asking:
            with pytest.raises(module.ProxyError, match=str(status)) as caught:
                await asking.get("https://api.example/")
            assert isinstance(caught.value.__cause__, errors.ProxyError)
            assert isinstance(caught.value.__cause__, errors.ProxyAuthRequired) == (status == 407)
            assert caught.value.__cause__.detail == status

    with RawPeer([ReadHead(), Send(b"HTTP/1.1 %d x\r\n\r\n" % status)]) as peer:
        run(ask(f"http://127.0.0.1:{peer.port}"))


def test_socks_and_tls_behind_it(name: str, authority: Authority) -> None:
    async def ask(proxy: str, url: str) -> None:
        async with client(name, proxy=proxy, tls=TLS(ca_file=authority.ca_file)) as asking:
            assert (await asking.get(url)).text == "hello"

    with RawPeer([ECHO], tls=authority.issue().server_context()) as peer, SocksPeer(auth=("tom", "pw")) as socks:
        run(ask(socks.url("socks5h", "tom:pw"), peer.url()))
        assert [(each.kind, each.host) for each in socks.asked] == [("name", "localhost")]


def test_the_environment_is_followed_under_an_explicit_transport(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client itself mounts no proxies of the environment when it is given a transport."""

    async def ask(**settings: Any) -> None:
        async with client(name, **settings) as asking:
            assert (await asking.get("http://api.example/a")).text == "hello"

    with RawPeer([ECHO]) as peer:
        for variable in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{peer.port}")
        run(ask())
        assert len(peer.requests) == 1
