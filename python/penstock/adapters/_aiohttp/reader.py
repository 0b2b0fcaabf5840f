"""The response body as aiohttp's StreamReader, which asks the engine when its reader waits, instead of being fed.

So there is no task beside the reader, and backpressure is the engine's: what nobody reads stays with the peer. What
came with the head, or with a last piece, is taken at once: `at_eof()` and `on_eof()` then tell the end as aiohttp's do.
aiohttp's own DeflateBuffer decompresses, a piece at a time. Owner: the ClientResponse. Thread: its loop's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from penstock.adapters._aiohttp.errors import body_error
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from penstock.adapters._aiohttp.link import Link


class BodyReader(StreamReader):
    """Fed by itself, in `_wait`."""

    __slots__ = ("_decoder", "_has_more", "_is_pulling", "_link")

    def __init__(self, link: Link, limit: int, timer: Any, loop: Any) -> None:
        super().__init__(link, limit, timer=timer, loop=loop)  # type: ignore[arg-type]
        self._link = link
        self._decoder: Any = None  # aiohttp's decompressor, which feeds this
        self._has_more = False  # the decompressor holds back
        self._is_pulling = False

    def decode_with(self, decoder: Any) -> None:
        self._decoder = decoder

    async def take_present(self) -> None:
        """What has already come, when it is all; at most as much as aiohttp would hold."""
        while self._link.is_done and not self._eof and self._exception is None and self._size <= self._high_water:
            await self._pull()

    async def wait_eof(self) -> None:
        while not self._eof and self._exception is None:
            if self._is_pulling or self._size > self._high_water:
                return await super().wait_eof()  # until another task has read
            await self._wait("wait_eof")
        return None

    async def _wait(self, func_name: str) -> None:
        if self._is_pulling:
            raise RuntimeError(f"{func_name}() called while another coroutine is already waiting for incoming data")
        self._is_pulling = True
        try:
            with self._timer:
                await self._pull()
        finally:
            self._is_pulling = False
        if self._exception is not None:
            raise self._exception

    async def _pull(self) -> None:
        """One step on: data, the end, or the exception."""
        try:
            if self._has_more:
                self._has_more = bool(self._decoder.feed_data(b"", 0))
                return
            exchange = self._link.exchange
            piece = await exchange.read_chunk()
            self._take(piece)
            if piece and not self._has_more and exchange.state == "done":
                self._take(await exchange.read_chunk())  # is there already: the rest, or the end
        except PenstockError as err:
            self._fail(self._link.failure or body_error(err), err)
        except HttpProcessingError as err:  # of the decompressor
            self._link.exchange.cancel()
            self._fail(aiohttp.ClientPayloadError(str(err)), err)

    def _take(self, piece: bytes) -> None:
        decoder = self._decoder
        if piece:
            if decoder is None:
                self.feed_data(piece, len(piece))
            else:
                self._has_more = bool(decoder.feed_data(piece, len(piece)))
            return
        if self._http_chunk_splits is not None:
            self.end_http_chunk_receiving()
        self._decoder = None  # they hold each other
        (decoder or self).feed_eof()

    def _fail(self, exc: BaseException, cause: BaseException) -> None:
        if self._exception is None:  # else it was closed meanwhile
            if exc is not cause:
                exc.__cause__ = cause
            self.set_exception(exc)
