"""The scripted upstream as curl and httpx see it: versions, TLS, scripts, what it saw, its ports, its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.testing import ScriptError, Upstream, faults, on, stamp_of
from tests.compat.within import run
from tests.testing.curl import OK, REFUSED, TIMEOUT, curl, needs_curl


@pytest.fixture
def plain() -> Iterator[Upstream]:
    with Upstream(on().answer(body="hello"), tls=False) as made:
        yield made


@needs_curl
@pytest.mark.parametrize(
    ("tls", "version", "wanted"),
    [(False, "h1", "1.1"), (False, "h2c", "2"), (True, "h1", "1.1"), (True, "h2", "2"), ("no_alpn", "h2", "1.1")],
)
def test_each_version(tmp_path: Path, tls: Any, version: str, wanted: str) -> None:
    with Upstream(on("POST", "/a", json={"/x": "é"}).answer(201, {"X-Y": "z"}, json={"ok": True})) as upstream:
        ca_file = upstream.trust.ca_file if tls else None
        options = ("--data", '{"x":"é"}', "--header", "content-type: application/json")
        answer = curl(tmp_path, upstream.url("/a?b=1", tls=tls), *options, version=version, ca_file=ca_file)
        assert (answer.exit, answer.status, answer.version, answer.body) == (OK, 201, wanted, b'{"ok":true}')
        assert "x-y: z" in answer.heads
        seen = upstream.wait_done()
    assert (seen.method, seen.target, seen.json()) == ("POST", "/a?b=1", {"x": "é"})
    assert (seen.protocol, seen.is_tls) == (f"HTTP/{wanted}", bool(tls))
    assert seen.authority.startswith("127.0.0.1:")
    assert seen.header(
        "user-agent",
    ).startswith("curl/")  # type: ignore[union-attr]
    assert (seen.rule, seen.attempt, seen.status) == (0, 1, 201)
    moments = [seen.arrived_s, seen.body_s, seen.answered_s, seen.done_s]
    assert None not in moments
    assert moments == sorted(moments)  # type: ignore[type-var]
    assert not seen.is_aborted


@needs_curl
@pytest.mark.parametrize("version", ["h1", "h2c"])
def test_informational_heads_and_trailers(tmp_path: Path, version: str) -> None:
    rule = on().info(103, {"link": "</a>"}).head(200, {"a": "b"}).body("one").body("two").trailers({"sum": "3"})
    with Upstream(rule, tls=False) as upstream:
        answer = curl(tmp_path, upstream.url(), version=version)
    assert (answer.exit, answer.body) == (OK, b"onetwo")
    assert next(line for line in answer.heads.splitlines() if line.startswith("HTTP/")).split()[1] == "103"
    assert "link: </a>" in answer.heads
    assert "sum: 3" in answer.heads


@pytest.mark.parametrize("path", ["/paced", "/unpaced"])
def test_events_in_order_with_their_stamps(path: str) -> None:
    rules = [
        on(path="/paced").sse([{"n": 1}, {"n": 2}], count=20, per_s=2000, jitter=0.5, seed=1, stamped=True),
        on(path="/unpaced").sse([{"n": 1}, {"n": 2}], count=20, stamped=True),
    ]
    with Upstream(rules, tls=False) as upstream:
        body = httpx.get(upstream.url(path)).content
        stamps = [stamp_of(event) for event in body.split(b"\n\n")[:-1]]
        assert upstream.wait_done().sent_events == 20
        assert upstream.stats().events == 20
    assert [each.seq for each in stamps if each] == list(range(20))
    sent = [each.sent_ns for each in stamps if each]
    assert sent == sorted(sent)
    assert all(each is not None and 0 <= each.age_s() < 60 for each in stamps)


def test_events_are_numbered_through_the_response() -> None:
    """Also when a fault has divided them."""
    rule = on().sse([{"n": 1}, {"n": 2}], count=9, stamped=True).fault(faults.delay_body(0.001, after_events=3))
    with Upstream(rule, tls=False) as upstream:
        events = httpx.get(upstream.url()).content.split(b"\n\n")[:-1]
    assert [stamp.seq for stamp in map(stamp_of, events) if stamp] == list(range(9))


def test_rules_by_attempt_times_and_replies() -> None:
    rules = [
        on(path="/a", times=1).answer(500),
        on(path="/a", attempt=2).answer(429),
        on(path="/a").answer(200).then.answer(201),
        on(path="/h", header={"x-id": "1"}).answer(202),
        on(path="/h", header={"x-id": None}).answer(203),
        on("GET", "/rest/*").answer(204),
    ]
    with Upstream(rules, tls=False) as upstream, httpx.Client(base_url=upstream.base_url) as client:
        assert [client.get("/a").status_code for _ in range(5)] == [500, 200, 429, 201, 201]
        assert client.get("/h", headers={"X-Id": "1"}).status_code == 202
        assert client.get("/h", headers={"X-Id": "2"}).status_code == 203
        assert client.get("/rest/of/it?q=1").status_code == 204
        assert client.get("/h").status_code >= 400
        assert upstream.requests[-1].rule is None
        assert upstream.stats().unmatched == 1
        assert len({each.connection for each in upstream.requests}) == 1


def test_the_script_and_its_faults_change_while_it_runs(plain: Upstream) -> None:
    with httpx.Client(base_url=plain.base_url) as client:
        assert client.get("/").text == "hello"
        plain.fault(faults.server_error(), times=1)
        plain.fault(faults.rate_limit(retry_after_s=3), times=1)
        answers = [client.get("/") for _ in range(3)]
        assert [each.status_code for each in answers] == [500, 429, 200]
        assert answers[1].headers["retry-after"] == "3"
        plain.script(on().answer(body="other"))
        assert [client.get("/").status_code for _ in range(3)] == [500, 429, 200]
        plain.heal()
        assert client.get("/").text == "other"
        plain.fault(faults.server_error(503), for_s=3600)
        assert [client.get("/").status_code for _ in range(3)] == [503, 503, 503]
        with pytest.raises(ScriptError):
            plain.script(on().raw(b"").then)
        assert client.get("/").status_code == 503
    assert plain.expect("GET", "/", times=12)


def test_a_peer_that_leaves_is_seen() -> None:
    async def ask(upstream: Upstream) -> None:
        async with httpx.AsyncClient() as client:
            async with client.stream("GET", upstream.url()) as response:
                pieces = response.aiter_raw()
                assert await anext(pieces) == b"part"
                assert (await upstream.wait_for_async(1))[0].aborted_s is None
        seen = await upstream.wait_done_async(0)
        assert seen.is_aborted
        assert upstream.stats().aborted == 1

    with Upstream(on().head().body("part").stall(), tls=False) as upstream:
        run(ask(upstream))


def test_high_water_marks() -> None:
    async def ask(upstream: Upstream) -> None:
        async with httpx.AsyncClient() as client:
            asked = [asyncio.create_task(client.get(upstream.url())) for _ in range(5)]
            await upstream.wait_for_async(5)
            upstream.drop_connections()
            for each in asked:
                with pytest.raises(httpx.TransportError):
                    await each

    with Upstream(on().stall(), tls=False) as upstream:
        run(ask(upstream))
        for number in range(5):
            upstream.wait_done(number)
        stats = upstream.stats()
        assert (stats.connections_max, stats.running_max, stats.running) == (5, 5, 0)
        upstream.clear()
        assert upstream.requests == []
        assert upstream.stats().running_max == 0


def test_waiting_has_a_limit(plain: Upstream) -> None:
    with pytest.raises(TimeoutError, match=r"0 of 1 requests came within 0\.01 s"):
        plain.wait_for(1, timeout_s=0.01)
    with pytest.raises(TimeoutError, match=r"request 3 has not come within 0\.01 s"):
        plain.wait_done(3, timeout_s=0.01)


@needs_curl
def test_ports_refuse_and_listen_again(tmp_path: Path, plain: Upstream) -> None:
    url = plain.url()
    assert plain.url() == url
    assert plain.url(max_streams=3) != url
    with plain.down():
        assert curl(tmp_path, url).exit == REFUSED
    assert curl(tmp_path, url).body == b"hello"
    plain.refuse()
    plain.refuse()
    assert curl(tmp_path, url).exit == REFUSED
    plain.resume()
    assert curl(tmp_path, url).status == 200


def test_a_fixed_port(plain: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(OSError, match=r"(?i)address"):
            plain.listen(number)
    assert plain.listen(number) == f"http://127.0.0.1:{number}"
    assert httpx.get(plain.url()).text == "hello"


def test_trust_in_every_form(tmp_path: Path) -> None:
    with Upstream(on().answer(body="hello")) as upstream:
        assert upstream.base_url.startswith("https://127.0.0.1:")
        with httpx.Client(verify=upstream.trust.ssl_context()) as client:
            assert client.get(upstream.url()).text == "hello"
        assert b"BEGIN CERTIFICATE" in upstream.trust.ca_pem
        assert upstream.trust.env()["SSL_CERT_FILE"] == str(upstream.trust.ca_file)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(upstream.url(), trust_env=False)


def test_it_is_an_async_context_manager_and_ends_twice() -> None:
    async def live() -> Upstream:
        async with Upstream(on().answer(), tls=False) as upstream:
            async with httpx.AsyncClient() as client:
                assert (await client.get(upstream.url())).status_code == 200
            assert repr(upstream).startswith("<Upstream running, ports [")
        return upstream

    upstream = run(live())
    upstream.close()
    assert repr(upstream).startswith("<Upstream closed")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tls": "old"}, "tls is True, False, or one of expired, wrong_host"),
        ({"accept": "no"}, "accept is one of serve, silence, reset"),
        ({"max_streams": -1}, "max_streams must be a whole number from 0"),
    ],
)
def test_wrong_options_are_named(options: Any, why: str) -> None:
    with pytest.raises(ScriptError, match=why):
        Upstream(**options)


@needs_curl
def test_an_early_answer_comes_before_the_body(tmp_path: Path) -> None:
    """The client promises a body that it does not send; only an early rule can answer."""
    with Upstream(on("POST").early().answer(413), tls=False) as upstream:
        with socket.create_connection(("127.0.0.1", int(upstream.base_url.rsplit(":", 1)[1])), timeout=20) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    with Upstream(on("POST").answer(413), tls=False) as upstream:
        options = ("--header", "content-length: 10", "--data", "x", "--max-time", "0.3")
        assert curl(tmp_path, upstream.url(), *options).exit == TIMEOUT
