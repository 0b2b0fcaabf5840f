"""Through real proxies: tinyproxy (CONNECT and forwarding), haproxy's TLS before it, and a strict SOCKS5 server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from penstock import TLS, Limits, Proxy, Timeouts, Transport, errors
from penstock.runtime import shares_libssl
from tests.ports import free_port
from tests.transport.certs import Authority
from tests.transport.nginx_peer import Nginx, body_of
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, answer
from tests.transport.socks_peer import Asked, SocksPeer
from tests.transport.tinyproxy_peer import Tinyproxy

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
AUTH = ("tom", "sword-fish")
USERINFO = "tom:sword%2Dfish"
_pools = count(Limits().max_waiting + 5000)


def through(authority: Authority, proxy: object, *, http2: bool = True, timeouts: Timeouts | None = None) -> Transport:
    """A transport that shares no connection with another test's."""
    tls = TLS(ca_file=authority.ca_file)
    return Transport(proxy=proxy, tls=tls, http2=http2, limits=Limits(max_waiting=next(_pools)), timeouts=timeouts)


@pytest.fixture(scope="module")
def tinyproxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Tinyproxy]:
    with Tinyproxy(tmp_path_factory.mktemp("tinyproxy"), tls=authority.issue()) as peer:
        yield peer


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Tinyproxy]:
    with Tinyproxy(tmp_path_factory.mktemp("guarded"), auth=AUTH, tls=authority.issue()) as peer:
        yield peer


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("origin"), tls=authority.issue(), http2=True) as peer:
        yield peer


@pytest.fixture
def socks() -> Iterator[SocksPeer]:
    with SocksPeer() as peer:
        yield peer


WAYS = ["http", "https", "socks5", "socks5h"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, authority: Authority, guarded: Tinyproxy) -> Iterator[Proxy]:
    """A proxy of each kind, with credentials."""
    if request.param in ("http", "https"):
        is_tls = request.param == "https"
        yield Proxy(guarded.url(USERINFO, tls=is_tls), tls=TLS(ca_file=authority.ca_file) if is_tls else None)
        return
    with SocksPeer(auth=AUTH) as peer:
        yield Proxy(peer.url(request.param), auth=AUTH)


@pytest.mark.parametrize("http2", [True, False])
async def test_tls_origins_are_reached_through_a_tunnel(
    authority: Authority, origin: Nginx, way: Proxy, http2: bool
) -> None:
    async with through(authority, way, http2=http2) as transport:
        for size in ("1k", "1m", "10m"):
            response = await transport.request("GET", origin.url(f"/bytes/{size}", tls=True))
            assert (response.status, response.body) == (200, body_of(size))
            assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        upload = await transport.request("POST", origin.url("/sink", tls=True), content=b"x" * (4 << 20))
        assert upload.status == 204
        assert transport.stats()["opened"] == 1


async def test_plain_origins_are_reached(authority: Authority, origin: Nginx, way: Proxy) -> None:
    async with through(authority, way) as transport:
        for size in ("1k", "1m"):
            response = await transport.request("GET", origin.url(f"/bytes/{size}"))
            assert (response.status, response.body, response.http_version) == (200, body_of(size), "HTTP/1.1")
    # tinyproxy ends a connection after each forwarded request without saying so, and a POST is not sent twice
    async with through(authority, way) as transport:
        upload = await transport.request("POST", origin.url("/sink"), content=b"x" * (1 << 20))
        assert upload.status == 204


async def test_many_requests_share_one_tunnel(authority: Authority, origin: Nginx, way: Proxy) -> None:
    async with through(authority, way) as transport:
        url = origin.url("/bytes/64k", tls=True)
        responses = await asyncio.gather(*(transport.request("GET", url) for _ in range(50)))
        assert {response.body for response in responses} == {body_of("64k")}
        assert transport.stats()["opened"] == 1


def test_blocking_callers_go_through_too(authority: Authority, origin: Nginx, way: Proxy) -> None:
    with through(authority, way) as transport:
        assert transport.request_sync("GET", origin.url("/bytes/1k", tls=True)).body == body_of("1k")


# -- credentials: to the proxy alone --


async def test_the_origin_sees_nothing_of_the_proxys_fields(
    authority: Authority, guarded: Tinyproxy, way: Proxy
) -> None:
    for tls in (authority.issue().server_context(), None):
        with RawPeer(SERVE, tls=tls) as peer:
            async with through(authority, way) as transport:
                assert (await transport.request("GET", peer.url())).body == b"ok"
            [request] = peer.requests
            assert b"authorization" not in request.head.lower()
            assert b"fish" not in request.head
            assert request.target == b"/"


