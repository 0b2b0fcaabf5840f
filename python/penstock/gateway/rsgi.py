"""The shell for Granian: its RSGI calls as an Inbound. The fast way in: nothing is allocated per piece of a stream.

RSGI: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

from __future__ import annotations

import asyncio
from typing import Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # its stub forgets it

from penstock.gateway.inbound import BodyTooLarge, CallerGone, Send

# A future for the caller's leaving costs two changes of thread, a tenth of a short answer; that one needs none.
UNWATCHED_S = 0.01


class RSGIInbound:
    """One HTTP request of Granian."""

    __slots__ = (
        "_gone_future",
        "_protocol",
        "_scope",
        "_task",
        "_timer",
        "extra",
        "is_gone",
        "method",
        "path",
        "query",
    )

    closed: tuple[type[Exception], ...] = (ProtocolClosed,)

    def __init__(self, scope: Any, protocol: Any) -> None:
        self._scope = scope
        self._protocol = protocol
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._gone_future: Any = None
        self.method: str = scope.method
        self.path: str = scope.path
        self.query: str = scope.query_string
        self.is_gone = False
        self.extra: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        return f"<RSGIInbound {self.method} {self.path}{', caller gone' if self.is_gone else ''}>"

    def header(self, name: str) -> str | None:
        value: str | None = self._scope.headers.get(name)
        return value

    def headers(self) -> list[tuple[str, str]]:
        items: list[tuple[str, str]] = self._scope.headers.items()
        return items

    async def body(self, limit_bytes: int) -> bytes:
        length = self.header("content-length")
        if length is not None and length.isdecimal():  # the server holds the peer to it
            if int(length) > limit_bytes:
                raise BodyTooLarge(limit_bytes)
            try:
                whole: bytes = await self._protocol()
            except ProtocolClosed:
                self.is_gone = True
                self._protocol.response_empty(400, [])  # for one that has closed only its sending half
                raise CallerGone("the caller hung up while sending its request") from None
            return whole
        pieces: list[bytes] = []
        got_bytes = 0
        async for piece in self._protocol:
            got_bytes += len(piece)
            if got_bytes > limit_bytes:
                raise BodyTooLarge(limit_bytes)
            pieces.append(piece)
        return b"".join(pieces)

    def watch(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(UNWATCHED_S, self._watch)

    def _watch(self) -> None:
        # A future of the running loop without a task behind it; a caller who is gone already resolves it at once.
        self._gone_future = self._protocol.client_disconnect()
        self._gone_future.add_done_callback(self._on_gone)

    def _on_gone(self, future: Any) -> None:
        if self._task is not None and not self._task.done() and not future.cancelled():
            self.is_gone = True
            self._task.cancel()

    def unwatch(self) -> None:
        """The end of watch(). Without it Granian would keep the future, and with it this request, for ever."""
        self._task = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._gone_future is not None:
            self._gone_future.cancel()
            self._gone_future = None

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.unwatch()
        self._protocol.response_bytes(status, headers + self.extra, body)

    async def begin(self, status: int, headers: list[tuple[str, str]]) -> Send:
        send: Send = self._protocol.response_stream(status, headers + self.extra).send_bytes
        return send

    async def end(self) -> None:
        self.unwatch()  # the response ends when the application's call returns
