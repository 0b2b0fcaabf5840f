"""What aiohttp's users set: ssl=, the connector, proxies, traces, middlewares; and what is refused."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientTimeout, web
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.test_utils import TestServer
from yarl import URL

import penstock
from penstock import TLS, Limits, Network, Transport
from penstock.adapters._aiohttp import settings, version
from penstock.adapters._aiohttp.errors import head_error
from penstock.adapters.aiohttp import Middleware, client_session
from penstock.errors import ConfigError
from penstock.testing import Upstream, on
from tests.compat.within import run
from tests.waiting import eventually


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(on().answer(body="hello")) as made:
        yield made


def default_context(upstream: Upstream) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=upstream.trust.ca_file)


# -- certificates --


@pytest.mark.parametrize("where", ["session", "connector", "request"])
@pytest.mark.parametrize("kind", ["unchecked", "context"])
def test_ssl_of_request_and_connector(upstream: Upstream, where: str, kind: str) -> None:
    """A context is used as it is, ALPN apart, so HTTP/2 is spoken with it, too."""
    value: Any = False if kind == "unchecked" else default_context(upstream)

    async def ask() -> None:
        connector = aiohttp.TCPConnector(ssl=value if where == "connector" else True)
        tls = TLS(ca_file=upstream.trust.ca_file) if where == "session" else None
        request: dict[str, Any] = {"ssl": value} if where == "request" else {}
        async with client_session(tls=tls, connector=connector) as client:
            async with client.get(upstream.url(), **request) as response:
                assert (await response.text(), response.version) == ("hello", (2, 0))

    run(ask())


def test_a_certificate_nobody_vouches_for(upstream: Upstream) -> None:
    async def ask() -> None:
        async with client_session() as client:
            with pytest.raises(aiohttp.ClientConnectorCertificateError) as caught:
                await client.get(upstream.url())
            assert caught.value.host == "127.0.0.1"
            assert isinstance(caught.value.certificate_error, ssl.SSLCertVerificationError)

    run(ask())


def test_fingerprints_are_refused(upstream: Upstream) -> None:
    async def ask() -> None:
        async with client_session() as client:
            with pytest.raises(ConfigError, match="Fingerprint"):
                await client.get(upstream.url(), ssl=aiohttp.Fingerprint(bytes(32)))

    run(ask())


def test_trust_is_the_systems_as_in_aiohttp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    made = settings.default_tls()
    assert (made.ca_file, made.keylog_file) == (str(bundle), str(tmp_path / "keys"))
    strict = bool(ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT)
    assert made.x509_strict is strict


# -- the connector's settings --


def test_limit_is_for_connections(upstream: Upstream) -> None:
    upstream.script(on().delay(0.01).answer(body="hello"))

    async def ask() -> None:
        connector = aiohttp.TCPConnector(limit=2, ssl=False)
        async with client_session(http2=False, connector=connector) as client:

            async def one() -> None:
                async with client.get(upstream.url()) as response:
                    await response.read()

            await asyncio.gather(*[one() for _ in range(8)])
        assert upstream.stats().connections_max == 2

    run(ask())


@pytest.mark.parametrize("force_close", [False, True])
def test_force_close(upstream: Upstream, force_close: bool) -> None:
    async def ask() -> None:
        connector = aiohttp.TCPConnector(force_close=force_close, ssl=False)
        async with client_session(http2=False, connector=connector) as client:
            for _ in range(2):
                async with client.get(upstream.url()) as response:
                    await response.read()
                if force_close:
                    await eventually(lambda: not upstream.stats().connections, "the idle connection stays")
        assert upstream.stats().connections_total == (2 if force_close else 1)

    run(ask())


def test_connectors_become_settings(tmp_path: Path) -> None:
    async def look() -> None:
        connector = aiohttp.TCPConnector(
            limit=7, limit_per_host=3, keepalive_timeout=9, family=settings.socket.AF_INET, ttl_dns_cache=5,
            local_addr=("127.0.0.1", 0), happy_eyeballs_delay=0.1,
        )  # fmt: skip
        unlimited = aiohttp.TCPConnector(limit=0, use_dns_cache=False)
        unix = aiohttp.UnixConnector(path=str(tmp_path / "socket"))
        try:
            limits = settings.limits_of(connector)
            assert (limits.max_connections, limits.max_connections_per_origin, limits.idle_s) == (7, 3, 9.0)
            network = settings.network_of(connector)
            assert network == Network(family="ipv4", local_address="127.0.0.1", dns_ttl_s=5.0, eyeballs_ms=100)
            assert settings.limits_of(unlimited).max_connections_per_origin == settings.UNLIMITED
            assert settings.network_of(unlimited).dns_ttl_s == 0.0
            assert settings.network_of(unix).uds == str(tmp_path / "socket")
        finally:
            for each in (connector, unlimited, unix):
                await each.close()

    run(look())


def test_unix_sockets(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        writer.close()
        await writer.wait_closed()

    async def ask() -> None:
        server = await asyncio.start_unix_server(answer, path)
        async with client_session(connector=aiohttp.UnixConnector(path=path)) as client:
            async with client.get("http://local/") as response:
                assert await response.text() == "hello"
        server.close()
        with pytest.raises(UnixClientConnectorError) as caught:
            async with client_session(connector=aiohttp.UnixConnector(path=path + "-none")) as client:
                await client.get("http://local/")
        assert caught.value.path == path + "-none"

    run(ask())


class OwnWay(aiohttp.TCPConnector):
    async def _create_connection(self, *args: Any, **settings: Any) -> Any:
        raise AssertionError("nobody calls this")


class Resolver(aiohttp.abc.AbstractResolver):
    async def resolve(self, *args: Any, **settings: Any) -> Any:
        raise AssertionError("nobody calls this")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: OwnWay(), "OwnWay has its own _create_connection"),
        (lambda: aiohttp.TCPConnector(resolver=Resolver()), "resolver="),
        (lambda: aiohttp.TCPConnector(socket_factory=lambda _: None), "socket_factory="),  # type: ignore[arg-type, return-value]
        (lambda: aiohttp.BaseConnector(), "BaseConnector connects in its own way"),
    ],
)
def test_connectors_that_cannot_be_honoured(upstream: Upstream, make: Any, text: str) -> None:
    async def ask() -> None:
        async with client_session(connector=make()) as client:
            with pytest.raises(ConfigError, match=text):
                await client.get(upstream.url())

    run(ask())


def test_a_closed_connector(upstream: Upstream) -> None:
    async def ask() -> None:
        connector = aiohttp.TCPConnector()
        async with client_session(connector=connector, connector_owner=False) as client:
            await connector.close()
            with pytest.raises((aiohttp.ClientConnectionError, RuntimeError), match="closed"):
                await client.get(upstream.url())

    run(ask())


def test_proxies_are_handed_to_the_transport(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def transport(**given: Any) -> Transport:
        asked.append(given.pop("proxy"))
        return Transport(**given)

    monkeypatch.setattr(settings, "Transport", transport)

    async def ask() -> None:
        async with client_session(tls=TLS(ca_file=upstream.trust.ca_file)) as client:
            encoded = "Basic " + base64.b64encode(b"me:p w").decode()
            for headers in (None, {"Proxy-Authorization": encoded}):
                async with client.get(upstream.url(), proxy="http://proxy:3128", proxy_headers=headers):
                    pass
            async with client.get(upstream.url()):
                pass
            with pytest.raises(ConfigError, match="proxy_headers"):
                await client.get(upstream.url(), proxy="http://proxy:3128", proxy_headers={"a": "b"}, ssl=False)

    run(ask())
    assert asked == ["http://proxy:3128", "http://me:p%20w@proxy:3128", None]


class Refused(penstock.errors.ConnectError):
    code = "proxy"


@pytest.mark.parametrize(
    ("detail", "error"), [(407, aiohttp.ClientHttpProxyError), (5, aiohttp.ClientProxyConnectionError)]
)
def test_what_a_proxy_refuses(detail: int, error: type[Exception]) -> None:
    """As in aiohttp: an HTTP proxy's status is told, of others that there is no connection."""

    async def ask() -> None:
        request = aiohttp.ClientRequest("GET", URL("http://host/"))
        made = head_error(Refused("no", detail=detail), request)
        assert type(made) is error
        assert getattr(made, "status", detail) == detail

    run(ask())


