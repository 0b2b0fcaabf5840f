"""httpx's AsyncClient on penstock's compat shape: what a tool that replaces methods of httpx can see."""

from __future__ import annotations

from importlib.metadata import version

import httpx

from penstock.adapters.httpx import CompatAsyncTransport

from .httpx_client import HttpxPeer

VERSION = f"{version('penstock')} under httpx {httpx.__version__}"
HTTP = "HTTP/1.1"


async def open_peer(*, ca_file: str | None, connections: int) -> HttpxPeer:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport = CompatAsyncTransport(verify=ca_file or True, limits=limits)
    return HttpxPeer(httpx.AsyncClient(transport=transport, timeout=60))