@pytest.mark.parametrize("userinfo", ["", "tom:wrong", "tim:sword%2Dfish"])
@pytest.mark.parametrize("tls", [False, True])
async def test_a_407_is_typed_and_shows_no_secret(
    authority: Authority, guarded: Tinyproxy, origin: Nginx, userinfo: str, tls: bool
) -> None:
    proxy = Proxy(guarded.url(userinfo, tls=tls), tls=TLS(ca_file=authority.ca_file) if tls else None)
    async with through(authority, proxy) as transport:
        with pytest.raises(errors.ProxyAuthRequired) as caught:
            await transport.request("GET", origin.url("/json", tls=True))
        err = caught.value
        assert err.detail in (401, 407) and err.phase == "proxy" and err.whose == "caller"
        assert not err.maybe_processed and not err.retry_is_safe
        assert "wrong" not in str(err) and "fish" not in str(err)
        assert str(guarded.tls_port if tls else guarded.port) in str(err)
        # a plain request was answered by the proxy itself: that is a response
        assert (await transport.request("GET", origin.url("/json"))).status in (401, 407)


@pytest.mark.parametrize("auth", [None, ("tom", "wrong"), ("tim", AUTH[1])])
async def test_socks_refuses_who_may_not(authority: Authority, origin: Nginx, auth: tuple[str, str] | None) -> None:
    with SocksPeer(auth=AUTH) as peer:
        async with through(authority, Proxy(peer.url("socks5h"), auth=auth)) as transport:
            with pytest.raises(errors.ProxyAuthRequired) as caught:
                await transport.request("GET", origin.url("/json", tls=True))
        assert "wrong" not in str(caught.value) and "fish" not in str(caught.value)
        assert peer.asked == []


async def test_the_callers_own_proxy_authorization_goes_to_no_origin(
    authority: Authority, tinyproxy: Tinyproxy, guarded: Tinyproxy, origin: Nginx
) -> None:
    headers = [("Proxy-Authorization", "Basic xyz")]
    async with through(authority, tinyproxy.url()) as transport:
        with pytest.raises(errors.InvalidHeader, match="Proxy-Authorization"):
            await transport.request("GET", origin.url("/json", tls=True), headers=headers)
        assert (await transport.request("GET", origin.url("/json"), headers=headers)).status == 200
    async with through(authority, guarded.url(USERINFO)) as transport:
        with pytest.raises(errors.InvalidHeader, match="Proxy-Authorization"):
            await transport.request("GET", origin.url("/json"), headers=headers)


# -- what goes wrong behind or before the proxy --


async def test_an_origin_that_is_down(authority: Authority, way: Proxy) -> None:
    async with through(authority, way) as transport:
        with pytest.raises(errors.ProxyError) as caught:
            await transport.request("GET", f"https://127.0.0.1:{free_port()}/")
        err = caught.value
        assert type(err) is errors.ProxyError and isinstance(err, errors.ConnectError)
        assert err.detail >= 500 if way.url.startswith("http") else err.detail == 5
        assert err.retry_is_safe and err.phase == "proxy"


@pytest.mark.parametrize("kind", WAYS)
async def test_a_proxy_that_is_down_is_named(authority: Authority, kind: str) -> None:
    port = free_port()
    async with through(authority, f"{kind}://127.0.0.1:{port}") as transport:
        with pytest.raises(errors.ConnectFailed, match=f"the proxy 127.0.0.1:{port}: cannot connect"):
            await transport.request("GET", "https://127.0.0.2/")


async def test_a_proxy_whose_name_is_unknown_is_named(authority: Authority) -> None:
    async with through(authority, "http://no-such-proxy.invalid:3128") as transport:
        with pytest.raises(errors.ResolveError, match=r"the proxy no-such-proxy\.invalid:3128"):
            await transport.request("GET", "https://api.example/")


async def test_the_proxys_certificate_is_checked_by_its_own_settings(
    authority: Authority, tinyproxy: Tinyproxy, origin: Nginx
) -> None:
    url = tinyproxy.url(tls=True)
    async with through(authority, url) as transport:  # the transport's trust is not the proxy's
        with pytest.raises(errors.CertificateError, match=f"the proxy localhost:{tinyproxy.tls_port}"):
            await transport.request("GET", origin.url("/json", tls=True))
    async with through(authority, Proxy(url, tls=TLS(verify=False))) as transport:
        assert (await transport.request("GET", origin.url("/json", tls=True))).status == 200
    strict = Transport(proxy=Proxy(url, tls=TLS(ca_file=authority.ca_file)))  # and the other way round
    async with strict as transport:
        with pytest.raises(errors.CertificateError) as caught:
            await transport.request("GET", origin.url("/json", tls=True))
        assert not caught.value.text.startswith("the proxy")
        assert "(through the proxy localhost:" in caught.value.text  # it may be the one who signs


