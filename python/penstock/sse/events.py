"""Framing: bytes in any pieces, whole events out.

Lines end with LF, CR or CRLF; a blank line ends an event; what has no blank line yet is held. Each event keeps its raw
bytes, so that it can be relayed as it came. A CR ends its line at once: when it was the last byte and an LF follows in
the next piece, that LF comes as a tail, an event without data. Limit: `max_event_bytes` for one event.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_EVENT_BYTES = 8 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n)")


class EventTooLong(ValueError):
    """An event is longer than allowed."""


class Event(NamedTuple):
    """One event. `data` is that of all its data lines, joined by LF; None when it has none (a comment)."""

    event: str
    data: bytes | None
    raw: bytes
    data_lines_n: int = 0
    data_at: int = 0  # where in `raw` the (last) data line's value begins
    is_tail: bool = False  # the LF of a CRLF whose CR has ended the event before


class Events:
    """Feed it pieces of a stream."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.max_event_bytes = max_event_bytes
        self.held = b""
        self._is_first = True
        self._is_after_cr = False  # the last byte was a CR
        self._from = 0  # up to here `held` has no blank line, and here a line begins

    def __repr__(self) -> str:
        return f"<Events {len(self.held)} bytes held>"

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. EventTooLong when one cannot be held."""
        if not data:
            return []
        held = self.held + data if self.held else data
        at, line = 0, self._from
        found: list[Event] = []
        if self._is_after_cr and held[line : line + 1] == b"\n":
            line += 1
            if not self.held:
                found.append(Event("", None, b"\n", is_tail=True))
                at = 1
        while (match := _LINE.match(held, line)) is not None:
            is_blank = not match[1] or (self._is_first and line == 0 and match[1] == BOM)
            line = match.end()
            if is_blank:
                self._check(line - at - match[0].endswith(b"\r\n"))
                found.append(self._event(held[at:line]))
                at = line
        self.held = held[at:]
        self._from = line - at
        self._is_after_cr = line == len(held) and held.endswith(b"\r")
        self._check(len(self.held))
        return found

    def _check(self, event_bytes: int) -> None:
        if event_bytes > self.max_event_bytes:
            raise EventTooLong(f"an event of the stream is longer than {self.max_event_bytes} bytes")

    def _event(self, raw: bytes) -> Event:
        start = len(BOM) if self._is_first and raw.startswith(BOM) else 0
        self._is_first = False
        kind, pieces, data_at = "", [], 0
        for match in _LINE.finditer(raw, start):
            name, _, value = match[1].partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                pieces.append(value)
                data_at = match.end(1) - len(value)
            elif name == b"event":
                kind = value.decode("utf-8", "replace")
        return Event(kind, b"\n".join(pieces) if pieces else None, raw, len(pieces), data_at)
