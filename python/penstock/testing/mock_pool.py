"""The script in the place of the engine's pool: takes requests, hands out exchanges that are played.

Owner: its MockTransport. Thread: any; one lock guards the records and the counts of the script.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from penstock.errors import InvalidURL
from penstock.limits import Clocks
from penstock.testing.choice import Choice
from penstock.testing.mock_exchange import MockExchange
from penstock.testing.play import Move, play
from penstock.testing.requests import Request
from penstock.testing.rule import Rule
from penstock.testing.steps import Body, Head

Fields = Sequence[tuple[str | bytes, str | bytes]]
UNMATCHED = b"no rule of the script matches this request\n"


class MockPool:
    """Stands in for _core.Pool."""

    def __init__(self, *, skips_time: bool) -> None:
        self._skips_time = skips_time
        self._lock = threading.Lock()
        self._records: list[dict[str, Any]] = []
        self._choice = Choice(())

    def __repr__(self) -> str:
        return f"<MockPool {self._choice!r}, {len(self._records)} requests>"

    def use(self, script: Sequence[Rule]) -> None:
        """This script from now on, counted anew."""
        with self._lock:
            self._choice = Choice(script)

    def requests(self) -> list[Request]:
        with self._lock:
            return [Request.of(record) for record in self._records]

    def clear(self) -> None:
        with self._lock:
            self._records = []

    def stats(self) -> dict[str, Any]:
        """No connections, so no counts of them."""
        return {}

    def submit(
        self,
        method: str | bytes,
        url: str | bytes,
        headers: Fields,
        content: bytes | bytearray | memoryview | None,
        clocks: Clocks,
        /,
        *,
        streamed: bool = False,
        whole: bool = False,
        blocking: bool = False,
        body_limit_bytes: int = 0,
        target: bytes | None = None,
        sni: str | None = None,
    ) -> MockExchange:
        """Arguments as of _core.Pool.submit(); what the engine checks of them in C is not checked."""
        parts = urlsplit(_bytes(url).decode("latin-1"))
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidURL(f"{parts.geturl()!r} is no absolute http or https URL")
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        fields = [(_bytes(name), _bytes(value)) for name, value in headers]
        if not any(name.lower() == b"host" for name, _ in fields):
            fields.insert(0, (b"host", parts.netloc.encode("latin-1")))
        body = bytes(content or b"")
        record = {
            "method": _bytes(method),
            "target": target or path.encode("latin-1"),
            "headers": fields,
            "body": body,
            "body_bytes": len(body),
            "is_tls": parts.scheme == "https",
            "port": parts.port or (443 if parts.scheme == "https" else 80),
        }
        exchange = MockExchange(
            self._recorded(record),
            self._begin,
            clocks,
            skips_time=self._skips_time,
            body_limit_bytes=body_limit_bytes,
            origin=f"{parts.scheme}://{parts.netloc}",
        )
        if streamed:
            exchange.expect_upload(blocking=blocking)
        return exchange

    def _recorded(self, record: dict[str, Any]) -> dict[str, Any]:
        moments = dict.fromkeys(("body_ns", "answered_ns", "done_ns", "aborted_ns"), 0)
        with self._lock:
            number = len(self._records)
            record |= {"number": number, "connection": number, "stream": 0, "protocol": b"HTTP/1.1", "rule": -1}
            record |= {"attempt": 0, "status": 0, "sent_events": 0, "arrived_ns": time.monotonic_ns(), **moments}
            self._records.append(record)
        return record

    def _begin(self, exchange: MockExchange) -> Iterator[Move]:
        """The body is there: choose what is answered."""
        record = exchange.record
        record["body_ns"] = time.monotonic_ns()
        with self._lock:
            chosen = self._choice.reply(Request.of(record), time.monotonic())
        if chosen is None:
            return play((Head(404, ((b"content-type", b"text/plain"),), len(UNMATCHED)), Body(UNMATCHED)))
        record["rule"], record["attempt"], reply = chosen
        return play(reply.steps, is_head=record["method"] == b"HEAD")


def _bytes(part: str | bytes) -> bytes:
    return part if isinstance(part, bytes) else part.encode("latin-1")
