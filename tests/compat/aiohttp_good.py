"""Exchanges in which the upstream does nothing wrong."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from penstock.testing import Rule, faults, on
from penstock.testing.steps import UNTIL_CLOSE
from tests.compat.aiohttp_exchange import Exchange

TEXT = b"Water under pressure. " * 200
STATUSES = (200, 201, 202, 203, 204, 206, 304, 400, 401, 403, 404, 409, 418, 422, 429, 499, 500, 502, 503, 529, 599)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE")
REDIRECTS = (301, 302, 303, 307, 308)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def one(name: str, rule: Rule | None = None, **more: Any) -> Exchange:
    """Of one rule, at the path of that name."""
    return Exchange(name, [rule or at(name).answer(body="hello")], **more)


def at(name: str) -> Rule:
    return on(path=f"/{name}")


def _statuses() -> list[Exchange]:
    body = {204: b"", 304: b""}
    rows = [one(f"status-{n}", at(f"status-{n}").answer(n, {"x-n": n}, body.get(n, b"body"))) for n in STATUSES]
    rows.append(one("raise-404", at("raise-404").answer(404, body="no"), request={"raise_for_status": True}))
    rows.append(one("raise-200", request={"raise_for_status": True}))
    return rows


def _methods() -> list[Exchange]:
    rows = [one(f"method-{each.lower()}", method=each) for each in METHODS]
    rows.append(one("method-lower", method="get"))
    rows.append(one("head-chunked", at("head-chunked").head().body("x"), method="HEAD"))
    rows.append(one("delete-body", method="DELETE", request={"data": b"x"}))
    return rows


def _bodies() -> list[Exchange]:
    pieces = at("body-pieces").head()
    for n in range(50):
        pieces = pieces.body(str(n) * n or "-")
    events = [{"n": 1}, ("named", {"n": 2}), "[DONE]"]
    big = b"0123456789abcdef" * 65536
    return [
        one("body-empty", at("body-empty").answer(body=b"")),
        one("body-big", at("body-big").answer(body=big)),
        one("body-big-any", at("body-big-any").answer(body=big), reading="any"),
        one("body-pieces", pieces),
        one("body-chunked-empty", at("body-chunked-empty").head()),
        one("body-until-close", at("body-until-close").head(body_bytes=UNTIL_CLOSE).body(TEXT), h2=False),
        one(
            "body-not-until-close",
            at("body-not-until-close").head(body_bytes=UNTIL_CLOSE).body(TEXT),
            request={"read_until_eof": False},
            h2=False,
        ),
        one("body-lines", at("body-lines").answer(body="a\nbb\n\nccc"), reading="lines"),
        one("body-chunked-reading", at("body-chunked-reading").answer(body=TEXT), reading="chunked"),
        one("body-exactly", at("body-exactly").answer(body=TEXT), reading="exactly"),
        one("body-exactly-short", at("body-exactly-short").answer(body="abc"), reading="exactly"),
        one("body-unread", at("body-unread").answer(body=TEXT), reading="none"),
        one("body-json", at("body-json").answer(json={"é": [1, None]}), reading="json"),
        one("body-not-json", at("body-not-json").answer(json=None, body=b""), reading="json"),
        one("body-json-as-text", at("body-json-as-text").answer(body="{}"), reading="json"),
        one("sse", at("sse").sse(events, count=30), reading="lines"),
        one("sse-dripped", at("sse-dripped").sse(events).fault(faults.split(bytes_n=1)), reading="lines"),
        one("trailers", at("trailers").head().body("x").trailers({"sum": "1"})),
        one("info-103", at("info-103").info(103, {"link": "</a>"}).answer(body="x")),
        one("info-100", at("info-100").info(100).answer(body="x")),
        one("info-102-twice", at("info-102-twice").info(102).info(102).answer(body="x")),
        one("line-too-long", at("line-too-long").answer(body=b"x" * 600_000), reading="lines"),
    ]


def _headers() -> list[Exchange]:
    def answering(name: str, headers: Any, **more: Any) -> Exchange:
        return one(name, at(name).answer(200, headers, "x"), **more)

    return [
        answering("header-twice", [("x-a", "1"), ("x-b", "2"), ("x-a", "3")]),
        answering("header-empty", {"x-a": ""}),
        answering("header-utf8", [(b"x-a", "é".encode())]),
        answering("header-latin1", [(b"x-a", b"\xe9")]),
        answering("header-8000", {"x-a": "a" * 8000}),
        answering("header-9000", {"x-a": "a" * 9000}),
        answering("headers-120", [(f"x-{n}", str(n)) for n in range(120)]),
        answering("headers-200", [(f"x-{n}", str(n)) for n in range(200)]),
        answering("cookies", [("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; HttpOnly")]),
        answering("content-type", {"content-type": "text/plain; charset=latin-1"}),
    ]


def _codings() -> list[Exchange]:
    def coded(name: str, coding: str, data: bytes, **more: Any) -> Exchange:
        return one(name, at(name).answer(200, {"content-encoding": coding}, data), **more)

    packed = gzip.compress(TEXT, mtime=0)
    bomb = gzip.compress(bytes(5_000_000), mtime=0)
    return [
        coded("gzip", "gzip", packed),
        coded("gzip-upper", "GZIP", packed),
        coded("gzip-any", "gzip", packed, reading="any"),
        coded("gzip-5mb", "gzip", bomb),
        coded("gzip-5mb-any", "gzip", bomb, reading="any"),
        coded("gzip-two-members", "gzip", packed + packed),
        coded("gzip-garbage-after", "gzip", packed + b"xyz"),
        coded("gzip-cut", "gzip", packed[:-20]),
        coded("gzip-not", "gzip", b"this is not gzip"),
        coded("gzip-empty", "gzip", b""),
        coded("gzip-kept", "gzip", packed, request={"auto_decompress": False}),
        coded("gzip-head", "gzip", packed, method="HEAD"),
        coded("deflate", "deflate", zlib.compress(TEXT)),
        coded("deflate-raw", "deflate", raw_deflate(TEXT)),
        coded("deflate-cut", "deflate", zlib.compress(TEXT)[:-9]),
        coded("deflate-not", "deflate", b"\x78\x9cthis is not deflate"),
        coded("br-not", "br", b"this is not brotli"),
        coded("zstd-not", "zstd", b"this is not zstd"),
        coded("coding-unknown", "snappy", TEXT),
        coded("coding-identity", "identity", TEXT),
        coded("coding-two", "gzip, gzip", packed),
        one("gzip-pieces", at("gzip-pieces").head(200, {"content-encoding": "gzip"}).body(packed[:9]).body(packed[9:])),
    ]


def _redirects() -> list[Exchange]:
    def moved(name: str, status: int, target: str, **more: Any) -> Exchange:
        first = at(name).answer(status, {"location": target, "set-cookie": "seen=1"}, "moved")
        return Exchange(name, [first, on(path=f"/{name}/there").answer(body="there")], **more)

    rows = []
    for status in REDIRECTS:
        for method in ("GET", "POST"):
            name = f"moved-{status}-{method.lower()}"
            data = {"data": b"again"} if method == "POST" else {}
            rows.append(moved(name, status, f"/{name}/there", method=method, request=data))
    return [
        *rows,
        moved("moved-relative", 302, "moved-relative/there?a=b#c"),
        moved("moved-not-followed", 302, "/", request={"allow_redirects": False}),
        moved("moved-for-ever", 302, "/moved-for-ever"),
        moved("moved-to-ftp", 302, "ftp://example.org/"),
        one("moved-nowhere", at("moved-nowhere").answer(302, {}, "x")),
        moved("moved-with-stream", 307, "/moved-with-stream/there", method="POST", request=lambda: {"data": pieces()}),
    ]


async def pieces() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


async def no_pieces() -> AsyncIterator[bytes]:
    if False:
        yield b""


def form() -> dict[str, Any]:
    made = aiohttp.FormData()
    made.add_field("text", "é")
    made.add_field("file", io.BytesIO(b"content"), filename="a.txt", content_type="text/plain")
    return {"data": made}


def _uploads() -> list[Exchange]:
    def post(name: str, request: Any, **more: Any) -> Exchange:
        return one(name, method="POST", request=request, **more)

    return [
        post("send-bytes", {"data": b"x" * 1000}),
        post("send-big", {"data": b"x" * 900_000}),
        post("send-str", {"data": "é"}),
        post("send-json", {"json": {"a": "é"}}),
        post("send-form", {"data": {"a": "1", "b": "é"}}),
        post("send-multipart", form),
        post("send-empty", {"data": b""}),
        post("send-nothing", {}),
        post("send-generator", lambda: {"data": pieces()}),
        post("send-no-pieces", lambda: {"data": no_pieces()}),
        post("send-file", lambda: {"data": io.BytesIO(b"x" * 300_000)}),
        post("send-text-file", lambda: {"data": io.StringIO("é")}),
        post("send-chunked", {"data": b"abc", "chunked": True}),
        post("send-gzip", {"data": b"abc" * 100, "compress": "gzip"}),
        post("send-deflate", lambda: {"data": pieces(), "compress": True}),
        post("send-expect", {"data": b"abc", "expect100": True}),
        post("send-length", lambda: {"data": pieces(), "headers": {"content-length": "7"}}),
        post("send-length-less", lambda: {"data": pieces(), "headers": {"content-length": "3"}}),
        post("send-own-type", {"data": b"x", "headers": {"Content-Type": "text/x"}}),
        post("send-no-type", {"data": b"x", "skip_auto_headers": ["content-type"]}),
    ]


def _requests() -> list[Exchange]:
    def ask(name: str, request: dict[str, Any] | None = None, **more: Any) -> Exchange:
        return one(name, request=request or {}, **more)

    return [
        ask("ask-params", {"params": {"a": "1 2", "b": "é&"}}),
        ask("ask-headers", {"headers": [("X-A", "1"), ("x-a", "2"), ("X-B", " é ")]}),
        ask("ask-cookies", {"cookies": {"a": "1", "b": "x y"}}),
        ask("ask-skip", {"skip_auto_headers": ["User-Agent", "Accept-Encoding"]}),
        ask("ask-host", {"headers": {"Host": "other.example"}}),
        ask("ask-quoted", tail="?x=%20%2F&y=a+b"),
        ask("ask-fragment", tail="?x#fragment"),
        ask("ask-unicode", tail="?é=ü"),
        ask("ask-line-break", {"headers": {"X-A": "1\r\nX-B: 2"}}),
        ask("ask-bad-name", {"headers": {"X A": "1"}}),
        ask("ask-bad-method", method="G T"),
        ask("ask-plain", url={"tls": False}),
        ask("ask-no-alpn", url={"tls": "no_alpn"}),
        ask("ask-name", {"server_hostname": "localhost"}),
        ask("ask-connection-close", {"headers": {"Connection": "close"}}),
    ]


GOOD = [
    *_statuses(),
    *_methods(),
    *_bodies(),
    *_headers(),
    *_codings(),
    *_redirects(),
    *_uploads(),
    *_requests(),
]
