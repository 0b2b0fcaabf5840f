"""What the peers of httpx's kind share: requests by an AsyncClient, of httpx or httpx2, over whatever transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import Feed

if TYPE_CHECKING:
    import httpx
    import httpx2


class HttpxPeer:
    def __init__(self, client: httpx.AsyncClient | httpx2.AsyncClient) -> None:
        self._client = client
        self._latest: httpx.Response | httpx2.Response | None = None

    @property
    def http_version(self) -> str:
        return self._latest.http_version if self._latest else ""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        response = await self._client.post(url, headers=headers, content=body)
        self._latest = response
        return response.status_code, response.content

    async def stream(self, url: str, feed: Feed) -> int:
        async with self._client.stream("GET", url) as response:
            async for chunk in response.aiter_bytes():
                feed(chunk)
            self._latest = response
            return response.status_code

    async def close(self) -> None:
        await self._client.aclose()
