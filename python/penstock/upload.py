"""Request bodies: which kind was given, and pumping a streamed one into an exchange with backpressure.

In: the caller's content. Out: bytes that go with the submit, or a source whose pieces are sent one by one, each
after the engine has room. The pump runs beside the wait for the response head, because a peer may answer early
(rule 62): then the engine says it wants no more, and the source is closed. When the source raises, the exchange is
cancelled and the source's exception is what the caller sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Generator, Iterable, Mapping
from typing import Protocol

from penstock.errors import InvalidRequest

Fixed = bytes | bytearray | memoryview
Content = Fixed | str | AsyncIterable[bytes] | None
SyncContent = Fixed | str | Iterable[bytes] | None


class Sink(Protocol):
    """The part of an Exchange that takes a body."""

    def send(self, data: Fixed, end: bool = False, /) -> None: ...
    def cancel(self) -> None: ...


def fixed_content(content: object) -> Fixed | None:
    """The whole body when it is at hand; None when it is not (or there is none)."""
    if content is None or type(content) is bytes or isinstance(content, bytearray | memoryview | bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    return None


def async_source(content: object) -> AsyncIterable[bytes]:
    """The source of a streamed body in an asynchronous call."""
    if isinstance(content, AsyncIterable):
        return content
    hint = "; iterables that are not asynchronous belong to request_sync() and stream_sync()"
    raise _refused(content, "bytes, str or an async iterable of bytes", hint if isinstance(content, Iterable) else "")


def sync_source(content: object) -> Iterable[bytes]:
    """The source of a streamed body in a blocking call."""
    if isinstance(content, Iterable) and not isinstance(content, Mapping):
        return content
    raise _refused(content, "bytes, str or an iterable of bytes", "")


def _refused(content: object, wanted: str, hint: str) -> TypeError:
    if isinstance(content, Mapping):
        hint = "; for JSON pass json.dumps(...) and a content-type header"
    return TypeError(f"content must be {wanted}, not {type(content).__name__}{hint}")


def _check_piece(piece: object) -> None:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise InvalidRequest(f"a piece of the request body must be bytes, not {type(piece).__name__}")


class AsyncSink(Sink, Protocol):
    def wait_room(self) -> Awaitable[bool]: ...


class SyncSink(Sink, Protocol):
    def wait_room_sync(self) -> bool: ...


class Upload:
    """A task that pumps one source into one exchange."""

    def __init__(self, sink: AsyncSink, source: AsyncIterable[bytes]) -> None:
        self._task = asyncio.get_running_loop().create_task(_pump(sink, source), name="penstock upload")

    def __repr__(self) -> str:
        state = "running" if not self._task.done() else "failed" if self.failure else "done"
        return f"<Upload {state}>"

    @property
    def failure(self) -> BaseException | None:
        """What the source raised; None when it did not (yet)."""
        if not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()

    async def stop(self) -> None:
        """End the task, and wait for it when it is of this loop; of another one it ends by itself."""
        home = self._task.get_loop()
        if self._task.done():
            _ = self.failure  # seen: asyncio shall not complain that nobody looked
        elif home is asyncio.get_running_loop():
            self._task.cancel()
            await asyncio.wait({self._task})
            _ = self.failure
        elif not home.is_closed():
            home.call_soon_threadsafe(self._task.cancel)


async def _pump(sink: AsyncSink, source: AsyncIterable[bytes]) -> None:
    iterator = aiter(source)
    try:
        async for piece in iterator:
            _check_piece(piece)
            if not await sink.wait_room():
                return
            if len(piece) > 0:
                sink.send(piece)
        sink.send(b"", True)
    except BaseException:
        sink.cancel()
        raise
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


def pump_sync(sink: SyncSink, source: Iterable[bytes]) -> None:
    """Send all pieces from the calling thread, or as many as the peer wants."""
    iterator = iter(source)
    try:
        for piece in iterator:
            _check_piece(piece)
            if not sink.wait_room_sync():
                return
            if len(piece) > 0:
                sink.send(piece)
        sink.send(b"", True)
    except BaseException:
        sink.cancel()
        raise
    finally:
        if isinstance(iterator, Generator):
            iterator.close()
