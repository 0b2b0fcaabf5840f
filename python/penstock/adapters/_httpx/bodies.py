"""A response's body, fetched as it is iterated, with the library's exceptions.

Closing works from any event loop, from a thread without one, and from the garbage collector.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from penstock import errors
from penstock.adapters._httpx.trace import Trace
from penstock.response import Response, SyncResponse

RECEIVING = "receive_response_body"
CLOSING = "response_closed"


class AsyncBodyCore:
    """For `async for`, once."""

    family: ClassVar[Any]

    def __init__(self, response: Response, request: Any, trace: Trace | None = None) -> None:
        self._response = response
        self._request = request
        self._trace = trace

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._response!r}>"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        trace = self._trace
        if trace is not None:
            await trace.atell(trace.started(RECEIVING))
        try:
            async for chunk in self._response:
                yield chunk
        except errors.PenstockError as err:
            made = self.family.error(err, self._request)
            if trace is not None:
                await trace.atell(trace.failed(RECEIVING, made))
            raise made from err
        if trace is not None:
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
