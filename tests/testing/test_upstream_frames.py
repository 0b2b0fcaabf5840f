"""HTTP/2's faults as nghttp prints their frames, and as h2load keeps to the limits; TLS's as openssl tells them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.testing import Reply, Upstream, faults, on

LIMIT_S = 30
NO_STREAM = 2147483647
SETTINGS = {
    "header_table_size": "SETTINGS_HEADER_TABLE_SIZE(0x01):100",
    "enable_push": "SETTINGS_ENABLE_PUSH(0x02):0",
    "max_concurrent_streams": "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):3",
    "initial_window_size": "SETTINGS_INITIAL_WINDOW_SIZE(0x04):1000",
    "max_frame_size": "SETTINGS_MAX_FRAME_SIZE(0x05):20000",
    "max_header_list_size": "SETTINGS_MAX_HEADER_LIST_SIZE(0x06):5000",
}

needs_nghttp = pytest.mark.skipif(shutil.which("nghttp") is None, reason="nghttp2-client is not installed")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    script = [
        on(path="/stream").reply(Reply(dialect="openai").sse(["a", "b", "[DONE]"])),
        on(path="/whole").answer(body="0123456789"),
    ]
    with Upstream(script, tls=False) as made:
        yield made


def printed(*command: str, stdin: str = "") -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=LIMIT_S, encoding="latin-1")
    return done.stdout + done.stderr


def frames(url: str) -> str:
    """What nghttp sends and receives, one line a frame; the request's stream is called ME, the one before BEFORE."""
    lines = re.sub(r"\n {10,}", " ", printed("nghttp", "-nv", "--timeout=5", url))
    asked = re.search(r"send HEADERS frame <.*stream_id=(\d+)>", lines)
    assert asked is not None, lines
    me = int(asked[1])
    return re.sub(
        rf"stream_id={me}\b", "stream_id=ME", re.sub(rf"stream_id={max(me - 2, 0)}\b", "stream_id=BEFORE", lines)
    )


@needs_nghttp
@pytest.mark.parametrize("kind", ["graceful", "immediate", "before"])
@pytest.mark.parametrize("code", [0, 11])
def test_goaway_names_its_last_stream(upstream: Upstream, kind: Any, code: int) -> None:
    upstream.fault(faults.goaway(kind, code=code))
    shown = frames(upstream.url("/whole"))
    told = re.findall(r"recv GOAWAY frame .*last_stream_id=(\w+), error_code=\w+\(0x(\w+)\)", shown)
    last = {"graceful": [str(NO_STREAM), "ME"], "immediate": ["ME"], "before": ["BEFORE"]}[kind]
    assert told == [(stream, f"{code:02x}") for stream in last]
    assert ("recv DATA" in shown) is (kind == "graceful")


@needs_nghttp
def test_goaway_in_the_middle_of_a_stream(upstream: Upstream) -> None:
    upstream.fault(faults.goaway("immediate", after_events=1))
    shown = frames(upstream.url("/stream"))
    assert re.findall(r"recv (\w+) frame .*ME", shown) == ["HEADERS", "DATA", "GOAWAY"]


@needs_nghttp
@pytest.mark.parametrize("code", [*range(14), 0xDEAD, 0xFFFFFFFF])
def test_a_stream_is_reset_with_any_code(upstream: Upstream, code: int) -> None:
    upstream.fault(faults.rst(code, after_events=1))
    assert re.search(
        rf"recv RST_STREAM frame .*stream_id=ME> +\(error_code=\w+\(0x0*{code:02x}\)\)", frames(upstream.url("/stream"))
    )


@needs_nghttp
def test_a_refused_stream_has_no_answer(upstream: Upstream) -> None:
    upstream.fault(faults.refused_stream())
    shown = frames(upstream.url("/whole"))
    assert "error_code=REFUSED_STREAM(0x07)" in shown
    assert "recv HEADERS" not in shown


@needs_nghttp
@pytest.mark.parametrize("name", SETTINGS)
def test_settings_change_before_the_answer(upstream: Upstream, name: str) -> None:
    upstream.fault(faults.settings(**{name: int(SETTINGS[name].rpartition(":")[2])}))
    shown = frames(upstream.url("/whole"))
    assert SETTINGS[name] in shown
    assert shown.index(SETTINGS[name]) < shown.index("recv HEADERS")


@needs_nghttp
@pytest.mark.parametrize("limit", [1, 3])
def test_a_stream_limit_is_kept(limit: int) -> None:
    """h2load sends all at once, before it can know; what is beyond the limit is refused, and counts as no request."""
    with Upstream(on().delay(0.01).answer(), tls=False) as upstream:
        url = upstream.url(max_streams=limit)
        assert f"SETTINGS_MAX_CONCURRENT_STREAMS(0x03):{limit}" in frames(url)
        upstream.clear()
        shown = printed("h2load", "-n12", "-c1", "-m12", url)
        stats = upstream.stats()
        assert f"status codes: {len(upstream.requests)} 2xx" in shown
        assert (stats.running_max, stats.malformed) == (limit, 0)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (True, ("ALPN protocol: h2", "Verify return code: 0 (ok)")),
        ("expired", ("Verify return code: 10 (certificate has expired)",)),
        ("wrong_host", ("Verify return code: 64 (IP address mismatch)",)),
        ("self_signed", ("self-signed certificate",)),
        ("no_alpn", ("No ALPN negotiated", "Verify return code: 0 (ok)")),
    ],
)
def test_tls_as_openssl_tells_it(upstream: Upstream, tls: Any, words: tuple[str, ...]) -> None:
    address = upstream.url("", tls=tls).removeprefix("https://")
    options = ["-CAfile", str(upstream.trust.ca_file), "-verify_ip", "127.0.0.1", "-alpn", "h2"]
    shown = printed("openssl", "s_client", "-connect", address, *options)
    assert [each for each in words if each not in shown] == []
