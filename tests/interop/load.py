"""Requests against one server until told to stop, each answer checked; what fails is kept with its times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from penstock import Response, Transport
from tests.waiting import eventually

from .server import HELLO, Server

CONCURRENCY = 20


@dataclass(frozen=True, slots=True)
class Loss:
    method: str
    began_s: float
    ended_s: float
    error: Exception


class Load:
    """GET /hello and POST /echo in turn. POSTs, because nothing repeats them without proof that they were not seen."""

    def __init__(self, transport: Transport, server: Server) -> None:
        self._transport, self._server = transport, server
        self._indexes = count()
        self._is_over = False
        self.answered_n = 0
        self.replayed_n = 0
        self.connections: set[int] = set()  # that gave an answer
        self.losses: list[Loss] = []

    def __repr__(self) -> str:
        return f"<Load answered={self.answered_n} connections={len(self.connections)} losses={len(self.losses)}>"

    async def __aenter__(self) -> Load:
        self._running = asyncio.gather(*(self._worker() for _ in range(CONCURRENCY)))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *more: object) -> None:
        """Let the last requests end; a wrong answer is raised here."""
        self._is_over = True
        if kind is not None and not self._running.done():
            self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    async def reach(self, goal_n: int) -> None:
        """Wait until `goal_n` more requests have been answered."""
        goal_n += self.answered_n
        await self.until(lambda: self.answered_n >= goal_n, f"{goal_n} answers")

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        await eventually(lambda: self._running.done() or holds(), what)
        assert not self._running.done(), "a worker has failed"

    async def _worker(self) -> None:
        while not self._is_over:
            index = next(self._indexes)
            method = "POST" if index % 2 else "GET"
            began_s = time.monotonic()
            try:
                response, right = await self._ask(method, b"%08x\n" % index * 128)
            except Exception as error:
                self.losses.append(Loss(method, began_s, time.monotonic(), error))
                await asyncio.sleep(0)
                continue
            self._check(response, right)

    async def _ask(self, method: str, body: bytes) -> tuple[Response, bytes]:
        if method == "GET":
            return await self._transport.request("GET", self._server.url("/hello")), HELLO
        return await self._transport.request("POST", self._server.url("/echo"), content=body), body

    def _check(self, response: Response, right: bytes) -> None:
        assert (response.status, response.body) == (200, right)
        assert response.http_version == "HTTP/2"
        self.answered_n += 1
        self.replayed_n += response.timings.attempts - 1
        self.connections.add(response.timings.connection)
