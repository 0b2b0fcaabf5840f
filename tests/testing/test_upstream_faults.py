"""Each fault as third parties see it: curl by exit status and words; HTTP/2's frames are in test_upstream_frames.py."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

import penstock
from penstock.testing import Reply, Upstream, faults, on
from tests.testing.curl import (
    CERTIFICATE,
    EMPTY,
    OK,
    PARTIAL,
    RECV,
    REFUSED,
    SEND,
    STREAM,
    TIMEOUT,
    curl,
    needs_curl,
)
from tests.waiting import eventually_sync

pytestmark = needs_curl

EVENTS = [f"data: {n}\n\n".encode() for n in range(4)] + [b"data: [DONE]\n\n"]
SOON = ("--max-time", "1")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    script = [
        on(path="/stream").reply(Reply(dialect="openai").sse(EVENTS)),
        on(path="/whole").reply(Reply(dialect="openai").answer(body="0123456789")),
    ]
    with Upstream(script, tls=False) as made:
        yield made


def first(n: int) -> bytes:
    return b"".join(EVENTS[:n])


RESET = (RECV, SEND)  # whichever curl did when the reset came; what it had read by then of a stream is its own affair
# fault, path, options; HTTP/1.1: exit, status, body; HTTP/2: exit, status, body. None: whatever, but no success
CASES: list[Any] = [
    ("silence", faults.silence(), "/whole", SOON, (TIMEOUT, 0, b""), (TIMEOUT, 0, b"")),
    ("delay", faults.delay(60), "/whole", SOON, (TIMEOUT, 0, b""), (TIMEOUT, 0, b"")),
    ("stall", faults.stall(after_events=2), "/stream", SOON, (TIMEOUT, 200, first(2)), (TIMEOUT, 200, first(2))),
    ("delay_body", faults.delay_body(60), "/stream", SOON, (TIMEOUT, 200, b""), (TIMEOUT, 200, b"")),
    ("reset", faults.reset(), "/whole", (), (RECV, 0, b""), (RESET, 0, b"")),
    ("fin", faults.reset(how="fin"), "/whole", (), (EMPTY, 0, b""), (None, 0, b"")),
    ("reset after head", faults.reset(after_head=True), "/stream", (), (RECV, 200, b""), (RESET, None, b"")),
    ("cut", faults.cut(after_events=2), "/stream", (), (RECV, 200, None), (RESET, None, None)),
    ("cut fin", faults.cut(after_events=2, how="fin"), "/stream", (), (PARTIAL, 200, first(2)), (None, 200, first(2))),
    ("cut end", faults.cut(after_events=2, how="end"), "/stream", (), (OK, 200, first(2)), (OK, 200, first(2))),
    ("cut bytes", faults.cut(after_bytes=4, how="fin"), "/whole", (), (PARTIAL, 200, b"0123"), (None, 200, b"0123")),
    ("rst", faults.rst(11, after_events=1), "/stream", (), (RECV, 200, None), (STREAM, None, None)),
    ("without_done", faults.without_done(), "/stream", (), (OK, 200, first(4)), (OK, 200, first(4))),
    ("longer", faults.wrong_length(5), "/whole", (), (PARTIAL, 200, b"0123456789"), (None, 200, b"0123456789")),
    ("drip", faults.drip(pause_s=0.0001), "/stream", (), (OK, 200, first(5)), (OK, 200, first(5))),
    ("split", faults.split(), "/stream", (), (OK, 200, first(5)), (OK, 200, first(5))),
    ("rate_limit", faults.rate_limit(retry_after_s=7), "/whole", (), (OK, 429, None), (OK, 429, None)),
    ("server_error", faults.server_error(502), "/stream", (), (OK, 502, None), (OK, 502, None)),
    ("stream_limit", faults.stream_limit(1), "/whole", (), (OK, 200, b"0123456789"), (OK, 200, b"0123456789")),
    ("goaway", faults.goaway(), "/stream", (), (OK, 200, first(5)), (OK, 200, first(5))),
    ("goaway now", faults.goaway("immediate", code=11), "/whole", (), (EMPTY, 0, b""), (None, 0, b"")),
]


@pytest.mark.parametrize("version", ["h1", "h2c"])
@pytest.mark.parametrize(
    ("fault", "path", "options", "h1", "h2"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_fault(
    tmp_path: Path, upstream: Upstream, version: str, fault: Any, path: str, options: Any, h1: Any, h2: Any
) -> None:
    upstream.fault(fault)
    answer = curl(tmp_path, upstream.url(path), *options, version=version)
    exit, status, body = h1 if version == "h1" else h2
    if exit is None:
        assert answer.exit != OK
    else:
        assert answer.exit in (exit if isinstance(exit, tuple) else (exit,)), answer.error
    if status is not None:
        assert answer.status == status
    if body is not None:
        assert answer.body == body
    if status == 429:
        assert "retry-after: 7" in answer.heads
    if answer.exit == TIMEOUT:
        assert upstream.wait_done().is_aborted


def test_a_length_that_is_too_short(tmp_path: Path, upstream: Upstream) -> None:
    upstream.fault(faults.wrong_length(-3))
    answer = curl(tmp_path, upstream.url("/whole"))
    assert "content-length: 7" in answer.heads
    assert answer.body == b"0123456"


def test_framing_that_is_none(tmp_path: Path, upstream: Upstream) -> None:
    upstream.fault(faults.bad_chunk(after_events=1))
    answer = curl(tmp_path, upstream.url("/stream"))
    assert (answer.exit, answer.body) == (RECV, first(1))
    assert "chunk" in answer.error.lower()
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(upstream.url("/stream"))
    with penstock.Transport(http2=penstock.HTTP2(prior_knowledge=True)) as transport:
        with pytest.raises(penstock.errors.ProtocolError):  # curl 7.88 takes this for an answer
            transport.request_sync("GET", upstream.url("/stream"))


@pytest.mark.parametrize("version", ["h1", "h2c"])
def test_one_event_is_malformed(tmp_path: Path, upstream: Upstream, version: str) -> None:
    upstream.script(on().sse([{"n": n} for n in range(3)]))
    upstream.fault(faults.malformed_event(1))
    answer = curl(tmp_path, upstream.url(), version=version)
    assert (answer.exit, answer.body) == (OK, b'data: {"n":0}\n\ndata: {"n"\n\ndata: {"n":2}\n\n')


@pytest.mark.parametrize("version", ["h1", "h2c"])
def test_every_boundary(tmp_path: Path, upstream: Upstream, version: str) -> None:
    whole = Reply().answer(body=b"data: \xc3\xa9\r\n\r\n")
    replies = list(faults.at_each_boundary(whole, pause_s=0))
    upstream.script(on().reply(*replies))
    for _ in replies:
        assert curl(tmp_path, upstream.url(), version=version).body == b"data: \xc3\xa9\r\n\r\n"


@pytest.mark.parametrize("version", ["h1", "h2c"])
def test_no_read_finds_more_than_is_written_at_once(tmp_path: Path, upstream: Upstream, version: str) -> None:
    """What came is in order and whole, and curl saw several reads; what the kernel joins is its own affair."""
    upstream.fault(faults.drip(bytes_n=3, pause_s=0.003))
    trace = tmp_path / "trace"
    answer = curl(tmp_path, upstream.url("/whole"), "--trace-ascii", str(trace), version=version)
    assert (answer.exit, answer.body) == (OK, b"0123456789")
    assert trace.read_text().count("<= Recv data, ") > 1


@pytest.mark.parametrize("version", ["h1", "h2c"])
def test_an_error_lasts_for_a_time(tmp_path: Path, upstream: Upstream, version: str) -> None:
    upstream.fault(faults.server_error(503), for_s=3600)
    assert [curl(tmp_path, upstream.url("/whole"), version=version).status for _ in range(3)] == [503] * 3
    upstream.heal()
    upstream.fault(faults.server_error(503), for_s=0.001)
    eventually_sync(lambda: curl(tmp_path, upstream.url("/whole"), version=version).status == 200)


def test_one_byte_at_a_time(upstream: Upstream) -> None:
    """A reader that takes what there is sees many small pieces."""
    upstream.fault(faults.drip(pause_s=0.003))
    port = int(upstream.base_url.rsplit(":", 1)[1])
    pieces = []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET /whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while piece := client.recv(65536):
            pieces.append(piece)
    assert b"".join(pieces).endswith(b"0123456789")
    assert len(pieces) > 5


@pytest.mark.parametrize(
    ("tls", "exit", "why"),
    [
        ("expired", CERTIFICATE, "expired"),
        ("wrong_host", CERTIFICATE, "no alternative certificate subject name matches"),
        ("self_signed", CERTIFICATE, "self-signed certificate"),
        ("stall", TIMEOUT, "timed out|timeout"),
    ],
)
def test_tls_faults(tmp_path: Path, upstream: Upstream, tls: Any, exit: int, why: str) -> None:
    ca_file = upstream.trust.ca_file
    answer = curl(tmp_path, upstream.url("/whole", tls=tls), *SOON, version="h2", ca_file=ca_file)
    assert answer.exit == exit
    assert any(word in answer.error.lower() for word in why.split("|"))
    fine = curl(tmp_path, upstream.url("/whole", tls=True), version="h2", ca_file=ca_file)
    assert (fine.exit, fine.version) == (OK, "2")


@pytest.mark.parametrize(("how", "is_ragged"), [("fin", False), ("abrupt", True)])
def test_a_cut_with_and_without_close_notify(upstream: Upstream, how: Any, is_ragged: bool) -> None:
    """curl does not tell one from the other; Python's ssl does."""
    port = int(upstream.url("", tls=True).rsplit(":", 1)[1])
    upstream.fault(faults.cut(after_events=1, how=how))
    context = upstream.trust.ssl_context()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        options = {"server_hostname": "127.0.0.1", "suppress_ragged_eofs": False}
        with context.wrap_socket(raw, **options) as client:  # type: ignore[arg-type]
            client.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            came = b""
            with pytest.raises(ssl.SSLEOFError) if is_ragged else nullcontext():
                while piece := client.recv(65536):
                    came += piece
    assert EVENTS[0] in came
    assert EVENTS[1] not in came


