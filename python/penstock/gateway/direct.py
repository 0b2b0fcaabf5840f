"""A call from inside of the program, without a server: a Router's request as an Inbound, and what a Call does then.

The same Call serves it, with its journey, attempts, relay and record. Four things differ: nobody needs a key, the
journey's health is shared by threads, a stream that breaks off ends with an exception and not with an event, and the
kind of the answer (whole or streamed) is the method's that was called. Pieces of a stream wait in the Inbound until
they are taken, HELD_BYTES at most, then the provider waits too.

Thread: that of the loop in which the call is served; one task writes, one reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.dialects.call import BadRequest
from penstock.dialects.failure import Failure, Fault
from penstock.gateway.auth import Auth
from penstock.gateway.call import Call
from penstock.gateway.endpoints import Endpoint
from penstock.gateway.inbound import BodyTooLarge, Send
from penstock.routing.shared import SharedHealth, SharedJourney

if TYPE_CHECKING:
    from penstock.config.models import Key
    from penstock.gateway.setup import Setup

HELD_BYTES = 64 * 1024  # of a stream, before the provider is slowed down


class DirectInbound:
    """One call's body on its way in; its answer on the way out."""

    __slots__ = (
        "_body",
        "_fields",
        "_has_room",
        "_held",
        "_held_bytes",
        "_reader",
        "answer_body",
        "answer_headers",
        "extra",
        "is_begun",
        "is_gone",
        "is_over",
        "method",
        "path",
        "query",
        "status",
    )

    closed: tuple[type[Exception], ...] = ()  # a reader who goes cancels the task

    def __init__(self, endpoint: Endpoint, body: bytes, headers: Mapping[str, str]) -> None:
        self.method = "POST"
        self.path = endpoint.name
        self.query = ""
        self.is_gone = False
        self.extra: list[tuple[str, str]] = []
        self.status = 0  # of the answer; 0 = none yet
        self.answer_headers: list[tuple[str, str]] = []
        self.answer_body = b""  # of a whole one
        self.is_begun = False  # a stream that has begun; take() has it
        self.is_over = False  # nothing more is written
        self._body = body
        self._fields = {name.lower(): value for name, value in headers.items()}
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._has_room = asyncio.Event()

    def __repr__(self) -> str:
        return f"<DirectInbound {self.path}, {self.status or 'unanswered'}, {self._held_bytes} bytes held>"

    # -- as the Call sees it --

    def header(self, name: str) -> str | None:
        return self._fields.get(name)

    def headers(self) -> list[tuple[str, str]]:
        return list(self._fields.items())

    async def body(self, limit_bytes: int) -> bytes:
        if len(self._body) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        return self._body

    def watch(self) -> None:
        """Who waits for the answer cancels the task itself."""

    def unwatch(self) -> None:
        """The end of watch()."""

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.answer_headers, self.answer_body = status, headers + self.extra, body
        self._wake()

    async def begin(self, status: int, headers: list[tuple[str, str]]) -> Send:
        self.status, self.answer_headers, self.is_begun = status, headers + self.extra, True
        self._wake()
        return self._send

    async def _send(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        self._wake()
        while self._held_bytes >= HELD_BYTES:
            self._has_room.clear()
            await self._has_room.wait()

    async def end(self) -> None:
        """The task's end is the answer's."""

    # -- as the reader sees it --

    async def wait_status(self) -> None:
        """Until there is an answer, or there will be none."""
        while not self.status and not self.is_over:
            await self._wait()

    async def take(self) -> bytes:
        """What has come of a stream since the last time, at least a byte; b"" when it is over."""
        while not self._held:
            if self.is_over:
                return b""
            await self._wait()
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        self._has_room.set()
        return data

    def finish(self, _: object = None) -> None:
        """The task that served it has ended."""
        self.is_over = True
        self._wake()

    async def _wait(self) -> None:
        if self._reader is not None and not self._reader.done():
            raise RuntimeError("a stream is read by one task")
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class DirectCall(Call):
    """A call of a Router. `is_stream`: the answer is read as a stream; `running`: where it is while it is served."""

    __slots__ = ("_running", "direct", "is_stream")

    journey_kind = SharedJourney
    models_at = "Router.models()"
    sends_errors = False

    def __init__(
        self,
        setup: Setup,
        endpoint: Endpoint,
        body: bytes,
        headers: Mapping[str, str],
        running: set[DirectCall],
        *,
        is_stream: bool,
    ) -> None:
        self.direct = DirectInbound(endpoint, body, headers)
        self.is_stream = is_stream
        self._running = running
        super().__init__(setup, self.direct, endpoint)

    async def serve(self) -> None:
        """Serve it. Raises CancelledError when the caller's task was cancelled."""
        self._running.add(self)
        try:
            await super().serve()
        finally:
            self._running.discard(self)

    def check_key(self) -> Key:
        """Who has the configuration in its own process needs no key."""
        return Auth.anonymous

    def _route(self) -> None:
        if self.facts.stream is not self.is_stream:
            found = "lacks stream: true" if self.is_stream else "says stream: true; call the method for streams"
            raise BadRequest(f"the body {found}", param="stream")
        assert isinstance(self.setup.health, SharedHealth)
        with self.setup.health.lock:
            super()._route()

    def told(self) -> Failure | None:
        """Why there is no answer; None when there is one. For when it has been served."""
        if self.failure is None and self.record.outcome != "complete":
            return Failure(fault=Fault.CANCELLED, message="the call was cancelled")
        return self.failure
