"""aiohttp's session over penstock through a real proxy, tinyproxy: CONNECT to a TLS peer, forwarding to a plain one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from penstock.adapters.aiohttp import client_session
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, answer
from tests.transport.tinyproxy_peer import Tinyproxy

ECHO = Forever([ReadHead(), ReadBody(), answer(b"hello")])


@pytest.fixture
def tinyproxy(tmp_path: Path) -> Iterator[Tinyproxy]:
    with Tinyproxy(tmp_path, auth=("tom", "pw")) as proxy:
        yield proxy


@pytest.mark.parametrize("is_tls", [False, True], ids=["forwarded", "tunnel"])
def test_a_request_of_the_session(is_tls: bool, tinyproxy: Tinyproxy, authority: Authority) -> None:
    async def ask(url: str) -> None:
        ssl = authority.client_context() if is_tls else True
        fields = {"Proxy-Authorization": "Basic dG9tOnB3"}
        async with client_session() as client:
            for given in ({"proxy": tinyproxy.url("tom:pw")}, {"proxy": tinyproxy.url(), "proxy_headers": fields}):
                async with client.get(url, ssl=ssl, **given) as response:
                    assert (response.status, await response.text()) == (200, "hello")

    with RawPeer([ECHO], tls=authority.issue().server_context() if is_tls else None) as peer:
        run(ask(peer.url()))
    assert len(peer.requests) == 2
    assert [request.header(b"proxy-authorization") for request in peer.requests] == [None] * 2
    assert (f"CONNECT localhost:{peer.port}" in tinyproxy.log) == is_tls


def test_its_refusal(tinyproxy: Tinyproxy) -> None:
    async def ask() -> None:
        async with client_session() as client:
            with pytest.raises(aiohttp.ClientHttpProxyError, match="407"):
                await client.get("https://localhost:1/", proxy=tinyproxy.url())

    run(ask())
