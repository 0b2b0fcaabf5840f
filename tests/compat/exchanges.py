"""What the differential test sends and is answered: one row an exchange, good ones and faulty ones.

A row names the request (as httpx.AsyncClient.build_request takes it) and what the peer does on each connection. `times`
requests are made one after another; the last one's outcome counts.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.transport.raw_peer import (
    Close,
    EndWriting,
    Forever,
    ReadBody,
    ReadHead,
    ReadSome,
    Reset,
    Script,
    Send,
    WaitEnd,
    answer,
    chunked,
)

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SERVE = Forever([ReadHead(), ReadBody(), answer(b"hello", b"X-A: 1")])


@dataclass(frozen=True, slots=True)
class Exchange:
    """url      None: the peer's
    where    "tls": the peer speaks TLS; "plain": it does not, though it is asked by https
    pauses   until the peer has ended the first connection
    read_s   the read timeout
    upload   makes a streamed request body
    """

    name: str
    scripts: tuple[Script, ...] = ((SERVE,),)
    method: str = "GET"
    request: dict[str, Any] = field(default_factory=dict)
    path: str = "/"
    url: str | None = None
    where: str = ""
    times: int = 1
    pauses: bool = False
    read_s: float = 10.0
    upload: Callable[[], AsyncIterator[bytes]] | None = None

    def __repr__(self) -> str:
        return self.name


def answered(name: str, data: bytes, *then: Any, method: str = "GET", **more: Any) -> Exchange:
    """The peer reads a head, sends these bytes, and then ends the connection unless it is told otherwise."""
    return Exchange(name, ((ReadHead(), Send(data), *(then or (Close(),))),), method, **more)


def whole(name: str, body: bytes = b"hello", *headers: bytes, status: bytes = b"200 OK", **more: Any) -> Exchange:
    return Exchange(name, ((Forever([ReadHead(), ReadBody(), answer(body, *headers, status=status)]),),), **more)


def pieces(*parts: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def source() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return source


def body(data: bytes, *fields: bytes) -> bytes:
    return OK + b"".join(each + b"\r\n" for each in fields) + LENGTH % len(data) + b"\r\n" + data


def status_rows() -> list[Exchange]:
    codes = (200, 201, 202, 206, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 408, 413, 418, 421, 422, 429, 500)
    more = (502, 503, 504, 529, 599, 600, 999)
    return [
        *(whole(f"status {code}", status=b"%d Words" % code) for code in (*codes, *more)),
        answered("status 204", b"HTTP/1.1 204 No Content\r\n\r\n"),
        answered("status 205 with a body", b"HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nab"),
        answered("status 304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        answered("status 204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
        answered("HEAD with a length", OK + LENGTH % 5 + b"\r\n", method="HEAD"),
        answered("HEAD, chunked", OK + CHUNKED + b"\r\n", method="HEAD"),
        answered("reason empty", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nab"),
        answered("reason missing", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab"),
        answered("reason of many words", b"HTTP/1.1 200 Very well indeed\r\nContent-Length: 2\r\n\r\nab"),
        answered("reason in latin-1", b"HTTP/1.1 200 Gr\xfc\xdfe\r\nContent-Length: 2\r\n\r\nab"),
        answered("status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("status 099", b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("status of letters", b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("HTTP/1.0 with a length", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("HTTP/1.0 until close", b"HTTP/1.0 200 OK\r\n\r\nab"),
        answered("HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("ICY", b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nab"),
        answered("garbage", b"\x00\x01\x02\x03 nonsense\r\n\r\n"),
        answered("an empty line first", b"\r\n" + body(b"ab")),
        answered("lines end with LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab"),
    ]


def informational_rows() -> list[Exchange]:
    info = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    return [
        answered("100 before the response", b"HTTP/1.1 100 Continue\r\n\r\n" + body(b"ab")),
        answered("103 before the response", info + body(b"ab")),
        answered("16 informational responses", info * 16 + body(b"ab")),
        answered("17 informational responses", info * 17 + body(b"ab")),
        answered("only informational responses", info),
        answered("101 that nobody asked for", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" + body(b"ab")),
    ]


def header_rows() -> list[Exchange]:
    many = b"".join(b"X-%d: y\r\n" % n for n in range(99))
    crowd = b"".join(b"X-%d: y\r\n" % n for n in range(600))
    return [
        whole("fields twice", b"ab", b"Set-Cookie: a=b", b"Set-Cookie: c=d", b"X: 1", b"x: 2"),
        whole("a field in latin-1", b"ab", b"X: Gr\xfc\xdfe"),
        whole("an empty field", b"ab", b"X:", b"Y: "),
        whole("blanks around a value", b"ab", b"X: \t a b \t "),
        whole("no blank after the colon", b"ab", b"X:1"),
        whole("names in odd case", b"ab", b"x-ODD-cAsE: 1"),
        answered("a hundred fields", OK + many + b"Content-Length: 2\r\n\r\nab"),
        answered("six hundred fields", OK + crowd + b"Content-Length: 2\r\n\r\nab"),
        whole("a value of 30,000 bytes", b"ab", b"X: " + b"a" * 30_000),
        whole("a value of 90,000 bytes", b"ab", b"X: " + b"a" * 90_000),
        whole("a value of 200,000 bytes", b"ab", b"X: " + b"a" * 200_000),
        whole("a line without a colon", b"ab", b"X"),
        whole("a blank before the colon", b"ab", b"X : 1"),
        whole("a blank in a name", b"ab", b"X Y: 1"),
        whole("a name that is empty", b"ab", b": 1"),
        whole("a folded value", b"ab", b"X: 1\r\n 2"),
        whole("NUL in a value", b"ab", b"X: a\0b"),
        whole("CR in a value", b"ab", b"X: a\rb"),
        whole("DEL in a value", b"ab", b"X: a\x7fb"),
        whole("control in a value", b"ab", b"X: a\x01b"),
        whole("Connection: close", b"ab", b"Connection: close"),
    ]


def length_rows() -> list[Exchange]:
    def framed(name: str, *fields: bytes, data: bytes = b"ab") -> Exchange:
        return answered(name, OK + b"".join(each + b"\r\n" for each in fields) + b"\r\n" + data)

    return [
        whole("an empty body", b""),
        whole("one byte", b"x"),
        whole("64 KiB", b"x" * 65536),
        whole("a megabyte", b"x" * 1_000_000),
        framed("until close"),
        framed("length with blanks", b"Content-Length:  2 "),
        framed("length with zeros", b"Content-Length: 002"),
        framed("length with a sign", b"Content-Length: +2"),
        framed("length below zero", b"Content-Length: -2"),
        framed("length of letters", b"Content-Length: ab"),
        framed("length of 30 digits", b"Content-Length: " + b"9" * 30),
        framed("length empty", b"Content-Length:"),
        framed("length twice, equal", b"Content-Length: 2", b"Content-Length: 2"),
        framed("length as a list of equals", b"Content-Length: 2, 2"),
        framed("length twice, different", b"Content-Length: 2", b"Content-Length: 3"),
        framed("length and chunked", b"Content-Length: 2", b"Transfer-Encoding: chunked", data=chunked(b"ab")),
        framed("length longer than the body", b"Content-Length: 3"),
        framed("length shorter than the body", b"Content-Length: 1"),
        framed("coding unknown", b"Transfer-Encoding: gzip"),
        framed("coding identity", b"Transfer-Encoding: identity"),
        framed("chunked twice", b"Transfer-Encoding: chunked, chunked", data=chunked(b"ab")),
        framed("gzip, then chunked", b"Transfer-Encoding: gzip, chunked", data=chunked(b"ab")),
        framed("Chunked in odd case", b"Transfer-Encoding: ChUnKeD", data=chunked(b"ab")),
    ]


def chunk_rows() -> list[Exchange]:
    def framed(name: str, data: bytes, *then: Any) -> Exchange:
        return answered(name, OK + CHUNKED + b"\r\n" + data, *then)

    return [
        framed("one chunk", chunked(b"ab")),
        framed("many chunks", chunked(*(b"%d" % n for n in range(500)))),
        framed("no chunk", chunked()),
        Exchange(
            "byte by byte", ((ReadHead(), Send(OK + CHUNKED + b"\r\n" + chunked(b"ab", b"c"), piece=1), Close()),)
        ),
        framed("trailers", chunked(b"ab", end=b"0\r\nX: 1\r\n\r\n")),
        framed("an extension", b"2;name=value\r\nab\r\n0\r\n\r\n"),
        framed("size in capitals", b"0A\r\n0123456789\r\n0\r\n\r\n"),
        framed("size with zeros", b"0002\r\nab\r\n0\r\n\r\n"),
        framed("size of 20 digits", b"%s2\r\nab\r\n0\r\n\r\n" % (b"0" * 20)),
        framed("size with blanks", b"2 \r\nab\r\n0\r\n\r\n"),
        framed("size below zero", b"-2\r\nab\r\n0\r\n\r\n"),
        framed("size in hexadecimal notation", b"0x2\r\nab\r\n0\r\n\r\n"),
        framed("size empty", b"\r\nab\r\n0\r\n\r\n"),
        framed("size of letters", b"zz\r\nab\r\n0\r\n\r\n"),
        framed("a chunk longer than it says", b"2\r\nabc\r\n0\r\n\r\n"),
        framed("a chunk that ends with LF", b"2\r\nab\n0\r\n\r\n"),
        framed("sizes that end with LF", b"2\nab\r\n0\n\r\n"),
        framed("a trailer without a colon", chunked(b"ab", end=b"0\r\nX\r\n\r\n")),
        framed("cut in a size", b"2"),
        framed("cut in a chunk", b"9\r\nab"),
        framed("cut between chunks", b"2\r\nab\r\n"),
        framed("cut before the last line", b"2\r\nab\r\n0\r\n"),
        framed("cut in the trailers", b"2\r\nab\r\n0\r\nX: 1\r\n"),
        framed("reset in a chunk", b"9\r\nab", Reset()),
        answered("silence in a chunk", OK + CHUNKED + b"\r\n9\r\nab", WaitEnd(), read_s=0.2),
    ]


def coding_rows() -> list[Exchange]:
    return [
        whole("gzip", gzip.compress(b"hello", mtime=0), b"Content-Encoding: gzip"),
        whole("deflate", zlib.compress(b"hello"), b"Content-Encoding: deflate"),
        whole("gzip that is none", b"hello", b"Content-Encoding: gzip"),
        whole("a content coding unknown", b"hello", b"Content-Encoding: rot13"),
    ]


def ending_rows() -> list[Exchange]:
    half = OK + LENGTH % 9 + b"\r\nhalf"
    stalled = {"read_s": 0.2}
    return [
        Exchange("closed after the request", ((ReadHead(), Close()),)),
        Exchange("reset after the request", ((ReadHead(), Reset()),)),
        Exchange("POST, closed after the request", ((ReadHead(), ReadBody(), Close()),), "POST", {"content": b"x"}),
        Exchange("silence", ((ReadHead(), WaitEnd()),), **stalled),
        answered("cut in the status line", b"HTTP/1."),
        answered("cut in the fields", b"HTTP/1.1 200 OK\r\nX: 1\r\n"),
        answered("reset in the fields", b"HTTP/1.1 200 OK\r\nX: 1\r\n", Reset()),
        answered("silence in the fields", b"HTTP/1.1 200 OK\r\nX: 1\r\n", WaitEnd(), **stalled),
        answered("cut in the body", half),
        answered("reset in the body", half, Reset()),
        answered("silence in the body", half, WaitEnd(), **stalled),
        answered("until close, reset", OK + b"\r\nhalf", Reset()),
        answered("bytes after the body", body(b"ab") + b"more"),
        answered("a half-closed peer", body(b"ab"), EndWriting(), WaitEnd()),
        Exchange("a second request on the connection", times=2),
        Exchange(
            "a kept connection that was closed",
            ((ReadHead(), answer(b"ab"), Close()), (SERVE,)),
            times=2,
            pauses=True,
        ),
        Exchange(
            "a kept connection that dies under a GET",
            ((ReadHead(), answer(b"ab"), ReadHead(), Close()), (SERVE,)),
            times=2,
        ),
        Exchange(
            "a kept connection that dies under a POST",
            ((ReadHead(), answer(b"ab"), ReadHead(), Close()), (SERVE,)),
            "POST",
            times=2,
        ),
        Exchange("nobody listens", url="http://127.0.0.1:1/"),
        Exchange("a name that nobody has", url="http://nowhere.invalid/"),
        Exchange("TLS, an unknown authority", where="tls"),
        Exchange("TLS where there is none", ((Send(b"HTTP/1.1 400 Bad\r\n\r\n"), Close()),), where="plain"),
    ]


def request_rows() -> list[Exchange]:
    return [
        *(
            Exchange(f"method {name}", method=name)
            for name in ("PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "post")
        ),
        Exchange("a method with a blank", method="GE T"),
        Exchange("JSON", method="POST", request={"json": {"a": [1, "ü"]}}),
        Exchange("a form", method="POST", request={"data": {"a": "1", "b": "ü"}}),
        Exchange("POST without a body", method="POST"),
        Exchange("GET with a body", request={"content": b"x"}),
        Exchange("query and fragment", path="/a b/ü?q=1&q=2&r=ü#part"),
        Exchange("odd characters in the path", path="/a'(b)*[c]|d%zz"),
        Exchange("credentials in the URL", path="@"),
        Exchange("fields twice in the request", request={"headers": [("X", "1"), ("x", "2")]}),
        Exchange("a field in latin-1 in the request", request={"headers": [(b"X", b"Gr\xfc\xdfe")]}),
        Exchange("a Host of one's own", request={"headers": {"Host": "example.org"}}),
        Exchange("Connection: close in the request", request={"headers": {"Connection": "close"}}),
        Exchange("TE in the request", request={"headers": {"TE": "trailers", "Connection": "TE"}}),
        Exchange("Keep-Alive in the request", request={"headers": {"Keep-Alive": "timeout=5"}}),
        Exchange("Proxy-Connection in the request", request={"headers": {"Proxy-Connection": "keep-alive"}}),
        Exchange("LF in a field", request={"headers": {"X": "a\nb"}}),
        Exchange("NUL in a field", request={"headers": {"X": "a\0b"}}),
        Exchange("a blank in a field's name", request={"headers": {"X Y": "1"}}),
        Exchange("blanks around a field", request={"headers": {"X": " 1 "}}),
        Exchange("an empty field in the request", request={"headers": {"X": ""}}),
        Exchange("a target verbatim", request={"extensions": {"target": b"/%7e?x"}}),
        Exchange("a target with a blank", request={"extensions": {"target": b"/a b"}}),
        Exchange("the target *", method="OPTIONS", request={"extensions": {"target": b"*"}}),
        Exchange("scheme unknown", url="ftp://127.0.0.1/"),
        Exchange("no scheme", url="//127.0.0.1/"),
        Exchange("no host", url="http:///x"),
        Exchange(
            "chunked as a field", method="POST", request={"content": b"x", "headers": {"Transfer-Encoding": "chunked"}}
        ),
    ]


def upload_rows() -> list[Exchange]:
    early = (ReadHead(), Send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"))
    return [
        Exchange("an upload", method="POST", upload=pieces(b"ab", b"c")),
        Exchange("an upload with empty pieces", method="POST", upload=pieces(b"", b"ab", b"")),
        Exchange("an upload without pieces", method="POST", upload=pieces()),
        Exchange("an upload of a known length", method="POST", upload=pieces(b"ab", b"c"), request=length(3)),
        Exchange("an upload that is too short", method="POST", upload=pieces(b"ab"), request=length(3), read_s=0.2),
        Exchange("an upload that is too long", method="POST", upload=pieces(b"abcd"), request=length(3)),
        Exchange("an upload of text", method="POST", upload=pieces("ab")),  # type: ignore[arg-type]
        Exchange("a large upload", method="POST", upload=pieces(*[b"x" * 65536] * 8)),
        Exchange("refused in the head", ((*early, WaitEnd()),), "POST", upload=pieces(*[b"x" * 1000] * 3)),
        Exchange("a form with a file", method="POST", request={"files": {"f": ("n", b"x")}, "headers": BOUNDARY}),
        Exchange(
            "Expect: 100-continue", method="POST", request={"content": b"x", "headers": {"Expect": "100-continue"}}
        ),
        Exchange("an upload, closed", ((ReadHead(), ReadSome(9), Close()),), "POST", {"content": b"x" * 9}),
    ]


CHUNKS = "chunked"
EXPECT = {"Expect": "100-continue"}
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def length(n: int) -> dict[str, Any]:
    return {"headers": {"Content-Length": str(n)}}


ROWS = (
    *status_rows(),
    *informational_rows(),
    *header_rows(),
    *length_rows(),
    *chunk_rows(),
    *coding_rows(),
    *ending_rows(),
    *request_rows(),
    *upload_rows(),
)
