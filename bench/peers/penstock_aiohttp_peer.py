"""aiohttp's ClientSession over penstock, HTTP/1.1."""

from __future__ import annotations

from importlib.metadata import version

import aiohttp

from penstock import TLS
from penstock.adapters.aiohttp import client_session

from .aiohttp_peer import AiohttpPeer

VERSION = f"{version('penstock')} under aiohttp {aiohttp.__version__}"
HTTP = "HTTP/1.1"


async def open_peer(*, ca_file: str | None, connections: int, http2: bool = False) -> AiohttpPeer:
    tls = TLS(ca_file=ca_file) if ca_file else None
    connector = aiohttp.TCPConnector(limit=connections)
    timeout = aiohttp.ClientTimeout(total=60)
    return AiohttpPeer(client_session(http2=http2, tls=tls, connector=connector, timeout=timeout))
