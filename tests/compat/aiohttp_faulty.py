"""Exchanges in which something goes wrong: with the upstream, the connection, the certificate, or in time."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientTimeout

from penstock.testing import Rule, Upstream, faults
from penstock.testing.steps import UNTIL_CLOSE
from tests.compat.aiohttp_exchange import Exchange
from tests.compat.aiohttp_good import at, one

SHORT_S = 0.15
BODY = "x" * 100
READ = {"timeout": ClientTimeout(total=None, sock_read=SHORT_S)}
TOTAL = {"timeout": ClientTimeout(total=SHORT_S)}
CONNECT = {"timeout": ClientTimeout(total=None, connect=SHORT_S)}
SOCK_CONNECT = {"timeout": ClientTimeout(total=None, sock_connect=SHORT_S)}


def _answers(name: str) -> dict[str, Rule]:
    """A body in each framing."""
    return {
        "length": at(f"{name}-length").answer(body=BODY),
        "chunked": at(f"{name}-chunked").head().body(BODY),
    }


def _cuts() -> list[Exchange]:
    rows = []
    for how in ("fin", "abrupt", "reset"):
        for method in ("GET", "POST"):
            name = f"cut-{how}-before-head-{method.lower()}"
            rows.append(one(name, at(name).answer().fault(faults.reset(how=how)), method=method))  # type: ignore[arg-type]
        for after in (0, 50):
            name = f"cut-{how}-after-{after}"
            for framing, rule in _answers(name).items():
                cut = faults.cut(after_bytes=after, how=how)  # type: ignore[arg-type]
                rows.append(one(f"{name}-{framing}", rule.fault(cut)))
        name = f"cut-{how}-until-close"
        rule = at(name).head(body_bytes=UNTIL_CLOSE).body(BODY)
        rows.append(one(name, rule.fault(faults.cut(after_bytes=50, how=how)), h2=False))  # type: ignore[arg-type]
    name = "cut-then-well"
    rows.append(one(name, at(name).answer().fault(faults.reset()).then.answer(body="well")))
    name = "cut-put-then-well"
    rows.append(
        one(
            name, at(name).answer().fault(faults.reset()).then.answer(body="well"), method="PUT", request={"data": b"a"}
        )
    )
    return rows


def _lies() -> list[Exchange]:
    return [
        one("length-too-long", at("length-too-long").answer(body=BODY).fault(faults.wrong_length(10))),
        one("length-too-short", at("length-too-short").answer(body=BODY).fault(faults.wrong_length(-10))),
        one("bad-chunk", at("bad-chunk").head().body(BODY).fault(faults.bad_chunk(after_bytes=50))),
        one("bad-chunk-first", at("bad-chunk-first").head().body(BODY).fault(faults.bad_chunk())),
    ]


# Bytes in the place of a response, by the name of the row.
HEADS = {
    "no-http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "empty-line-first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no-reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "empty-reason": b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    "own-reason": b"HTTP/1.1 200 Fine by me\r\nContent-Length: 2\r\n\r\nok",
    "line-feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "http-1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "http-1.0-until-close": b"HTTP/1.0 200 OK\r\n\r\nok",
    "http-1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "http-2-line": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "http-lower": b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status-two-digits": b"HTTP/1.1 99 OK\r\nContent-Length: 2\r\n\r\nok",
    "status-four-digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status-word": b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok",
    "status-101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "header-without-colon": b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\nok",
    "header-space-colon": b"HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 2\r\n\r\nok",
    "header-folded": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok",
    "header-nul": b"HTTP/1.1 200 OK\r\nX-A: 1\x002\r\nContent-Length: 2\r\n\r\nok",
    "header-control": b"HTTP/1.1 200 OK\r\nX-A: 1\x012\r\nContent-Length: 2\r\n\r\nok",
    "header-no-name": b"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 2\r\n\r\nok",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "two-equal-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "length-negative": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "length-word": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "length-plus": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "length-huge": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok",
    "length-and-chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "coding-not-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "coding-chunked-twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunk-extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n",
    "chunk-line-feeds": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    "chunk-size-huge": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok\r\n0\r\n\r\n",
    "chunk-too-long": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n",
    "head-cut": b"HTTP/1.1 200 OK\r\nContent-Le",
    "line-cut": b"HTTP/1.",
    "body-with-204": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "status-line-9000": b"HTTP/1.1 200 " + b"a" * 9000 + b"\r\nContent-Length: 2\r\n\r\nok",
}


def _heads() -> list[Exchange]:
    return [one(name, at(name).raw(data).cut("fin"), method="POST", h2=False) for name, data in HEADS.items()]


def _in_time() -> list[Exchange]:
    def stalled(name: str, request: dict[str, Any], **more: Any) -> Exchange:
        rule = at(name).answer(body=BODY).fault(faults.stall(after_bytes=50))
        return one(name, rule, request=request, **more)

    def silent(name: str, request: dict[str, Any], **more: Any) -> Exchange:
        return one(name, at(name).answer().fault(faults.silence()), request=request, **more)

    return [
        silent("silence-read", READ, method="POST"),
        silent("silence-read-get", READ),
        silent("silence-total", TOTAL, method="POST"),
        stalled("stall-read", READ),
        stalled("stall-read-any", READ, reading="any"),
        stalled("stall-read-lines", READ, reading="lines"),
        stalled("stall-total", TOTAL),
        stalled("stall-unread", READ, reading="none"),
        one("late-head", at("late-head").delay(0.01).answer(body=BODY), request={"timeout": ClientTimeout(total=30)}),
        one("tls-stall-connect", request=CONNECT, url={"tls": "stall"}),
        one("tls-stall-sock-connect", request=SOCK_CONNECT, url={"tls": "stall"}),
        one("tls-stall-total", request=TOTAL, url={"tls": "stall"}),
        one("accept-silence-read", request=READ, url={"tls": False, "accept": "silence"}, method="POST"),
    ]


def _closed_port(upstream: Upstream) -> str:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}/"


def _addresses() -> list[Exchange]:
    def address(name: str, url: Any) -> Exchange:
        return one(name, address=url if callable(url) else lambda _: url)

    return [
        address("address-refused", _closed_port),
        address("address-refused-tls", lambda upstream: _closed_port(upstream).replace("http", "https")),
        address("address-empty-label", "http://a..b/"),
        address("address-long-label", f"http://{'a' * 70}.example/"),
        address("address-short-ipv4", "http://127.1:1/"),
        address("address-number", "http://2130706433:1/"),
        address("address-bad-port", "http://127.0.0.1:99999/"),
        address("address-no-host", "http:///path"),
        address("address-no-scheme", "/path"),
        address("address-ftp", "ftp://127.0.0.1/"),
        address("tls-to-plain", lambda upstream: upstream.url("/", tls=False).replace("http", "https")),
        address("plain-to-tls", lambda upstream: upstream.url("/").replace("https", "http")),
    ]


def _certificates() -> list[Exchange]:
    kinds = ("expired", "wrong_host", "self_signed")
    rows = [one(f"certificate-{kind}", url={"tls": kind}) for kind in kinds]
    rows += [one(f"certificate-{kind}-unchecked", url={"tls": kind}, request={"ssl": False}) for kind in kinds]
    rows.append(one("certificate-other-name", request={"server_hostname": "other.example"}))
    return rows


async def broken() -> AsyncIterator[bytes]:
    yield b"one"
    raise ZeroDivisionError


async def broken_disk() -> AsyncIterator[bytes]:
    yield b"one"
    raise OSError(5, "Input/output error")


async def not_bytes() -> AsyncIterator[Any]:
    yield 7


def _uploads() -> list[Exchange]:
    def post(name: str, make: Any, rule: Rule | None = None, **more: Any) -> Exchange:
        return one(name, rule, method="POST", request=lambda: {"data": make()}, **more)

    early = at("send-early-answer").answer(413, body="too much")
    return [
        post("send-broken", broken),
        post("send-broken-disk", broken_disk),
        post("send-not-bytes", not_bytes),
        post("send-early-answer", lambda: b"x" * 5_000_000, early, reading="none"),
    ]


def _h2() -> list[Exchange]:
    """HTTP/1.1 has its own reading of these faults: an end of the connection."""
    return [
        one("rst", at("rst").answer(body=BODY).fault(faults.rst()), method="POST"),
        one("rst-in-body", at("rst-in-body").answer(body=BODY).fault(faults.rst(after_bytes=50))),
        one("goaway", at("goaway").answer(body=BODY).fault(faults.goaway())),
    ]


FAULTY = [
    *_cuts(),
    *_lies(),
    *_heads(),
    *_in_time(),
    *_addresses(),
    *_certificates(),
    *_uploads(),
    *_h2(),
]