# -- the middleware --


def test_it_must_be_the_last(upstream: Upstream) -> None:
    async def pass_on(request: Any, handler: Any) -> Any:
        request.headers["X-Seen"] = "1"
        return await handler(request)

    async def ask() -> None:
        ours = Middleware(tls=TLS(ca_file=upstream.trust.ca_file))
        async with client_session(tls=TLS(ca_file=upstream.trust.ca_file), middlewares=(pass_on,)) as client:
            async with client.get(upstream.url()):
                assert upstream.requests[-1].header("x-seen") == "1"
            with pytest.raises(ConfigError, match="must be the last"):
                await client.get(upstream.url(), middlewares=(ours, pass_on))

    run(ask())


def test_one_for_many_sessions_and_loops(upstream: Upstream) -> None:
    ours = Middleware(tls=TLS(ca_file=upstream.trust.ca_file))

    async def ask() -> None:
        for _ in range(2):
            async with aiohttp.ClientSession(middlewares=(ours,)) as client, client.get(upstream.url()) as response:
                assert await response.text() == "hello"

    run(ask())
    run(ask())
    assert upstream.stats().connections_total == 1


def test_a_transport_of_ones_own(upstream: Upstream) -> None:
    transport = Transport(tls=TLS(ca_file=upstream.trust.ca_file))

    async def ask() -> None:
        async with client_session(transport=transport) as client:
            async with client.get(upstream.url()) as response:
                assert transport.stats()["running"] == 0 or not response.closed
                assert await response.text() == "hello"
            with pytest.raises(ConfigError, match="without transport="):
                await client.get(upstream.url(), ssl=False)
        with pytest.raises(ConfigError, match="has its own settings"):
            Middleware(transport=transport, limits=Limits())

    run(ask())


