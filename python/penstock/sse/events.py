"""Framing: bytes in any pieces, whole events out.

Lines end with LF, CR or CRLF; a blank line ends an event; what has no blank line yet is held. Each event keeps its raw
bytes, so that it can be relayed as it came. Limit: `max_event_bytes` for what is held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_EVENT_BYTES = 8 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
_END = re.compile(rb"(?:\r\n|\n|\r)(?:\r\n|\n|\r)")
_LINE = re.compile(rb"\r\n|\n|\r")


class EventTooLong(ValueError):
    """An event is longer than allowed."""


class Event(NamedTuple):
    """One event. `data` is that of all its data lines, joined by LF; None when it has none (a comment)."""

    event: str
    data: bytes | None
    raw: bytes


class Events:
    """Feed it pieces of a stream."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.max_event_bytes = max_event_bytes
        self.held = b""
        self._is_first = True
        self._from = 0  # up to here `held` has no end of an event

    def __repr__(self) -> str:
        return f"<Events {len(self.held)} bytes held>"

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that `data` completes. EventTooLong when one cannot be held."""
        held = self.held + data if self.held else data
        at, search = 0, self._from
        found: list[Event] = []
        while (end := self._end(held, search)) is not None:
            found.append(self._event(held[at:end]))
            at = search = end
        self.held = held[at:]
        self._from = max(0, len(self.held) - 3)
        if len(self.held) > self.max_event_bytes:
            raise EventTooLong(f"an event of the stream is longer than {self.max_event_bytes} bytes")
        return iter(found)

    def _end(self, held: bytes, start: int) -> int | None:
        """Where the next event ends. A CR at the very end may be the first half of CRLF: it waits."""
        match = _END.search(held, start)
        if match is None or (match.end() == len(held) and held.endswith(b"\r")):
            return None
        return match.end()

    def _event(self, raw: bytes) -> Event:
        text = raw
        if self._is_first:
            self._is_first = False
            text = text.removeprefix(BOM)
        kind, pieces = "", []
        for line in _LINE.split(text):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                pieces.append(value)
            elif name == b"event":
                kind = value.decode("utf-8", "replace")
        return Event(kind, b"\n".join(pieces) if pieces else None, raw)
