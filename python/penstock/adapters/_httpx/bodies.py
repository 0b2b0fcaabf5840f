"""A response's body, fetched as it is iterated, with the library's exceptions.

Closing works from any event loop, from a thread without one, and from the garbage collector. An iteration that is
given up (cancelled, interrupted, its iterator dropped) ends the response, as in httpcore: nobody can go on with it, and
whoever holds the response, LiteLLM's handlers say, need not close it.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar

from penstock import errors
from penstock.adapters._httpx.trace import Trace
from penstock.response import Response, SyncResponse

RECEIVING = "receive_response_body"
CLOSING = "response_closed"


class Chunks:
    """What `async for` asks. No generator: asyncio keeps a book of those, which costs more than this."""

    __slots__ = ("_cancel", "_family", "_next", "_request")

    def __init__(self, response: Response, family: Any, request: Any) -> None:
        self._next = aiter(response).__anext__
        self._cancel: Callable[[], None] | None = response.exchange.cancel  # None at the end
        self._family = family
        self._request = request

    def __repr__(self) -> str:
        return f"<Chunks of {self._request!r}>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._next()
        except StopAsyncIteration:
            self._cancel = None
            raise
        except errors.PenstockError as err:
            raise self._family.error(err, self._request) from err
        except (CancelledError, GeneratorExit):
            self._give_up()
            raise

    def _give_up(self) -> None:
        if self._cancel is not None:
            self._cancel()

    __del__ = _give_up


class AsyncBodyCore:
    """For `async for`, once."""

    family: ClassVar[Any]

    def __init__(self, response: Response, request: Any, trace: Trace | None = None) -> None:
        self._response = response
        self._request = request
        self._trace = trace

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._response!r}>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return Chunks(self._response, self.family, self._request) if self._trace is None else self._traced(self._trace)

    async def _traced(self, trace: Trace) -> AsyncIterator[bytes]:
        await trace.atell(trace.started(RECEIVING))
        try:
            async for chunk in self._response:
                yield chunk
        except errors.PenstockError as err:
            made = self.family.error(err, self._request)
            await trace.atell(trace.failed(RECEIVING, made))
            raise made from err
        except BaseException:
            self._response.cancel()
            raise
        await trace.atell(trace.complete(RECEIVING))

    async def aclose(self) -> None:
        """End it; what has not come is reset at the peer. May be called twice."""
        trace, self._trace = self._trace, None
        if trace is None:
            await self._response.aclose()
            return
        await trace.atell(trace.started(CLOSING))
        await self._response.aclose()
        await trace.atell(trace.complete(CLOSING))


class SyncBodyCore:
    """The blocking twin."""

    family: ClassVar[Any]

    def __init__(self, response: SyncResponse, request: Any, trace: Trace | None = None) -> None:
        self._response = response
        self._request = request
        self._trace = trace

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._response!r}>"

    def __iter__(self) -> Iterator[bytes]:
        trace = self._trace
        if trace is not None:
            trace.tell(trace.started(RECEIVING))
        try:
            yield from self._response
        except errors.PenstockError as err:
            made = self.family.error(err, self._request)
            if trace is not None:
                trace.tell(trace.failed(RECEIVING, made))
            raise made from err
        except BaseException:
            self._response.cancel()
            raise
        if trace is not None:
            trace.tell(trace.complete(RECEIVING))

    def close(self) -> None:
        """End it; what has not come is reset at the peer. May be called twice."""
        trace, self._trace = self._trace, None
        if trace is None:
            self._response.close()
            return
        trace.tell(trace.started(CLOSING))
        self._response.close()
        trace.tell(trace.complete(CLOSING))
