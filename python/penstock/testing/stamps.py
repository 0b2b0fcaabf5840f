"""Numbers and send times inside of events, to measure latency and loss.

A mark of 20 characters anywhere in an event is overwritten when the event is sent: with its number in the response,
from 0, or with CLOCK_MONOTONIC in nanoseconds, 20 digits each. `stamp_of(data)` reads them back. In a JSON event
they are the member "penstock", in other data an SSE comment line before it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEQ_MARK = "{penstock:stamp:seq}"
NS_MARK = "{penstock:stamp:ns0}"
DIGITS_N = 20
BLANK = b"0" * DIGITS_N
MEMBER = "penstock"

_MARKS = re.compile(b"(" + re.escape(SEQ_MARK).encode() + b")|(" + re.escape(NS_MARK).encode() + b")")
_FOUND = re.compile(
    rb'"penstock":\s*\{"seq":\s*"(\d{20})",\s*"ns":\s*"(\d{20})"\}|^: penstock (\d{20}) (\d{20})$', re.M
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """seq: the event's number in its response. sent_ns: CLOCK_MONOTONIC of the sending process's machine."""

    seq: int
    sent_ns: int

    def age_s(self, now_ns: int | None = None) -> float:
        """Seconds since it was sent; only on the same machine."""
        return ((time.monotonic_ns() if now_ns is None else now_ns) - self.sent_ns) / 1e9


def json_stamp() -> dict[str, str]:
    """The member of a JSON event."""
    return {"seq": SEQ_MARK, "ns": NS_MARK}


def comment_stamp() -> bytes:
    """The comment line before an event that is not JSON."""
    return f": penstock {SEQ_MARK} {NS_MARK}\n".encode()


def stamped_places(piece: bytes) -> tuple[bytes, list[tuple[int, str]]]:
    """The piece with zeros for its marks, and (offset, "seq" or "ns") of each."""
    places = [(match.start(), "seq" if match[1] else "ns") for match in _MARKS.finditer(piece)]
    return (_MARKS.sub(BLANK, piece) if places else piece), places


def written(piece: bytes, seq: int, now_ns: int) -> bytes:
    """The piece as it is sent."""
    return _MARKS.sub(lambda match: b"%020d" % (seq if match[1] else now_ns), piece)


def stamp_of(event: bytes | str | Mapping[str, Any] | object) -> Stamp | None:
    """From the bytes of an event, its JSON, or an SDK's object of it; None when it has none.

    >>> stamp_of(b'data: {"penstock":{"seq":"00000000000000000007","ns":"00000000000000000009"}}')
    Stamp(seq=7, sent_ns=9)
    """
    if isinstance(event, str):
        event = event.encode()
    if isinstance(event, bytes):
        match = _FOUND.search(event)
        return None if match is None else Stamp(int(match[1] or match[3]), int(match[2] or match[4]))
    member = event.get(MEMBER) if isinstance(event, Mapping) else getattr(event, MEMBER, None)
    return Stamp(int(member["seq"]), int(member["ns"])) if isinstance(member, Mapping) else None
