"""httpx2: one AsyncClient, HTTP/1.1."""

from __future__ import annotations

import ssl

import httpx2

from .httpx_client import HttpxPeer

VERSION = httpx2.__version__
HTTP = "HTTP/1.1"


async def open_peer(*, ca_file: str | None, connections: int) -> HttpxPeer:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else True
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    return HttpxPeer(httpx2.AsyncClient(verify=context, limits=limits, timeout=60))
