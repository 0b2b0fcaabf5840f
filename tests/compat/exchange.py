"""One exchange of the differential test.

A row names the request (as httpx.AsyncClient.build_request takes it) and what the peer does on each connection. `times`
requests are made one after another; the last one's outcome counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.transport.raw_peer import (
    Close,
    Forever,
    ReadBody,
    ReadHead,
    Script,
    Send,
    answer,
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
