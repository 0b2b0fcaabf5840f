"""One request as it came in, and the way back to the caller, whatever server is in front.

A server's shell (`rsgi`, `asgi`) makes one Inbound per request; everything behind it knows only this. Thread: the
event loop. When the caller hangs up before the answer is complete, the task that serves it is cancelled and
`is_gone` is True; a send that finds it out first raises CallerGone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

Fields = Sequence[tuple[str, str]]
Send = Callable[[bytes], Awaitable[None]]
JSON = ("content-type", "application/json")  # of every answer in one piece that is ours


class CallerGone(Exception):
    """The caller hung up; nobody reads what would be sent."""


class BodyTooLarge(Exception):
    """The request body is longer than allowed; what was read of it is dropped."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the request body is longer than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class Inbound(Protocol):
    """A request and the way back."""

    method: str
    path: str
    query: str
    is_gone: bool
    closed: tuple[type[Exception], ...]  # what send raises once the caller has gone
    extra: list[tuple[str, str]]  # header fields that every answer gets

    def header(self, name: str) -> str | None:
        """The value of a field, its name in lower case; the first one when there are several."""

    def headers(self) -> list[tuple[str, str]]:
        """All fields, names in lower case."""

    async def body(self, limit_bytes: int) -> bytes:
        """The whole request body; BodyTooLarge past the limit, found without reading on where it can be."""

    def watch(self) -> None:
        """From now on a caller who hangs up cancels the current task. Call it once the body has been read."""

    def unwatch(self) -> None:
        """The end of watch(); respond() and end() do it, and whoever ends a request otherwise must."""

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """A whole answer."""

    async def begin(self, status: int, headers: list[tuple[str, str]]) -> Send:
        """The head of a streamed answer; the result sends pieces of its body, and raises `closed` when nobody reads."""

    async def end(self) -> None:
        """The end of a streamed answer."""