async def test_an_ssl_context_counts_for_the_proxy_alone(
    authority: Authority, tinyproxy: Tinyproxy, origin: Nginx
) -> None:
    proxy = Proxy(tinyproxy.url(tls=True), tls=TLS(context=authority.client_context()))
    if not shares_libssl():
        with pytest.raises(errors.ConfigError, match="another copy of OpenSSL"):
            through(authority, proxy)
        return
    async with through(authority, proxy) as transport:
        assert (await transport.request("GET", origin.url("/json", tls=True))).status == 200
    async with Transport(proxy=proxy) as transport:
        with pytest.raises(errors.CertificateError):
            await transport.request("GET", origin.url("/json", tls=True))


# -- whose names, whose addresses --


async def test_socks5h_leaves_names_to_the_proxy(socks: SocksPeer, authority: Authority) -> None:
    with RawPeer(SERVE) as peer:
        async with through(authority, socks.url("socks5h")) as transport:
            assert (await transport.request("GET", f"http://api.test:{peer.port}/")).body == b"ok"
            assert (await transport.request("GET", f"http://127.0.0.1:{peer.port}/")).body == b"ok"
        assert socks.asked == [Asked("name", "api.test", peer.port), Asked("ipv4", "127.0.0.1", peer.port)]


async def test_socks5_resolves_names_here(socks: SocksPeer, authority: Authority) -> None:
    with RawPeer(SERVE) as peer:
        async with through(authority, socks.url("socks5")) as transport:
            response = await transport.request("GET", f"http://localhost:{peer.port}/")
            assert response.body == b"ok"
            with pytest.raises(errors.ResolveError) as caught:
                await transport.request("GET", "http://no-such-name.invalid/")
            assert "proxy" not in caught.value.text
        assert {each.kind for each in socks.asked} <= {"ipv4", "ipv6"}


# -- the pool --


async def test_connections_are_not_shared_across_proxies_or_credentials() -> None:
    with RawPeer(SERVE) as one, RawPeer(SERVE) as other:
        limits = Limits(max_waiting=next(_pools))
        userinfos = ("", "tom:a@", "tom:b@")
        proxies = [*(one.url("").replace("//", f"//{userinfo}") for userinfo in userinfos), other.url("")]
        transports = [Transport(proxy=proxy, limits=limits) for proxy in [*proxies, *proxies]]
        for transport in transports:
            assert (await transport.request("GET", "http://api.example/")).body == b"ok"
        assert (len(one.seen), len(other.seen)) == (3, 1)
        for seen in (*one.seen, *other.seen):  # equal settings share, others never
            assert len(seen.requests) == 2
            assert len({request.header(b"proxy-authorization") for request in seen.requests}) == 1


async def test_a_forwarded_request_has_an_absolute_target(authority: Authority) -> None:
    with RawPeer(SERVE) as proxy:
        headers = (("X-Team", "blue"),)
        async with through(authority, Proxy(proxy.url(), auth=("tom", "pw"), headers=headers)) as transport:
            await transport.request("GET", "http://API.example/a?b=c")
            await transport.request(
                "POST", "http://api.example:8080/d", content=b"xyz", headers=[("Host", "x.example")]
            )
            await transport.request("OPTIONS", "http://api.example/", target=b"*")
            await transport.request("GET", "http://[::1]:81/")
        lines = [request.line for request in proxy.requests]
        assert sorted(lines) == sorted(
            [
                b"GET http://api.example/a?b=c HTTP/1.1",
                b"POST http://api.example:8080/d HTTP/1.1",
                b"OPTIONS http://api.example HTTP/1.1",
                b"GET http://[::1]:81/ HTTP/1.1",
            ]
        )
        for request in proxy.requests:
            assert request.header(b"proxy-authorization") == b"Basic dG9tOnB3"
            assert request.header(b"x-team") == b"blue"
        by_line = {request.line.split()[0]: request for request in proxy.requests}
        assert by_line[b"POST"].header(b"host") == b"x.example" and by_line[b"POST"].body == b"xyz"
