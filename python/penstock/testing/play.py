"""A program played without sockets: what a client would see of it, in order. Pure; the caller waits.

In: a reply's steps. Out: moves: wait, a 1xx head, the head, a piece of the body, trailers, the end, or how it
breaks. It stands for one HTTP/1.1 exchange, so steps about an HTTP/2 connection, or about bytes around the framing,
cannot be played: `check_playable` says so when the script is given.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from penstock.testing.errors import ScriptError
from penstock.testing.rule import Rule
from penstock.testing.stamps import written
from penstock.testing.steps import (
    CHUNKED,
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
    """The end: "end" (in order), "short" (closed too early), "reset"."""

    how: Literal["end", "short", "reset"]
    trailers: Fields = ()


Move = Wait | Info | Head | Piece | Over


def check_playable(rules: Sequence[Rule]) -> None:
    """ScriptError naming the rule and the step that needs a connection."""
    for number, rule in enumerate(rules):
        for step in (step for reply in rule.replies for step in reply.steps):
            if why := UNPLAYABLE.get(type(step)):
                raise ScriptError(f"rule {number} ({rule.match}): {why}, and a MockTransport has none; use Upstream")


def play(steps: Sequence[Step], *, is_head: bool = False) -> Iterator[Move]:
    """The moves of one answer; the last is an Over. is_head: to a request that gets no body (RFC 9110 9.3.2)."""
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
                framing = _Framing.of(step, is_head)
                yield replace(step, fields=(*step.fields, *framing.fields))
            case Split(bytes_n):
                split_bytes = bytes_n
            case Body(data):
                yield Piece(framing.clipped(data), -1, split_bytes)
            case Events():
                for wait_s, piece in _paced(step):
                    yield Wait(wait_s)
                    yield Piece(framing.clipped(piece), seq, split_bytes)
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
    """How the client knows the end of the body, which is all it takes (RFC 9112 6.3)."""

    fields: Fields = ()  # that the server adds
    left_bytes: int = -1  # of an announced length; -1 = by chunks or until the close
    is_until_close: bool = False
    has_head: bool = False

    @classmethod
    def of(cls, head: Head, is_head: bool) -> _Framing:
        has_body = not is_head and head.status not in (204, 304)
        if head.body_bytes == UNTIL_CLOSE:
            return cls(((b"Connection", b"close"),), -1 if has_body else 0, has_body, True)
        if head.body_bytes == CHUNKED:
            return cls(((b"Transfer-Encoding", b"chunked"),), -1 if has_body else 0, False, True)
        announced = field_of(head.fields, b"content-length")
        length = head.body_bytes if head.body_bytes >= 0 else -1 if announced is None else int(announced)
        fields: Fields = ((b"Content-Length", b"%d" % length),) if head.body_bytes >= 0 else ()
        return cls(fields, length if has_body else 0, False, True)

    def clipped(self, data: bytes) -> bytes:
        """What of this piece belongs to the body."""
        if self.left_bytes < 0:
            return data
        data = data[: self.left_bytes]
        self.left_bytes -= len(data)
        return data

    def end(self) -> Literal["end", "short"]:
        return "short" if not self.has_head or self.left_bytes > 0 else "end"

    def closed(self) -> Literal["end", "short"]:
        """When the connection was closed in order."""
        return "end" if self.has_head and (self.is_until_close or self.left_bytes == 0) else "short"


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
