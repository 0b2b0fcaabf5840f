"""Exchanges of the differential test: what a peer may answer, and how it may end."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from tests.compat.exchange import CHUNKED, LENGTH, OK, SERVE, Exchange, answered, body, whole
from tests.transport.raw_peer import (
    Close,
    EndWriting,
    ReadBody,
    ReadHead,
    Reset,
    Send,
    WaitEnd,
    answer,
    chunked,
)


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


ANSWERS = (
    *status_rows(),
    *informational_rows(),
    *header_rows(),
    *length_rows(),
    *chunk_rows(),
    *coding_rows(),
    *ending_rows(),
)
