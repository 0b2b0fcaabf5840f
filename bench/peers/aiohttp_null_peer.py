"""aiohttp's ClientSession over no transport at all: what aiohttp itself costs, whoever carries its requests.

A middleware keeps the first response to each URL and gives it again: the head, and the body in the pieces it came in.
Nothing is sent; each request only waits one turn of the loop.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy

from .aiohttp_peer import AiohttpPeer
from .aiohttp_peer import open_peer as open_stock

VERSION = f"{aiohttp.__version__}, no transport"
HTTP = "HTTP/1.1"


class Nothing:
    """In the place of a protocol and of a connection."""

    connected = True
    upgraded = False
    transport = None

    @property
    def protocol(self) -> Nothing:
        return self

    def resume_reading(self, resume_parser: bool = True) -> None: ...

    def pause_reading(self) -> None: ...

    def release(self) -> None: ...

    def close(self) -> None: ...

    def add_callback(self, callback: Any) -> None:
        callback()


class Writer:
    output_size = 0


class Kept:
    """Responses by URL."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[Any, CIMultiDictProxy[str], Any, list[bytes]]] = {}

    async def __call__(self, request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        if request.url not in self._kept:
            async with await handler(request) as real:
                pieces = [piece async for piece in real.content.iter_any()]
                self._kept[request.url] = (real.version, real.headers, real.raw_headers, pieces)
        await asyncio.sleep(0)  # others have their turn, as with any transport
        version, headers, raw_headers, pieces = self._kept[request.url]
        made: Any = request.response_class(
            request.method,
            request.original_url,
            writer=None,
            continue100=None,
            timer=request._timer,
            request_info=request.request_info,
            traces=request._traces,
            loop=request.loop,
            session=request._session,  # type: ignore[arg-type]
            stream_writer=Writer(),  # type: ignore[arg-type]
        )
        nothing: Any = Nothing()
        content = StreamReader(nothing, 2**16, timer=request._timer, loop=request.loop)
        for piece in pieces:
            content.feed_data(piece)
        content.feed_eof()
        made._closed, made._connection = False, nothing
        made.version, made.status, made.reason, made.content = version, 200, "OK", content
        made._headers, made._raw_headers = headers, raw_headers
        content.on_eof(made._response_eof)
        return made  # type: ignore[no-any-return]


async def open_peer(*, ca_file: str | None, connections: int) -> AiohttpPeer:
    peer = await open_stock(ca_file=ca_file, connections=connections)
    peer._session._middlewares = (Kept(),)
    return peer