def test_an_unknown_aiohttp_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(self: Any, method: str, url: URL, *, mystery: int) -> None: ...

    monkeypatch.setattr(aiohttp.ClientResponse, "__init__", init)
    monkeypatch.delattr(aiohttp.streams.StreamReader, "feed_eof")
    version.check.cache_clear()
    try:
        with pytest.raises(ConfigError, match=r"does not know aiohttp .*takes mystery.*StreamReader has no feed_eof"):
            Middleware()
    finally:
        monkeypatch.undo()
        version.check.cache_clear()
    Middleware()


# -- signals and upgrades --


def test_signals_of_the_connection() -> None:
    seen: list[str] = []

    def noting(name: str) -> Any:
        async def note(*_: Any) -> None:
            seen.append(name)

        return note

    names = ("request_start", "connection_create_start", "connection_create_end", "connection_reuseconn")
    names += ("dns_resolvehost_start", "dns_resolvehost_end", "request_end", "request_exception")
    traces = aiohttp.TraceConfig()
    for name in names:
        getattr(traces, f"on_{name}").append(noting(name))

    async def ask() -> None:
        with Upstream(on().answer(body="hello"), tls=False) as upstream:
            async with client_session(trace_configs=[traces]) as client:
                for _ in range(2):
                    async with client.get(upstream.url()) as response:
                        await response.read()
                upstream.drop_connections()
                upstream.refuse()
                with pytest.raises(aiohttp.ClientConnectorError):
                    await client.post(upstream.url(), timeout=ClientTimeout(total=20))

    run(ask())
    made = ["connection_create_start", "connection_create_end"]
    assert seen[:7] == ["request_start", *made, "request_end", "request_start", "connection_reuseconn", "request_end"]
    assert seen[7:] == ["request_start", "connection_create_start", "request_exception"]


def test_web_sockets_go_through_aiohttp() -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    async def ask() -> None:
        app = web.Application()
        app.router.add_get("/", echo)
        async with TestServer(app) as server, client_session() as client:
            async with client.ws_connect(server.make_url("/")) as socket:
                await socket.send_str("hello")
                assert await socket.receive_str() == "hello"

    run(ask())
