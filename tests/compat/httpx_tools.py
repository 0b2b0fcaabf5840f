"""Which tool sees which shape: the table of docs/howto/httpx.md, row by row. test_httpx_tools.py runs this file in an
environment that has the tools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
import respx
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from penstock.adapters import httpx as over_httpx
from penstock.adapters import httpx2 as over_httpx2
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, answer

SHAPES = pytest.mark.parametrize("compat", [False, True], ids=["fast", "compat"])


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with RawPeer([Forever([ReadHead(), ReadBody(), answer(b"real")])]) as made:
        yield made


def texts(url: str, compat: bool, adapter: Any = over_httpx) -> list[str]:
    """What the blocking client and the asynchronous one get."""

    async def ask() -> str:
        async with adapter.AsyncClient(compat=compat) as client:
            return str((await client.post(url, content=b"x")).text)

    with adapter.Client(compat=compat) as client:
        return [client.post(url, content=b"x").text, asyncio.run(ask())]


# -- mocks --


@SHAPES
def test_respx_by_default(compat: bool, peer: RawPeer) -> None:
    """It replaces methods of httpcore's classes."""
    with respx.mock(assert_all_called=False) as router:
        route = router.post(peer.url()).mock(return_value=httpx.Response(200, text="mocked"))
        assert texts(peer.url(), compat) == ["mocked" if compat else "real"] * 2
        assert route.call_count == (2 if compat else 0)
        assert not route.called or route.calls.last.request.content == b"x"


@SHAPES
def test_respx_of_httpx(compat: bool, peer: RawPeer) -> None:
    with respx.mock(using="httpx") as router:
        router.post(peer.url()).mock(return_value=httpx.Response(200, text="mocked"))
        assert texts(peer.url(), compat) == ["mocked"] * 2


def test_respx_lets_pass(peer: RawPeer) -> None:
    """By way of httpcore's pool, which gets a connection of ours."""
    with respx.mock as router:
        route = router.post(peer.url()).pass_through()
        assert texts(peer.url(), True) == ["real"] * 2
        assert route.call_count == 2
    assert [request.body for request in peer.requests] == [b"x"] * 2


def test_respx_raises(peer: RawPeer) -> None:
    with respx.mock as router:
        router.post(peer.url()).mock(side_effect=httpx.ConnectError("no"))
        with pytest.raises(httpx.ConnectError, match="no"):
            texts(peer.url(), True)
    assert texts(peer.url(), True) == ["real"] * 2  # nothing is left behind


@SHAPES
@pytest.mark.httpx_mock(assert_all_responses_were_requested=False)
def test_pytest_httpx(compat: bool, peer: RawPeer, httpx_mock: Any) -> None:
    """It replaces methods of httpx's transports."""
    httpx_mock.add_response(text="mocked", is_reusable=True)
    assert texts(peer.url(), compat) == ["mocked" if compat else "real"] * 2
    assert len(httpx_mock.get_requests()) == (2 if compat else 0)


def test_the_librarys_own_mock() -> None:
    mock = httpx.MockTransport(lambda request: httpx.Response(200, text="mocked"))
    with over_httpx.Client(transport=mock) as client:
        assert client.get("http://nowhere.invalid/").text == "mocked"


# -- telemetry --


@pytest.fixture
def spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


LIBRARIES = pytest.mark.parametrize(
    ("instrumentor", "adapter"),
    [(HTTPXClientInstrumentor, over_httpx), (HTTPX2ClientInstrumentor, over_httpx2)],
    ids=["httpx", "httpx2"],
)


@SHAPES
@LIBRARIES
def test_opentelemetry_for_all(compat: bool, instrumentor: Any, adapter: Any, peer: RawPeer, spans: Any) -> None:
    """It replaces methods of the library's transports."""
    provider, exporter = spans
    instrumentor().instrument(tracer_provider=provider)
    try:
        assert texts(peer.url(), compat, adapter) == ["real"] * 2
    finally:
        instrumentor().uninstrument()
    assert [span.name for span in exporter.get_finished_spans()] == ["POST"] * (2 if compat else 0)
    assert all((request.header(b"traceparent") is not None) == compat for request in peer.requests)


@SHAPES
@LIBRARIES
def test_opentelemetry_for_a_client(compat: bool, instrumentor: Any, adapter: Any, peer: RawPeer, spans: Any) -> None:
    provider, exporter = spans

    async def ask() -> None:
        async with adapter.AsyncClient(compat=compat) as client:
            instrumentor.instrument_client(client, tracer_provider=provider)
            assert (await client.get(peer.url())).text == "real"

    with adapter.Client(compat=compat) as client:
        instrumentor.instrument_client(client, tracer_provider=provider)
        assert client.get(peer.url()).text == "real"
    asyncio.run(ask())
    assert len(exporter.get_finished_spans()) == 2
    assert all(request.header(b"traceparent") is not None for request in peer.requests)


# -- what reads attributes --


@pytest.mark.parametrize(("adapter", "library"), [(over_httpx, httpx), (over_httpx2, httpx2)], ids=["httpx", "httpx2"])
def test_the_compat_shape_is_the_librarys(adapter: Any, library: Any, peer: RawPeer) -> None:
    limits = library.Limits(max_connections=7, max_keepalive_connections=3)
    with adapter.Client(compat=True, limits=limits, http2=False) as client:
        transport = client._transport
        assert isinstance(transport, library.HTTPTransport)
        pool = transport._pool
        assert (pool._max_connections, pool._max_keepalive_connections, pool._http2) == (7, 3, False)
        client.get(peer.url())
        (connection,) = pool.connections
        assert connection["protocol"] == "HTTP/1.1"
