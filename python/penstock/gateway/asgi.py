"""The shell for every ASGI server (uvicorn, hypercorn, Granian's own ASGI): its messages as an Inbound.

ASGI 3: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from penstock.gateway.inbound import BodyTooLarge, CallerGone, Send

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
SendMessage = Callable[[Message], Awaitable[None]]


class ASGIInbound:
    """One `http` scope."""

    __slots__ = (
        "_fields",
        "_receive",
        "_scope",
        "_send",
        "_task",
        "_watcher",
        "extra",
        "is_gone",
        "method",
        "path",
        "query",
    )

    closed: tuple[type[Exception], ...] = (OSError,)  # as the specification asks of servers since 2.4

    def __init__(self, scope: Message, receive: Receive, send: SendMessage) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._task: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._fields: dict[str, str] | None = None
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.is_gone = False
        self.extra: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        return f"<ASGIInbound {self.method} {self.path}{', caller gone' if self.is_gone else ''}>"

    def header(self, name: str) -> str | None:
        if self._fields is None:
            self._fields = dict(reversed(self.headers()))
        return self._fields.get(name)

    def headers(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._scope["headers"]]

    async def body(self, limit_bytes: int) -> bytes:
        length = self.header("content-length")
        if length is not None and length.isdecimal() and int(length) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        pieces: list[bytes] = []
        got_bytes = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.is_gone = True
                raise CallerGone("the caller hung up while sending its request")
            piece: bytes = message.get("body", b"")
            got_bytes += len(piece)
            if got_bytes > limit_bytes:
                raise BodyTooLarge(limit_bytes)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)

    def watch(self) -> None:
        self._task = asyncio.current_task()
        self._watcher = asyncio.ensure_future(self._wait_gone())

    async def _wait_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._task is not None and not self._task.done():
            self.is_gone = True
            self._task.cancel()

    def unwatch(self) -> None:
        """The end of watch()."""
        self._task = None
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.unwatch()
        await self._send(
            {"type": "http.response.start", "status": status, "headers": _raw(headers + self.extra, len(body))}
        )
        await self._send({"type": "http.response.body", "body": body})

    async def begin(self, status: int, headers: list[tuple[str, str]]) -> Send:
        await self._send({"type": "http.response.start", "status": status, "headers": _raw(headers + self.extra, None)})

        async def send(data: bytes) -> None:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

        return send

    async def end(self) -> None:
        self.unwatch()
        await self._send({"type": "http.response.body", "body": b""})


def _raw(headers: list[tuple[str, str]], length: int | None) -> list[tuple[bytes, bytes]]:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if length is not None:
        raw.append((b"content-length", b"%d" % length))
    return raw
