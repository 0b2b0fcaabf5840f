"""A program played without sockets: what a client would see of it, in order. Pure; the caller waits.

In: a reply's steps. Out: moves: wait, a 1xx head, the head, a piece of the body, trailers, the end, or how it
breaks. It stands for one HTTP/1.1 exchange, so steps about an HTTP/2 connection, or about bytes around the framing,
cannot be played: `check_playable` says so when the script is given.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from penstock.testing.errors import ScriptError
from penstock.testing.rule import Rule
from penstock.testing.stamps import written
from penstock.testing.steps import (
    UNTIL_CLOSE,
    Body,
    Cut,
    Delay,
    End,
    Events,
    Fields,
    Goaway,
    Head,
    Info,
    Raw,
    Rst,
    Settings,
    Split,
    Stall,
    Step,
    Trailers,
    field_of,
)

UNPLAYABLE = {
    Goaway: "GOAWAY is about an HTTP/2 connection",
    Settings: "SETTINGS are about an HTTP/2 connection",
    Raw: "raw bytes are around the framing of a connection",
}


@dataclass(frozen=True, slots=True)
class Wait:
    s: float  # math.inf: for ever


@dataclass(frozen=True, slots=True)
class Piece:
    """Of the body. seq: of an event, else -1; split_bytes: in parts of at most so many, 0 = whole."""

    data: bytes
    seq: int = -1
    split_bytes: int = 0

    def parts(self, now_ns: int) -> list[bytes]:
        """With its stamps, as they arrive."""
        data = self.data if self.seq < 0 else written(self.data, self.seq, now_ns)
        size = self.split_bytes or len(data) or 1
        return [data[at : at + size] for at in range(0, len(data), size)]


@dataclass(frozen=True, slots=True)
class Over:
    """The end: "end" (in order), "short" (closed too early), "reset", "long" (more bytes than were announced)."""

    how: Literal["end", "short", "reset", "long"]
    trailers: Fields = ()


Move = Wait | Info | Head | Piece | Over


def check_playable(rules: Sequence[Rule]) -> None:
    """ScriptError naming the rule and the step that needs a connection."""
    for number, rule in enumerate(rules):
        for step in (step for reply in rule.replies for step in reply.steps):
            if why := UNPLAYABLE.get(type(step)):
                raise ScriptError(f"rule {number} ({rule.match}): {why}, and a MockTransport has none; use Upstream")


def play(steps: Sequence[Step]) -> Iterator[Move]:
    """The moves of one answer; the last is an Over."""
    framing = _Framing()
    split_bytes = 0  # its pauses are left out: nothing is between the parts
    seq = 0
    for step in steps:
        match step:
            case Delay(s):
                yield Wait(s)
            case Info():
                yield step
            case Head():
                framing = _Framing.of(step)
                yield step
            case Split(bytes_n):
                split_bytes = bytes_n
            case Body(data):
                yield Piece(data, -1, split_bytes)
                framing.body_bytes += len(data)
            case Events():
                for wait_s, piece in _paced(step):
                    yield Wait(wait_s)
                    yield Piece(piece, seq, split_bytes)
                    framing.body_bytes += len(piece)
                    seq += 1
            case Trailers(fields):
                yield Over(framing.end(), fields)
                return
            case Cut(how):
                yield Over("reset" if how == "reset" else framing.closed())
                return
            case Rst():
                yield Over("reset")
                return
            case Stall():
                yield Wait(math.inf)
                return
            case End():
                break
    yield Over(framing.end())


@dataclass(slots=True)
class _Framing:
    """How the client knows the end of the body."""

    length: int = -1  # announced; -1 = by chunks
    is_until_close: bool = False
    has_head: bool = False
    body_bytes: int = 0

    @classmethod
    def of(cls, head: Head) -> _Framing:
        announced = field_of(head.fields, b"content-length")
        length = head.body_bytes if head.body_bytes >= 0 else -1 if announced is None else int(announced)
        return cls(length, head.body_bytes == UNTIL_CLOSE, True)

    def end(self) -> Literal["end", "short", "long"]:
        if not self.has_head:
            return "short"
        if self.length >= 0 and self.body_bytes != self.length:
            return "short" if self.body_bytes < self.length else "long"
        return "end"

    def closed(self) -> Literal["end", "short", "long"]:
        """When the connection was closed in order."""
        if self.is_until_close or (self.has_head and 0 <= self.length <= self.body_bytes):
            return self.end()
        return "short"


def _paced(step: Events) -> Iterator[tuple[float, bytes]]:
    """How long to wait before each event, and the event. The server keeps an absolute schedule; this one drifts."""
    period_s = 1 / step.per_s if step.per_s else 0.0
    roll = random.Random(step.seed)
    at_s = 0.0
    for n in range(step.count):
        due_s = n * period_s + (roll.uniform(-1, 1) * step.jitter * period_s if step.jitter else 0.0)
        wait_s = max(0.0, due_s - at_s)
        at_s += wait_s
        yield wait_s, step.piece(n)
