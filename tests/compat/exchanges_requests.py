"""Exchanges of the differential test: what a caller may ask."""

from __future__ import annotations

from typing import Any

from tests.compat.exchange import Exchange, pieces
from tests.transport.raw_peer import (
    Close,
    ReadHead,
    ReadSome,
    Send,
    WaitEnd,
)

CHUNKS = "chunked"
EXPECT = {"Expect": "100-continue"}
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def length(n: int) -> dict[str, Any]:
    return {"headers": {"Content-Length": str(n)}}


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


REQUESTS = (*request_rows(), *upload_rows())
