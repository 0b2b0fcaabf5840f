"""aiohttp: one ClientSession."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import aiohttp

from . import Feed

VERSION = aiohttp.__version__
HTTP = "HTTP/1.1"


class AiohttpPeer:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._version: aiohttp.HttpVersion | None = None

    @property
    def http_version(self) -> str:
        return f"HTTP/{self._version.major}.{self._version.minor}" if self._version else ""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        async with self._session.post(url, headers=headers, data=body) as response:
            self._version = response.version
            return response.status, await response.read()

    async def stream(self, url: str, feed: Feed) -> int:
        async with self._session.get(url) as response:
            async for chunk in response.content.iter_any():
                feed(chunk)
            self._version = response.version
            return response.status

    async def close(self) -> None:
        await self._session.close()


async def open_peer(*, ca_file: str | None, connections: int) -> AiohttpPeer:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else True
    connector = aiohttp.TCPConnector(limit=connections, ssl=context)
    return AiohttpPeer(aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)))
