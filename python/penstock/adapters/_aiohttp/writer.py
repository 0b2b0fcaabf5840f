"""A request body that is not at hand: aiohttp's payload writes it, each piece when the engine has room.

Payloads push into a writer; this is that writer. It runs in a task beside the wait for the response, as in aiohttp,
and the ClientResponse owns that task: it cancels it when the response ends first.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.compression_utils import ZLibCompressor

from penstock.adapters._aiohttp import signals
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from aiohttp import ClientRequest

    from penstock.adapters._aiohttp.link import Facts, Link


class PeerHasEnough(Exception):
    """The response is there, and its peer wants no more of the request: not a failure."""


class BodyWriter(AbstractStreamWriter):
    """Sends to one exchange."""

    def __init__(self, link: Link, request: ClientRequest) -> None:
        self._link = link
        self._request = request
        self._compressor: ZLibCompressor | None = None
        self.output_size = 0
        if request.compress:
            self.enable_compression(str(request.compress))

    @property
    def transport(self) -> Facts:  # type: ignore[override]
        return self._link.transport

    async def write(self, chunk: bytes | bytearray | memoryview, **_: object) -> None:
        if self._request._traces:
            await signals.send_chunk(self._request, bytes(chunk))
        size = len(chunk) if not isinstance(chunk, memoryview) else chunk.nbytes
        if self._compressor is not None:
            chunk = await self._compressor.compress(chunk)
        await self._send(chunk)
        if (told := getattr(self, "on_body_write", None)) is not None:
            told(size, self.output_size)

    async def write_eof(self, chunk: bytes = b"") -> None:
        if chunk:
            await self.write(chunk)
        if self._compressor is not None:
            await self._send(self._compressor.flush())
        self._link.exchange.send(b"", True)

    async def _send(self, data: bytes | bytearray | memoryview) -> None:
        if not data:
            return
        exchange = self._link.exchange
        if not await exchange.wait_room():
            raise PeerHasEnough
        exchange.send(data)
        self.output_size += len(data)
        self._link.queued_bytes = self.output_size

    async def drain(self) -> None:
        await self._link.exchange.wait_room()

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        self._compressor = ZLibCompressor(encoding=encoding)

    def enable_chunking(self) -> None:
        """Framing is the engine's."""

    async def write_headers(self, status_line: str, headers: Any) -> None:
        """The engine has sent them."""


async def write_body(link: Link, request: ClientRequest, writer: BodyWriter) -> None:
    """All of it; a failure of the source ends the exchange, and the caller sees it as aiohttp shows it."""
    tracking = Tracking(request, writer)
    try:
        await request._body.write_with_length(writer, _content_length(request))  # type: ignore[union-attr]
        await writer.write_eof()
    except (PeerHasEnough, PenstockError):  # the response tells, good or bad
        tracking.failed(None)
    except Exception as err:
        link.failure = _failure(err, request)
        tracking.failed(link.failure)
        link.exchange.cancel()
    except BaseException:
        tracking.failed(None)
        link.exchange.cancel()
        raise
    else:
        tracking.finished()


class Tracking:
    """aiohttp.UploadTracker (3.14.4), when the request has one."""

    __slots__ = ("_number", "_tracker")

    def __init__(self, request: ClientRequest, writer: Any = None) -> None:
        self._tracker: Any = getattr(request, "_upload_tracker", None)
        self._number = 0
        if self._tracker is None:
            return
        self._number = self._tracker._attempt_started()
        if writer is not None:
            writer.on_body_write = functools.partial(self._tracker._add_bytes, self._number)
            self._tracker._attempt_writing(self._number, writer)

    def finished(self) -> None:
        if self._tracker is not None:
            self._tracker._attempt_finished(self._number)

    def failed(self, err: BaseException | None) -> None:
        if self._tracker is not None:
            self._tracker._attempt_failed(self._number, err)


def _content_length(request: ClientRequest) -> int | None:
    text = request.headers.get(aiohttp.hdrs.CONTENT_LENGTH)
    return int(text) if text is not None else None


def _failure(err: Exception, request: ClientRequest) -> BaseException:
    if isinstance(err, OSError):
        if err.errno is None and isinstance(err, asyncio.TimeoutError):
            return err
        failure: BaseException = aiohttp.ClientOSError(err.errno, f"Can not write request body for {request.url!s}")
    else:
        failure = aiohttp.ClientConnectionError(f"Failed to send bytes of the request body: {err!r}")
    failure.__cause__ = err
    return failure
