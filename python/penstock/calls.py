"""`async with transport.stream(...)` and its blocking twin: submit on entering, end on leaving."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from penstock.response import Response, SyncResponse


class StreamCall:
    """Enters when the response head is there; leaving early resets the response at the peer."""

    __slots__ = ("_response", "_submit")

    def __init__(self, submit: Callable[[], Response]) -> None:
        self._submit = submit
        self._response: Response | None = None

    def __repr__(self) -> str:
        return f"<StreamCall {'not entered' if self._response is None else self._response!r}>"

    async def __aenter__(self) -> Response:
        if self._response is not None:
            raise RuntimeError("a stream() call is made once: call stream() again")
        self._response = self._submit()
        await self._response.wait_head()
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            await self._response.aclose()
            if err is None and (failure := self._response.upload_failure) is not None:
                raise failure


class SyncStreamCall:
    """The blocking twin."""

    __slots__ = ("_response", "_submit")

    def __init__(self, submit: Callable[[], SyncResponse]) -> None:
        self._submit = submit
        self._response: SyncResponse | None = None

    def __repr__(self) -> str:
        return f"<SyncStreamCall {'not entered' if self._response is None else self._response!r}>"

    def __enter__(self) -> SyncResponse:
        if self._response is not None:
            raise RuntimeError("a stream_sync() call is made once: call stream_sync() again")
        self._response = self._submit()
        self._response.wait_head()
        return self._response

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            self._response.close()
