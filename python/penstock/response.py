"""One response, as asyncio or a blocking thread sees it: facts of the head, the body, timings.

Thin handles on the engine's exchange. Iterating a response hands out the exchange's own iterator, so no Python code
runs per chunk. Dropping the last reference to an unfinished response resets it at the peer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from penstock.errors import LimitExceeded, RequestCancelled
from penstock.headers import Headers
from penstock.timings import Timings
from penstock.upload import Upload

if TYPE_CHECKING:
    from penstock._core import Exchange

RUNNING = ("sent", "open")  # states of an exchange that is not over


class ResponseFacts:
    """What both kinds of response tell."""

    __slots__ = ("__weakref__", "_body", "_body_limit", "_headers", "exchange")

    def __init__(self, exchange: Exchange, body_limit: int) -> None:
        self.exchange = exchange
        self._body_limit = body_limit  # 0 = none
        self._body: bytes | None = None
        self._headers: Headers | None = None

    @property
    def status(self) -> int:
        return self.exchange.status

    @property
    def reason(self) -> str:
        return self.exchange.reason.decode("latin-1")

    @property
    def http_version(self) -> str:
        """ "HTTP/1.1", "HTTP/2" """
        return self.exchange.http_version.decode("ascii")

    @property
    def stream_id(self) -> int | None:
        """Of HTTP/2; None with HTTP/1.1, or before a connection was at hand."""
        return self.exchange.stream_id or None

    @property
    def headers(self) -> Headers:
        if self._headers is None:
            self._headers = Headers.of_raw(self.exchange.headers)
        return self._headers

    @property
    def trailers(self) -> Headers:
        """Fields after the body (RFC 9110 6.5); empty until the body has ended."""
        return Headers.of_raw(self.exchange.trailers)

    @property
    def informational(self) -> list[tuple[int, Headers]]:
        """1xx responses that came before this one."""
        return [(status, Headers.of_raw(fields)) for status, fields in self.exchange.informational]

    @property
    def timings(self) -> Timings:
        """As of now; complete when the body has ended."""
        return Timings.of(self.exchange.timings)

    @property
    def state(self) -> str:
        """ "sent" (no head yet), "open" (body coming), "done" or "failed"."""
        return self.exchange.state

    @property
    def body(self) -> bytes:
        """The body that request() or read() has collected; RuntimeError before."""
        if self._body is None:
            raise RuntimeError("the body has not been read: call read() first")
        return self._body

    def cancel(self) -> None:
        """Give up: the connection or stream is reset at once. Harmless when the response is complete."""
        self.exchange.cancel()

    def _check_length(self, length: int) -> None:
        if 0 < self._body_limit < length:
            self.exchange.cancel()
            raise LimitExceeded(
                f"the response body is longer than {self._body_limit} bytes (body_bytes)",
                phase="body",
                bytes_received=length,
                head_seen=True,
                maybe_processed=True,
                timings=self.timings,
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.exchange.status or 'pending'}, {self.exchange.state}>"


class Response(ResponseFacts):
    """`async for chunk in response` gives the body as it arrives (non-empty bytes, once); `read()` collects it."""

    __slots__ = ("_upload",)

    def __init__(self, exchange: Exchange, body_limit: int, upload: Upload | None = None) -> None:
        self.exchange = exchange  # as ResponseFacts does, without the call: this is the hot path
        self._body_limit = body_limit
        self._body = None
        self._headers = None
        self._upload = upload

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body is not None:
            return _once(self._body)
        if self._upload is not None:
            return self._iterate_beside_upload()
        return self.exchange

    async def _iterate_beside_upload(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.exchange:
                yield chunk
        except RequestCancelled as err:
            raise self.cause_of(err) from None

    @property
    def upload_failure(self) -> BaseException | None:
        """What the caller's own source of the request body raised; None when it did not."""
        return None if self._upload is None else self._upload.failure

    def cause_of(self, err: BaseException) -> BaseException:
        """When the caller's own source ended this exchange, its exception is the one to raise."""
        failure = self.upload_failure if isinstance(err, RequestCancelled) else None
        return err if failure is None else failure

    async def wait_head(self) -> None:
        """Until the response head is there."""
        try:
            await self.exchange.wait_head()
        except BaseException as err:
            await self.aclose()
            if (cause := self.cause_of(err)) is not err:
                raise cause from None
            raise

    async def read(self) -> bytes:
        """All of the body that was not iterated, kept in `body`. LimitExceeded past Limits(body_bytes)."""
        if self._body is None:
            chunks: list[bytes] = []
            length = 0
            async for chunk in self:
                chunks.append(chunk)
                length += len(chunk)
                self._check_length(length)
            self._body = b"".join(chunks)
        return self._body

    async def read_whole(self) -> bytes:
        """The body of an exchange that was submitted as a whole."""
        try:
            self._body = await self.exchange.read_whole()
        except BaseException as err:
            self.exchange.cancel()
            if (cause := self.cause_of(err)) is not err:
                raise cause from None
            raise
        finally:
            if self._upload is not None:
                await self._upload.stop()
        return self._body

    async def aclose(self) -> None:
        """End it: an unfinished response is reset at the peer. May be called twice."""
        self.exchange.cancel()
        if self._upload is not None:
            await self._upload.stop()


class SyncResponse(ResponseFacts):
    """The blocking twin: `for chunk in response`, `read()`, `close()`."""

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        if self._body is not None:
            return iter((self._body,) if self._body else ())
        return iter(self.exchange.read_chunk_sync, b"")

    def read(self) -> bytes:
        """All of the body that was not iterated, kept in `body`. LimitExceeded past Limits(body_bytes)."""
        if self._body is None:
            chunks: list[bytes] = []
            length = 0
            for chunk in self:
                chunks.append(chunk)
                length += len(chunk)
                self._check_length(length)
            self._body = b"".join(chunks)
        return self._body

    def wait_head(self) -> None:
        """Until the response head is there."""
        try:
            self.exchange.wait_head_sync()
        except BaseException:
            self.exchange.cancel()
            raise

    def read_whole(self) -> bytes:
        """The body of an exchange that was submitted as a whole."""
        try:
            self._body = self.exchange.read_whole_sync()
        except BaseException:
            self.exchange.cancel()
            raise
        return self._body

    def close(self) -> None:
        """End it: an unfinished response is reset at the peer. May be called twice."""
        self.exchange.cancel()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
