"""The mock plays a script under httpx, httpx2 and natively, without a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest

import penstock
from penstock import Limits, Timeouts, errors
from penstock.testing import MockTransport, ScriptError, faults, on, stamp_of
from tests.compat.within import run

URL = "https://api.example/v1/things?a=1&a=2"


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError(f"a socket is used: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_native_request_is_answered_and_seen() -> None:
    mock = MockTransport(on("POST", "/v1/things", json={"/a": 1}).answer(201, {"X": "y"}, json={"ok": True}))
    response = mock.request_sync("POST", URL, headers={"Content-Type": "application/json"}, content=b'{"a": 1}')
    assert (response.status, response.headers["x"], response.body) == (201, "y", b'{"ok":true}')
    (seen,) = mock.requests
    assert (seen.method, seen.path, seen.query, seen.json()) == ("POST", "/v1/things", {"a": ["1", "2"]}, {"a": 1})
    assert (seen.status, seen.rule, seen.attempt, seen.authority) == (201, 0, 1, "api.example")
    assert seen.arrived_s is not None
    assert seen.done_s is not None
    assert not seen.is_aborted


def test_streams_informational_heads_and_trailers() -> None:
    async def ask() -> None:
        rule = on().info(103, {"link": "</a>"}).head().body(b"a").body(b"b").trailers({"sum": "1"})
        async with MockTransport(rule) as mock, mock.stream("GET", URL) as response:
            assert [chunk async for chunk in response] == [b"a", b"b"]
            assert response.trailers["sum"] == "1"
            assert [(status, fields["link"]) for status, fields in response.informational] == [(103, "</a>")]

    run(ask())


def test_uploads_in_pieces_are_collected() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    mock = MockTransport(on().answer())
    run(mock.request("POST", URL, content=pieces()))
    mock.request_sync("POST", URL, content=iter([b"three ", b"four"]))
    assert [each.body for each in mock.requests] == [b"one two", b"three four"]


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_under_httpx_and_httpx2(module: Any) -> None:
    mock = MockTransport(on().sse([{"n": 1}, {"n": 2}]))
    name = module.__name__

    async def ask() -> None:
        async with module.AsyncClient(transport=getattr(mock, name)()) as client:
            async with client.stream("GET", URL) as response:
                lines = [line async for line in response.aiter_lines() if line]
        assert lines == ['data: {"n":1}', 'data: {"n":2}']

    run(ask())
    with module.Client(transport=getattr(MockTransport(on().cut()), f"{name}_sync")()) as client:
        with pytest.raises(module.ReadError, match="reset by the peer"):
            client.get(URL)


def test_rules_are_used_up_and_attempts_counted() -> None:
    mock = MockTransport(
        on(path="/a", times=1).answer(500),
        on(path="/a", attempt=2).answer(429),
        on(path="/a").answer(200).then.answer(201),
    )
    statuses = [mock.request_sync("GET", "http://x/a").status for _ in range(5)]
    assert statuses == [500, 200, 429, 201, 201]
    assert mock.request_sync("GET", "http://x/b").status == 404
    assert mock.requests[-1].rule is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.reset(), errors.ReadError),
        (faults.reset(how="fin"), errors.Disconnected),
        (faults.cut(after_bytes=2, how="fin"), errors.TruncatedResponse),
        (faults.cut(after_bytes=2), errors.ReadError),
        (faults.wrong_length(3), errors.TruncatedResponse),
        (faults.rst(8), errors.ReadError),
        (faults.silence(), errors.FirstByteTimeout),
        (faults.delay(60), errors.FirstByteTimeout),
        (faults.stall(after_bytes=2), errors.IdleTimeout),
    ],
)
def test_faults_are_penstocks_own_errors(fault: faults.Fault, kind: type[errors.PenstockError]) -> None:
    mock = MockTransport(on().answer(body="0123456789"), timeouts=Timeouts(first_byte_s=5, idle_s=5), skip_time=True)
    mock.fault(fault, times=1)
    with pytest.raises(kind) as caught:
        mock.request_sync("GET", URL)
    assert caught.value.maybe_processed
    assert caught.value.origin == "https://api.example"
    assert run(mock.request("GET", URL)).body == b"0123456789"


def test_what_came_before_a_cut_is_delivered() -> None:
    async def ask() -> None:
        mock = MockTransport(on().sse(["a", "b", "c"]).fault(faults.cut(after_events=2)))
        came: list[bytes] = []
        with pytest.raises(errors.ReadError):
            async with mock.stream("GET", URL) as response:
                async for chunk in response:
                    came.append(chunk)
        assert came == [b"data: a\n\n", b"data: b\n\n"]
        assert mock.requests[0].sent_events == 2

    run(ask())


def test_a_caller_that_leaves_is_seen() -> None:
    async def ask() -> None:
        mock = MockTransport(on().head().body(b"a").stall())
        async with mock.stream("GET", URL) as response:
            assert await anext(aiter(response)) == b"a"
        assert mock.requests[0].is_aborted
        waiting = asyncio.create_task(mock.request("GET", URL))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert mock.requests[1].is_aborted
        await mock.aclose()

    run(ask())


def test_time_really_passes_unless_it_is_skipped() -> None:
    mock = MockTransport(on().stall(), timeouts=Timeouts(first_byte_s=0.02))
    with pytest.raises(errors.FirstByteTimeout):
        mock.request_sync("GET", URL)
    with pytest.raises(errors.FirstByteTimeout):
        run(mock.request("GET", URL))
    forever = MockTransport(on().stall(), timeouts=Timeouts(first_byte_s=None), skip_time=True)
    with pytest.raises(ScriptError, match="stalls for ever"):
        forever.request_sync("GET", URL)


def test_stamps_and_limits() -> None:
    mock = MockTransport(on().sse([{"a": 1}], count=3, stamped=True), limits=Limits(body_bytes=1000))
    body = mock.request_sync("GET", URL).body
    stamps = [stamp_of(each) for each in body.split(b"\n\n")[:-1]]
    assert [each.seq for each in stamps if each] == [0, 1, 2]
    assert all(each is not None and 0 <= each.age_s() < 60 for each in stamps)
    mock.script(on().answer(body=b"x" * 1001))
    with pytest.raises(errors.LimitExceeded):
        mock.request_sync("GET", URL)


@pytest.mark.parametrize("fault", [faults.goaway(), faults.stream_limit(), faults.bad_chunk()])
def test_what_needs_a_connection_is_refused(fault: faults.Fault) -> None:
    with pytest.raises(ScriptError, match=r"rule 0 \(any method any path\): .* a MockTransport has none; use Upstream"):
        MockTransport(on().answer().fault(fault))


def test_it_is_a_transport() -> None:
    mock = MockTransport(on().answer())
    assert isinstance(mock, penstock.Transport)
    assert mock.stats()["running"] == 0
    assert repr(mock) == "<MockTransport 1 rules, 0 requests>"
    mock.close()
    with pytest.raises(errors.TransportClosed):
        mock.request_sync("GET", URL)
    with pytest.raises(errors.InvalidURL):
        MockTransport(on().answer()).request_sync("GET", "/relative")
