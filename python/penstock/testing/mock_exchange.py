"""One exchange of the mock: what penstock's responses expect of the engine's, played from a script.

Nothing runs by itself: the moves are made when the caller waits or reads, in the caller's task or thread. Clocks count
the script's waits. With `skips_time` nobody sleeps, and a wait that is longer than its clock ends at once. A failure is
the exception that the engine would raise.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from penstock.errors import error_from_facts
from penstock.limits import Clocks
from penstock.testing.errors import ScriptError
from penstock.testing.play import Move, Over, Piece, Wait
from penstock.testing.steps import Head, Info

# csrc/base/status.h
TIMED_OUT, READ_ERROR, DISCONNECTED, TRUNCATED, CANCELLED = 10, 11, 13, 14, 18
LIMIT = 16
CLOCK_NAMES = {4: "first_byte_s", 5: "idle_s", 6: "total_s"}
FIRST_BYTE, IDLE, TOTAL = 4, 5, 6
WAITING, IN_BODY = 6, 8  # phases, penstock.errors.PHASES
LOOK_S = 0.05  # a blocking wait looks so often whether it was cancelled


class MockExchange:
    """Single consumer, as the engine's. `begin` is called with the whole request body and gives the moves."""

    def __init__(
        self,
        record: dict[str, Any],
        begin: Callable[[MockExchange], Iterator[Move]],
        clocks: Clocks,
        *,
        skips_time: bool,
        body_limit_bytes: int,
        origin: str,
    ) -> None:
        self.record = record
        self.status = 0
        self.reason = b""
        self.http_version = b""
        self.stream_id = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.informational: list[tuple[int, list[tuple[bytes, bytes]]]] = []
        self.state = "sent"
        self._begin = begin
        self._moves: Iterator[Move] | None = None
        self._first_byte_s, self._idle_s, self._total_s = clocks[3:]
        self._skips_time = skips_time
        self._body_limit_bytes = body_limit_bytes
        self._origin = origin
        self._began_s = time.monotonic()
        self._silent_s = 0.0  # script time since the last byte
        self._played_s = 0.0  # script time since the beginning
        self._parts: list[bytes] = []
        self._received_bytes = 0
        self._failure: BaseException | None = None
        self._due: BaseException | None = None  # a clock that runs out at the end of this wait
        self._uploaded: asyncio.Event | None = None
        self._cancelled = threading.Event()
        self._waiting: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<MockExchange {self.status or 'pending'}, {self.state}>"

    # -- the request's body --

    def expect_upload(self, *, blocking: bool) -> None:
        """It comes by send()."""
        if not blocking:
            self._uploaded = asyncio.Event()

    def send(self, data: bytes | bytearray | memoryview, end: bool = False, /) -> None:
        self.record["body"] += bytes(data)
        self.record["body_bytes"] = len(self.record["body"])
        if end and self._uploaded is not None:
            self._uploaded.set()

    async def wait_room(self) -> bool:
        return self.state == "sent"

    def wait_room_sync(self) -> bool:
        return self.state == "sent"

    # -- asynchronous --

    async def wait_head(self) -> None:
        while not self.status:
            await self._advance()

    async def read_chunk(self) -> bytes:
        while not self._parts:
            if self.state == "done":
                return b""
            await self._advance()
        return self._parts.pop(0)

    async def read_whole(self) -> bytes:
        pieces = [piece async for piece in self]
        return b"".join(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self.read_chunk()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def _advance(self) -> None:
        """The next move."""
        self._check_failure()
        if self._uploaded is not None and not self._uploaded.is_set():
            await self._uploaded.wait()
            self._check_failure()
        wait_s = self._take_move()
        if wait_s > 0:
            self._waiting = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._waiting}, timeout=None if wait_s == math.inf else wait_s)
            self._waiting = None
        else:
            await asyncio.sleep(0)
        self._settle()

    # -- blocking --

    def wait_head_sync(self) -> None:
        while not self.status:
            self._advance_sync()

    def read_chunk_sync(self) -> bytes:
        while not self._parts:
            if self.state == "done":
                return b""
            self._advance_sync()
        return self._parts.pop(0)

    def read_whole_sync(self) -> bytes:
        return b"".join(iter(self.read_chunk_sync, b""))

    def _advance_sync(self) -> None:
        self._check_failure()
        due_s = time.monotonic() + self._take_move()
        while (left_s := due_s - time.monotonic()) > 0 and not self._cancelled.wait(min(left_s, LOOK_S)):
            pass
        self._settle()

    # -- both --

    def cancel(self) -> None:
        """Give up; harmless when done."""
        if self.state in ("done", "failed"):
            return
        self.record["aborted_ns"] = time.monotonic_ns()
        self._fail(self._error(CANCELLED, "the request was cancelled"))
        self._cancelled.set()
        if self._uploaded is not None:
            self._uploaded.set()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _take_move(self) -> float:
        """Make the next move; returns for how long to wait after it."""
        if self._moves is None:
            self._moves = self._begin(self)
        move = next(self._moves)
        match move:
            case Wait(s):
                return self._time_passes(s)
            case Info(status, fields):
                self.informational.append((status, list(fields)))
            case Head(status, fields):
                self.status, self.headers, self.http_version = status, list(fields), b"HTTP/1.1"
                self.record["status"], self.record["answered_ns"] = status, time.monotonic_ns()
                self.state = "open"
                self._silent_s = 0.0
            case Piece():
                self._receive(move)
            case Over(how, trailers):
                self._end(how)
                self.trailers = list(trailers)
        return 0.0

    def _time_passes(self, s: float) -> float:
        """How long to sleep for a wait of the script. A clock that runs out first fails the exchange after it."""
        clock, limit_s = (IDLE, self._idle_s) if self.status else (FIRST_BYTE, self._first_byte_s)
        left_s = math.inf if limit_s is None else limit_s - self._silent_s
        if self._total_s is not None and self._total_s - self._played_s < left_s:
            clock, left_s = TOTAL, self._total_s - self._played_s
        if s > left_s:
            s = max(0.0, left_s)
            self._due = self._error(TIMED_OUT, f"{CLOCK_NAMES[clock]} ran out", clock=clock, played_s=s)
        elif s == math.inf and self._skips_time:
            raise ScriptError("the script stalls for ever, time is skipped, and no timeout of the request ends it")
        self._silent_s += s
        self._played_s += s
        return 0.0 if self._skips_time else s

    def _settle(self) -> None:
        """After a wait: the clock that ran out, or a cancel meanwhile."""
        if self._due is not None and self._failure is None:
            self.record["aborted_ns"] = time.monotonic_ns()
            self._fail(self._due)
        self._check_failure()

    def _receive(self, piece: Piece) -> None:
        if piece.seq >= 0:
            self.record["sent_events"] += 1
        parts = piece.parts(time.monotonic_ns())
        self._parts += parts
        self._received_bytes += sum(map(len, parts))
        self._silent_s = 0.0
        if 0 < self._body_limit_bytes < self._received_bytes:
            self._fail(self._error(LIMIT, f"the response body is longer than {self._body_limit_bytes} bytes"))

    def _end(self, how: str) -> None:
        self.record["done_ns"] = time.monotonic_ns()
        match how:
            case "end":
                self.state = "done"
            case "reset":
                self._fail(self._error(READ_ERROR, "the connection was reset by the peer"))
            case _ if self.status:
                self._fail(self._error(TRUNCATED, "the body ended too early"))
            case _:
                self._fail(self._error(DISCONNECTED, "the peer closed the connection before the response head"))

    def _check_failure(self) -> None:
        if self._failure is not None and not self._parts:
            raise self._failure

    def _fail(self, failure: BaseException) -> None:
        self.state = "failed"
        self._failure = failure

    def _error(self, status: int, text: str, *, clock: int = 0, played_s: float = 0.0) -> BaseException:
        return error_from_facts(
            {
                "status": status,
                "clock": clock,
                "phase": IN_BODY if self.status else WAITING,
                "sys": 0,
                "detail": 0,
                "text": text,
                "origin": self._origin,
                "method": self.record["method"].decode("latin-1"),
                "elapsed_us": round((self._played_s + played_s) * 1e6),
                "bytes_received": self._received_bytes,
                "head_seen": bool(self.status),
                "maybe_processed": True,
                "attempts": 1,
                "timings": self.timings,
            }
        )

    @property
    def timings(self) -> dict[str, int | bool | str]:
        """As the engine's; moments are of the caller's clock."""
        moment = self.record.get
        began_ns = round(self._began_s * 1e9)
        return {
            "sent_us": 0,
            "first_byte_us": (moment("answered_ns", 0) - began_ns) // 1000 if moment("answered_ns") else -1,
            "end_us": (moment("done_ns", 0) - began_ns) // 1000 if moment("done_ns") else -1,
            "bytes_received": self._received_bytes,
            "bytes_sent": self.record["body_bytes"],
            "attempts": 1,
            "peer": "mock",
        }
