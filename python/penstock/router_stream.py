"""A Router's streamed call, for asyncio and for a blocking thread: events as dicts, or bytes as they come.

Entering the block sends the request and ends when the first token is there, so retries and fallbacks have happened by
then; leaving it early resets the provider's stream. The call itself runs in a task of its own; a blocking stream's task
runs on the Router's thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.dialects.failures import error_body
from penstock.headers import Headers
from penstock.router_answer import Account
from penstock.router_error import RouterError
from penstock.sse import Events

if TYPE_CHECKING:
    from penstock.dialects.failure import Failure
    from penstock.gateway.direct import DirectCall
    from penstock.router_thread import LoopThread

DONE = b"[DONE]"


class RouterStream(Account):
    """`async with router.chat_stream(body) as stream: async for event in stream: ...`, each event a dict.

    Entering raises RouterError when no provider began to answer; iterating raises it when the stream broke off, after
    all that had come. `[DONE]` and comments are no events; `chunks()` has them.
    """

    __slots__ = ("_call", "_events", "_split", "_task")

    def __init__(self, call: DirectCall) -> None:
        super().__init__(call)
        self._call = call
        self._task: asyncio.Task[None] | None = None
        self._split = Events()
        self._events: deque[dict[str, Any]] = deque()

    def __repr__(self) -> str:
        return f"<RouterStream {self.record.id} {self.record.outcome}, from {self.deployment}>"

    @property
    def status(self) -> int:
        return self._call.direct.status

    @property
    def headers(self) -> Headers:
        """Those that a caller of the gateway gets."""
        if self._headers is None:
            self._headers = Headers(self._call.direct.answer_headers)
        return self._headers

    async def __aenter__(self) -> RouterStream:
        if self._task is not None:
            raise RuntimeError("a stream is entered once; call the method again")
        direct = self._call.direct
        self._task = asyncio.ensure_future(self._call.serve())
        self._task.add_done_callback(direct.finish)
        try:
            await direct.wait_status()
            if not direct.is_begun:
                await self._settle()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not self._events:
            data = await self.take()
            if not data:
                raise StopAsyncIteration
            self._events.extend(_parsed(self._split, data))
        return self._events.popleft()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Bytes of the stream in the caller's dialect: whole events, as many as have come. Instead of the events."""
        while data := await self.take():
            yield data

    async def take(self) -> bytes:
        """The next of chunks(); b"" at the end. Raises RouterError when the stream broke off."""
        if self._task is None:
            raise RuntimeError("a stream is read inside of its `with` block")
        data = await self._call.direct.take()
        if not data:
            await self._settle()
        return data

    async def _settle(self) -> None:
        """When nothing more comes: RouterError unless all of it came."""
        assert self._task is not None
        await asyncio.wait((self._task,))
        cause = None if self._task.cancelled() else self._task.exception()
        failure = self._call.told()
        if failure is not None:
            raise error_of(self._call, failure) from cause

    async def aclose(self) -> None:
        """End it: an unfinished stream is reset at the provider. May be called twice."""
        task = self._task
        if task is not None and not task.done():
            self._call.direct.is_gone = True
            task.cancel()
            await asyncio.wait((task,))
        self._call.direct.finish()


class SyncRouterStream:
    """The blocking twin: `with router.chat_stream_sync(body) as stream: for event in stream: ...`."""

    __slots__ = ("_thread", "stream")

    def __init__(self, stream: RouterStream, thread: LoopThread) -> None:
        self.stream = stream
        self._thread = thread

    def __repr__(self) -> str:
        return f"<Sync{repr(self.stream)[1:]}"

    def __getattr__(self, name: str) -> Any:
        """status, headers, usage and the others of RouterStream."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.stream, name)

    def __enter__(self) -> SyncRouterStream:
        self._thread.run(self.stream.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for data in self.chunks():
            yield from _parsed(self.stream._split, data)

    def chunks(self) -> Iterator[bytes]:
        """Bytes of the stream, see RouterStream."""
        while data := self._thread.run(self.stream.take()):
            yield data

    def close(self) -> None:
        self._thread.run(self.stream.aclose())


def error_of(call: DirectCall, failure: Failure) -> RouterError:
    """The exception for a call that has failed."""
    record = call.record
    status, body = error_body(call.endpoint.dialect, failure, request_id=record.id)
    return RouterError(
        failure, record.model_asked, status, call.direct.answer_headers, body, record.attempts, record.id
    )


def _parsed(split: Events, data: bytes) -> list[dict[str, Any]]:
    found = []
    for event in split.feed(data):
        if event.data and not event.data.startswith(DONE):
            value = msgspec.json.decode(event.data)
            if isinstance(value, dict):
                found.append(value)
    return found
