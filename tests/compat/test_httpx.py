"""The transport contract of httpx and of httpx2, each through its own client."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import TLS, Limits, Network, errors
from penstock.adapters._httpx.errors import ERROR_NAMES
from penstock.adapters._httpx.settings import NO_LIMIT, limits_of, retry_delays, tls_of
from penstock.errors import ConfigError
from tests.compat.httpx_library import Library
from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import (
    Close,
    Forever,
    RawPeer,
    ReadBody,
    ReadHead,
    Reset,
    Send,
    Wait,
    WaitEnd,
    answer,
    chunked,
)

ECHO = Forever([ReadHead(), ReadBody(), answer(b"hello", b"X-A: 1", b"X-A: 2")])
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_request_and_its_response(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            response = await client.post(peer.url("/a b?q=ü#part"), json={"x": 1}, headers={"X-Me": "1"})
            assert isinstance(response, library.module.Response)
            assert (response.status_code, response.text, response.reason_phrase) == (200, "hello", "OK")
            assert response.http_version == "HTTP/1.1"
            assert response.headers.get_list("x-a") == ["1", "2"]
            again = await client.get(peer.url())
            assert again.extensions["penstock"].timings.reused
            assert response.extensions["http_version"] == b"HTTP/1.1"

    with RawPeer([ECHO]) as peer:
        run(ask(peer))
    first, second = peer.requests
    assert first.line == b"POST /a%20b?q=%C3%BC HTTP/1.1"
    assert first.body.replace(b" ", b"") == b'{"x":1}'
    assert first.header(b"host") == f"127.0.0.1:{peer.port}".encode()
    assert first.header(b"x-me") == b"1"
    assert (second.header(b"content-length"), second.header(b"transfer-encoding")) == (None, None)


def test_the_blocking_twin(library: Library) -> None:
    with RawPeer([ECHO]) as peer, library.sync_client() as client:
        response = client.post(peer.url(), content=b"ab")
        assert (response.status_code, response.content) == (200, b"hello")
        with client.stream("POST", peer.url(), content=iter([b"c", b"d"])) as streamed:
            assert b"".join(streamed.iter_raw()) == b"hello"
        client.post(peer.url(), files={"f": b"x"})
    assert [request.body for request in peer.requests[:2]] == [b"ab", b"cd"]
    assert b'name="f"' in peer.requests[2].body


def test_bodies_are_streamed_both_ways(library: Library) -> None:
    events = [threading.Event() for _ in range(2)]

    async def source() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"c"

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client, client.stream("POST", peer.url(), content=source()) as response:
            assert response.status_code == 200
            chunks = response.aiter_raw()
            for n, event in enumerate(events):
                event.set()
                assert await anext(chunks) == b"%d" % n
            assert [chunk async for chunk in chunks] == []

    script = [ReadHead(), ReadBody(), Send(HEAD)]
    for n, event in enumerate(events):
        script += [Wait(event), Send(chunked(b"%d" % n, end=b""))]
    with RawPeer([*script, Send(b"0\r\n\r\n"), WaitEnd()]) as peer:
        run(ask(peer))
    assert peer.requests[0].body == b"abc"


def test_a_file_upload(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            await client.post(peer.url(), files={"f": b"x"})
            await client.post(peer.url(), content=b"")

    with RawPeer([ECHO]) as peer:
        run(ask(peer))
    assert b'name="f"' in peer.requests[0].body
    assert peer.requests[1].header(b"content-length") == b"0"


def test_closing_a_response_early_resets_it(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            async with client.stream("GET", peer.url()) as response:
                assert await anext(response.aiter_raw()) == b"x"
            await response.aclose()
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")

    with RawPeer([ReadHead(), Send(HEAD + chunked(b"x", end=b"")), WaitEnd()]) as peer:
        run(ask(peer))


def test_closing_the_client_does_not_cut_a_response(library: Library) -> None:
    go_on = threading.Event()

    async def ask(peer: RawPeer) -> None:
        client = library.client()
        response = await client.send(client.build_request("GET", peer.url()), stream=True)
        await client.aclose()
        go_on.set()
        assert await response.aread() == b"x"

    with RawPeer([ReadHead(), Send(HEAD), Wait(go_on), Send(chunked(b"x")), WaitEnd()]) as peer:
        run(ask(peer))


def test_redirects_cookies_and_decoding_stay_with_the_client(library: Library) -> None:
    moved = answer(b"", b"Location: /there", b"Set-Cookie: a=b", status=b"302 Found")

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            assert (await client.get(peer.url())).status_code == 302
            response = await client.get(peer.url(), follow_redirects=True)
            assert (response.status_code, response.text) == (200, "hello")

    with RawPeer([ReadHead(), moved, ReadHead(), moved, ReadHead(), answer(b"hello"), WaitEnd()]) as peer:
        run(ask(peer))
    assert peer.requests[2].target == b"/there"
    assert peer.requests[2].header(b"cookie") == b"a=b"


@pytest.mark.parametrize(
    ("script", "name", "cause"),
    [
        ([ReadHead(), Close()], "RemoteProtocolError", errors.Disconnected),
        ([ReadHead(), Reset()], "ReadError", errors.ReadError),
        ([ReadHead(), Send(b"nonsense\r\n\r\n"), WaitEnd()], "RemoteProtocolError", errors.MalformedResponse),
        ([ReadHead(), WaitEnd()], "ReadTimeout", errors.FirstByteTimeout),
    ],
)
def test_errors_before_the_head(library: Library, script: Any, name: str, cause: type[Exception]) -> None:
    wanted = getattr(library.module, name)

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            with pytest.raises(wanted) as caught:
                await client.post(peer.url(), content=b"x", timeout=library.module.Timeout(5, read=0.2))
            assert type(caught.value) is wanted
            assert type(caught.value.__cause__) is cause
            assert str(caught.value.request.url) == peer.url()

    def ask_blocking(peer: RawPeer) -> None:
        with library.sync_client() as client, pytest.raises(wanted) as caught:
            client.post(peer.url(), content=b"x", timeout=library.module.Timeout(5, read=0.2))
        assert type(caught.value.__cause__) is cause

    with RawPeer(script) as peer:
        run(ask(peer))
        ask_blocking(peer)


@pytest.mark.parametrize(
    ("end", "name", "cause"),
    [
        (Close(), "RemoteProtocolError", errors.TruncatedResponse),
        (WaitEnd(), "ReadTimeout", errors.IdleTimeout),
    ],
)
def test_errors_inside_the_body(library: Library, end: Any, name: str, cause: type[Exception]) -> None:
    wanted = getattr(library.module, name)
    timeout = library.module.Timeout(5, read=0.2)

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            got = b""
            with pytest.raises(wanted) as caught:
                async with client.stream("GET", peer.url(), timeout=timeout) as response:
                    async for chunk in response.aiter_raw():
                        got += chunk
            assert got == b"half"
            assert type(caught.value.__cause__) is cause

    def ask_blocking(peer: RawPeer) -> None:
        with library.sync_client() as client, pytest.raises(wanted) as caught:
            client.get(peer.url(), timeout=timeout)
        assert type(caught.value.__cause__) is cause

    with RawPeer([ReadHead(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), end]) as peer:
        run(ask(peer))
        ask_blocking(peer)


def test_errors_without_a_connection(library: Library, server_tls: ssl.SSLContext) -> None:
    module = library.module

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            with pytest.raises(module.ConnectError) as caught:
                await client.get("http://127.0.0.1:1/")
            assert type(caught.value.__cause__) is errors.ConnectFailed
            with pytest.raises(module.ConnectError) as caught:
                await client.get("http://nowhere.invalid/")
            assert type(caught.value.__cause__) is errors.ResolveError
            with pytest.raises(module.ConnectError) as caught:
                await client.get(peer.url())
            assert type(caught.value.__cause__) is errors.CertificateError
            with pytest.raises(module.UnsupportedProtocol):
                await client.get("ftp://127.0.0.1/")
            with pytest.raises(module.LocalProtocolError):
                await client.get(peer.url(), headers={"a": "b\r\nc"})

    with RawPeer([ECHO], tls=server_tls) as peer:
        run(ask(peer))


def test_waiting_for_a_connection_has_its_own_timeout(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        limits = library.module.Limits(max_connections=1)
        async with library.client(limits=limits) as client, client.stream("GET", peer.url()):
            with pytest.raises(library.module.PoolTimeout):
                await client.get(peer.url(), timeout=library.module.Timeout(5, pool=0.05))

    with RawPeer([ReadHead(), Send(HEAD), WaitEnd()]) as peer:
        run(ask(peer))


def test_the_callers_own_exception_passes(library: Library) -> None:
    class Trouble(Exception):
        pass

    async def source() -> AsyncIterator[bytes]:
        yield b"a"
        raise Trouble

    def blocking_source() -> Iterator[bytes]:
        yield b"a"
        raise Trouble

    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            with pytest.raises(Trouble):
                await client.post(peer.url(), content=source())

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))
        with library.sync_client() as client, pytest.raises(Trouble):
            client.post(peer.url(), content=blocking_source())


def test_a_cancelled_task_resets_the_request(library: Library) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.client() as client:
            task = asyncio.create_task(client.get(peer.url()))
            await asyncio.to_thread(peer.wait_for, lambda: len(peer.requests) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")

    with RawPeer([ReadHead(), WaitEnd()]) as peer:
        run(ask(peer))


def test_request_extensions(library: Library, authority: Authority) -> None:
    async def ask(peer: RawPeer) -> None:
        async with library.client(verify=str(authority.ca_file)) as client:
            extensions = {"sni_hostname": "api.example", "target": b"/verbatim?x"}
            assert (await client.get(peer.url("/path"), extensions=extensions)).status_code == 200

    with RawPeer([ECHO], tls=authority.issue(["api.example"]).server_context()) as peer:
        run(ask(peer))
    assert peer.requests[0].target == b"/verbatim?x"


def test_verify_takes_what_httpx_takes(library: Library, authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def ask(peer: RawPeer) -> None:
        for settings in (
            {"verify": False},
            {"verify": str(authority.ca_file)},
            {"tls": TLS(ca_file=authority.ca_file)},
        ):
            async with library.client(**settings) as client:
                assert (await client.get(peer.url())).status_code == 200

    with RawPeer([ECHO], tls=server_tls) as peer:
        run(ask(peer))


def test_retries_repeat_a_failed_connect(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = library.adapter.AsyncTransport(retries=2)
    tries = 0
    submit = transport.transport.submit

    def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal tries
        tries += 1
        return submit(*args, **kwargs)

    monkeypatch.setattr(transport.transport, "submit", counting)
    monkeypatch.setattr("penstock.adapters._httpx.settings.FIRST_RETRY_S", 0.001)

    async def ask() -> None:
        async with library.module.AsyncClient(transport=transport) as client:
            with pytest.raises(library.module.ConnectError):
                await client.get("http://127.0.0.1:1/")

    run(ask())
    assert tries == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"http1": False, "http2": False}, "http1=False"),
        ({"proxy": "ftp://p"}, "proxy"),
        ({"socket_options": [(1, 2)]}, "a socket option is"),
        ({"tls": TLS(), "verify": False}, "tls= replaces"),
        ({"network": Network(), "uds": "/x"}, "network= replaces"),
        ({"verify": "/nowhere.pem"}, "cannot be read"),
    ],
)
def test_what_the_constructor_refuses(library: Library, settings: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        library.adapter.AsyncTransport(**settings)
    with pytest.raises(ConfigError, match=words):
        library.adapter.SyncTransport(**settings)


def test_limits_are_translated(library: Library) -> None:
    module = library.module
    assert limits_of(None) is None
    assert limits_of(given := Limits(max_waiting=3)) is given
    made = limits_of(module.Limits(max_connections=7, keepalive_expiry=3))
    assert made == Limits(max_connections=7, max_connections_per_origin=7, idle_s=3)
    made = limits_of(module.Limits(max_keepalive_connections=0, keepalive_expiry=None))
    assert made == Limits(
        max_connections=NO_LIMIT, max_connections_per_origin=NO_LIMIT, max_idle_connections=0, idle_s=1e9
    )
    assert repr(library.adapter.AsyncTransport()).startswith(f"<{library.name} AsyncTransport on <Transport new")


def test_cert_is_translated() -> None:
    assert tls_of(True, ("c", "k", "p")) == TLS(cert_file="c", key_file="k", key_password="p")
    assert tls_of(False, "c") == TLS(verify=False, cert_file="c")
    context = ssl.create_default_context()
    assert tls_of(context, None) == TLS(context=context)


def test_retry_delays_double() -> None:
    assert list(retry_delays(4)) == [0.0, 0.5, 1.0, 2.0]


def test_every_error_has_its_name_on_the_page(library: Library) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/errors.md").read_text().split("## As httpx")[1]
    for ours, theirs in ERROR_NAMES.items():
        assert issubclass(getattr(library.module, theirs), library.module.TransportError)
        if ours not in (errors.TimeoutError, errors.NetworkError, errors.InvalidRequest):
            assert re.search(rf"`{ours.__name__}`.*(`{theirs}`|same names)", page), ours
