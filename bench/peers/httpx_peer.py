"""httpx: one AsyncClient, HTTP/1.1."""

from __future__ import annotations

import ssl

import httpx

from .httpx_client import HttpxPeer

VERSION = httpx.__version__
HTTP = "HTTP/1.1"


async def open_peer(*, ca_file: str | None, connections: int, http2: bool = False) -> HttpxPeer:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else True
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return HttpxPeer(httpx.AsyncClient(verify=context, limits=limits, timeout=60, http2=http2))
