"""HTTP/2 as httpx and httpx2 show it to their users."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from penstock import TLS
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.nghttpd_peer import Nghttpd


@pytest.fixture(scope="module")
def nghttpd(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nghttpd]:
    folder = tmp_path_factory.mktemp("nghttpd")
    (folder / "hello").write_bytes(b"hello")
    with Nghttpd(folder, authority.issue()) as peer:
        yield peer


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
@pytest.mark.parametrize("only_h2", [False, True])
def test_version_stream_and_reason(name: str, only_h2: bool, nghttpd: Nghttpd, authority: Authority) -> None:
    """As httpcore's: the stream's number, and the library's own words for a status that carries none."""
    module: Any = import_module(name)
    adapter: Any = import_module(f"penstock.adapters.{name}")

    async def ask() -> None:
        transport = adapter.AsyncTransport(tls=TLS(ca_file=authority.ca_file), http1=not only_h2)
        async with module.AsyncClient(transport=transport) as client:
            stream_ids = []
            for _ in range(2):
                response = await client.get(nghttpd.url("/hello"))
                assert (response.http_version, response.reason_phrase, response.text) == ("HTTP/2", "OK", "hello")
                stream_ids.append(response.extensions["stream_id"])
            assert (stream_ids[0] % 2, stream_ids[1]) == (1, stream_ids[0] + 2)  # one connection, shared

    run(ask())


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_without_http2_nothing_is_offered(name: str, nghttpd: Nghttpd, authority: Authority) -> None:
    """nghttpd speaks nothing else, so there is no connection."""
    module: Any = import_module(name)
    adapter: Any = import_module(f"penstock.adapters.{name}")
    transport = adapter.SyncTransport(tls=TLS(ca_file=authority.ca_file), http2=False)
    with module.Client(transport=transport) as client, pytest.raises(module.TransportError):
        client.get(nghttpd.url("/hello"))
