"""httpx's AsyncClient over a transport that lets the loop go round once, as any transport must: what the client costs
when its task is one of many."""

from __future__ import annotations

import asyncio

import httpx

from .httpx_client import HttpxPeer
from .httpx_null_peer import NullTransport

VERSION = f"{httpx.__version__} over a transport that answers at the loop's next turn"
HTTP = "HTTP/1.1"


class TurnTransport(NullTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return await super().handle_async_request(request)


async def open_peer(*, ca_file: str | None, connections: int) -> HttpxPeer:
    return HttpxPeer(httpx.AsyncClient(transport=TurnTransport(), timeout=60))