def test_ports_that_do_not_serve(tmp_path: Path, upstream: Upstream) -> None:
    assert curl(tmp_path, upstream.url(accept="silence"), *SOON).exit == TIMEOUT
    assert curl(tmp_path, upstream.url(accept="reset")).exit in (REFUSED, RECV, SEND, EMPTY)
    url = upstream.url()
    upstream.refuse()
    assert curl(tmp_path, url).exit == REFUSED


def test_the_connection_cap(tmp_path: Path, upstream: Upstream) -> None:
    url = upstream.url("/whole", max_connections=1)
    with httpx.Client() as client:
        assert client.get(url).status_code == 200
        assert curl(tmp_path, url).exit in (REFUSED, RECV, SEND, EMPTY)
        assert client.get(url).status_code == 200


def test_a_refused_stream_is_tried_again(tmp_path: Path, upstream: Upstream) -> None:
    upstream.fault(faults.refused_stream(), times=1)
    answer = curl(tmp_path, upstream.url("/whole"), version="h2c")
    assert (answer.exit, answer.status) == (OK, 200)
    assert [each.status for each in upstream.requests] == [0, 200]


def test_after_a_graceful_goaway_the_next_request_takes_a_new_connection(tmp_path: Path, upstream: Upstream) -> None:
    upstream.fault(faults.goaway(), times=1)
    url = upstream.url("/whole")
    answer = curl(tmp_path, url, url, "--output", "/dev/null", version="h2c")
    assert answer.exit == OK
    assert [each.status for each in upstream.requests] == [200, 200]
    assert len({each.connection for each in upstream.requests}) == 2
