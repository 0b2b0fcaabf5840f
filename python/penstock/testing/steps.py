"""What a scripted reply does, one step after another. The only file that knows the server's tuples.

In: steps as values, made by the builder (chain.py), the presets and the faults. Out: `compiled(steps)`, the plain
tuples of penstock._upstream. Steps do not change; a fault makes new ones. Units: seconds here, microseconds there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from penstock.testing.errors import ScriptError
from penstock.testing.stamps import stamped_places

Fields = tuple[tuple[bytes, bytes], ...]
FieldsLike = Mapping[str, Any] | Iterable[tuple[str | bytes, str | bytes | int | float]] | None
CutHow = Literal["fin", "abrupt", "reset"]

# Head.body_bytes
CHUNKED = -1
UNTIL_CLOSE = -2
VERBATIM = -3

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 5.6.2
FORBIDDEN = re.compile(rb"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Delay:
    s: float


@dataclass(frozen=True, slots=True)
class Info:
    """A 1xx head."""

    status: int
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The final head. body_bytes: a length, or CHUNKED, UNTIL_CLOSE, VERBATIM."""

    status: int
    fields: Fields = ()
    body_bytes: int = CHUNKED


@dataclass(frozen=True, slots=True)
class Body:
    """A piece of the body: a chunk, or DATA."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Events:
    """`count` pieces in turn, from `pieces` again and again; per_s 0 = as fast as the peer takes them. Each is moved
    by at most jitter / per_s, by a generator of that seed."""

    pieces: tuple[bytes, ...]
    count: int
    per_s: float = 0.0
    jitter: float = 0.0
    seed: int = 0

    def piece(self, index: int) -> bytes:
        return self.pieces[index % len(self.pieces)]


@dataclass(frozen=True, slots=True)
class Trailers:
    fields: Fields


@dataclass(frozen=True, slots=True)
class End:
    """Of the response."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Of the connection."""

    how: CutHow

    def __post_init__(self) -> None:
        if self.how not in ("fin", "abrupt", "reset"):
            raise ScriptError(f"a connection ends by fin, abrupt or reset, not {self.how!r}")


@dataclass(frozen=True, slots=True)
class Rst:
    """RST_STREAM."""

    code: int


@dataclass(frozen=True, slots=True)
class Goaway:
    code: int
    last: Literal["this", "before", "max"]
    debug: bytes = b""


@dataclass(frozen=True, slots=True)
class Settings:
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes on the wire, around all framing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Split:
    """From here on every write of the connection has at most so many bytes; 0 = no limit."""

    bytes_n: int
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing more until the peer leaves."""


Step = Delay | Info | Head | Body | Events | Trailers | End | Cut | Rst | Goaway | Settings | Raw | Split | Stall
Steps = tuple[Step, ...]
LAST = (Trailers, End, Cut, Rst, Stall)  # nothing can follow


def microseconds(seconds: float) -> int:
    return max(0, round(seconds * 1e6))


def fields_of(given: FieldsLike) -> Fields:
    """Header fields as lower-case byte pairs. ScriptError for what no field can be; ("raw") is for lies.

    >>> fields_of({"Retry-After": 2})
    ((b'retry-after', b'2'),)
    """
    pairs = given.items() if isinstance(given, Mapping) else (given or ())
    made = []
    for name, value in pairs:
        name_bytes = name if isinstance(name, bytes) else str(name).encode("latin-1", "replace")
        value_bytes = value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
        if not TOKEN.fullmatch(name_bytes.removeprefix(b":")):
            raise ScriptError(f"{name!r} cannot be the name of a header field")
        if FORBIDDEN.search(value_bytes):
            raise ScriptError(f"the value of {name!r} has a line break or NUL; use raw bytes to send such a thing")
        made.append((name_bytes.lower(), value_bytes))
    return tuple(made)


def field_of(fields: Fields, name: bytes) -> bytes | None:
    """The first value of that name."""
    return next((value for each, value in fields if each == name), None)


def without_field(fields: Fields, name: bytes) -> Fields:
    return tuple(pair for pair in fields if pair[0] != name)


def compiled(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    """The server's program."""
    return [_compiled(step) for step in steps]


def _compiled(step: Step) -> tuple[Any, ...]:
    match step:
        case Delay(s):
            return ("delay", microseconds(s))
        case Info(status, fields):
            return ("info", status, fields)
        case Head(status, fields, body_bytes):
            return ("head", status, fields, body_bytes)
        case Body(data):
            return ("body", data)
        case Events():
            return _compiled_events(step)
        case Trailers(fields):
            return ("trailers", fields)
        case End():
            return ("end",)
        case Cut(how):
            return ("cut", how)
        case Rst(code):
            return ("rst", code)
        case Goaway(code, last, debug):
            return ("goaway", code, last, debug)
        case Settings(pairs):
            return ("settings", pairs)
        case Raw(data):
            return ("raw", data)
        case Split(bytes_n, pause_s):
            return ("split", bytes_n, microseconds(pause_s))
        case Stall():
            return ("stall",)


def _compiled_events(step: Events) -> tuple[Any, ...]:
    pieces: list[bytes] = []
    stamps: list[tuple[int, int, str]] = []
    for index, piece in enumerate(step.pieces):
        blank, places = stamped_places(piece)
        pieces.append(blank)
        stamps += [(index, offset, kind) for offset, kind in places]
    return ("events", tuple(pieces), step.count, step.per_s, step.jitter, step.seed, tuple(stamps))
