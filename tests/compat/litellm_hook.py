"""A second startup hook for the proxy under test. To the file PENSTOCK_SEEN it writes what status() says, and a line
for each request that one of penstock's transports answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from penstock.adapters import litellm as adapter
from penstock.adapters.litellm.transports import AsyncTransport


def tell(line: str) -> None:
    with Path(os.environ["PENSTOCK_SEEN"]).open("a") as file:
        file.write(line + "\n")


def report() -> None:
    for seam in adapter.status():
        tell(f"{'live' if seam.is_live else 'not'} {seam.name} {seam.why}")
    send = AsyncTransport.handle_async_request

    async def telling(self: AsyncTransport, request: Any) -> Any:
        response = await send(self, request)
        tell(f"sent {request.url.path} {response.extensions['http_version'].decode()}")
        return response

    AsyncTransport.handle_async_request = telling  # type: ignore[method-assign]
