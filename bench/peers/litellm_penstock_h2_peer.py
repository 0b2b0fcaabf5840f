"""litellm.acompletion() over penstock, HTTP/2."""

from __future__ import annotations

from importlib.metadata import version

import litellm

from penstock.adapters import litellm as adapter

from .litellm_peer import LitellmPeer
from .litellm_peer import open_peer as open_stock

VERSION = f"{version('penstock')} under LiteLLM {version('litellm')}"
HTTP = "HTTP/2"


async def open_peer(*, ca_file: str | None, connections: int) -> LitellmPeer:
    litellm.http2 = True
    peer = await open_stock(ca_file=ca_file, connections=connections)
    adapter.install()
    return peer
