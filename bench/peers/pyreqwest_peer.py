"""pyreqwest: one Client, its default single-threaded runtime, HTTP/1.1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pyreqwest.client import Client, ClientBuilder

from . import Feed

VERSION = version("pyreqwest")
HTTP = "HTTP/1.1"


class PyreqwestPeer:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._version = ""

    @property
    def http_version(self) -> str:
        return "HTTP/2" if self._version == "HTTP/2.0" else self._version

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        response = await self._client.post(url).headers(headers).body_bytes(body).build().send()
        self._version = response.version
        return response.status, await response.bytes()

    async def stream(self, url: str, feed: Feed) -> int:
        async with self._client.get(url).build_streamed() as response:
            reader = response.body_reader
            while (chunk := await reader.read_chunk()) is not None:
                feed(chunk)
            self._version = response.version
            return response.status

    async def close(self) -> None:
        await self._client.close()


def builder(ca_file: str | None, connections: int) -> ClientBuilder:
    made: ClientBuilder = ClientBuilder().timeout(timedelta(seconds=60)).max_connections(connections)
    if ca_file:
        made = made.add_root_certificate_pem(Path(ca_file).read_bytes())
    return made


async def open_peer(*, ca_file: str | None, connections: int) -> PyreqwestPeer:
    return PyreqwestPeer(builder(ca_file, connections).http1_only().build())
