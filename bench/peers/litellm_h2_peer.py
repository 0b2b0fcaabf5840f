"""litellm.acompletion() as it is, HTTP/2."""

from __future__ import annotations

from importlib.metadata import version

import litellm

from .litellm_peer import LitellmPeer
from .litellm_peer import open_peer as open_stock

VERSION = version("litellm")
HTTP = "HTTP/2"


async def open_peer(*, ca_file: str | None, connections: int) -> LitellmPeer:
    litellm.http2 = True
    return await open_stock(ca_file=ca_file, connections=connections)
