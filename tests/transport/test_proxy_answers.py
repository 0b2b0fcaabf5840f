"""Proxies that answer badly, late or not at all; and what the environment chooses."""

from __future__ import annotations

import asyncio

import pytest

from penstock import Limits, Timeouts, Transport, errors
from penstock.errors import PenstockError
from tests.transport.raw_peer import (
    Close,
    EndWriting,
    Forever,
    RawPeer,
    ReadBody,
    ReadHead,
    ReadSome,
    Reset,
    Script,
    Send,
    Step,
    WaitEnd,
    answer,
)

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]
URL = "https://api.example:8443/secret-path"
OK = b"HTTP/1.1 200 OK\r\n"


def after_head(*steps: Step) -> Script:
    return [ReadHead(), *steps]


@pytest.mark.parametrize(
    "script, kind, detail, words",
    [
        (after_head(Send(b"HTTP/1.1 407 x\r\n\r\n")), errors.ProxyAuthRequired, 407, "status 407"),
        (after_head(Send(b"HTTP/1.1 502 x\r\n\r\n", piece=1)), errors.ProxyError, 502, "status 502"),
        (after_head(Send(b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 403 x\r\n\r\n")), errors.ProxyError, 403, "status 403"),
        (after_head(Send(b"HTTP/1.1 100 x\r\n\r\n" * 17)), errors.ProxyError, 0, "too many 1xx"),
        (after_head(Send(b"HTTP/1.1 302 x\r\nLocation: http://evil/\r\n\r\n")), errors.ProxyError, 302, "status 302"),
        (after_head(Send(OK + b"A: " + b"x" * 20000)), errors.ProxyError, 0, "too long"),
        (after_head(Send(OK + b"A: b\r\n" * 5000)), errors.ProxyError, 0, "too long"),
        (after_head(Send(b"\x00\x01\x02garbage")), errors.ProxyError, 0, "not an HTTP/1.x response"),
        (after_head(Send(b"HTTP/1.1 200 OK\n\n")), errors.ProxyError, 0, "not an HTTP/1.x response"),
        (after_head(Send(OK + b" folded\r\n\r\n")), errors.ProxyError, 0, "not an HTTP/1.x response"),
        (after_head(Close()), errors.ProxyError, 0, "it closed the connection"),
        (after_head(Send(b"HTTP/1.1 2"), EndWriting()), errors.ProxyError, 0, "it closed the connection"),
        (after_head(Reset()), errors.ProxyError, 0, "opens no way"),
        ([Send(b"HTTP/1.1 408 x\r\n\r\n")], errors.ProxyError, 408, "status 408"),
        (
            after_head(Send(OK + b"\r\nno TLS, and long enough to be seen as none")),
            errors.TLSError,
            None,
            "wrong version",
        ),
        (after_head(Send(OK + b"\r\n"), EndWriting()), errors.TLSError, None, "during the TLS handshake"),
    ],
)
async def test_bad_answers_to_connect(
    script: Script, kind: type[PenstockError], detail: int | None, words: str
) -> None:
    with RawPeer(script) as peer:
        async with Transport(proxy=peer.url("").replace("//", "//tom:swordfish@")) as transport:
            with pytest.raises(kind, match=words) as caught:
                await transport.request("GET", URL)
        err = caught.value
        assert type(err) is kind
        assert detail is None or (err.detail, err.phase) == (detail, "proxy")
        assert not err.maybe_processed
        if kind is not errors.TLSError:
            assert f"the proxy 127.0.0.1:{peer.port} opens no way to api.example:8443" in str(err)
        else:
            assert err.text.endswith(f" (through the proxy 127.0.0.1:{peer.port})")
        for text in (str(err), repr(err)):
            assert "swordfish" not in text and "secret-path" not in text and "evil" not in text
        for request in peer.requests:
            assert request.line == b"CONNECT api.example:8443 HTTP/1.1"
            assert request.header(b"host") == b"api.example:8443"


@pytest.mark.parametrize("scheme", ["http", "socks5h", "https"])
async def test_a_silent_proxy_costs_the_connect_clock(scheme: str) -> None:
    with RawPeer([WaitEnd()]) as peer:
        proxy = f"{scheme}://127.0.0.1:{peer.port}"
        async with Transport(proxy=proxy, timeouts=Timeouts(connect_s=0.5)) as transport:
            with pytest.raises(errors.ConnectTimeout, match=f"through the proxy 127.0.0.1:{peer.port}") as caught:
                await transport.request("GET", URL)
        assert caught.value.phase == ("tls" if scheme == "https" else "proxy")
        peer.wait_for(lambda: peer.seen[0].end != "")


@pytest.mark.parametrize(
    "reply, words",
    [
        (b"\x05\x01\x00\x01", "general failure"),
        (b"\x05\x02", "its rules do not allow this"),
        (b"\x05\x04\x00", "host unreachable"),
        (b"\x05\x08", "address type not supported"),
        (b"\x05\x77", "reply 119"),
        (b"\x04\x00", "malformed"),
        (b"\x05\x00\x00\x07", "malformed"),
    ],
)
async def test_bad_socks_replies(reply: bytes, words: str) -> None:
    script = [ReadSome(3), Send(b"\x05\x00"), ReadSome(7 + len("api.example")), Send(reply)]
    with RawPeer(script) as peer:
        async with Transport(proxy=f"socks5h://127.0.0.1:{peer.port}") as transport:
            with pytest.raises(errors.ProxyError, match=words) as caught:
                await transport.request("GET", URL)
        assert caught.value.detail == (reply[1] if reply[0] == 5 else 0)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 x\r\n\r\n", b"\x04\x5b", b"\x05\x09"])
async def test_what_is_no_socks_proxy(greeting: bytes) -> None:
    with RawPeer([Send(greeting)]) as peer:
        async with Transport(proxy=f"socks5h://127.0.0.1:{peer.port}") as transport:
            with pytest.raises(errors.ProxyError, match="SOCKS5"):
                await transport.request("GET", URL)


async def test_a_failed_tunnel_is_asked_for_again_by_the_next_request() -> None:
    refusals = after_head(Send(b"HTTP/1.1 503 x\r\n\r\n"))
    with RawPeer(refusals) as peer:
        async with Transport(proxy=peer.url("")) as transport:
            for _ in range(3):
                with pytest.raises(errors.ProxyError):
                    await transport.request("GET", URL)
            stats = transport.stats()
        assert len(peer.seen) == 3
        assert stats["waiting"] == 0 and stats["failed_dials"] == 3


# -- the environment --


@pytest.fixture
def bare_env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for kind in ("http", "https", "all", "no"):
        for name in (f"{kind}_proxy", f"{kind}_PROXY".upper()):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    return monkeypatch


async def test_the_environment_chooses_for_each_origin(bare_env: pytest.MonkeyPatch) -> None:
    with RawPeer(SERVE) as proxy, RawPeer(after_head(Send(b"HTTP/1.1 418 x\r\n\r\n"))) as other, RawPeer(SERVE) as peer:
        bare_env.setenv("http_proxy", f"tom:pw@127.0.0.1:{proxy.port}")
        bare_env.setenv("HTTPS_PROXY", other.url(""))
        bare_env.setenv("NO_PROXY", "*.example.org, 127.0.0.0/8")
        async with Transport(limits=Limits(max_waiting=77_001)) as transport:
            assert (await transport.request("GET", "http://api.example/a")).body == b"ok"
            assert (await transport.request("GET", b"http://api.example/b")).body == b"ok"
            assert (await transport.request("GET", peer.url("/c"))).body == b"ok"
            with pytest.raises(errors.ProxyError, match="418"):
                await transport.request("GET", "https://api.example/d")
            with pytest.raises(errors.ResolveError) as caught:
                await transport.request("GET", "https://no-such-host.example.org/")
            assert "proxy" not in caught.value.text
            stats = transport.stats()
        assert [request.target for request in proxy.requests] == [b"http://api.example/a", b"http://api.example/b"]
        assert len(proxy.seen) == 1 and proxy.requests[0].header(b"proxy-authorization") == b"Basic dG9tOnB3"
        assert [request.target for request in peer.requests] == [b"/c"]
        assert {origin["origin"] for origin in stats["origins"]} >= {"http://api.example:80", peer.url("")}
        assert stats["opened"] == 4


async def test_an_untrusted_environment_is_not_followed(bare_env: pytest.MonkeyPatch) -> None:
    with RawPeer(SERVE) as proxy:
        bare_env.setenv("all_proxy", proxy.url(""))
        async with Transport(trust_env=False) as transport:
            with pytest.raises(errors.ResolveError):
                await transport.request("GET", "http://no-such-host.invalid/")
        assert proxy.seen == []


async def test_a_variable_that_cannot_be_is_named(bare_env: pytest.MonkeyPatch) -> None:
    bare_env.setenv("https_proxy", "gopher://tom:swordfish@p")
    async with Transport() as transport:
        with pytest.raises(errors.ConfigError, match="https_proxy") as caught:
            await transport.request("GET", URL)
        assert "swordfish" not in str(caught.value)


async def test_a_closed_transport_forgets_the_pools_of_the_environment(bare_env: pytest.MonkeyPatch) -> None:
    with RawPeer(SERVE) as proxy:
        bare_env.setenv("http_proxy", proxy.url(""))
        transport = Transport(limits=Limits(max_waiting=77_002))
        assert (await transport.request("GET", "http://api.example/")).body == b"ok"
        await transport.aclose()
        await asyncio.to_thread(proxy.wait_for, lambda: proxy.seen[0].end == "eof")
        with pytest.raises(errors.TransportClosed):
            await transport.request("GET", "http://api.example/")
