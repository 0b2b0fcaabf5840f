"""Many streams through a gateway at once, each on a connection of its own."""

from __future__ import annotations

import asyncio
from types import TracebackType

import httpx

from tests.gateway.answers import ASKED, Answer, take_line
from tests.gateway.running import MASTER, Running


class Crowd:
    """`n` streams of one model. began() when each has an event; answers() when all are over.

    A stream that breaks off raises in answers().
    """

    def __init__(self, gateway: Running, model: str, n: int) -> None:
        limits = httpx.Limits(max_connections=n)
        headers = {"authorization": f"Bearer {MASTER}"}
        self._http = httpx.AsyncClient(
            base_url=gateway.url, headers=headers, limits=limits, trust_env=False, timeout=60
        )
        self._model = model
        self._begun = [asyncio.Event() for _ in range(n)]
        self._tasks = [asyncio.ensure_future(self._stream(each)) for each in self._begun]

    async def _stream(self, begun: asyncio.Event) -> Answer:
        body = {"model": self._model, "messages": ASKED, "stream": True}
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            assert response.status_code == 200, await response.aread()
            answer = Answer(response.status_code, response.headers)
            async for line in response.aiter_lines():
                take_line(answer, line)
                begun.set()
            return answer

    async def began(self) -> None:
        """Each has an event, or one has failed: then that is raised."""
        waiting = asyncio.gather(*(each.wait() for each in self._begun))
        done, _ = await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        if waiting not in done:
            waiting.cancel()
            raise AssertionError(f"a stream ended before all had begun: {done}")

    async def answers(self) -> list[Answer]:
        return list(await asyncio.gather(*self._tasks))

    async def __aenter__(self) -> Crowd:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
