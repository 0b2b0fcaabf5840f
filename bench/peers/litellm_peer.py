"""litellm.acompletion() as it is: the OpenAI SDK over LiteLLM's own transport. `url` is the provider's base URL; a
prompt goes in, the answer's text comes out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import httpx
import litellm

from . import Feed

VERSION = version("litellm")
HTTP = "HTTP/1.1"


class LitellmPeer:
    def __init__(self) -> None:
        self.http_version = ""
        self._send = httpx.AsyncClient.send
        peer = self

        async def once(self: httpx.AsyncClient, *given: Any, **more: Any) -> httpx.Response:
            """The first response tells its version, then it is as before."""
            httpx.AsyncClient.send = peer._send  # type: ignore[method-assign]
            response = await peer._send(self, *given, **more)
            peer.http_version = response.http_version
            return response

        httpx.AsyncClient.send = once  # type: ignore[method-assign]

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        answer: Any = await self._ask(url, body, stream=False)
        return 200, answer.choices[0].message.content.encode()

    async def stream(self, url: str, feed: Feed) -> int:
        async for chunk in await self._ask(url, b"What is a penstock?", stream=True):
            if chunk.choices:
                feed((chunk.choices[0].delta.content or "").encode())
        return 200

    async def _ask(self, url: str, prompt: bytes, *, stream: bool) -> Any:
        messages = [{"role": "user", "content": prompt.decode()}]
        return await litellm.acompletion(
            model="openai/any", messages=messages, api_base=url, api_key="sk-bench", max_retries=0, stream=stream
        )

    async def close(self) -> None: ...


async def open_peer(*, ca_file: str | None, connections: int) -> LitellmPeer:
    litellm.ssl_verify = ca_file or True
    return LitellmPeer()
